/** What a case is called, and which acts belong where; what is possible is the server's to say. */

import type { Schemas } from '../../api/client'
import type { Me } from '../../api/session'
import { count, sentence, words } from '../../lib/format'
import { utcMinute } from '../../lib/time'

export type CaseView = Schemas['CaseView']
type Summary = Schemas['CaseSummary']

const CLOSED = ['executed', 'settled', 'refused', 'withdrawn', 'cured', 'overturned']
export const isOpen = ({ state }: { state: string }) => !CLOSED.includes(state)

/** Served, and not over: the window runs. */
export const isRunning = ({ state }: { state: string }) => ['noticed', 'curing', 'stayed', 'due'].includes(state)

const MEASURES: Record<string, string> = { warn: 'Warning', suspend: 'Suspension', full: 'Full reclaim' }
export const measureOf = (one: Pick<Summary, 'action'> & { units?: number }) =>
  one.action === 'partial' ? `Partial reclaim of ${count(one.units ?? 0, 'unit')}` : (MEASURES[one.action] ?? sentence(one.action))

export type Party = Schemas['Party']
const PARTIES: Record<Party, string> = { admin: 'the marketplace', provider: 'the provider', tenant: 'the tenant' }
export const partyInWords = (party: Party) => PARTIES[party]

export const respondentOf = ({ initiated_as }: CaseView): Party => (initiated_as === 'tenant' ? 'provider' : 'tenant')

/** As what somebody looks at a case: its side opened it, it is against its side, or neither. */
export type Side = 'opener' | 'respondent' | 'judge'

export function sideOf(me: Me | undefined, one: CaseView): Side {
  if (me?.staff_role) return one.initiated_as === 'admin' && me.staff_role === 'admin' ? 'opener' : 'judge'
  const parties = { provider: one.provider_id, tenant: one.tenant_id }
  const party = (['provider', 'tenant'] as const).find((party) => parties[party] === me?.organization?.id)
  return party === one.initiated_as ? 'opener' : party === respondentOf(one) ? 'respondent' : 'judge'
}

export type Act =
  | 'evidence' | 'submit' | 'suspend_at_once' | 'approve' | 'refuse' | 'serve' | 'withdraw'
  | 'acknowledge' | 'respond' | 'cure' | 'appeal' | 'leave' | 'accept_cure' | 'reject_cure' | 'decide'

/** The acts of each side in each state, the next one first. Others are behind it, or not there yet. */
const ACTS: Record<Side, Record<string, Act[]>> = {
  opener: {
    draft: ['suspend_at_once', 'submit', 'evidence', 'withdraw'],
    submitted: ['withdraw'],
    approved: ['serve', 'withdraw'],
    suspended: ['withdraw'],
    noticed: ['withdraw'],
    curing: ['accept_cure', 'reject_cure', 'withdraw'],
    stayed: ['accept_cure', 'reject_cure', 'decide', 'withdraw'],
    due: ['withdraw'],
    executed: ['withdraw'],
  },
  respondent: {
    noticed: ['acknowledge', 'respond', 'cure', 'appeal', 'evidence', 'leave'],
    curing: ['acknowledge', 'respond', 'evidence', 'appeal', 'leave'],
    stayed: ['acknowledge', 'respond', 'evidence', 'leave'],
    suspended: ['acknowledge', 'appeal', 'respond', 'evidence'],
    executed: ['appeal'],
  },
  judge: {
    submitted: ['approve', 'refuse'],
    approved: ['refuse'],
    suspended: ['approve', 'refuse'],
    stayed: ['decide'],
    executed: ['decide'],
  },
}

/** Acts that are shown, the next one first: those that are possible, and those that belong here and say why not. */
export function actsOf(one: CaseView, side: Side, me: Me | undefined): Act[] {
  const belongs = ACTS[side][one.state] ?? []
  const has = (act: Act) => one.can.includes(act)
  const possible = one.can as Act[]
  const all = [...belongs, ...possible.filter((act) => !belongs.includes(act))]
  return all.filter((act) => {
    // It is read once; what the clause does not know is no act of this case.
    if (act === 'acknowledge') return has(act) && !one.read_at
    if (act === 'leave') return one.tenant_id !== one.provider_id && respondentOf(one) === 'tenant'
    if (act === 'cure' && !one.clause.cure) return false
    if (act === 'appeal' && (!one.clause.appeal || one.appeal)) return false
    if (act === 'accept_cure' || act === 'reject_cure') return has(act) || one.state === 'curing'
    if (act === 'decide') return has(act) || Boolean(me?.staff_role && one.appeal && !one.appeal.dismissed)
    if (act === 'suspend_at_once') return has(act)
    if (act === 'withdraw' && one.state === 'executed') return has(act)
    return has(act) || act in one.cannot
  })
}

/** `2 legal, 1 operations` */
export const rolesInWords = (roles: Record<string, number> | undefined) =>
  Object.entries(roles ?? {})
    .filter(([, many]) => many > 0)
    .map(([role, many]) => `${many} ${words(role)}`)
    .join(', ')

/** A sentence of the server's as people read it: instants written out, roles without underlines. */
export const readable = (detail: string) => sentence(detail.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => utcMinute(at)).replace(/(provider|accept|reject)_(\w)/g, '$1 $2'))
