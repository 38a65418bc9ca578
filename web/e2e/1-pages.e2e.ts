import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ARTEFACTS, as, ask, close, expectAccessible, open, type Page, visit } from './support'

type List<T> = { items: T[] }
type Found = { id: string }

/** Addresses of things that the demo holds. */
async function addresses() {
  type Lease = Found & { status: string; gpus_now: number; schedule: { pool_id: string; offer_id: string }[] }
  const mine = await ask<List<Lease>>('tenant', 'GET', '/v1/leases?limit=200')
  const largest = mine.items.filter(({ status }) => status === 'active').toSorted((a, b) => b.gpus_now - a.gpus_now)[0]
  const cases = await ask<List<Found & { state: string }>>('admin', 'GET', '/v1/reclaim-cases')
  const sites = await ask<List<Found>>('provider', 'GET', '/v1/sites')
  const everywhere = await ask<List<Found & { name: string }>>('admin', 'GET', '/v1/sites?limit=200')
  const pools = await ask<List<Found>>('provider', 'GET', '/v1/pools')
  const offers = await ask<List<Found>>('provider', 'GET', '/v1/offers?mine=true')
  const quotas = await ask<List<Found & { dimension: string }>>('tenant', 'GET', '/v1/quotas')
  const inState = (wanted: string) => cases.items.find(({ state }) => state === wanted)?.id ?? ''
  return {
    quota: quotas.items.find(({ dimension }) => dimension === 'concurrent_gpus')?.id ?? '',
    lease: largest?.id ?? '',
    pool: largest?.schedule[0]?.pool_id ?? '',
    offer: largest?.schedule[0]?.offer_id ?? '',
    case: inState('noticed'),
    answered: inState('curing'),
    stayed: inState('stayed'),
    submitted: inState('submitted'),
    done: inState('settled'),
    site: sites.items[0]?.id ?? '',
    ownPool: pools.items[0]?.id ?? '',
    ownOffer: offers.items[0]?.id ?? '',
    recallable: everywhere.items.find(({ name }) => name === 'Nebius 8k Finland')?.id ?? '',
  }
}

type Addresses = Awaited<ReturnType<typeof addresses>>
type Shown = { who: string; name: string; path: (at: Addresses) => string; isMain?: boolean }

