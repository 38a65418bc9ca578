import { NumberInput, Select, Switch, Textarea } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useDebouncedValue } from '@mantine/hooks'
import { type ReactNode, useState } from 'react'
import { api, rehearsal, type Schemas } from '../../api/client'
import { count, money, number } from '../../lib/format'
import { addDays, instantOf, localOf, now, period, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Facts } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { Loading, Note } from '../../ui/States'
import { peakOf } from './schedule'

type LeaseView = Schemas['LeaseWithUnits']
type Props = { lease: LeaseView }

const path = (lease: LeaseView) => ({ params: { path: { id: lease.id } } })

export function Reason({ value, onChange, label = 'Reason' }: { value: string; onChange: (value: string) => void; label?: string }) {
  return <Textarea label={label} description="The other side reads it" required autosize minRows={2} maxLength={2000} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
}

/** What the lease would be after an act, beside what it is. */
function Consequences({ lease, after, error }: { lease: LeaseView; after: Schemas['LeaseView'] | undefined; error: unknown }): ReactNode {
  if (error) return <Refused error={error} />
  if (!after) return <Loading rows={2} />
  const more = (Number(after.price) - Number(lease.price)).toFixed(2)
  return (
    <Facts
      of={{
        'GPUs at most': `${number(peakOf(lease.schedule))} → ${number(peakOf(after.schedule))}`,
        Period: period(after.starts_at, after.ends_at),
        'Price of the lease': `${money(lease.price, lease.currency)} → ${money(after.price, lease.currency)}`,
        [Number(more) < 0 ? 'Given back to you' : 'To pay in addition']: <strong>{money(more.replace('-', ''), lease.currency)}</strong>,
      }}
    />
  )
}

export function Extend({ lease }: Props) {
  const [isOpen, setOpen] = useState(false)
  const [ends_at, setEnd] = useState(() => addDays(lease.ends_at, 30))
  const [accept_other_units, setAccept] = useState(false)
  const [body] = useDebouncedValue({ ends_at, accept_other_units }, 250)
  const after = api.useQuery('post', '/v1/leases/{id}/extend', { ...path(lease), body, ...rehearsal }, { enabled: isOpen, retry: false })
  const extend = api.useMutation('post', '/v1/leases/{id}/extend', { meta: { done: 'Extended' } })
  return (
    <ActDialog
      verb="Extend"
      title="Keep the lease longer"
      reason={lease.cannot.extend}
      blocked={after.isError ? 'it cannot be extended like this' : undefined}
      busy={extend.isPending}
      onOpen={() => setOpen(true)}
      onDo={() => extend.mutateAsync({ ...path(lease), body: { ends_at, accept_other_units } })}
    >
      <DateTimePicker label="New end" valueFormat="D MMM YYYY HH:mm" minDate={localOf(lease.ends_at)} value={localOf(ends_at)} onChange={(at) => at && setEnd(instantOf(at))} />
      <Switch label="Other units will do where these are taken" checked={accept_other_units} onChange={({ currentTarget }) => setAccept(currentTarget.checked)} />
      <Consequences lease={lease} after={after.data} error={after.error} />
      <Refused error={extend.error} />
    </ActDialog>
  )
}

export function Shrink({ lease }: Props) {
  const [isOpen, setOpen] = useState(false)
  const lines = lease.schedule.filter(({ ends_at }) => Date.parse(ends_at) > now())
  const [tranche_id, setTranche] = useState(lines[0]?.id ?? '')
  const line = lines.find(({ id }) => id === tranche_id)
  const perUnit = line ? line.gpus / line.units : 1
  const [gpus, setGpus] = useState(perUnit)
  const [body] = useDebouncedValue({ tranche_id, gpus }, 250)
  const after = api.useQuery('post', '/v1/leases/{id}/shrink', { ...path(lease), body, ...rehearsal }, { enabled: isOpen && gpus > 0, retry: false })
  const shrink = api.useMutation('post', '/v1/leases/{id}/shrink', { meta: { done: 'Given back' } })
  return (
    <ActDialog
      verb="Shrink"
      title="Give part of the lease back"
      reason={lease.cannot.shrink}
      blocked={after.isError ? 'it cannot be given back like this' : undefined}
      busy={shrink.isPending}
      isDanger
      onOpen={() => setOpen(true)}
      onDo={() => shrink.mutateAsync({ ...path(lease), body: { tranche_id, gpus } })}
    >
      {lines.length > 1 && (
        <Select
          label="Tranche"
          allowDeselect={false}
          value={tranche_id}
          onChange={(id) => id && setTranche(id)}
          data={lines.map((line) => ({ value: line.id, label: `${number(line.gpus)} GPUs, ${period(line.starts_at, line.ends_at)}` }))}
        />
      )}
      <NumberInput label="GPUs to give back" description={`Whole units of ${number(perUnit)}`} min={perUnit} max={line?.gpus} step={perUnit} allowDecimal={false} value={gpus} onChange={(gpus) => setGpus(Number(gpus))} />
      <Consequences lease={lease} after={after.data} error={after.error} />
      <Refused error={shrink.error} />
    </ActDialog>
  )
}

