import { api } from '../../api/client'

/** Free GPUs of an offer by day. */
export const useFreeCapacity = (id: string, from: string, to: string, enabled = true) =>
  api.useQuery('get', '/v1/offers/{id}/free-capacity', { params: { path: { id }, query: { from, to } } }, { staleTime: 60_000, enabled })

/** The clauses behind a hash; they never change. */
export const useTerms = (hash: string) => api.useQuery('get', '/v1/reclaim-terms/{id}', { params: { path: { id: hash } } }, { staleTime: Infinity })
