/** The lines of a request: a ramp is several. */

import type { Schemas } from '../../api/client'
import { DAY, nextHour, now, secondsBetween } from '../../lib/time'

export type Line = { gpus: number; starts_at: string; ends_at: string }

/** A line that can still begin: one whose start has passed begins with the next full hour, and is as long. */
export function ahead(line: Line): Line {
  const at = now()
  if (Date.parse(line.starts_at) > at) return line
  const seconds = secondsBetween(line.starts_at, line.ends_at)
  const starts_at = nextHour(at + 60_000)
  return { ...line, starts_at, ends_at: new Date(Date.parse(starts_at) + seconds * 1000).toISOString() }
}

/** The smallest number of whole units that holds so many GPUs. */
export const wholeUnits = (gpus: number, perUnit: number) => Math.max(1, Math.ceil(gpus / perUnit)) * perUnit

/** The line that one starts from: what was asked for, or the least for thirty days. */
export function firstLine(offer: Schemas['OfferView'], asked: { gpus?: string; from?: string; to?: string }): Line {
  const starts_at = asked.from && !Number.isNaN(Date.parse(asked.from)) ? asked.from : nextHour(now() + DAY * 1000)
  const ends_at = asked.to && !Number.isNaN(Date.parse(asked.to)) ? asked.to : new Date(Date.parse(starts_at) + 30 * DAY * 1000).toISOString()
  return ahead({ gpus: wholeUnits(Number(asked.gpus) || offer.min_gpus, offer.gpus_per_unit), starts_at, ends_at })
}

export const linesBody = (offer_id: string, lines: Line[]): Schemas['LineBody'][] => lines.map((line) => ({ offer_id, ...line }))