/** The cost first, then the act with that cost. */
export function Cancel({ lease, verb, act }: Props & { verb: string; act: 'cancel' | 'end' }) {
  const [reason, setReason] = useState('')
  const quote = api.useMutation('post', '/v1/leases/{id}/cancellation-quote', { meta: { isLook: true } })
  const cancel = api.useMutation('post', act === 'end' ? '/v1/leases/{id}/end' : '/v1/leases/{id}/cancel', { meta: { done: act === 'end' ? 'Ended' : 'Cancelled' } })
  const units = lease.schedule.reduce((sum, { units }) => Math.max(sum, units), 0)
  return (
    <ActDialog
      verb={verb}
      title={act === 'end' ? 'End the lease now' : 'Give the lease up before it begins'}
      reason={lease.cannot[act]}
      blocked={!quote.data ? 'what it costs is not known yet' : !reason.trim() ? 'say why' : undefined}
      isDanger
      busy={cancel.isPending}
      onOpen={() => quote.mutate(path(lease))}
      onDo={() => cancel.mutateAsync({ ...path(lease), body: { cancellation_quote_id: quote.data?.id, reason } })}
    >
      {quote.isPending && <Loading rows={2} />}
      <Refused error={quote.error} />
      {quote.data && (
        <>
          <Note tone="wait">
            {Number(quote.data.charge) === 0 && <strong>It is free of charge. </strong>}
            Up to {count(units, 'unit')} return to the market on {utcMinute(quote.data.effective_at)}; you are refunded <strong>{money(quote.data.refund, quote.data.currency)}</strong> and owe{' '}
            <strong>{money(quote.data.charge, quote.data.currency)}</strong> of what you give back.
          </Note>
          <span className="faint">This cost stands until {utcMinute(quote.data.expires_at)}.</span>
        </>
      )}
      <Reason value={reason} onChange={setReason} />
      <Refused error={cancel.error} />
    </ActDialog>
  )
}

export function Approve({ lease }: Props) {
  const approve = api.useMutation('post', '/v1/leases/{id}/approve', { meta: { done: 'Approved' } })
  return (
    <ActDialog verb="Approve" title="Let the tenant in" reason={lease.cannot.approve} isPrimary busy={approve.isPending} onDo={() => approve.mutateAsync(path(lease))}>
      <span>
        {lease.tenant.name} gets {count(peakOf(lease.schedule), 'GPU')} for {period(lease.starts_at, lease.ends_at)} and owes you <strong>{money(lease.price, lease.currency)}</strong>.
      </span>
      <Refused error={approve.error} />
    </ActDialog>
  )
}

export function Reject({ lease }: Props) {
  const [reason, setReason] = useState('')
  const reject = api.useMutation('post', '/v1/leases/{id}/reject', { meta: { done: 'Rejected' } })
  return (
    <ActDialog verb="Reject" title="Do not let the tenant in" reason={lease.cannot.reject} isDanger blocked={reason.trim() ? undefined : 'say why'} busy={reject.isPending} onDo={() => reject.mutateAsync({ ...path(lease), body: { reason } })}>
      <span>The capacity held for {lease.tenant.name} returns to the market, and it reads your reason.</span>
      <Reason value={reason} onChange={setReason} />
      <Refused error={reject.error} />
    </ActDialog>
  )
}
