import { NumberInput, SegmentedControl, Select } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useDebouncedValue } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, rehearsal, type Schemas } from '../../api/client'
import { count, money, number, words } from '../../lib/format'
import { fieldErrors } from '../../lib/problem'
import { addDays, instantOf, localOf, now, period, spanInWords, spanOfDays, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Facts } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { Note } from '../../ui/States'
import { Reason } from './acts'

type LeaseView = Schemas['LeaseWithUnits']
type Action = Schemas['Action']

/** From mild to hard; a clause allows one of them and those before it. */
const ACTIONS: { value: Action; label: string }[] = [
  { value: 'warn', label: 'Warn' },
  { value: 'suspend', label: 'Suspend' },
  { value: 'partial', label: 'Take a part' },
  { value: 'full', label: 'Take all' },
]

const EMERGENCIES: string[] = ['harm.imminent', 'security.immediate']

/** For whom the units are kept that are taken back. */
function useOthers(lease: LeaseView) {
  const leases = api.useQuery('get', '/v1/leases', { params: { query: { provider: lease.provider.id, limit: 200 } } }).data?.items ?? []
  const tenants = new Map(leases.filter(({ tenant }) => tenant.id !== lease.tenant.id).map(({ tenant }) => [tenant.id, tenant.name]))
  return [{ value: lease.provider.id, label: `${lease.provider.name}, its own use` }, ...[...tenants].filter(([id]) => id !== lease.provider.id).map(([value, name]) => ({ value, label: `${name}, by a quote` }))]
}

