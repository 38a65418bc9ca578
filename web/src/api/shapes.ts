/** What the plane of a pool holds, as shapes. */

import type { Schemas } from './client'
import { count, words } from '../lib/format'
import type { Shape, Tone } from '../lib/plane'
import { day } from '../lib/time'

const TONES: Record<string, Tone> = { hold: 'hold', own_use: 'own', maintenance: 'maintenance', fault: 'fault', undelivered: 'undelivered', taken: 'taken' }

/** A lease is green while it runs, blue before, red under notice. */
const toneOf = (purpose: string, from: number, now: number, isNoticed: boolean): Tone => TONES[purpose] ?? (isNoticed ? 'bad' : from <= now ? 'run' : 'sched')

export function shapesOf(plane: Schemas['PlaneView'], now: number, noticed: Set<string>): Shape[] {
  return plane.rectangles.map(({ first_unit: low, end_unit: high, starts_at, ends_at, purpose, subject, tenant }) => {
    const from = starts_at ? Date.parse(starts_at) : -Infinity
    const to = ends_at ? Date.parse(ends_at) : Infinity
    const who = purpose === 'lease' || purpose === 'hold' ? (tenant ?? 'lease') : words(purpose)
    return {
      id: `${low}/${starts_at ?? ''}`,
      low,
      high,
      from,
      to,
      tone: toneOf(purpose, from, now, noticed.has(subject ?? '')),
      label: `${who}${purpose === 'hold' ? ', held' : ''} · ${count(high - low, 'unit')}${ends_at ? ` · until ${day(ends_at)}` : ''}`,
      subject: subject?.startsWith('lease_') ? subject : undefined,
    }
  })
}
