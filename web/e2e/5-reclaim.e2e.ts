import { expect, test } from 'vitest'
import { as, ask, close, expectAccessible, type Page, settled, visit } from './support'

type Lease = { id: string; status: string; noticed: boolean; tenant: { name: string } }
type Found = { id: string }

const DAY = 86_400_000

/** What is the time there? The sandbox's clock is moved by these journeys. */
const serverNow = async () => Date.parse((await ask<{ now: string }>('provider', 'GET', '/v1/me')).now)

/** A pool and an offer of the provider under one clause, and a lease of the tenant on it. */
async function leaseUnder(clause: object, days = { from: 2, to: 92 }): Promise<Lease & { offer: string; site: string }> {
  const name = `Ridge ${Date.now()}`
  const now = await serverNow()
  const at = (day: number) => new Date(now + day * DAY).toISOString()
  const terms = await ask<Found>('provider', 'POST', '/v1/reclaim-terms', { name, clauses: [clause] })
  const site = await ask<Found>('provider', 'POST', '/v1/sites', { name, country: 'NO', power_mw: '4', pue: '1.1' })
  const pool = await ask<Found>('provider', 'POST', '/v1/pools', { site_id: site.id, name: 'Hall A', accelerator: 'h100-sxm', gpus_per_unit: 8, units: 64, kw_per_unit: '10.2', usable_from: new Date(now).toISOString() })
  const offer = await ask<Found>('provider', 'POST', '/v1/offers', { name, pool_id: pool.id, rate_per_gpu_hour: '2.00', terms_id: terms.id })
  await ask('provider', 'POST', `/v1/offers/${offer.id}/publish`, {})
  const lease = await ask<Lease>('tenant', 'POST', '/v1/leases', { tranches: [{ offer_id: offer.id, gpus: 64, starts_at: at(days.from), ends_at: at(days.to) }] })
  return { ...lease, offer: offer.id, site: site.id }
}

