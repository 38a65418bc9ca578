import { readdirSync, readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { as, ask, close, open, settled, visit } from './support'

const KB = 1024

/** Times say something only where nothing else runs: `make bench-page` holds them to their limits. */
const isHeld = process.env.HOLD_SPEED === '1'

test('the first load is light', async () => {
  const page = await open()
  const scripts = new Set<string>()
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    if (pathname.endsWith('.js')) scripts.add(pathname)
  })
  await visit(page, '/market')
  const sizes = [...scripts].map((path) => readFileSync(`dist${path}.gz`).length)
  const total = sizes.reduce((sum, size) => sum + size, 0) / KB
  const all = readdirSync('dist/assets').filter((name) => name.endsWith('.js')).length
  console.log(`first load: ${total.toFixed(1)} kB of script gzipped, ${scripts.size} of ${all} files`)
  expect(total).toBeLessThanOrEqual(250)
  await close(page)
})

test('the market of 1,000 offers is there within a second', async () => {
  const pools = await ask<{ items: { id: string; name: string }[] }>('provider', 'GET', '/v1/pools?limit=200')
  const terms = await ask<{ items: { id: string }[] }>('provider', 'GET', '/v1/reclaim-terms?limit=1')
  const pool = pools.items[0]?.id
  const there = await ask<{ items: unknown[]; next_cursor: string | null }>('provider', 'GET', '/v1/offers?mine=true&limit=200')
  if (!there.next_cursor) {
    const many = askMany('provider')
    for (let batch = 0; batch < 100; batch++) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const rate = (2 + ((batch * 10 + index) % 200) / 100).toFixed(2)
          const offer = (await (await many)('/v1/offers', { name: `Lot ${batch * 10 + index}`, pool_id: pool, rate_per_gpu_hour: rate, terms_id: terms.items[0]?.id })) as { id: string }
          await (await many)(`/v1/offers/${offer.id}/publish`, {})
        }),
      )
    }
  }
  const page = await open()
  await visit(page, '/login')
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    const began = performance.now()
    await page.goto('/market', { waitUntil: 'commit' })
    await page.getByRole('table', { name: 'Offers' }).getByRole('row').nth(5).waitFor()
    await page.getByLabel('GPUs', { exact: true }).fill('64')
    times.push(performance.now() - began)
  }
  const best = Math.min(...times)
  console.log(`market of 1,000 offers: interactive after ${times.map((time) => time.toFixed(0)).join(', ')} ms`)
  expect(best).toBeLessThanOrEqual(isHeld ? 1_000 : 30_000)
  await settled(page)
  await close(page)
}, 300_000)

test('the plane pans 10,000 rectangles at 50 frames a second', async () => {
  const provider = askMany('provider')
  const tenant = askMany('tenant')
  const site = (await (await provider)('/v1/sites', { name: `Mosaic ${Date.now()}`, country: 'IS', power_mw: '3' })) as { id: string }
  const usable_from = new Date(Date.now() - 3_600_000).toISOString()
  const pool = (await (await provider)('/v1/pools', { site_id: site.id, name: 'Mosaic', accelerator: 'l4', gpus_per_unit: 1, units: 100, kw_per_unit: '1', usable_from })) as { id: string }
  const terms = await ask<{ items: { id: string }[] }>('provider', 'GET', '/v1/reclaim-terms?limit=1')
  const offer = (await (await provider)('/v1/offers', { name: 'Mosaic', pool_id: pool.id, rate_per_gpu_hour: '0.50', terms_id: terms.items[0]?.id })) as { id: string }
  await (await provider)(`/v1/offers/${offer.id}/publish`, {})
  const start = Date.now() + 86_400_000
  for (let row = 0; row < 100; row++) {
    // A hundred leases of a hundred steps each: as many rectangles as squares on this board.
    const tranches = Array.from({ length: 100 }, (_, step) => ({
      offer_id: offer.id,
      gpus: 1,
      starts_at: new Date(start + step * 5 * 86_400_000).toISOString(),
      ends_at: new Date(start + step * 5 * 86_400_000 + 4 * 86_400_000).toISOString(),
    }))
    await (await tenant)('/v1/leases', { tranches })
  }
  const page = await as('provider')
  await visit(page, `/pools/${pool.id}`)
  await page.getByText('All', { exact: true }).click()
  const canvas = page.getByRole('application')
  const { rectangles } = await ask<{ rectangles: unknown[] }>('provider', 'GET', `/v1/pools/${pool.id}/plane?from=${new Date(start - 86_400_000).toISOString()}&to=${new Date(start + 600 * 86_400_000).toISOString()}`)
  const box = await canvas.boundingBox()
  if (!box) throw new Error('no plane')
  // Zoomed in a little, so that there is room to pan.
  await page.mouse.move(box.x + 700, box.y + 200)
  for (let turn = 0; turn < 3; turn++) await page.mouse.wheel(0, -100)
  await page.waitForTimeout(300)
  const fps = await canvas.evaluate(async (element: HTMLCanvasElement) => {
    // A drag of two seconds, a step for every frame, as a hand would make it.
    const { left, top } = element.getBoundingClientRect()
    const at = (type: string, x: number) => element.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, clientX: left + x, clientY: top + 200, buttons: 1 }))
    element.setPointerCapture = () => {}
    const frames = () => Number(element.dataset.frames)
    at('pointerdown', 700)
    const [began, before] = [performance.now(), frames()]
    await new Promise<void>((done) => {
      const step = () => {
        const passed = performance.now() - began
        if (passed > 2_000) return done()
        at('pointermove', 700 + 250 * Math.sin(passed / 300))
        requestAnimationFrame(step)
      }
      requestAnimationFrame(step)
    })
    const measured = ((frames() - before) / (performance.now() - began)) * 1000
    at('pointerup', 700)
    return measured
  })
  console.log(`the plane: ${rectangles.length} rectangles panned at ${fps.toFixed(1)} frames per second`)
  expect(rectangles.length).toBeGreaterThanOrEqual(10_000)
  expect(fps).toBeGreaterThanOrEqual(isHeld ? 50 : 5)
  await close(page)
}, 300_000)

/** Writes as somebody, over one log-in. */
async function askMany(who: string) {
  const server = inject('server')
  const logged = await fetch(`${server}/v1/auth/token`, { method: 'POST', body: JSON.stringify({ email: `${who}@demo.example`, password: 'leasehold-demo' }) })
  const { access_token } = (await logged.json()) as { access_token: string }
  return async (path: string, body: object): Promise<unknown> => {
    const headers = { authorization: `Bearer ${access_token}`, 'idempotency-key': crypto.randomUUID() }
    const response = await fetch(server + path, { method: 'POST', headers, body: JSON.stringify(body) })
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer
  }
}
