import { Spotlight, spotlight } from '@mantine/spotlight'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api } from '../api/client'
import { useMe } from '../api/session'
import { number, words } from '../lib/format'
import { sectionsFor } from './menu'
import { isFor } from './access'

/** Ctrl K: pages and acts, and the leases, offers, sites and organizations one sees. */
export function Finder({ asked }: { asked: number }) {
  // Opens whenever it is asked for, the first time included.
  useEffect(() => spotlight.open(), [asked])
  const me = useMe()
  const go = useNavigate()
  const [isOpen, setOpen] = useState(false)
  const lists = { enabled: isOpen && Boolean(me) }
  const page = { params: { query: { limit: 200 } } }
  const leases = api.useQuery('get', '/v1/leases', page, lists).data?.items ?? []
  const sites = api.useQuery('get', '/v1/sites', page, { enabled: lists.enabled && isFor('provider', me) }).data?.items ?? []
  const organizations = api.useQuery('get', '/v1/organizations', page, { enabled: lists.enabled && isFor('staff', me) }).data?.items ?? []
  const offers = api.useQuery('get', '/v1/offers', page, { enabled: isOpen }).data?.items ?? []

  const pages = sectionsFor(me).flatMap(({ items }) => items)
  const actions = [
    {
      group: 'Pages',
      actions: pages.map(({ to, label, find }) => ({ id: to, label, keywords: find, onClick: () => void go({ to }) })),
    },
    {
      group: 'Leases',
      actions: leases.map(({ id, tenant, provider, status, schedule }) => ({
        id,
        label: `${tenant.name} at ${provider.name}`,
        description: `${words(status)} · ${number(Math.max(...schedule.map(({ gpus }) => gpus)))} GPUs · ${id}`,
        onClick: () => void go({ to: '/leases/$id', params: { id } }),
      })),
    },
    {
      group: 'Offers',
      actions: offers.map(({ id, name, provider_name }) => ({
        id,
        label: name,
        description: `${provider_name} · ${id}`,
        onClick: () => void go({ to: '/offers/$id', params: { id } }),
      })),
    },
    {
      group: 'Sites',
      actions: sites.map(({ id, name, stage }) => ({ id, label: name, description: stage, onClick: () => void go({ to: '/sites/$id', params: { id } }) })),
    },
    {
      group: 'Organizations',
      actions: organizations.map(({ id, name, verification }) => ({ id, label: name, description: `${verification} · ${id}`, onClick: () => void go({ to: '/organizations', search: { id } }) })),
    },
  ].filter(({ actions }) => actions.length > 0)
  return (
    <Spotlight
      actions={actions}
      limit={8}
      nothingFound="Nothing has this name or id"
      shortcut={['mod + K']}
      scrollable
      maxHeight={420}
      onSpotlightOpen={() => setOpen(true)}
      onSpotlightClose={() => setOpen(false)}
      searchProps={{ placeholder: 'A page, a lease, an offer, a name, an id', 'aria-label': 'Search or act' }}
    />
  )
}
