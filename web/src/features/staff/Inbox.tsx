import { Link } from '@tanstack/react-router'
import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count, words } from '../../lib/format'
import { duration, secondsBetween, useNow } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Tag, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Decide } from './decide'

/** What waits for me? */
export function Inbox() {
  const at = useNow()
  const me = useMe()
  const page = { limit: 200 }
  const unverified = api.useQuery('get', '/v1/organizations', { params: { query: { ...page, verification: 'unverified' } } })
  const submitted = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { ...page, state: 'submitted' } } })
  const approved = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { ...page, state: 'approved' } } })
  const noticed = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { ...page, state: 'noticed' } } })
  const waiting = (unverified.data?.items.length ?? 0) + (submitted.data?.items.length ?? 0) + (approved.data?.items.length ?? 0)
  const cases = [...(submitted.data?.items ?? []), ...(approved.data?.items ?? [])].toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))
  return (
    <Page name="Inbox" title={waiting === 0 ? 'Nothing waits for a decision' : `${count(waiting, 'decision')} to make`} lead={`You are ${me?.staff_role ?? 'staff'}; what others have to decide is here too.`}>
      <Panel flush title="Reclaim cases to approve or serve">
        <Loaded query={submitted}>
          {() => (
            <DataTable
              label="Cases to decide"
              rows={cases}
              id={({ id }) => id}
              empty="No case waits."
              columns={[
                {
                  head: 'Case',
                  cell: (one) => (
                    <>
                      <Link className="rowlink" to="/reclaims/$id" params={{ id: one.id }}>
                        {one.action} reclaim, {one.ground}
                      </Link>
                      <div className="faint">{one.reason.slice(0, 100)}</div>
                    </>
                  ),
                },
                { head: 'Waits for', cell: ({ state }) => <Tag tone="wait">{state === 'submitted' ? 'approval' : 'notice to be served'}</Tag> },
                { head: 'For', cell: ({ created_at }) => duration(secondsBetween(created_at, at)), by: ({ created_at }) => created_at, isNumber: true },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel flush title="Organizations to verify">
        <Loaded query={unverified}>
          {({ items }) => (
            <DataTable
              label="Organizations to verify"
              rows={items}
              id={({ id }) => id}
              sort="Registered"
              empty="Everybody is verified."
              columns={[
                { head: 'Organization', cell: ({ name }) => <strong>{name}</strong>, by: ({ name }) => name },
                { head: 'As', cell: ({ kinds }) => kinds.map(words).join(' and ') },
                { head: 'Registered', cell: ({ created_at }) => <Time at={created_at} />, by: ({ created_at }) => created_at },
                { head: 'Act', cell: (organization) => <Decide organization={organization} /> },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel flush title="Notices that run">
        <Loaded query={noticed}>
          {({ items }) => (
            <DataTable
              label="Notices"
              rows={items}
              id={({ id }) => id}
              sort="Takes effect in"
              empty="No notice runs."
              columns={[
                {
                  head: 'Case',
                  cell: (one) => (
                    <Link className="rowlink" to="/reclaims/$id" params={{ id: one.id }}>
                      {one.action} reclaim, {one.ground}
                    </Link>
                  ),
                },
                { head: 'Takes effect in', cell: ({ deadline }) => (deadline ? duration(Math.max(0, secondsBetween(at, deadline))) : '–'), by: ({ deadline }) => deadline ?? '~', isNumber: true },
              ]}
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  )
}
