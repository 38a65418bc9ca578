/** Where the thing is that a message is about, by the kind of its id. */
const PLACES = { lease: '/leases/$id', case: '/reclaims/$id', offer: '/offers/$id', pool: '/pools/$id', site: '/sites/$id' } as const

const NAMES = { lease: 'lease', case: 'case', offer: 'offer', pool: 'pool', site: 'site' } as const

/** The page of a thing, and what to call it; none for things without a page of their own. */
export function placeOf(subject: string): { to: (typeof PLACES)[keyof typeof PLACES]; name: string } | undefined {
  const kind = subject.split('_')[0] as keyof typeof PLACES
  return kind in PLACES ? { to: PLACES[kind], name: NAMES[kind] } : undefined
}

/** A notice: its window begins when one of the other side opens it. */
export const startsClock = (kind: string) => kind === 'reclaim.served'
