import { NumberInput, Select } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useAccelerators, useCurrency } from '../../api/hooks'
import { count } from '../../lib/format'
import { fieldErrors } from '../../lib/problem'
import { addDays, instantOf, localOf, nextHour, now, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'
import { Note } from '../../ui/States'
import { amount, type Dimension, DIMENSIONS, limitText, nameOf, overrideAt, type Quota, typed, typedIn } from './words'
import { Why } from './Why'

const picker = { valueFormat: 'D MMM YYYY HH:mm', clearable: true } as const
const kept = <Note tone="none">Lowering it below what is booked takes nothing away; it refuses what would be booked from now on.</Note>

type SetProps = { projects: Schemas['Project'][]; organizations: Schemas['Organization'][]; isStaff: boolean; reason?: string }

/** A limit for an organization, for whoever is of one standing, or for a project. */
export function SetQuota({ projects, organizations, isStaff, reason: cannot }: SetProps) {
  const accelerators = useAccelerators()
  const currency = useCurrency()
  const [target, setTarget] = useState<string | null>(null)
  const [dimension, setDimension] = useState<Dimension>('concurrent_gpus')
  const [accelerator, setAccelerator] = useState<string | null>(null)
  const [limit, setLimit] = useState('')
  const [share, setShare] = useState('')
  const [until, setUntil] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const set = api.useMutation('post', '/v1/quotas', { meta: { done: 'Set' } })
  const wrong = fieldErrors(set.error)
  const isDefault = target === 'verified' || target === 'unverified'
  const body = {
    dimension,
    reason,
    accelerator: accelerator ?? undefined,
    valid_until: until && instantOf(until),
    ...(!isStaff ? { project_id: target } : isDefault ? { verification: target } : { organization_id: target }),
    ...(share ? { share: String(Number(share) / 100) } : { limit: limitText(dimension, limit) }),
  } as Schemas['QuotaBody']
  const whom = isStaff
    ? [
        { group: 'By default', items: [{ value: 'verified', label: 'Whoever is verified' }, { value: 'unverified', label: 'Whoever is unverified' }] },
        { group: 'Organizations', items: organizations.map(({ id, name }) => ({ value: id, label: name })) },
      ]
    : projects.map(({ id, name }) => ({ value: id, label: name }))
  return (
    <ActDialog
      verb={isStaff ? 'Set a quota' : 'Limit a project'}
      title={isStaff ? 'Set a quota' : 'Limit a project, or give it a share'}
      reason={cannot ?? (!isStaff && projects.length === 0 ? 'make a project first, under Organization' : undefined)}
      blocked={!target ? 'say for whom' : !limit && !share ? 'say how much' : !reason.trim() ? 'say why' : undefined}
      busy={set.isPending}
      isPrimary={isStaff}
      onDo={() => set.mutateAsync({ body })}
    >
      <Select label={isStaff ? 'For' : 'Project'} searchable data={whom} value={target} onChange={setTarget} error={wrong.organization_id ?? wrong.project_id} />
      <div className="acts fields">
        <Select label="Limits" allowDeselect={false} data={Object.entries(DIMENSIONS).map(([value, label]) => ({ value, label }))} value={dimension} onChange={(value) => value && setDimension(value as Dimension)} />
        <Select label="Only of" placeholder="all accelerators" clearable clearButtonProps={{ 'aria-label': 'Of all accelerators' }} searchable data={accelerators.items.map(({ id }) => ({ value: id, label: accelerators.name(id) }))} value={accelerator} onChange={setAccelerator} error={wrong.accelerator} />
      </div>
      <div className="acts fields">
        <NumberInput label={`To, ${typedIn(dimension, UNITS[dimension], currency)}`} min={0} disabled={Boolean(share)} value={limit} onChange={(value) => setLimit(String(value))} error={wrong.limit} />
        {!isStaff && <NumberInput label="or a share, % of what is held" min={0} max={100} value={share} onChange={(value) => setShare(String(value))} error={wrong.share} />}
        <DateTimePicker label="Until" placeholder="for good" {...picker} clearButtonProps={{ 'aria-label': 'For good' }} value={until} onChange={setUntil} error={wrong.valid_until} />
      </div>
      {kept}
      <Why value={reason} onChange={setReason} />
      <Refused error={set.error} />
    </ActDialog>
  )
}

const UNITS: Record<Dimension, string> = { concurrent_gpus: 'GPUs', concurrent_mw: 'MW', gpu_hours_per_month: 'GPU-hours', spend_per_month: '', longest_lease: '', open_requests: 'requests' }

type Props = { quota: Quota; reason?: string }

/** Another number for good. */
export function ChangeLimit({ quota, reason: cannot }: Props) {
  const currency = useCurrency()
  const [limit, setLimit] = useState(typed(quota.limit ?? ''))
  const [share, setShare] = useState(quota.share ? String(Number(quota.share) * 100) : '')
  const [reason, setReason] = useState('')
  const set = api.useMutation('post', '/v1/quotas', { meta: { done: 'Changed' } })
  const { dimension, accelerator, site_id, project_id, verification, organization_id } = quota
  const whose = project_id ? { project_id } : verification ? { verification } : { organization_id }
  const what = quota.share ? { share: String(Number(share) / 100) } : { limit: limitText(dimension, limit) }
  const body = { dimension, accelerator, site_id, ...whose, ...what, valid_until: quota.valid_until, reason }
  return (
    <ActDialog verb="Change" title={`Change ${nameOf(quota)}`} reason={cannot} blocked={!(quota.share ? share : limit) ? 'say how much' : !reason.trim() ? 'say why' : undefined} busy={set.isPending} onDo={() => set.mutateAsync({ body })}>
      {quota.share ? (
        <NumberInput label="Share, % of what is held" min={0} max={100} value={share} onChange={(value) => setShare(String(value))} error={fieldErrors(set.error).share} />
      ) : (
        <NumberInput label={`To, ${typedIn(dimension, quota.unit, currency)}`} min={0} value={limit} onChange={(value) => setLimit(String(value))} error={fieldErrors(set.error).limit} />
      )}
      {kept}
      <Why value={reason} onChange={setReason} />
      <Refused error={set.error} />
    </ActDialog>
  )
}

/** Another number for a period; afterwards the quota restores itself. */
export function Override({ quota, reason: cannot }: Props) {
  const currency = useCurrency()
  const [limit, setLimit] = useState(typed(quota.limit ?? ''))
  const [starts, setStarts] = useState<string | null>(null)
  const [ends, setEnds] = useState(() => localOf(nextHour(Date.parse(addDays(now(), 30)))))
  const [reason, setReason] = useState('')
  const override = api.useMutation('post', '/v1/quotas/{id}/override', { meta: { done: 'It stands for a while, and restores itself' } })
  const wrong = fieldErrors(override.error)
  const body = { limit: limitText(quota.dimension, limit), starts_at: starts && instantOf(starts), ends_at: instantOf(ends), reason }
  return (
    <ActDialog
      verb="Override for a while"
      title={`Another limit for a while: ${nameOf(quota)}`}
      reason={cannot ?? (quota.limit ? undefined : 'it is a share; change it instead')}
      blocked={!limit ? 'say how much' : !reason.trim() ? 'say why' : undefined}
      busy={override.isPending}
      onDo={() => override.mutateAsync({ params: { path: { id: quota.id } }, body })}
    >
      <NumberInput label={`To, ${typedIn(quota.dimension, quota.unit, currency)}`} min={0} value={limit} onChange={(value) => setLimit(String(value))} error={wrong.limit} />
      <div className="acts fields">
        <DateTimePicker label="From" placeholder="now" {...picker} clearButtonProps={{ 'aria-label': 'From now on' }} value={starts} onChange={setStarts} error={wrong.starts_at} />
        <DateTimePicker label="Until" valueFormat={picker.valueFormat} value={ends} onChange={(at) => at && setEnds(at)} error={wrong.ends_at} />
      </div>
      {limit && (
        <Note tone="sched">
          {amount(body.limit, quota, currency)} until {utcMinute(body.ends_at)}; then {amount(quota.limit ?? '0', quota, currency)} again, by itself.
        </Note>
      )}
      <Why value={reason} onChange={setReason} />
      <Refused error={override.error} />
    </ActDialog>
  )
}

export function Restore({ quota, reason: cannot }: Props) {
  const currency = useCurrency()
  const [reason, setReason] = useState('')
  const restore = api.useMutation('post', '/v1/quotas/{id}/restore', { meta: { done: 'Restored' } })
  const { now: standing, next } = overrideAt(quota, now())
  const many = quota.overrides.filter(({ ends_at }) => Date.parse(ends_at) > now()).length
  return (
    <ActDialog
      verb="Restore"
      title="End the overrides now"
      reason={cannot ?? (standing || next ? undefined : 'nothing overrides it')}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={restore.isPending}
      onDo={() => restore.mutateAsync({ params: { path: { id: quota.id } }, body: { reason } })}
    >
      <span>
        {count(many, 'override')} {many === 1 ? 'ends' : 'end'}, those to come included; the limit is {amount(quota.limit ?? '0', quota, currency)} at once.
      </span>
      <Why value={reason} onChange={setReason} />
      <Refused error={restore.error} />
    </ActDialog>
  )
}

export function EndQuota({ quota, reason: cannot }: Props) {
  const currency = useCurrency()
  const [reason, setReason] = useState('')
  const end = api.useMutation('post', '/v1/quotas/{id}/end', { meta: { done: 'Lifted' } })
  return (
    <ActDialog verb="Lift" title={`Lift ${nameOf(quota)}`} reason={cannot} isDanger blocked={reason.trim() ? undefined : 'say why'} busy={end.isPending} onDo={() => end.mutateAsync({ params: { path: { id: quota.id } }, body: { reason } })}>
      <span>
        {quota.limit ? `${amount(quota.limit, quota, currency)} limits nobody any more` : 'The share limits nobody any more'}; where there is a default, that one stands again.
      </span>
      <Why value={reason} onChange={setReason} />
      <Refused error={end.error} />
    </ActDialog>
  )
}