/** Capacity taken back under a clause; what would follow is rehearsed before anything is written. */
export function OpenCase({ lease }: { lease: LeaseView }) {
  const go = useNavigate()
  const [isOpen, setOpen] = useState(false)
  const terms = api.useQuery('get', '/v1/reclaim-terms/{id}', { params: { path: { id: lease.terms_hash } } }, { staleTime: Infinity })
  const [place, setClause] = useState<string | null>(null)
  const clause = place === null ? undefined : terms.data?.clauses[Number(place)]
  const [wanted, setAction] = useState<Action>('full')
  const [tranche_id, setTranche] = useState(lease.schedule[0]?.id)
  const [units, setUnits] = useState(1)
  const [until, setUntil] = useState<string>()
  const [reserveFor, setReserve] = useState<string | null>(null)
  const [lasting, setLasting] = useState(7)
  const [reason, setReason] = useState('')

  const allowed = ACTIONS.slice(0, ACTIONS.findIndex(({ value }) => value === (clause?.action_max ?? 'full')) + 1)
  const action = allowed.some(({ value }) => value === wanted) ? wanted : (allowed.at(-1)?.value ?? 'full')
  const takes = action === 'partial' || action === 'full'
  const suspendedUntil = until ?? addDays(now(), 14)
  const body: Schemas['OpenCaseBody'] = {
    clause: place === null ? undefined : Number(place),
    action,
    reason,
    ...(action === 'partial' ? { tranche_id, units, until } : {}),
    ...(action === 'suspend' ? { until: suspendedUntil } : {}),
    ...(takes && reserveFor ? { reserve: { organization_id: reserveFor, lasting: spanOfDays(lasting) } } : {}),
  }
  const [asked] = useDebouncedValue({ ...body, reason: reason.trim() || 'to be said' }, 250)
  const path = { params: { path: { id: lease.id } } }
  const preview = api.useQuery('post', '/v1/leases/{id}/reclaim-cases', { ...path, body: asked, ...rehearsal }, { enabled: isOpen && place !== null, retry: false })
  const open = api.useMutation('post', '/v1/leases/{id}/reclaim-cases', { meta: { done: 'Drafted; nothing has been served yet' } })
  const submit = async () => {
    const opened = await open.mutateAsync({ ...path, body })
    await go({ to: '/reclaims/$id', params: { id: opened.id } })
  }
  const none = terms.data?.clauses.length === 0 ? 'its terms have no clause under which it could be taken back' : undefined
  const wrong = fieldErrors(preview.error ?? open.error)
  const others = useOthers(lease)
  return (
    <ActDialog
      verb="Open a reclaim case"
      title="Take capacity back, by the book"
      reason={none}
      isDanger
      blocked={place === null ? 'choose the clause' : !reason.trim() ? 'say why' : preview.isError ? 'the clause does not allow this' : undefined}
      busy={open.isPending}
      onOpen={() => setOpen(true)}
      onDo={submit}
    >
      <Select
        label="Under which clause of the terms as signed"
        value={place}
        onChange={setClause}
        data={terms.data?.clauses.map(({ ground }, index) => ({ value: String(index), label: `${ground}: ${terms.data?.in_words[index]}` }))}
      />
      <SegmentedControl aria-label="How far" value={action} onChange={(action) => setAction(action as Action)} data={allowed} />
      {action === 'warn' && <span className="dim">It goes on record, and the lease does not change.</span>}
      {action === 'partial' && (
        <>
          {lease.schedule.length > 1 && (
            <Select label="Tranche" allowDeselect={false} value={tranche_id} onChange={(id) => id && setTranche(id)} data={lease.schedule.map((line) => ({ value: line.id, label: `${number(line.gpus)} GPUs, ${period(line.starts_at, line.ends_at)}` }))} />
          )}
          <NumberInput
            label="Units"
            description={(clause?.partial_step ?? 1) > 1 ? `In steps of ${clause?.partial_step}` : undefined}
            min={1}
            step={clause?.partial_step ?? 1}
            max={lease.schedule.find(({ id }) => id === tranche_id)?.units}
            allowDecimal={false}
            value={units}
            error={wrong.units}
            onChange={(units) => setUnits(Number(units))}
          />
        </>
      )}
      {(action === 'partial' || action === 'suspend') && (
        <DateTimePicker
          label={action === 'suspend' ? 'The tenant is kept out until' : 'They return to the lease on'}
          description={action === 'suspend' ? undefined : 'Left out: not at all'}
          valueFormat="D MMM YYYY HH:mm"
          clearable={action === 'partial'}
          clearButtonProps={{ 'aria-label': 'Not at all' }}
          minDate={localOf(now())}
          value={action === 'suspend' ? localOf(suspendedUntil) : until ? localOf(until) : null}
          error={wrong.until}
          onChange={(at) => setUntil(at ? instantOf(at) : undefined)}
        />
      )}
      {takes && (
        <div className="acts fields">
          <Select label="Keep the units for" placeholder="the market: nobody in particular" clearable clearButtonProps={{ 'aria-label': 'For nobody in particular' }} searchable data={others} value={reserveFor} error={wrong.organization_id ?? wrong.reserve} onChange={setReserve} />
          {reserveFor && <NumberInput label="For days" maw={110} min={1} max={365} value={lasting} error={wrong.lasting} onChange={(days) => setLasting(Number(days))} />}
        </div>
      )}
      {clause && EMERGENCIES.includes(clause.ground) && action === 'suspend' && (
        <Note tone="wait">An emergency: once drafted, you may suspend at once. It is lifted by itself unless it is ratified within {spanInWords(clause.ratify_within ?? 'PT24H')}.</Note>
      )}
      {preview.data && (
        <Facts
          of={{
            'If served now, it takes effect on': preview.data.deadline && utcMinute(preview.data.deadline),
            'Units to go': takes && preview.data.units_to_go ? count(preview.data.units_to_go.reduce((sum, { first_unit, end_unit }) => sum + end_unit - first_unit, 0), 'unit') : undefined,
            'Price of the time taken back': preview.data.money_preview && action !== 'warn' && money(preview.data.money_preview.unused, preview.data.currency),
            'Owed to the tenant': preview.data.money_preview && <strong>{money(preview.data.money_preview.compensation, preview.data.currency)}</strong>,
            'Approvals needed': Object.entries(preview.data.approvals_missing).map(([role, many]) => `${many} ${words(role)}`).join(', ') || 'none',
            Evidence: clause?.evidence_required && 'needed before it can be submitted',
          }}
        />
      )}
      {place !== null && <Refused error={preview.error} />}
      <Reason value={reason} onChange={setReason} label="Reason, for the tenant to read" />
      <Refused error={open.error} />
    </ActDialog>
  )
}
