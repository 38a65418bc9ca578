import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { megawatts, moneyRoughly, number, percent } from '../../lib/format'
import { elapsed, sumOf } from '../../lib/steps'
import { unitsAt } from '../../lib/plane'
import { addDays, now } from '../../lib/time'
import { Bars } from '../../ui/Bars'
import { Panel } from '../../ui/Page'
import { Steps } from '../../ui/Steps'
import { shapesOf } from '../../api/shapes'
import { SiteDeliveries } from './SiteDeliveries'

const DAYS = 90

/** Delivered, leased and kept, on one scale; what is leased over time; what it earns by month. */
export function Occupancy({ pools, pue }: { pools: Schemas['Pool'][]; pue: number }) {
  const [{ at, from, to }] = useState(() => ({ at: now(), from: addDays(now(), -DAYS), to: addDays(now(), 365) }))
  const planes = useQueries({ queries: pools.map(({ id }) => api.queryOptions('get', '/v1/pools/{id}/plane', { params: { path: { id }, query: { from, to } } })) })
  const leases = api.useQuery('get', '/v1/leases', { params: { query: { limit: 200 } } })
  const known = planes.flatMap(({ data }, index) => (data && pools[index] ? [{ plane: data, pool: pools[index], shapes: shapesOf(data, at, new Set()) }] : []))
  const built = pools.reduce((sum, { units, gpus_per_unit }) => sum + units * gpus_per_unit, 0)
  const gpusNow = (tones: Parameters<typeof unitsAt>[2]) => known.reduce((sum, { shapes, pool }) => sum + unitsAt(shapes, at, tones) * pool.gpus_per_unit, 0)
  const mwOf = (gpus: number) => pools.reduce((sum, { gpus_per_unit, units, kw_per_unit }) => sum + (((gpus / built) * units * gpus_per_unit) / gpus_per_unit) * Number(kw_per_unit) * pue, 0) / 1000
  const undelivered = gpusNow(['undelivered'])
  const leased = gpusNow(['run', 'sched', 'bad'])
  const kept = gpusNow(['own', 'maintenance', 'fault'])
  const row = (label: string, value: number, fill: string) => ({ label, value, fill, text: `${number(value)} GPUs · ${megawatts(mwOf(value))} MW`, share: percent(value / built) })
  const pieces = known.flatMap(({ plane, pool }) =>
    plane.rectangles
      .filter(({ purpose }) => purpose === 'lease')
      .map(({ starts_at, ends_at, first_unit, end_unit }) => ({ from: starts_at ?? from, to: ends_at ?? to, value: (end_unit - first_unit) * pool.gpus_per_unit })),
  )
  const ids = new Set(pools.map(({ id }) => id))
  const lines = (leases.data?.items ?? [])
    .filter(({ status }) => ['active', 'scheduled', 'ended'].includes(status))
    .flatMap(({ schedule }) => schedule)
    .filter(({ pool_id }) => ids.has(pool_id))
  const currency = leases.data?.items[0]?.currency ?? 'USD'
  const months = monthsAround(at)
  const revenue = months.map(({ from, to, label }) => {
    const value = lines.reduce((sum, { price, starts_at, ends_at }) => sum + Number(price) * (elapsed(starts_at, ends_at, to) - elapsed(starts_at, ends_at, from)), 0)
    return { label, value, text: moneyRoughly(value, currency), fill: from <= at && at < to ? 'var(--run-fill)' : 'var(--sched-fill)' }
  })
  return (
    <div className="two">
      <div className="stack">
        <Panel title="Leased over time">
          <Steps
            label={`GPUs leased, ${number(leased)} of ${number(built)} now`}
            series={[{ name: 'Leased GPUs', color: 'var(--sched-fill)', steps: sumOf(pieces) }]}
            from={from}
            to={to}
            now={at}
            format={number}
            limit={{ value: built, label: 'built' }}
          />
        </Panel>
        <SiteDeliveries pools={pools} />
      </div>
      <div className="stack">
        <Panel title="Now">
          <Bars label="GPUs now" most={built} rows={[row('Delivered', built - undelivered, 'var(--own-fill)'), row('Leased', leased, 'var(--run-fill)'), row('Kept off the market', kept, 'var(--wait-fill)')]} />
        </Panel>
        <Panel title="Revenue by month, as leased">
          <Bars label="Revenue by month" most={Math.max(1, ...revenue.map(({ value }) => value))} rows={revenue} />
        </Panel>
      </div>
    </div>
  )
}

function monthsAround(at: number) {
  const start = new Date(at)
  start.setDate(1)
  start.setHours(0, 0, 0, 0)
  const month = (shift: number) => new Date(start.getFullYear(), start.getMonth() + shift, 1)
  return [-1, 0, 1, 2, 3].map((shift) => ({
    from: month(shift).getTime(),
    to: month(shift + 1).getTime(),
    label: month(shift).toLocaleDateString('en-GB', { month: 'short', year: 'numeric' }),
  }))
}
