import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api, client, type Schemas } from './client'

/** Names of accelerators by id. */
export function useAccelerators() {
  const { data } = api.useQuery('get', '/v1/accelerators', {}, { staleTime: Infinity })
  const items = data?.items ?? []
  const names = new Map(items.map(({ id, name, vendor }) => [id, name.replace(`${vendor} `, '').replace(/ \(.*\)$/, '')]))
  return { items, name: (id: string) => names.get(id) ?? id }
}

export type OfferFilter = { accelerator?: string; country?: string; max_rate?: string; provider_id?: string }

/** Published offers that fit the filter, page by page; asked for while the page that shows them is still fetched. */
export const offersQuery = (filter: OfferFilter) =>
  infiniteQueryOptions({
    queryKey: ['offers', filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const { data, error } = await client.GET('/v1/offers', { params: { query: { ...filter, state: 'published', limit: pageParam ? 200 : 50, cursor: pageParam } } })
      if (!data) throw error
      return data
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })

/** Every offer that fits the filter; the first page is there first, the rest follows when the browser has nothing else to do. */
export function useOffers(filter: OfferFilter) {
  const query = useInfiniteQuery(offersQuery(filter))
  const { hasNextPage, isFetching, fetchNextPage } = query
  useEffect(() => {
    if (!hasNextPage || isFetching) return
    const asked = requestIdleCallback(() => void fetchNextPage(), { timeout: 1_500 })
    return () => cancelIdleCallback(asked)
  }, [hasNextPage, isFetching, fetchNextPage])
  return { ...query, offers: query.data?.pages.flatMap((page): Schemas['OfferView'][] => page.items) }
}

/** The marketplace's currency: it has one, and every offer says which. */
export function useCurrency(): string {
  const { data } = api.useQuery('get', '/v1/offers', { params: { query: { limit: 1 } } }, { staleTime: Infinity })
  return data?.items[0]?.currency ?? 'USD'
}
