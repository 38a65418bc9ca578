import { Link } from '@tanstack/react-router'
import { day, month, monthsBetween } from '../../lib/time'

type Bar = { id: string; label: string; status: string; from: number; to: number }

const FILL: Record<string, string> = { active: 'run', scheduled: 'sched', requested: 'wait', noticed: 'bad', reclaimed: 'bad' }

/** Leases over time, one line each. */
export function Gantt({ bars, now }: { bars: Bar[]; now: number }) {
  const from = Math.min(now, ...bars.map((bar) => bar.from))
  const to = Math.max(now, ...bars.map((bar) => bar.to))
  const x = (at: number) => `${(((at - from) / (to - from || 1)) * 100).toFixed(2)}%`
  const months = monthsBetween(from, to)
  return (
    <div className="gantt">
      <div className="gantt-axis" aria-hidden="true">
        {months.map((at) => (
          <span key={at} style={{ left: x(at) }}>
            {month(at)}
          </span>
        ))}
      </div>
      {bars.toSorted((a, b) => a.from - b.from).map((bar) => (
        <div key={bar.id} className="gantt-row">
          <Link to="/leases/$id" params={{ id: bar.id }} aria-label={`${bar.label}, ${bar.status}, ${day(bar.from)} to ${day(bar.to)}`} className={`gantt-bar ${FILL[bar.status] ?? 'over'}`} style={{ left: x(bar.from), width: `max(4px, calc(${x(bar.to)} - ${x(bar.from)}))` }}>
            {bar.label}
          </Link>
        </div>
      ))}
      <i className="gantt-now" style={{ left: x(now) }}>
        <span>now</span>
      </i>
    </div>
  )
}
