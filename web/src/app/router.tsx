/** Every address of the page: what is there, and for whom. Pages are fetched when they are first asked for. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { queries } from '../api/client'
import { offersQuery } from '../api/hooks'
import { needOf } from '../features/market/need'
import type { For } from './access'
import { Crash, Nowhere, Shell } from './Shell'

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** Where the page stands in the path at the top, and what the menu calls it. */
    crumb?: string
    for?: For
  }
  interface Register {
    router: typeof router
  }
}

const root = createRootRoute({ component: Shell, notFoundComponent: Nowhere })
const at = <Path extends string>(path: Path, crumb: string, who: For) => ({ getParentRoute: () => root, path, staticData: { crumb, for: who } }) as const

const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined)
const texts =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>) =>
    Object.fromEntries(names.map((name) => [name, text(search[name])])) as { [name in Name]?: string }

const routes = [
  createRoute({ getParentRoute: () => root, path: '/', beforeLoad: () => redirect({ to: '/market', throw: true }) }),
  createRoute({ ...at('/login', 'Log in', 'anyone'), validateSearch: texts('then'), component: lazyRouteComponent(() => import('../features/accounts/LogIn'), 'LogIn') }),
  createRoute({ ...at('/register', 'Register', 'anyone'), component: lazyRouteComponent(() => import('../features/accounts/Register'), 'Register') }),
  createRoute({ ...at('/market', 'Market', 'anyone'), validateSearch: needOf, loader: () => void queries.prefetchInfiniteQuery(offersQuery({})), component: lazyRouteComponent(() => import('../features/market/Market'), 'Market') }),
  createRoute({
    ...at('/offers/$id', 'Market', 'anyone'),
    validateSearch: texts('gpus', 'from', 'to', 'with'),
    component: lazyRouteComponent(() => import('../features/market/Offer'), 'Offer'),
  }),
  createRoute({ ...at('/transparency', 'Transparency', 'anyone'), validateSearch: texts('provider'), component: lazyRouteComponent(() => import('../features/transparency/Transparency'), 'Transparency') }),
  createRoute({ ...at('/leases', 'Leases', 'party'), validateSearch: texts('status'), component: lazyRouteComponent(() => import('../features/leases/Leases'), 'Leases') }),
  createRoute({ ...at('/leases/$id', 'Leases', 'party'), component: lazyRouteComponent(() => import('../features/leases/Lease'), 'Lease') }),
  createRoute({ ...at('/organization', 'Organization', 'member'), component: lazyRouteComponent(() => import('../features/accounts/Organization'), 'Organization') }),
  createRoute({ ...at('/pools/$id', 'Sites', 'party'), validateSearch: texts('table'), component: lazyRouteComponent(() => import('../features/supply/Pool'), 'Pool') }),
  createRoute({ ...at('/sites', 'Sites', 'provider'), component: lazyRouteComponent(() => import('../features/supply/Sites'), 'Sites') }),
  createRoute({ ...at('/sites/$id', 'Sites', 'party'), component: lazyRouteComponent(() => import('../features/supply/Sites'), 'Site') }),
  createRoute({ ...at('/my-offers', 'Offers', 'provider'), component: lazyRouteComponent(() => import('../features/offers/Offers'), 'Offers') }),
  createRoute({ ...at('/my-offers/new', 'Offers', 'provider'), component: lazyRouteComponent(() => import('../features/offers/OfferForm'), 'NewOffer') }),
  createRoute({ ...at('/my-offers/$id', 'Offers', 'provider'), component: lazyRouteComponent(() => import('../features/offers/OfferForm'), 'MyOffer') }),
  createRoute({ ...at('/terms', 'Reclaim terms', 'provider'), component: lazyRouteComponent(() => import('../features/offers/Terms'), 'Terms') }),
  createRoute({ ...at('/imports', 'Import', 'provider'), component: lazyRouteComponent(() => import('../features/offers/Imports'), 'Imports') }),
  createRoute({ ...at('/requests', 'Requests', 'provider'), component: lazyRouteComponent(() => import('../features/leases/Requests'), 'Requests') }),
  createRoute({ ...at('/quotas', 'Quotas', 'party'), component: lazyRouteComponent(() => import('../features/quotas/Quotas'), 'Quotas') }),
  createRoute({ ...at('/quotas/$id', 'Quotas', 'party'), component: lazyRouteComponent(() => import('../features/quotas/Quota'), 'Quota') }),
  createRoute({ ...at('/reclaims', 'Reclaims', 'party'), validateSearch: texts('show'), component: lazyRouteComponent(() => import('../features/reclaim/Reclaims'), 'Reclaims') }),
  createRoute({ ...at('/reclaims/settlements', 'Reclaims', 'party'), validateSearch: texts('lease'), component: lazyRouteComponent(() => import('../features/reclaim/Settlements'), 'Settlements') }),
  createRoute({ ...at('/reclaims/volunteers', 'Reclaims', 'party'), component: lazyRouteComponent(() => import('../features/reclaim/Volunteers'), 'Volunteers') }),
  createRoute({ ...at('/planner', 'Planner', 'party'), validateSearch: texts('place', 'mw', 'gpus', 'by', 'days', 'grounds', 'premium', 'approval'), component: lazyRouteComponent(() => import('../features/reclaim/Planner'), 'Planner') }),
  createRoute({ ...at('/messages', 'Messages', 'organization'), component: lazyRouteComponent(() => import('../features/messages/Messages'), 'Messages') }),
  createRoute({ ...at('/planner/$id', 'Planner', 'party'), component: lazyRouteComponent(() => import('../features/reclaim/Plan'), 'Plan') }),
  createRoute({ ...at('/inbox', 'Inbox', 'staff'), component: lazyRouteComponent(() => import('./inbox/Inbox'), 'Inbox') }),
  createRoute({ ...at('/organizations', 'Organizations', 'staff'), validateSearch: texts('verification', 'id'), component: lazyRouteComponent(() => import('../features/staff/Organizations'), 'Organizations') }),
  createRoute({ ...at('/staff', 'Staff', 'staff'), component: lazyRouteComponent(() => import('../features/staff/Staff'), 'Staff') }),
  createRoute({ ...at('/audit', 'Audit', 'staff'), validateSearch: texts('subject', 'action', 'actor', 'from', 'to'), component: lazyRouteComponent(() => import('../features/staff/Audit'), 'Audit') }),
  createRoute({ ...at('/reclaims/$id', 'Reclaims', 'party'), component: lazyRouteComponent(() => import('../features/reclaim/Case'), 'Case') }),
] as const

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultErrorComponent: Crash,
})
