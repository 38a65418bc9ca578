import { expect, test } from 'vitest'
import { as, ask, close, expectAccessible, settled, visit } from './support'

type Lease = { id: string; status: string; noticed: boolean; tenant: { name: string } }

test('a reclaim is opened, approved twice, served, and executed when its time has come', async () => {
  // Terms whose clause asks two people to approve.
  const own = await ask<{ organization: { id: string } }>('provider', 'GET', '/v1/me')
  const clause = { ground: 'recall.callable', notice: 'P7D', action_max: 'full', invocable_by: ['provider', 'admin'], approvals: { legal: 1, operations: 1 }, compensation: { prorata_refund: true, multiple: '0.2' } }
  const terms = await ask<{ id: string }>('provider', 'POST', '/v1/reclaim-terms', { name: 'Two approve', clauses: [clause] })
  const pools = await ask<{ items: { id: string; provider_id: string; name: string }[] }>('provider', 'GET', '/v1/pools?limit=200')
  const pool = pools.items.find(({ provider_id, name }) => provider_id === own.organization.id && name === 'Hall A')
  const offer = await ask<{ id: string }>('provider', 'POST', '/v1/offers', { name: 'Recallable', pool_id: pool?.id, rate_per_gpu_hour: '2.00', terms_id: terms.id })
  await ask('provider', 'POST', `/v1/offers/${offer.id}/publish`, {})
  const starts = Date.now() + 2 * 86_400_000
  const line = { offer_id: offer.id, gpus: 64, starts_at: new Date(starts).toISOString(), ends_at: new Date(starts + 90 * 86_400_000).toISOString() }
  const lease = await ask<Lease>('tenant', 'POST', '/v1/leases', { tranches: [line] })

  const admin = await as('admin')
  await visit(admin, `/leases/${lease.id}`)
  await admin.getByRole('button', { name: 'Open a reclaim case' }).click()
  const opening = admin.getByRole('dialog')
  await opening.getByLabel('Under which clause').first().click()
  await admin.getByRole('option', { name: /recall.callable/ }).click()
  await opening.getByText('Owed to the tenant').waitFor()
  await opening.getByLabel(/^Reason/).fill('needed for a run of the provider')
  await expectAccessible(admin)
  await opening.getByRole('button', { name: 'Open a reclaim case' }).click()
  await admin.waitForURL('**/reclaims/case_*')
  const address = new URL(admin.url()).pathname
  await admin.getByRole('button', { name: 'Submit' }).click()
  await admin.getByRole('dialog').getByRole('button', { name: 'Submit' }).click()
  await admin.getByText('Approved 0 of 2').waitFor()

  for (const who of ['legal', 'operations']) {
    const approver = await as(who)
    await visit(approver, '/inbox')
    await approver.getByRole('link', { name: /recall.callable/ }).first().click()
    await settled(approver)
    await approver.getByRole('button', { name: 'Approve' }).click()
    await approver.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await approver.getByText(who === 'legal' ? 'Approved 1 of 2' : 'Approved 2 of 2').waitFor()
    await close(approver)
  }

  await visit(admin, address)
  await admin.getByRole('button', { name: 'Serve notice' }).click()
  await admin.getByRole('dialog').getByText(/return to the market on/).waitFor()
  await expectAccessible(admin)
  await admin.getByRole('dialog').getByRole('button', { name: 'Serve notice' }).click()
  await admin.getByText('Executes by itself in').waitFor()
  await expectAccessible(admin)

  const tenant = await as('tenant')
  await visit(tenant, `/leases/${lease.id}`)
  await tenant.getByText('notice served').waitFor()
  await tenant.getByText(/takes effect in/).waitFor()
  await expectAccessible(tenant)
  await close(tenant)

  // Past the notice; every session's access has ended by then, and is renewed by its cookie.
  for (let weeks = 0; weeks < 3; weeks++) {
    await admin.getByRole('button', { name: /Ada Admin/ }).click()
    await admin.getByRole('menuitem', { name: 'Move the clock a week on' }).click()
    await admin.getByText('The clock was moved').first().waitFor()
  }
  await visit(admin, address)
  await admin.getByText(/It took effect on/).waitFor()
  await expectAccessible(admin)
  const after = await ask<Lease>('tenant', 'GET', `/v1/leases/${lease.id}`)
  expect(after.status).toBe('reclaimed')
  await visit(admin, '/audit')
  await admin.getByText('✓ whole').waitFor()
  await close(admin)
})
