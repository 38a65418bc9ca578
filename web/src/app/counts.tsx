/** Small figures in the menu: how much waits for somebody. */

import { api } from '../api/client'
import { useMe } from '../api/session'

const shown = (count: number | undefined) => (count ? <i>{count}</i> : null)

export function RequestCount() {
  const me = useMe()
  const { data } = api.useQuery('get', '/v1/leases', { params: { query: { status: 'requested', provider: me?.organization?.id, limit: 50 } } }, { refetchInterval: 60_000 })
  return shown(data?.items.length)
}

export function InboxCount() {
  const every = { refetchInterval: 60_000 }
  const page = (query: object) => ({ params: { query: { limit: 200, ...query } } })
  const unverified = api.useQuery('get', '/v1/organizations', page({ verification: 'unverified' }), every).data?.items.length ?? 0
  const submitted = api.useQuery('get', '/v1/reclaim-cases', page({ state: 'submitted' }), every).data?.items.length ?? 0
  const approved = api.useQuery('get', '/v1/reclaim-cases', page({ state: 'approved' }), every).data?.items.length ?? 0
  return shown(unverified + submitted + approved)
}
