import { expect, test } from 'vitest'
import { as, ask, close, expectAccessible, open, settled, visit } from './support'

type Offer = { id: string; terms_hash: string; name: string; site_name: string }

test('anybody sees who takes leases back, and finds it from an offer', async () => {
  const page = await open()
  await visit(page, '/transparency')
  await page.getByRole('heading', { name: /notices served/ }).waitFor()
  await page.getByRole('row').filter({ hasText: 'Oracle' }).first().getByRole('link', { name: 'Oracle' }).click()
  await page.waitForURL('**/transparency?provider=org_*')
  await page.getByRole('heading', { name: /served by Oracle/ }).waitFor()
  await expectAccessible(page)
  // The order of a table is in the address, and survives a reload.
  await page.getByRole('button', { name: 'Ground' }).click()
  await page.waitForURL(/order=reclaims\.Ground/)
  await page.reload()
  await page.getByRole('columnheader', { name: 'Ground ↑' }).waitFor()
  await close(page)
})

test('a tenant searches by clause, is told why, and compares the terms of two offers', async () => {
  // Terms without a recall, at one offer.
  const terms = await ask<{ id: string }>('provider', 'POST', '/v1/reclaim-terms', { name: `Kept ${Date.now()}`, clauses: [] })
  const pools = await ask<{ items: { id: string; units: number }[] }>('provider', 'GET', '/v1/pools?limit=200')
  const largest = pools.items.toSorted((a, b) => b.units - a.units)[0]
  const { id } = await ask<{ id: string }>('provider', 'POST', '/v1/offers', { name: 'Never recalled', pool_id: largest?.id, rate_per_gpu_hour: '2.75', terms_id: terms.id })
  await ask('provider', 'POST', `/v1/offers/${id}/publish`, {})
  const page = await as('tenant')
  await visit(page, '/market?gpus=64&days=30')
  await page.getByRole('cell', { name: /^the cheapest/ }).waitFor()
  await page.getByRole('button', { name: 'Clauses: any' }).click()
  await page.getByPlaceholder('Choose a ground').click()
  await page.getByRole('option', { name: 'Recall callable' }).click()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('search').getByRole('button', { name: 'Search' }).click()
  await page.waitForURL(/clauses=recall\.callable/)
  await page.getByText(/offers? do(es)? not fit, of/).waitFor()
  await expect.poll(() => page.getByText('can be recalled').count(), { timeout: 20_000 }).toBe(0)

  const { items } = await ask<{ items: Offer[] }>('tenant', 'GET', '/v1/offers?limit=200')
  const other = items.find(({ terms_hash }) => terms_hash !== items.find((one) => one.id === id)?.terms_hash)
  const now = Date.parse((await ask<{ now: string }>('tenant', 'GET', '/v1/me')).now)
  const from = new Date(now + 60 * 86_400_000).toISOString()
  const to = new Date(now + 90 * 86_400_000).toISOString()
  await visit(page, `/offers/${id}?with=${other?.id}&from=${from}&to=${to}`)
  await page.getByText(/Those terms are better for the provider/).waitFor()
  await page.getByText(/Only there: a lease can be recalled/).waitFor()
  await expectAccessible(page)

  // A ramp: two steps, priced as one.
  await page.getByRole('button', { name: 'Add a step to the ramp' }).click()
  await page.getByRole('group', { name: 'Step 2' }).getByLabel('GPUs').fill('16')
  await expect.poll(() => page.getByRole('table', { name: 'How the price comes about' }).getByRole('row').count()).toBe(3)
  await page.getByRole('button', { name: /^Book/ }).click()
  await page.waitForURL('**/leases/lease_*')
  await settled(page)
  await expect.poll(() => page.getByRole('table', { name: 'Tranches' }).getByRole('row').count()).toBe(3)
  await close(page)
})

test('a lease whose units come late says so, and may be left free of charge', async () => {
  const own = await ask<{ organization: { id: string }; now: string }>('provider', 'GET', '/v1/me')
  const sites = await ask<{ items: { id: string; provider_id: string }[] }>('provider', 'GET', '/v1/sites')
  const site = sites.items.find(({ provider_id }) => provider_id === own.organization.id)
  const at = (days: number) => new Date(Date.parse(own.now) + days * 86_400_000).toISOString()
  const pool = await ask<{ id: string }>('provider', 'POST', '/v1/pools', { site_id: site?.id, name: `Late ${Date.now()}`, accelerator: 'h100-sxm', gpus_per_unit: 8, units: 4, kw_per_unit: '10', usable_from: at(40) })
  const terms = await ask<{ items: { id: string }[] }>('provider', 'GET', '/v1/reclaim-terms?limit=1')
  const offer = await ask<{ id: string }>('provider', 'POST', '/v1/offers', { name: 'Late', pool_id: pool.id, rate_per_gpu_hour: '2', terms_id: terms.items[0]?.id })
  await ask('provider', 'POST', `/v1/offers/${offer.id}/publish`, {})
  const lease = await ask<{ id: string }>('tenant', 'POST', '/v1/leases', { tranches: [{ offer_id: offer.id, gpus: 16, starts_at: at(41), ends_at: at(80) }] })
  const deliveries = await ask<{ items: { id: string }[] }>('provider', 'GET', `/v1/pools/${pool.id}/deliveries`)
  await ask('provider', 'POST', `/v1/deliveries/${deliveries.items[0]?.id}/reschedule`, { usable_from: at(50), reason: 'a transformer is late' })
  // The server tells every lease that waits for it within a moment.
  await expect.poll(async () => (await ask<{ delayed_until: string | null }>('tenant', 'GET', `/v1/leases/${lease.id}`)).delayed_until, { timeout: 20_000 }).toBeTruthy()
  const page = await as('tenant')
  await visit(page, `/leases/${lease.id}`)
  await page.getByText(/^Delayed: some of its units come only on/).waitFor()
  await page.getByRole('table', { name: 'Late deliveries' }).waitFor()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('dialog').getByText('It is free of charge.').waitFor()
  await expectAccessible(page)
  await close(page)
})
