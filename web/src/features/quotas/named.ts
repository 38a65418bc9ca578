import { api } from '../../api/client'
import { useMe } from '../../api/session'

/** Names for what quotas are about, and who may change them. */
export function useNamed() {
  const me = useMe()
  const own = me?.organization?.id
  const isStaff = Boolean(me?.staff_role)
  const projects = api.useQuery('get', '/v1/organizations/{id}/projects', { params: { path: { id: own ?? '' }, query: { limit: 200 } } }, { enabled: Boolean(own) }).data?.items ?? []
  const organizations = api.useQuery('get', '/v1/organizations', { params: { query: { limit: 200 } } }, { enabled: isStaff }).data?.items ?? []
  return {
    own,
    isStaff,
    projects,
    organizations,
    project: (id: string) => projects.find((one) => one.id === id)?.name,
    organization: (id: string) => organizations.find((one) => one.id === id)?.name,
    /** Why one may not set quotas; the marketplace keeps those of organizations. */
    mayNot: isStaff ? (me?.staff_role === 'admin' ? undefined : 'staff with the role admin does this') : me?.role === 'owner' ? undefined : 'an owner does this',
  }
}
