/** What somebody needs: it lives in the address of the market page. */

import type { Schemas } from '../../api/client'
import { addDays, dateOf, DAY, midnight, now, secondsBetween, spanOfDays } from '../../lib/time'
import { clausesOf, textOf, wishesOf } from './wishes'

export type Need = {
  gpus?: number
  days?: number
  /** Calendar days between which it must lie. */
  from?: string
  to?: string
  /** Ids of accelerators and codes of countries, joined by commas. */
  accelerators?: string
  countries?: string
  max_rate?: string
  island?: boolean
  /** What the reclaim terms are to say. */
  clauses?: string
}

const positive = (value: unknown) => (Number(value) > 0 ? Number(value) : undefined)
const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined)
const date = (value: unknown) => (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined)

/** The need in an address; what makes no sense is left out. */
export function needOf(search: Record<string, unknown>): Need {
  return {
    gpus: positive(search.gpus),
    days: positive(search.days),
    from: date(search.from),
    to: date(search.to),
    accelerators: text(search.accelerators),
    countries: text(search.countries),
    max_rate: text(search.max_rate),
    island: search.island === true || undefined,
    clauses: textOf(wishesOf(text(search.clauses))),
  }
}

export const listOf = (joined: string | undefined) => joined?.split(',').filter(Boolean) ?? []

/** The need as the server is asked for it; undefined while nobody has said how many GPUs. */
export function searchOf(need: Need): Schemas['SearchBody'] | undefined {
  if (!need.gpus) return undefined
  const accelerators = listOf(need.accelerators)
  const countries = listOf(need.countries)
  const wishes = wishesOf(need.clauses)
  return {
    gpus: need.gpus,
    duration: spanOfDays(need.days ?? 30),
    earliest: need.from && midnight(need.from),
    latest: need.to && midnight(need.to),
    accelerators: accelerators.length > 0 ? accelerators : undefined,
    countries: countries.length > 0 ? countries : undefined,
    max_rate: need.max_rate,
    placement: need.island ? 'island' : 'any',
    clauses: wishes.length > 0 ? clausesOf(wishes) : undefined,
    limit: 50,
  }
}

/** The days that are drawn: those asked for, or the next ninety. */
export function windowOf(need: Need): { from: string; to: string } {
  const from = midnight(need.from ?? dateOf(now()))
  const to = need.to ? midnight(need.to) : addDays(from, 90)
  const days = Math.min(366, Math.max(1, Math.ceil(secondsBetween(from, to) / DAY)))
  return { from, to: addDays(from, days) }
}
