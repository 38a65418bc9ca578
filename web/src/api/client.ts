/** The client of the interface, made from its description. */

import { MutationCache, QueryClient } from '@tanstack/react-query'
import createFetchClient from 'openapi-fetch'
import createClient from 'openapi-react-query'
import { statusOf } from '../lib/problem'
import type { components, paths } from './schema'
import { accessToken, onChange, renew } from './session'

export type Schemas = components['schemas']

/**
 * Keys of writes whose answer has not come: the same write, sent again after a lost connection, is the
 * same act. Any answer ends it.
 */
const keys = new Map<string, string>()

async function send(request: Request): Promise<Response> {
  const write = request.method === 'GET' ? undefined : `${request.method} ${request.url} ${await request.clone().text()}`
  if (write !== undefined) {
    const key = keys.get(write) ?? crypto.randomUUID()
    keys.set(write, key)
    request.headers.set('idempotency-key', key)
  }
  const token = await accessToken()
  if (token) request.headers.set('authorization', `Bearer ${token}`)
  const again = request.clone()
  let response = await fetch(request)
  if (response.status === 401 && token) {
    const renewed = await renew()
    if (renewed) {
      again.headers.set('authorization', `Bearer ${renewed}`)
      response = await fetch(again)
    }
  }
  if (write !== undefined) keys.delete(write)
  return response
}

export const client = createFetchClient<paths>({ baseUrl: location.origin, fetch: send })
export const api = createClient(client)

/** For an act that is only rehearsed: the same checks and the same reply, nothing written. */
export const rehearsal = { querySerializer: () => 'dry_run=true' }

type Done = (text: string) => void
let tell: Done = () => {}
/** How the success of a write is told; its text is the mutation's `meta.done`. */
export function tellWith(how: Done) {
  tell = how
}

export const queries: QueryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (failures, error) => failures < 2 && (statusOf(error) ?? 503) >= 500,
    },
  },
  mutationCache: new MutationCache({
    onSuccess: async (_answer, _variables, _context, mutation) => {
      if (mutation.meta?.isLook) return
      if (typeof mutation.meta?.done === 'string') tell(mutation.meta.done)
      await queries.invalidateQueries()
    },
  }),
})

// Whoever comes next must not see what the one before could see.
onChange(() => queries.clear())
