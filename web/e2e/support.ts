/** A browser, people who log in with it, and what is asked of every page. */

import AxeBuilder from '@axe-core/playwright'
import { mkdirSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, expect, inject, onTestFailed } from 'vitest'

export type { Page } from 'playwright-core'

export const PASSWORD = 'leasehold-demo'
export const ARTEFACTS = 'artefacts'
mkdirSync(ARTEFACTS, { recursive: true })

let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

type Look = { colorScheme?: 'light' | 'dark'; width?: number; height?: number }

/** A window of its own: nobody is logged in. What the page complains about fails the test. */
export async function open({ colorScheme = 'light', width = 1440, height = 900 }: Look = {}): Promise<Page> {
  browser ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
  const context: BrowserContext = await (await browser).newContext({ baseURL: inject('server'), viewport: { width, height }, colorScheme, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-GB' })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // A refusal is an answer; the browser lists every one of them as an error.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text())
  })
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol.startsWith('http') && origin !== inject('server')) complaints.push(`asks somebody else: ${request.url()}`)
  })
  onTestFailed(async () => {
    await page.screenshot({ path: `${ARTEFACTS}/failed-${Date.now()}.png`, fullPage: true }).catch(() => undefined)
  })
  complaintsOf.set(page, complaints)
  return page
}

const complaintsOf = new WeakMap<Page, string[]>()

/** Closes the window; fails if the page complained about anything. */
export async function close(page: Page) {
  await page.context().close()
  expect(complaintsOf.get(page)).toEqual([])
}

export async function logIn(page: Page, email: string, password = PASSWORD) {
  await page.goto('/login')
  await page.getByLabel('E-mail').fill(email)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByRole('main').getByRole('button', { name: 'Log in' }).click()
  await page.waitForURL((url) => url.pathname !== '/login')
}

/** A window in which somebody of the demo is logged in. */
export async function as(who: string, look?: Look): Promise<Page> {
  const page = await open(look)
  await logIn(page, `${who}@demo.example`)
  return page
}

/** Goes somewhere and waits until everything there has loaded. */
export async function visit(page: Page, path: string) {
  await page.goto(path)
  await settled(page)
}

export async function settled(page: Page) {
  await page.locator('main .page').waitFor()
  await page.waitForLoadState('networkidle')
  await page.locator('main [aria-busy=true]').first().waitFor({ state: 'detached' })
}

/** WCAG 2.2 AA, as far as a program can tell. */
export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map(({ target, any }) => `${target.join(' ')} (${any[0]?.message ?? ''})`).join(', ')}`)
  expect(found, page.url()).toEqual([])
}

/** Asks the interface directly: for what a journey needs and does not show. */
export async function ask<T>(who: string, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const server = inject('server')
  const logged = await fetch(`${server}/v1/auth/token`, { method: 'POST', body: JSON.stringify({ email: `${who}@demo.example`, password: PASSWORD }) })
  const { access_token } = (await logged.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}`, 'idempotency-key': crypto.randomUUID() }
  const response = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) })
  const answer = (await response.json()) as T
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}
