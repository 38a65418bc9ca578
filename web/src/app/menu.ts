/** The menu: only what one may do. */

import type { Me } from '../api/session'
import { type For, isFor } from './access'
import { RequestCount } from './counts'

export type Item = { to: string; label: string; for: For; Count?: () => React.ReactNode; find?: string }

const SECTIONS: { name: string; items: Item[] }[] = [
  {
    name: '',
    items: [
      { to: '/market', label: 'Market', for: 'anyone', find: 'search offers price' },
      { to: '/leases', label: 'Leases', for: 'party' },
    ],
  },
  {
    name: 'Provide',
    items: [
      { to: '/sites', label: 'Sites', for: 'provider', find: 'pools plane deliveries list' },
      { to: '/my-offers', label: 'Offers', for: 'provider', find: 'publish pause prices' },
      { to: '/requests', label: 'Requests', for: 'provider', find: 'approve reject', Count: RequestCount },
      { to: '/terms', label: 'Reclaim terms', for: 'provider', find: 'clauses' },
      { to: '/imports', label: 'Import', for: 'provider', find: 'csv inventory prices' },
    ],
  },
]

export const sectionsFor = (me: Me | undefined) =>
  SECTIONS.map(({ name, items }) => ({ name, items: items.filter((item) => isFor(item.for, me)) })).filter(({ items }) => items.length > 0)

