/** The menu: only what one may do. */

import type { Me } from '../api/session'
import { type For, isFor } from './access'

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
    items: [{ to: '/sites', label: 'Sites', for: 'provider', find: 'pools plane deliveries list' }],
  },
]

export const sectionsFor = (me: Me | undefined) =>
  SECTIONS.map(({ name, items }) => ({ name, items: items.filter((item) => isFor(item.for, me)) })).filter(({ items }) => items.length > 0)

