import { IconBell } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { api } from '../api/client'
import { useMe } from '../api/session'
import { count } from '../lib/format'

/** How many messages nobody of the organization has read, and the way to them. Looking at the list reads nothing. */
export function Bell() {
  const organization = useMe()?.organization
  const unread = api.useQuery('get', '/v1/inbox', { params: { query: { unread: true, limit: 200 } } }, { enabled: Boolean(organization), refetchInterval: 60_000 })
  if (!organization) return null
  const found = unread.data?.items.length ?? 0
  return (
    <Link to="/messages" className="bell" aria-label={found > 0 ? `Messages, ${count(found, 'unread one', 'unread ones')}` : 'Messages'} title="Messages">
      <IconBell size={18} />
      {found > 0 && <b aria-hidden="true">{unread.data?.next_cursor ? `${found}+` : found}</b>}
    </Link>
  )
}
