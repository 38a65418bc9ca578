/** Small figures in the menu: how much waits for somebody. */

import { api } from '../api/client'
import { useMe } from '../api/session'
import { useDecisions } from './inbox/decisions'

const shown = (count: number | undefined) => (count ? <i>{count}</i> : null)

export function RequestCount() {
  const me = useMe()
  const { data } = api.useQuery('get', '/v1/leases', { params: { query: { status: 'requested', provider: me?.organization?.id, limit: 50 } } }, { refetchInterval: 60_000 })
  return shown(data?.items.length)
}

export function InboxCount() {
  return shown(useDecisions().data?.length)
}
