import type { ReactNode } from 'react'
import { detailOf, memberOf, requestIdOf, statusOf } from '../lib/problem'
import { Empty, Failure, Loading } from './States'

type Query<T> = { data: T | undefined; error: unknown; refetch: () => unknown }

/** What a query brought, or that it is on its way, is nobody's business, or failed. */
export function Loaded<T>({ query, rows, children }: { query: Query<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return children(query.data)
  if (!query.error) return <Loading rows={rows} />
  const status = statusOf(query.error)
  if (status === 403 || status === 404) return <Empty>{sentence(detailOf(query.error))}.</Empty>
  return <Failure detail={detailOf(query.error)} request={requestIdOf(query.error)} again={() => void query.refetch()} />
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

type Blocking = { code: string; detail: string }

/** Why an act was refused, beside the button that asked for it. */
export function Refused({ error }: { error: unknown }) {
  if (!error) return null
  // Reasons in words, or only the ids of what is in the way.
  const blocking = memberOf(error, 'blocking') as (Blocking | string)[] | undefined
  return (
    <Failure detail={detailOf(error)} request={(statusOf(error) ?? 500) >= 500 ? requestIdOf(error) : undefined}>
      {blocking?.map((one) =>
        typeof one === 'string' ? (
          <p key={one} className="mono">
            {one}
          </p>
        ) : (
          <p key={one.code}>{sentence(one.detail)}</p>
        ),
      )}
    </Failure>
  )
}
