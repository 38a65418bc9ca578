import { DateTimePicker } from '@mantine/dates'
import { useState } from 'react'
import { api, rehearsal } from '../../api/client'
import { fieldErrors } from '../../lib/problem'
import { money } from '../../lib/format'
import { addDays, DAY, instantOf, localOf, now, secondsOf, spanInWords, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Facts } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { Loading, Note } from '../../ui/States'
import { type ActProps, path } from './acts'
import type { CaseView } from './case'
import { Words } from './Words'

/** Whoever answers has read the notice. */
function Begins({ one }: { one: CaseView }) {
  if (one.read_at || !one.served_at) return null
  return (
    <Note tone="wait">
      Nobody of you has acknowledged the notice yet. This counts as reading it: its {spanInWords(one.clause.notice)} begin now.
    </Note>
  )
}

/** The window begins; what that means is asked of the server first. */
export function Acknowledge({ one, isNext }: ActProps) {
  const [isOpen, setOpen] = useState(false)
  const after = api.useQuery('post', '/v1/reclaim-cases/{id}/acknowledge', { ...path(one), body: {}, ...rehearsal }, { enabled: isOpen, retry: false })
  const run = api.useMutation('post', '/v1/reclaim-cases/{id}/acknowledge', { meta: { done: 'Acknowledged; the window has begun' } })
  return (
    <ActDialog verb="Acknowledge" title="Say that you have read the notice" reason={one.cannot.acknowledge} isPrimary={isNext} busy={run.isPending} onOpen={() => setOpen(true)} onDo={() => run.mutateAsync({ ...path(one), body: {} })}>
      <span>It agrees to nothing. The window of {spanInWords(one.clause.notice)} begins now; unread, it would begin on {one.window ? utcMinute(one.window.deemed_read_at) : 'the day it counts as read'}.</span>
      {after.isPending && isOpen && <Loading rows={2} />}
      {after.data && (
        <Facts
          of={{
            'Takes effect': after.data.deadline && utcMinute(after.data.deadline),
            'Instead of at the latest': one.deadline && utcMinute(one.deadline),
            'Plan to put it right until': after.data.window?.cure_until && utcMinute(after.data.window.cure_until),
            'Appeal until': after.data.window?.appeal_until && utcMinute(after.data.window.appeal_until),
          }}
        />
      )}
      <Refused error={run.error ?? after.error} />
    </ActDialog>
  )
}

type AnswerProps = ActProps & { act: 'respond' | 'appeal'; verb: string; label: string; done: string }

/** An answer in words. */
export function Answer({ one, isNext, act, verb, label, done }: AnswerProps) {
  const [text, setText] = useState('')
  const run = api.useMutation('post', `/v1/reclaim-cases/{id}/${act}`, { meta: { done } })
  const submit = async () => {
    await run.mutateAsync({ ...path(one), body: { text } })
    setText('')
  }
  return (
    <ActDialog verb={verb} title={act === 'appeal' ? 'Appeal, once' : 'Answer the notice'} reason={one.cannot[act]} isPrimary={isNext} blocked={text.trim() ? undefined : 'write it first'} busy={run.isPending} onDo={submit}>
      <Begins one={one} />
      {act === 'appeal' && (
        <span>
          Somebody who took no part decides within 14 days; undecided, you have won. {one.clause.appeal?.stays ? 'Until then nothing is executed.' : 'The execution does not wait for it; upheld, all that it cost you comes back.'}
        </span>
      )}
      <Words name="text" label={label} description="Everybody in the case reads it" value={text} onChange={setText} error={run.error} />
    </ActDialog>
  )
}

/** How it will be put right, and by when. */
export function Cure({ one, isNext }: ActProps) {
  const latest = addDays(now(), secondsOf(one.clause.cure ?? 'P0D') / DAY)
  const [plan, setPlan] = useState('')
  const [done_by, setDone] = useState<string>()
  const run = api.useMutation('post', '/v1/reclaim-cases/{id}/cure', { meta: { done: 'Plan filed' } })
  const wrong = fieldErrors(run.error)
  return (
    <ActDialog
      verb="Propose a plan"
      title="Say how you put it right"
      reason={one.cannot.cure}
      isPrimary={isNext}
      blocked={plan.trim() ? undefined : 'write the plan first'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ ...path(one), body: { plan, done_by: done_by ?? null } })}
    >
      <Begins one={one} />
      <span>The other side accepts it, and the case is over; or rejects it with a reason, and the notice goes on. Until then, and until your date, nothing is executed.</span>
      <Words name="plan" label="Your plan" description="Everybody in the case reads it" value={plan} onChange={setPlan} error={run.error} />
      <DateTimePicker
        label="Done by"
        description={`As late as the clause allows, ${utcMinute(latest)}, if you leave it out`}
        clearable
        clearButtonProps={{ 'aria-label': 'Leave the date out' }}
        valueFormat="D MMM YYYY HH:mm"
        minDate={localOf(now())}
        maxDate={localOf(latest)}
        value={done_by ? localOf(done_by) : null}
        error={wrong.done_by}
        onChange={(at) => setDone(at ? instantOf(at) : undefined)}
      />
    </ActDialog>
  )
}

/** The lease given up while the notice runs, at no charge; the cost is shown first all the same. */
export function Leave({ one }: ActProps) {
  const [reason, setReason] = useState('')
  const lease = { params: { path: { id: one.lease_id } } }
  const found = api.useQuery('get', '/v1/leases/{id}', lease).data
  const quote = api.useMutation('post', '/v1/leases/{id}/cancellation-quote', { meta: { isLook: true } })
  const end = api.useMutation('post', found?.status === 'scheduled' ? '/v1/leases/{id}/cancel' : '/v1/leases/{id}/end', { meta: { done: 'The lease has ended' } })
  return (
    <ActDialog
      verb="Leave early"
      title="Give the lease up now"
      reason={found?.cannot[found.status === 'scheduled' ? 'cancel' : 'end']}
      isDanger
      blocked={!quote.data ? 'what it costs is not known yet' : !reason.trim() ? 'say why' : undefined}
      busy={end.isPending}
      onOpen={() => quote.mutate(lease)}
      onDo={() => end.mutateAsync({ ...lease, body: { cancellation_quote_id: quote.data?.id, reason } })}
    >
      {quote.isPending && <Loading rows={2} />}
      <Refused error={quote.error} />
      {quote.data && (
        <Note tone="wait">
          All units return to the market on {utcMinute(quote.data.effective_at)}. You are refunded <strong>{money(quote.data.refund, quote.data.currency)}</strong> and owe <strong>{money(quote.data.charge, quote.data.currency)}</strong> of what you give back. The case ends with the lease.
        </Note>
      )}
      <Words name="reason" label="Reason" description="The other side reads it" value={reason} onChange={setReason} error={end.error} />
    </ActDialog>
  )
}