/** Does an act whose dialog has the same button. */
async function act(page: Page, verb: string, fill?: { label: RegExp; text: string }) {
  await page.getByRole('button', { name: verb, exact: true }).click()
  const dialog = page.getByRole('dialog')
  if (fill) await dialog.getByLabel(fill.label).fill(fill.text)
  await dialog.getByRole('button', { name: verb, exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

async function pass(page: Page, weeks: number) {
  for (let week = 0; week < weeks; week++) {
    await page.getByRole('button', { name: /Ada Admin/ }).click()
    await page.getByRole('menuitem', { name: 'Move the clock a week on' }).click()
    await page.getByText('The clock was moved').first().waitFor()
  }
}

test('a provider opens a case with evidence, two approve, it is served, answered, executed and settled', async () => {
  const lease = await leaseUnder({ ground: 'recall.callable', notice: 'P7D', action_max: 'full', evidence_required: true, invocable_by: ['provider', 'admin'], approvals: { legal: 1, operations: 1 }, compensation: { prorata_refund: true, multiple: '0.2', floor: '1000.00' } })
  const provider = await as('provider')
  await visit(provider, `/leases/${lease.id}`)
  await provider.getByRole('button', { name: 'Open a reclaim case' }).click()
  const opening = provider.getByRole('dialog')
  await opening.getByLabel('Under which clause').first().click()
  await provider.getByRole('option', { name: /recall.callable/ }).click()
  await opening.getByText('Owed to the tenant').waitFor()
  await opening.getByLabel(/^Reason/).fill('needed for a run of the provider')
  await expectAccessible(provider)
  await opening.getByRole('button', { name: 'Open a reclaim case' }).click()
  await provider.waitForURL('**/reclaims/case_*')
  const address = new URL(provider.url()).pathname

  // The clause asks for evidence: its hash is computed in the browser, its file handed in.
  await provider.getByRole('button', { name: 'Add evidence' }).click()
  const adding = provider.getByRole('dialog')
  await adding.locator('input[type=file]').setInputFiles({ name: 'schedule.txt', mimeType: 'text/plain', buffer: Buffer.from('abc') })
  await expect.poll(() => adding.getByLabel(/^SHA-256/).inputValue()).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  await expectAccessible(provider)
  await adding.getByRole('button', { name: 'Add evidence' }).click()
  await adding.waitFor({ state: 'detached' })
  const saved = provider.waitForEvent('download')
  await provider.getByRole('button', { name: 'Save schedule.txt' }).click()
  expect((await saved).suggestedFilename()).toBe('schedule.txt')

  await act(provider, 'Submit')
  await provider.getByText('Approved 0 of 2').waitFor()

  for (const who of ['legal', 'operations']) {
    const approver = await as(who)
    await visit(approver, address)
    await act(approver, 'Approve')
    await approver.getByText(who === 'legal' ? 'Approved 1 of 2' : 'Approved 2 of 2').waitFor()
    await close(approver)
  }

  await visit(provider, address)
  await provider.getByRole('button', { name: 'Serve notice' }).click()
  await provider.getByRole('dialog').getByText(/return to the market on/).waitFor()
  await expectAccessible(provider)
  await provider.getByRole('dialog').getByRole('button', { name: 'Serve notice' }).click()
  await provider.getByText('Executes by itself in').waitFor()
  await expectAccessible(provider)

  const tenant = await as('tenant')
  await visit(tenant, `/leases/${lease.id}`)
  await tenant.getByText('notice served').waitFor()
  await tenant.getByRole('link', { name: 'See and answer it' }).click()
  await settled(tenant)
  await tenant.getByText('needed for a run of the provider').first().waitFor()
  await tenant.getByText(/nobody of you has read the notice yet/).waitFor()
  await tenant.getByRole('button', { name: 'Acknowledge' }).click()
  await tenant.getByRole('dialog').getByText('Instead of at the latest').waitFor()
  await tenant.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click()
  await tenant.getByText(/nobody of you has read the notice yet/).waitFor({ state: 'detached' })
  await act(tenant, 'Respond', { label: /^Your answer/, text: 'we would rather stay' })
  await tenant.getByText('The tenant answered').waitFor()
  await expectAccessible(tenant)
  await close(tenant)

  // Past the notice; every session's access has ended by then, and is renewed by its cookie.
  const admin = await as('admin')
  await visit(admin, address)
  await admin.getByText('we would rather stay').first().waitFor()
  await pass(admin, 2)
  await visit(admin, address)
  await admin.getByText(/It took effect on/).waitFor()
  await admin.getByRole('table', { name: 'Lines of the settlement' }).waitFor()
  await expectAccessible(admin)
  const after = await ask<Lease>('tenant', 'GET', `/v1/leases/${lease.id}`)
  expect(['reclaimed', 'cancelled']).toContain(after.status)
  await visit(provider, '/reclaims/settlements')
  await provider.getByRole('link', { name: /^case_/ }).first().waitFor()
  await close(provider)
  await visit(admin, '/audit')
  await admin.getByText('✓ whole').waitFor()
  await close(admin)
})

test('a plan that is rejected leaves an appeal, and who took no part decides it', async () => {
  const lease = await leaseUnder({ ground: 'payment.default', notice: 'P10D', cure: 'P10D', appeal: { window: 'P10D', stays: true }, action_max: 'full', invocable_by: ['provider'], approvals: { operations: 1 }, compensation: { prorata_refund: false } })
  const opened = await ask<Found>('provider', 'POST', `/v1/leases/${lease.id}/reclaim-cases`, { ground: 'payment.default', action: 'full', reason: 'last month is not paid' })
  const address = `/reclaims/${opened.id}`
  await ask('provider', 'POST', `/v1/reclaim-cases/${opened.id}/submit`, {})
  await ask('operations', 'POST', `/v1/reclaim-cases/${opened.id}/approve`, {})
  await ask('provider', 'POST', `/v1/reclaim-cases/${opened.id}/serve`, {})

  const tenant = await as('tenant')
  await visit(tenant, address)
  await act(tenant, 'Propose a plan', { label: /^Your plan/, text: 'it is paid by Friday' })
  await tenant.getByText('waits for an answer').waitFor()

  const provider = await as('provider')
  await visit(provider, address)
  await provider.getByText('it is paid by Friday').first().waitFor()
  await expectAccessible(provider)
  await act(provider, 'Reject the plan', { label: /^Reason/, text: 'it was said before' })
  await provider.getByText('Rejected: “it was said before”').waitFor()
  await close(provider)

  await visit(tenant, address)
  await act(tenant, 'Appeal', { label: /^Why the case/, text: 'the bank confirmed the transfer' })
  await tenant.getByRole('heading', { name: /An appeal holds it up/ }).waitFor()
  await expectAccessible(tenant)
  await close(tenant)

  const operations = await as('operations')
  await visit(operations, address)
  await operations.getByText(/Not now: /).first().waitFor()
  await close(operations)

  const legal = await as('legal')
  await visit(legal, address)
  await legal.getByRole('button', { name: 'Decide the appeal' }).click()
  const dialog = legal.getByRole('dialog')
  await dialog.getByText('Uphold: it is overturned').click()
  await dialog.getByLabel(/^Reason/).fill('the transfer was there in time')
  await expectAccessible(legal)
  await dialog.getByRole('button', { name: 'Decide the appeal' }).click()
  await legal.getByText('The case did not stand').first().waitFor()
  await expectAccessible(legal)
  await close(legal)
  expect((await ask<Lease>('tenant', 'GET', `/v1/leases/${lease.id}`)).noticed).toBe(false)
})

test('an emergency suspends at once, and stands once it is ratified', async () => {
  const clause = { ground: 'security.immediate', notice: 'PT1H', action_max: 'suspend', invocable_by: ['provider', 'admin'], approvals: { legal: 1, admin: 1 }, ratify_within: 'PT24H', appeal: { window: 'P5D', stays: false }, compensation: { prorata_refund: true } }
  const lease = await leaseUnder(clause, { from: 0.001, to: 60 })
  const provider = await as('provider')
  await visit(provider, `/leases/${lease.id}`)
  await provider.getByRole('button', { name: 'Open a reclaim case' }).click()
  const opening = provider.getByRole('dialog')
  await opening.getByLabel('Under which clause').first().click()
  await provider.getByRole('option', { name: /security.immediate/ }).click()
  await opening.getByText('The tenant is kept out until').waitFor()
  await opening.getByText(/you may suspend at once/).waitFor()
  await opening.getByLabel(/^Reason/).fill('keys of others were found on its machines')
  await expectAccessible(provider)
  await opening.getByRole('button', { name: 'Open a reclaim case' }).click()
  await provider.waitForURL('**/reclaims/case_*')
  const address = new URL(provider.url()).pathname
  await provider.getByRole('button', { name: 'Add evidence' }).click()
  const adding = provider.getByRole('dialog')
  await adding.getByText('Hand in only its hash').click()
  await adding.getByLabel(/^SHA-256/).fill('ab'.repeat(32))
  await adding.getByLabel(/^Source/).fill('the log of the gateway')
  await adding.getByRole('button', { name: 'Add evidence' }).click()
  await adding.waitFor({ state: 'detached' })
  await act(provider, 'Suspend at once')
  await provider.getByRole('heading', { name: /lifted by itself, unless ratified/ }).waitFor()
  await expectAccessible(provider)
  await close(provider)
  for (const who of ['legal', 'admin']) {
    const page = await as(who)
    await visit(page, address)
    await act(page, 'Ratify')
    await page.getByText(who === 'legal' ? 'Ratified 1 of 2' : 'Ratified 2 of 2').waitFor()
    if (who === 'admin') await page.getByRole('heading', { name: /ends by itself in/ }).waitFor()
    await expectAccessible(page)
    await close(page)
  }
})

test('a plan takes who is willing first, says what cannot be met, and becomes cases', async () => {
  const clause = { ground: 'recall.callable', notice: 'P7D', action_max: 'full', invocable_by: ['provider'], approvals: { legal: 1 }, compensation: { prorata_refund: true, multiple: '0.2' } }
  const lease = await leaseUnder(clause, { from: 1, to: 120 })
  const now = await serverNow()
  const at = (day: number) => new Date(now + day * DAY).toISOString()
  // Another one, from which nothing is offered.
  await ask('tenant', 'POST', '/v1/leases', { tranches: [{ offer_id: lease.offer, gpus: 64, starts_at: at(1), ends_at: at(150) }] })
  const tenant = await as('tenant')
  await visit(tenant, `/leases/${lease.id}`)
  await tenant.getByRole('button', { name: 'Offer units back' }).click()
  const offering = tenant.getByRole('dialog')
  await offering.getByLabel('Units at most').fill('2')
  await offering.getByLabel(/^Premium per GPU-hour/).fill('0.10')
  await expectAccessible(tenant)
  await offering.getByRole('button', { name: 'Offer units back' }).click()
  await tenant.getByRole('table', { name: 'Units offered back' }).waitFor()
  await expectAccessible(tenant)
  await close(tenant)

  const provider = await as('provider')
  await visit(provider, '/reclaims/volunteers')
  await provider.getByRole('link', { name: 'Northwind Models' }).first().waitFor()
  // 64 units of 8 GPUs, 16 of them leased: for more than 384 GPUs something has to be taken.
  await visit(provider, `/planner?place=${lease.site}&gpus=424&days=60&by=${at(2)}`)
  await provider.getByText(/at most .* can be free, not 424 GPUs/).waitFor()
  await expectAccessible(provider)
  await provider.getByRole('button', { name: /^Plan for \d+ \w+ \d{4}/ }).first().click()
  await provider.getByRole('table', { name: 'Cuts' }).waitFor()
  await settled(provider)
  expect(await provider.getByRole('table', { name: 'Cuts' }).getByRole('row').nth(1).textContent()).toContain('offered by the tenant')
  await expectAccessible(provider)
  await provider.getByRole('button', { name: 'Draft 1 case' }).click()
  const drafting = provider.getByRole('dialog')
  await drafting.getByText('Bought back at once').waitFor()
  await drafting.getByLabel(/^Why the capacity/).fill('a run of the provider')
  await expectAccessible(provider)
  await drafting.getByRole('button', { name: 'Draft 1 case' }).click()
  await provider.waitForURL('**/planner/plan_*')
  await provider.getByText('carried out', { exact: true }).waitFor()
  await settled(provider)
  await expectAccessible(provider)
  await provider.getByRole('table', { name: 'Cases of the plan' }).getByRole('link').click()
  await provider.waitForURL('**/reclaims/case_*')
  await provider.getByText('a run of the provider').first().waitFor()
  await visit(provider, '/planner')
  await provider.getByRole('table', { name: 'Earlier plans' }).waitFor()
  await expectAccessible(provider)
  await close(provider)
})
