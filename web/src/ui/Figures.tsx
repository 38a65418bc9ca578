import type { ReactNode } from 'react'
import * as format from '../lib/format'
import { day, instant, utc } from '../lib/time'

/** The one or few numbers that answer the page's question. */
export function Stats({ children }: { children: ReactNode }) {
  return <div className="stats">{children}</div>
}

export function Stat({ label, note, children }: { label: string; note?: ReactNode; children: ReactNode }) {
  return (
    <dl className="stat" style={{ margin: 0 }}>
      <dt>{label}</dt>
      <dd>
        {children} {note && <small>{note}</small>}
      </dd>
    </dl>
  )
}

/** Names and values, one line each. */
export function Facts({ of }: { of: Record<string, ReactNode> }) {
  const given = Object.entries(of).filter(([, value]) => value !== undefined && value !== null && value !== false)
  return (
    <dl className="facts">
      {given.flatMap(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}=`}>{value}</dd>])}
    </dl>
  )
}

/** An instant in the viewer's zone, UTC in the tooltip. */
export function Time({ at, only }: { at: string; only?: 'day' }) {
  return (
    <time className="nowrap" dateTime={at} title={utc(at)}>
      {only === 'day' ? day(at) : instant(at)}
    </time>
  )
}

/** An id or hash, shortened; whole in the tooltip, and when it is copied from there. */
export function Id({ of }: { of: string }) {
  return (
    <span className="mono" title={of}>
      {format.short(of)}
    </span>
  )
}

/** What has a colour has a word, and its own shape of mark. */
export type Tone = 'run' | 'sched' | 'wait' | 'bad' | 'none'

export function Tag({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`tag ${tone}`}>{children}</span>
}

const TONES: Record<string, Tone> = {
  active: 'run', published: 'run', verified: 'run', accepted: 'run', operational: 'run', approved: 'run', granted: 'run', upheld: 'run', cured: 'run', settled: 'none',
  scheduled: 'sched', submitted: 'sched', commissioning: 'sched',
  requested: 'wait', unverified: 'wait', paused: 'wait', planned: 'sched', late: 'bad', open: 'wait', curing: 'wait', stayed: 'wait', draft: 'none',
  noticed: 'bad', due: 'bad', executed: 'bad', reclaimed: 'bad', suspended: 'bad', maintenance: 'wait', fault: 'bad',
}

/** The state of a thing, in its fixed colour. */
export function State({ of }: { of: string }) {
  return <Tag tone={TONES[of] ?? 'none'}>{format.words(of)}</Tag>
}
