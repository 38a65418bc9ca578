/** What waits for a decision of staff, the most pressing first. */

import { useQueries } from '@tanstack/react-query'
import { api } from '../../api/client'
import { byUrgency, type Decision } from './urgency'

const every = { refetchInterval: 60_000 }
const most = { limit: 200 }

export function useDecisions() {
  const unverified = api.useQuery('get', '/v1/organizations', { params: { query: { ...most, verification: 'unverified' } } }, every)
  const raises = api.useQuery('get', '/v1/quota-requests', { params: { query: { ...most, state: 'open' } } }, every)
  const cases = useQueries({
    queries: (['submitted', 'approved', 'suspended', 'stayed'] as const).map((state) => api.queryOptions('get', '/v1/reclaim-cases', { params: { query: { ...most, state } } }, every)),
  })
  const waiting = cases.flatMap(({ data }) => data?.items ?? [])
  // These two end by themselves, at a time that only the case itself says.
  const ending = waiting.filter(({ state }) => state === 'suspended' || state === 'stayed')
  const details = useQueries({ queries: ending.map(({ id }) => api.queryOptions('get', '/v1/reclaim-cases/{id}', { params: { path: { id } } })) })
  const endOf = (id: string) => {
    const found = details.find(({ data }) => data?.id === id)?.data
    return found?.state === 'suspended' ? found.window?.ratify_by : found?.appeal?.decide_by
  }
  const decisions: Decision[] = [
    ...(unverified.data?.items ?? []).map((of) => ({ kind: 'verification' as const, id: of.id, since: of.created_at, of })),
    // Those for projects are their owners' to decide.
    ...(raises.data?.items ?? []).filter(({ project_id }) => !project_id).map((of) => ({ kind: 'raise' as const, id: of.id, since: of.created_at, of })),
    ...waiting.map((of) => ({ kind: 'case' as const, id: of.id, since: of.created_at, deadline: endOf(of.id) ?? undefined, of })),
  ]
  const all = [unverified, raises, ...cases]
  return {
    data: all.every(({ data }) => data) ? decisions.toSorted(byUrgency) : undefined,
    error: all.find(({ error }) => error)?.error,
    refetch: () => all.forEach(({ refetch }) => void refetch()),
  }
}
