import { useState, type ReactNode } from 'react'
import { SegmentedControl } from '@mantine/core'
import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count, money, sentence, words } from '../../lib/format'
import { spanInWords, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'
import { Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { Acknowledge, Answer, Cure, Leave } from './answers'
import { type Act, actsOf, type CaseView, isOpen, partyInWords, respondentOf, rolesInWords, type Side } from './case'
import { AddEvidence } from './evidence'
import { Words } from './Words'

export type ActProps = { one: CaseView; isNext?: boolean }

export const path = (one: CaseView) => ({ params: { path: { id: one.id } } })

/** What whoever looks can do, each act with what it means; the next one stands out. */
export function WhatYouCanDo({ one, side }: { one: CaseView; side: Side }) {
  const me = useMe()
  const acts = actsOf(one, side, me)
  const next = acts.find((act) => one.can.includes(act) && (act !== 'submit' || !isEvidenceDue(one)) && act !== 'withdraw')
  if (acts.length === 0) return isOpen(one) ? <Panel title="What you can do">{waitsFor(one, side)}</Panel> : null
  return (
    <Panel title="What you can do">
      {!next && <div className="dim" style={{ marginBottom: 8 }}>{waitsFor(one, side)}</div>}
      <ul className="options">
        {acts.map((act) => (
          <li key={act}>
            <span>
              {MEANING[act](one, side)}
              {one.cannot[act] && <span className="faint"> Not now: {one.cannot[act]}.</span>}
            </span>
            <ActOf act={act} one={one} isNext={act === next} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const isEvidenceDue = (one: CaseView) => Boolean(one.clause.evidence_required) && one.evidence.length === 0

/** Whose turn it is, where it is not the viewer's. */
function waitsFor(one: CaseView, side: Side): string {
  const opener = partyInWords(one.initiated_as)
  const other = partyInWords(respondentOf(one))
  switch (one.state) {
    case 'draft':
      return `It waits for ${opener} to submit it.`
    case 'submitted':
      return `It waits for approval: ${rolesInWords(one.approvals_missing)}.`
    case 'approved':
      return `It waits for ${opener} to serve the notice.`
    case 'suspended':
      return `It waits for ratification: ${rolesInWords(one.approvals_missing)}.`
    case 'curing':
      return side === 'opener' ? 'Answer the plan.' : `It waits for ${opener} to answer the plan.`
    case 'stayed':
      return 'It waits for somebody who took no part to decide the appeal.'
    case 'noticed':
      return one.read_at ? `The notice runs. ${sentence(other)} may answer; otherwise the server executes at the deadline.` : `It waits for ${other} to read the notice.`
    default:
      return 'The server goes on by itself.'
  }
}

const MEANING: Record<Act, (one: CaseView, side: Side) => ReactNode> = {
  evidence: (one, side) =>
    side === 'respondent' ? 'Add what speaks for you; whoever decides reads it.' : isEvidenceDue(one) ? 'The clause asks for evidence before the case can be submitted.' : 'Add what the reason rests on; the other side reads it with the notice.',
  submit: (one) => `Those who approve see it then: ${rolesInWords(one.approvals_missing) || 'nobody has to'}. ${sentence(partyInWords(respondentOf(one)))} learns nothing yet.`,
  suspend_at_once: (one) => `Keeps the tenant out from this moment. It is lifted by itself unless it is ratified within ${spanInWords(one.clause.ratify_within ?? 'PT24H')}.`,
  approve: (one) => (one.state === 'suspended' ? `Ratify the suspension, so that it stands. Missing: ${rolesInWords(one.approvals_missing)}.` : `You stand for it that the clause is met. Missing: ${rolesInWords(one.approvals_missing) || 'nobody'}.`),
  refuse: (one) => (one.state === 'suspended' ? 'Lift the suspension; its time is returned.' : 'Close the case; the lease goes on as signed.'),
  serve: (one) => `Tell ${partyInWords(respondentOf(one))}. From then on the server executes by itself${one.deadline ? `, on ${utcMinute(one.deadline)} at the latest` : ''}.`,
  withdraw: (one) => (one.state === 'executed' || one.state === 'suspended' ? 'End the suspension now.' : 'Close the case; the lease goes on as signed.'),
  acknowledge: (one) => (one.window ? `The notice of ${spanInWords(one.clause.notice)} begins when one of you says so; unread, on ${utcMinute(one.window.deemed_read_at)}. Reading this page does not start it.` : 'Say that you have read it.'),
  respond: () => 'Say how you see it. It stays on record, and whoever decides reads it.',
  cure: (one) => `Say how you put it right${one.window?.cure_until ? `, until ${utcMinute(one.window.cure_until)}` : ''}. While your plan is open nothing is executed.`,
  appeal: (one) =>
    `Once${one.window?.appeal_until ? `, until ${utcMinute(one.window.appeal_until)}` : ''}. Somebody without part in the case decides within 14 days; ${one.clause.appeal?.stays ? 'until then nothing is executed' : 'the execution does not wait for it'}.`,
  leave: () => 'While the notice runs you keep the use, pay the rate, and may leave at no charge.',
  accept_cure: () => 'It will be put right: the case ends, and the lease goes on.',
  reject_cure: () => 'It will not do: the notice goes on, and another plan may follow.',
  decide: (one) => (one.appeal ? `By ${utcMinute(one.appeal.decide_by)}; undecided, it is upheld.` : 'There is no appeal.'),
}

function ActOf({ act, one, isNext }: ActProps & { act: Act }) {
  const props = { one, isNext }
  switch (act) {
    case 'evidence':
      return <AddEvidence {...props} />
    case 'submit':
      return (
        <Plain {...props} act="submit" verb="Submit" done="Submitted for approval">
          Those who approve see it now: {rolesInWords(one.approvals_missing) || 'nobody has to approve'}. With it go {count(one.evidence.length, 'piece')} of evidence; none can be added afterwards. Nothing reaches {partyInWords(respondentOf(one))} yet.
        </Plain>
      )
    case 'suspend_at_once':
      return (
        <Plain {...props} act="suspend-at-once" verb="Suspend at once" done="Suspended" isDanger>
          <Note tone="bad">
            The tenant is kept out from this moment{'until' in one && one.until ? <> until {utcMinute(one.until)}</> : ''}, and is told. Unless {rolesInWords(one.clause.approvals)} ratify within {spanInWords(one.clause.ratify_within ?? 'PT24H')}, it is lifted and its time returned.
            {one.money_preview && <> Time suspended is worth {money(one.money_preview.unused, one.currency)}.</>}
          </Note>
        </Plain>
      )
    case 'approve':
      return <Approve {...props} />
    case 'serve':
      return (
        <Plain {...props} act="serve" verb="Serve notice" done="Notice served" isDanger>
          <Note tone="bad">{served(one)}</Note>
        </Plain>
      )
    case 'refuse':
      return <Why {...props} act="refuse" verb="Refuse" done="Refused" says="The case is closed, and the lease goes on as signed." isDanger />
    case 'withdraw':
      return <Why {...props} act="withdraw" verb="Withdraw" done="Withdrawn" says="The lease goes on as signed, and the case is closed for good." />
    case 'accept_cure':
      return <Why {...props} act="accept-cure" verb="Accept the plan" done="Accepted" says="The case ends as cured. The lease goes on as signed, and nothing is paid." />
    case 'reject_cure':
      return <Why {...props} act="reject-cure" verb="Reject the plan" done="Rejected" says={`The notice goes on${one.deadline ? ` to ${utcMinute(one.deadline)}` : ''}, and another plan may be filed until the cure window is over.`} isDanger />
    case 'acknowledge':
      return <Acknowledge {...props} />
    case 'respond':
      return <Answer {...props} act="respond" verb="Respond" label="Your answer" done="Answered" />
    case 'appeal':
      return <Answer {...props} act="appeal" verb="Appeal" label="Why the case does not stand" done="Appealed" />
    case 'cure':
      return <Cure {...props} />
    case 'leave':
      return <Leave {...props} />
    case 'decide':
      return <Decide {...props} />
  }
}

/** What a notice sets going, in numbers. */
function served(one: CaseView): ReactNode {
  const when = <strong>{one.deadline ? utcMinute(one.deadline) : 'the deadline'}</strong>
  const paid = one.money_preview && money(one.money_preview.compensation, one.currency)
  if (one.action === 'warn') return <>{sentence(partyInWords(respondentOf(one)))} is told now, and the warning is on record from {when} on. The lease does not change.</>
  if (one.action === 'suspend') return <>The tenant is told now, and kept out from {when} until {utcMinute(one.until)}.</>
  return (
    <>
      The tenant is told now. {one.action === 'partial' ? count(one.units, 'unit') : 'All units'} return to the market on {when} at the latest, and the tenant is paid <strong>{paid ?? 'what the clause says'}</strong>.
    </>
  )
}

type PlainProps = ActProps & { act: 'submit' | 'suspend-at-once' | 'serve'; verb: string; done: string; isDanger?: boolean; children: ReactNode }

/** An act that asks for nothing but to be confirmed. */
function Plain({ one, isNext, act, verb, done, isDanger, children }: PlainProps) {
  const run = api.useMutation('post', `/v1/reclaim-cases/{id}/${act}`, { meta: { done } })
  return (
    <ActDialog verb={verb} title={verb} reason={one.cannot[act.replaceAll('-', '_')]} isPrimary={isNext} isDanger={isDanger} busy={run.isPending} onDo={() => run.mutateAsync({ ...path(one), body: {} })}>
      <div>{children}</div>
      <Refused error={run.error} />
    </ActDialog>
  )
}

function Approve({ one, isNext }: ActProps) {
  const me = useMe()
  const isRatified = one.state === 'suspended'
  const verb = isRatified ? 'Ratify' : 'Approve'
  const role = me?.staff_role ?? (me?.role ? `provider ${me.role}` : undefined)
  const run = api.useMutation('post', '/v1/reclaim-cases/{id}/approve', { meta: { done: isRatified ? 'Ratified' : 'Approved' } })
  return (
    <ActDialog verb={verb} title={`${verb} the ${words(one.action)} case`} reason={one.cannot.approve} isPrimary={isNext} busy={run.isPending} onDo={() => run.mutateAsync({ ...path(one), body: {} })}>
      <div>
        You stand for it{role && <>, as {role},</>} that the clause is met: {one.clause_in_words}. You have {count(one.evidence.length, 'piece')} of evidence.{' '}
        {one.money_preview && Number(one.money_preview.compensation) > 0 && (
          <>
            Executed on {utcMinute(one.money_preview.effective_at)}, it would pay the tenant <strong>{money(one.money_preview.compensation, one.currency)}</strong>.
          </>
        )}
      </div>
      <Refused error={run.error} />
    </ActDialog>
  )
}

type WhyProps = ActProps & { act: 'refuse' | 'withdraw' | 'accept-cure' | 'reject-cure'; verb: string; done: string; says: string; isDanger?: boolean }

/** An act that wants a reason. */
function Why({ one, isNext, act, verb, done, says, isDanger }: WhyProps) {
  const [reason, setReason] = useState('')
  const run = api.useMutation('post', `/v1/reclaim-cases/{id}/${act}`, { meta: { done } })
  return (
    <ActDialog
      verb={verb}
      title={act === 'refuse' || act === 'withdraw' ? `${verb} the case` : verb}
      reason={one.cannot[act.replaceAll('-', '_')]}
      isDanger={isDanger}
      isPrimary={isNext}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ ...path(one), body: { reason } })}
    >
      <span>{says}</span>
      <Words name="reason" label="Reason" description="Everybody in the case reads it" value={reason} onChange={setReason} error={run.error} />
    </ActDialog>
  )
}

/** The appeal, by somebody who took no part. */
function Decide({ one, isNext }: ActProps) {
  const [verdict, setVerdict] = useState<'uphold' | 'dismiss'>('dismiss')
  const [reason, setReason] = useState('')
  const run = api.useMutation('post', '/v1/reclaim-cases/{id}/decide', { meta: { done: 'Decided' } })
  return (
    <ActDialog
      verb="Decide the appeal"
      title="Decide the appeal"
      reason={one.cannot.decide}
      isPrimary={isNext}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ ...path(one), body: { verdict, reason } })}
    >
      {one.appeal && <blockquote className="quoted">{one.appeal.text}</blockquote>}
      <SegmentedControl
        aria-label="What the appeal comes to"
        value={verdict}
        onChange={(verdict) => setVerdict(verdict === 'uphold' ? 'uphold' : 'dismiss')}
        data={[
          { value: 'dismiss', label: 'Dismiss: the case goes on' },
          { value: 'uphold', label: 'Uphold: it is overturned' },
        ]}
      />
      <span>
        {verdict === 'uphold'
          ? `The case is overturned for good; ${one.executed_at ? 'all that it cost the tenant is given back' : 'the lease goes on as signed'}.`
          : one.state === 'stayed'
            ? 'The notice goes on; the deadline moves by the time that the decision took.'
            : 'What was done stands.'}
      </span>
      <Words name="reason" label="Reason" description="Everybody in the case reads it" value={reason} onChange={setReason} error={run.error} />
    </ActDialog>
  )
}
