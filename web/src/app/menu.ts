/** The menu: only what one may do. */

import { type ComponentType, lazy } from 'react'
import type { Me } from '../api/session'
import { type For, isFor } from './access'

// Only some have figures in their menu: what counts them is fetched for those.
const InboxCount = lazy(() => import('./counts').then(({ InboxCount }) => ({ default: InboxCount })))
const RequestCount = lazy(() => import('./counts').then(({ RequestCount }) => ({ default: RequestCount })))

export type Item = { to: string; label: string; for: For; Count?: ComponentType; find?: string }

const SECTIONS: { name: string; items: Item[] }[] = [
  {
    name: '',
    items: [
      { to: '/market', label: 'Market', for: 'anyone', find: 'search offers price' },
      { to: '/transparency', label: 'Transparency', for: 'anyone', find: 'public reclaims notices providers' },
      { to: '/leases', label: 'Leases', for: 'party' },
      { to: '/quotas', label: 'Quotas', for: 'tenant', find: 'limits raise share project' },
      { to: '/reclaims', label: 'Reclaims', for: 'tenant', find: 'notices' },
    ],
  },
  {
    name: 'Provide',
    items: [
      { to: '/sites', label: 'Sites', for: 'provider', find: 'pools plane deliveries list' },
      { to: '/my-offers', label: 'Offers', for: 'provider', find: 'publish pause prices' },
      { to: '/requests', label: 'Requests', for: 'provider', find: 'approve reject', Count: RequestCount },
      { to: '/reclaims', label: 'Reclaims', for: 'provider', find: 'cases notices' },
      { to: '/planner', label: 'Planner', for: 'provider', find: 'free capacity' },
      { to: '/terms', label: 'Reclaim terms', for: 'provider', find: 'clauses' },
      { to: '/imports', label: 'Import', for: 'provider', find: 'csv inventory prices' },
    ],
  },
  {
    name: 'Operate',
    items: [
      { to: '/inbox', label: 'Inbox', for: 'staff', find: 'decide verify approve', Count: InboxCount },
      { to: '/quotas', label: 'Quotas', for: 'staff', find: 'limits grant deny' },
      { to: '/organizations', label: 'Organizations', for: 'staff', find: 'verify suspend' },
      { to: '/staff', label: 'Staff', for: 'staff', find: 'admin legal operations roles' },
      { to: '/reclaims', label: 'Reclaims', for: 'staff', find: 'cases notices' },
      { to: '/planner', label: 'Planner', for: 'staff', find: 'free capacity' },
      { to: '/audit', label: 'Audit', for: 'staff', find: 'log records chain' },
    ],
  },
]

export const sectionsFor = (me: Me | undefined) =>
  SECTIONS.map(({ name, items }) => ({ name, items: items.filter((item) => isFor(item.for, me)) })).filter(({ items }) => items.length > 0)

