import { expect, test } from 'vitest'
import { as, ask, close, expectAccessible, open, PASSWORD, settled, visit } from './support'

/** Another one in every run. */
const NAME = `Lighthouse Weather ${Date.now()}`

test('a tenant registers, searches, has it quoted, books, extends and cancels', async () => {
  const page = await open()
  await visit(page, '/market')
  await page.getByRole('link', { name: 'Register' }).click()
  await page.getByLabel('Organization').fill(NAME)
  await page.getByLabel('Your name').fill('Wanda Weather')
  await page.getByLabel('E-mail').fill(`weather${Date.now()}@demo.example`)
  await page.getByRole('textbox', { name: 'Password' }).fill('short')
  await page.getByRole('main').getByRole('button', { name: 'Register' }).click()
  // The server's sentence stands beside the field, and nothing that was typed is gone.
  await page.getByText(/12 to 200|at least 12/i).last().waitFor()
  await expectAccessible(page)
  expect(await page.getByLabel('Your name').inputValue()).toBe('Wanda Weather')
  await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
  await page.getByRole('main').getByRole('button', { name: 'Register' }).click()
  await page.waitForURL('**/market')

  const { items } = await ask<{ items: { id: string; name: string }[] }>('admin', 'GET', '/v1/organizations?limit=200')
  const organization = items.find(({ name }) => name === NAME)
  await ask('admin', 'POST', `/v1/organizations/${organization?.id}/verify`, { reason: 'papers seen' })

  const need = page.getByRole('search')
  await need.getByLabel('GPUs', { exact: true }).fill('512')
  await need.getByLabel('Days').fill('30')
  await need.getByLabel('At most, per GPU-h').fill('2.50')
  await need.getByRole('button', { name: 'Search' }).click()
  await page.getByRole('heading', { name: /ways? to get 512 GPUs for 30 days/ }).waitFor()
  expect(page.url()).toContain('gpus=512')
  await settled(page)
  await expectAccessible(page)

  await page.getByRole('link', { name: /^Quote / }).first().click()
  await page.getByRole('button', { name: 'Quote and hold' }).click()
  await page.getByText(/^Held for/).waitFor()
  await expectAccessible(page)
  await page.getByRole('button', { name: /^Book 512 GPUs/ }).click()
  await page.waitForURL('**/leases/lease_*')
  await settled(page)
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Extend' }).click()
  const extending = page.getByRole('dialog')
  await extending.getByText('To pay in addition').waitFor()
  await expectAccessible(page)
  await extending.getByRole('button', { name: 'Extend' }).click()
  await page.getByText('revision 2').waitFor()

  const giveUp = (await page.getByRole('button', { name: 'Cancel' }).count()) > 0 ? 'Cancel' : 'End early'
  await page.getByRole('button', { name: giveUp }).click()
  const cancelling = page.getByRole('dialog')
  await cancelling.getByText(/you are refunded/).waitFor()
  await cancelling.getByLabel('Reason').fill('the forecast is done')
  await expectAccessible(page)
  await cancelling.getByRole('button', { name: giveUp }).click()
  await page.getByText(/(Cancelled|Terminated) on/).waitFor()
  await close(page)
})

test('whoever comes back is still logged in, and nobody is after logging out', async () => {
  const page = await as('tenant')
  await visit(page, '/leases')
  await page.reload()
  await page.getByRole('heading', { name: /leases? running/ }).waitFor()
  expect(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).not.toMatch(/lhr_|eyJ/)
  await page.getByRole('button', { name: /Northwind Models/ }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await page.getByRole('link', { name: 'Log in' }).first().waitFor()
  await visit(page, '/leases')
  await page.getByText('Log in to see this page').waitFor()
  await expectAccessible(page)
  await close(page)
})
