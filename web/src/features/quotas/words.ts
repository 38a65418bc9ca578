/** How limits are called, written and typed. */

import type { Schemas } from '../../api/client'
import { money, moneyRoughly, sentence } from '../../lib/format'
import { DAY, secondsOf, spanInWords, spanOfDays } from '../../lib/time'

export type Quota = Schemas['QuotaView']
export type Dimension = Schemas['Dimension']

export const DIMENSIONS: Record<Dimension, string> = {
  concurrent_gpus: 'GPUs at a time',
  concurrent_mw: 'MW at a time',
  gpu_hours_per_month: 'GPU-hours per month',
  spend_per_month: 'Spend per month',
  longest_lease: 'Longest lease',
  open_requests: 'Requests that wait',
}

type Limited = Pick<Quota, 'dimension' | 'accelerator'>

export const nameOf = ({ dimension, accelerator }: Limited, called: (accelerator: string) => string = (id) => id) =>
  `${DIMENSIONS[dimension]}${accelerator ? `, ${called(accelerator)}` : ''}`

/** A number with its decimals, `1,234.5`. */
const figure = (value: string) => Number(value).toLocaleString('en-US', { maximumFractionDigits: 1 })

/** An amount in its unit: spans in words, money in the marketplace's currency. */
export function amount(value: string, { dimension, unit }: { dimension: Dimension; unit: string }, currency: string): string {
  if (/^P/.test(value)) return spanInWords(value)
  return dimension === 'spend_per_month' ? money(value, currency) : `${figure(value)} ${unit}`
}

/** An amount of a curve, which is a plain number there. */
export const level = (value: number, dimension: Dimension, currency: string) =>
  dimension === 'spend_per_month' ? money(String(Math.round(value)), currency).replace(/\.00$/, '') : value.toLocaleString('en-US', { maximumFractionDigits: 1 })

/** The same for an axis, where there is little room. */
export const levelRoughly = (value: number, dimension: Dimension, currency: string) => (dimension === 'spend_per_month' ? moneyRoughly(value, currency) : value.toLocaleString('en-US'))

/** What a limit is typed in. */
export const typedIn = (dimension: Dimension, unit: string, currency: string) => (dimension === 'longest_lease' ? 'days' : dimension === 'spend_per_month' ? currency : unit)

/** A limit as it is typed: days for the longest lease, a figure otherwise; and back. */
export const typed = (limit: string) => (/^P/.test(limit) ? String(secondsOf(limit) / DAY) : limit)
export const limitText = (dimension: Dimension, value: string) => (dimension === 'longest_lease' ? spanOfDays(Number(value)) : value)

type Named = { organization: (id: string) => string | undefined; project: (id: string) => string | undefined; own?: string }

/** Whom a quota limits. */
export function whom({ project_id, verification, organization_id }: Quota, { organization, project, own }: Named): string {
  if (project_id) return project(project_id) ?? 'a project'
  if (verification) return sentence(`whoever is ${verification}`)
  if (organization_id === own) return 'the organization'
  return organization(organization_id ?? '') ?? 'an organization'
}

/** The override that stands at an instant, and the next one to come. */
export function overrideAt({ overrides }: Pick<Quota, 'overrides'>, at: number): { now?: Schemas['OverrideView']; next?: Schemas['OverrideView'] } {
  const starts = ({ starts_at }: Schemas['OverrideView']) => Date.parse(starts_at)
  return {
    now: overrides.findLast((one) => starts(one) <= at && at < Date.parse(one.ends_at)),
    next: overrides.toSorted((a, b) => starts(a) - starts(b)).find((one) => starts(one) > at),
  }
}
