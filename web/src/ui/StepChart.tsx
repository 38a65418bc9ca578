import '@mantine/charts/styles.css'

import { AreaChart } from '@mantine/charts'
import { type Step, valueAt } from '../lib/steps'
import { month, monthsBetween, shortDay, utcMinute } from '../lib/time'

/** One function of time; a line alone where it is a limit. */
export type Series = { name: string; color: string; steps: Step[]; isLine?: boolean }

type Props = {
  label: string
  series: Series[]
  from: string
  to: string
  now: number
  format: (value: number) => string
  /** Shorter, for the axis. */
  mark?: (value: number) => string
  limit?: { value: number; label: string }
  height?: number
}

/** Step functions over time; a line where something may not go beyond. */
export default function StepChart({ label, series, from, to, now, format, mark = format, limit, height = 190 }: Props) {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const inside = series.flatMap(({ steps }) => steps.map(({ at }) => at)).filter((at) => at > start && at < end)
  const instants = [...new Set([start, ...inside, end])].sort((a, b) => a - b)
  const data = instants.map((at) => ({ at, ...Object.fromEntries(series.map((one) => [one.name, heightOf(one, at === end ? at - 1 : at)])) }))
  const most = Math.max(limit?.value ?? 0, ...series.flatMap(({ steps }) => steps.map(({ value }) => value || 0)))
  const isLong = end - start > 70 * 86_400_000
  const ticks = isLong ? monthsBetween(start, end) : [0, 0.25, 0.5, 0.75, 1].map((share) => start + share * (end - start))
  return (
    <figure style={{ margin: 0 }} aria-label={label}>
      <AreaChart
        h={height}
        data={data}
        dataKey="at"
        series={series.map(({ name, color, isLine }) => ({ name, color, strokeDasharray: isLine ? '5 4' : undefined }))}
        curveType="stepAfter"
        withDots={false}
        withGradient={false}
        fillOpacity={0.22}
        strokeWidth={1.5}
        gridAxis="x"
        withLegend={series.length > 1}
        valueFormatter={format}
        yAxisProps={{ width: 76, tickFormatter: mark, domain: [0, nice(most)], tickCount: 5 }}
        xAxisProps={{ type: 'number', scale: 'time', domain: [start, end], ticks, tickFormatter: isLong ? month : shortDay, minTickGap: 24 }}
        tooltipProps={{ labelFormatter: (at) => (typeof at === 'number' ? utcMinute(at) : '') }}
        areaProps={({ name }) => ({ isAnimationActive: false, ...(series.find((one) => one.name === name)?.isLine && { fill: 'none' }) })}
        referenceLines={[
          ...(now > start && now < end ? [{ x: now, label: 'now', color: 'var(--text)' }] : []),
          ...(limit ? [{ y: limit.value, label: limit.label, color: 'var(--bad)' }] : []),
        ]}
      />
    </figure>
  )
}

/** How high it is; a line is not drawn where there is no limit. */
function heightOf({ steps, isLine }: Series, at: number): number | null {
  if (!isLine) return valueAt(steps, at)
  const value = steps.findLast((step) => step.at <= at)?.value
  return value === undefined || Number.isNaN(value) ? null : value
}

/** The next round number: where an axis may end. */
function nice(most: number): number {
  const scale = 10 ** Math.floor(Math.log10(most || 1))
  return ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((step) => step * scale >= most * 1.02) ?? 12) * scale
}