const PAGES: Shown[] = [
  { who: 'nobody', name: 'login', path: () => '/login' },
  { who: 'nobody', name: 'register', path: () => '/register' },
  { who: 'nobody', name: 'market open to everybody', path: () => '/market' },
  { who: 'nobody', name: 'transparency', path: () => '/transparency' },
  { who: 'nobody', name: 'nowhere', path: () => '/nowhere' },
  { who: 'tenant', name: 'market', path: () => '/market?gpus=512&days=30&max_rate=3.5', isMain: true },
  { who: 'tenant', name: 'offer', path: ({ offer }) => `/offers/${offer}`, isMain: true },
  { who: 'tenant', name: 'market by clause', path: () => '/market?gpus=512&clauses=recall.callable:min:10' },
  { who: 'tenant', name: 'leases', path: () => '/leases', isMain: true },
  { who: 'tenant', name: 'lease', path: ({ lease }) => `/leases/${lease}`, isMain: true },
  { who: 'tenant', name: 'organization', path: () => '/organization' },
  { who: 'tenant', name: 'quotas', path: () => '/quotas', isMain: true },
  { who: 'tenant', name: 'quota', path: ({ quota }) => `/quotas/${quota}` },
  { who: 'tenant', name: 'messages', path: () => '/messages' },
  { who: 'tenant', name: 'reclaims of a tenant', path: () => '/reclaims' },
  { who: 'tenant', name: 'reclaim of a tenant', path: ({ answered }) => `/reclaims/${answered}`, isMain: true },
  { who: 'tenant', name: 'units offered back by a tenant', path: () => '/reclaims/volunteers' },
  { who: 'tenant', name: 'not for a tenant', path: () => '/audit' },
  { who: 'provider', name: 'sites', path: () => '/sites' },
  { who: 'provider', name: 'site', path: ({ site }) => `/sites/${site}` },
  { who: 'provider', name: 'own pool', path: ({ ownPool }) => `/pools/${ownPool}` },
  { who: 'provider', name: 'own pool as a table', path: ({ ownPool }) => `/pools/${ownPool}?table=yes` },
  { who: 'provider', name: 'own offers', path: () => '/my-offers', isMain: true },
  { who: 'provider', name: 'own offer', path: ({ ownOffer }) => `/my-offers/${ownOffer}` },
  { who: 'provider', name: 'new offer', path: () => '/my-offers/new' },
  { who: 'provider', name: 'terms', path: () => '/terms' },
  { who: 'provider', name: 'import', path: () => '/imports' },
  { who: 'provider', name: 'requests', path: () => '/requests' },
  { who: 'admin', name: 'plane', path: ({ pool }) => `/pools/${pool}`, isMain: true },
  { who: 'admin', name: 'inbox', path: () => '/inbox', isMain: true },
  { who: 'admin', name: 'quotas of everybody', path: () => '/quotas' },
  { who: 'admin', name: 'quota of somebody', path: ({ quota }) => `/quotas/${quota}` },
  { who: 'admin', name: 'staff', path: () => '/staff' },
  { who: 'admin', name: 'organizations', path: () => '/organizations' },
  { who: 'admin', name: 'reclaims', path: () => '/reclaims' },
  { who: 'admin', name: 'settlements', path: () => '/reclaims/settlements' },
  { who: 'admin', name: 'units offered back', path: () => '/reclaims/volunteers' },
  { who: 'admin', name: 'reclaim under appeal', path: ({ stayed }) => `/reclaims/${stayed}` },
  { who: 'admin', name: 'reclaim that is settled', path: ({ done }) => `/reclaims/${done}` },
  { who: 'admin', name: 'reclaim, to approve', path: ({ submitted }) => `/reclaims/${submitted}` },
  { who: 'admin', name: 'reclaim', path: (at) => `/reclaims/${at.case}`, isMain: true },
  { who: 'admin', name: 'planner', path: ({ recallable }) => `/planner?place=${recallable}&gpus=7600&by=${new Date(Date.now() + 20 * 86_400_000).toISOString()}&days=30`, isMain: true },
  { who: 'admin', name: 'planner with a wish that cannot be met', path: ({ recallable }) => `/planner?place=${recallable}&gpus=7600&by=${new Date(Date.now() + 86_400_000).toISOString()}&days=30` },
  { who: 'admin', name: 'audit', path: () => '/audit', isMain: true },
]

for (const colorScheme of ['light', 'dark'] as const) {
  describe(`in ${colorScheme} colours`, () => {
    let at: Addresses
    const windows = new Map<string, Page>()
    beforeAll(async () => {
      at = await addresses()
    })
    afterAll(async () => {
      for (const page of windows.values()) await close(page)
    })
    test.each(PAGES)('$name has nothing that keeps anybody out', async ({ who, name, path, isMain }) => {
      const page = windows.get(who) ?? (await (who === 'nobody' ? open({ colorScheme }) : as(who, { colorScheme })))
      windows.set(who, page)
      await visit(page, path(at))
      if (isMain) await page.screenshot({ path: `${ARTEFACTS}/${name}.${colorScheme}.png` })
      await expectAccessible(page)
    })
  })
}

test('on a phone one can read and approve', async () => {
  const at = await addresses()
  const page = await as('admin', { width: 390, height: 844 })
  for (const [name, path] of [['market', '/market'], ['inbox', '/inbox'], ['reclaim', `/reclaims/${at.case}`]] as const) {
    await visit(page, path)
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect(overflow, `${path} scrolls sideways`).toBeLessThanOrEqual(0)
    await page.screenshot({ path: `${ARTEFACTS}/phone.${name}.png` })
    await expectAccessible(page)
  }
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Audit' }).click()
  await page.getByRole('heading', { name: 'Audit' }).waitFor()
  await close(page)
})
