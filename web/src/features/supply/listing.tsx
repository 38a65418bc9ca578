import { Autocomplete, NumberInput, Select, TextInput } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useForm } from '@mantine/form'
import { useNavigate } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { instantOf, localOf, nextHour, now } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { useProblem } from '../../ui/form'
import { Refused } from '../../ui/Loaded'

const STAGES: { value: Schemas['Stage']; label: string }[] = [
  { value: 'planned', label: 'Planned: interest only, nothing can be booked' },
  { value: 'commissioning', label: 'Commissioning: bookable from the delivery dates on' },
  { value: 'operational', label: 'Operational' },
  { value: 'retired', label: 'Retired' },
]

export function ListSite({ reason }: { reason?: string }) {
  const go = useNavigate()
  const list = api.useMutation('post', '/v1/sites', { meta: { done: 'Listed' } })
  const form = useForm({ initialValues: { name: '', kind: 'terrestrial' as Schemas['SiteKind'], country: '', orbit: '', power_mw: '', pue: '1.2', stage: 'operational' as Schemas['Stage'] } })
  const general = useProblem(form, list.error)
  const { country, orbit, kind, ...facts } = form.values
  const submit = async () => {
    const where = kind === 'orbital' ? { orbit: orbit || null } : { country: country.toUpperCase() || null }
    const site = await list.mutateAsync({ body: { ...facts, power_mw: String(facts.power_mw), pue: String(facts.pue), kind, ...where } })
    await go({ to: '/sites/$id', params: { id: site.id } })
  }
  return (
    <ActDialog verb="List a site" title="List a site" reason={reason} isPrimary busy={list.isPending} onDo={submit}>
      <TextInput label="Name" required {...form.getInputProps('name')} />
      <Select
        label="Kind"
        allowDeselect={false}
        data={[
          { value: 'terrestrial', label: 'On the ground' },
          { value: 'orbital', label: 'In orbit' },
        ]}
        {...form.getInputProps('kind')}
      />
      {kind === 'orbital' ? <TextInput label="Orbit" {...form.getInputProps('orbit')} /> : <TextInput label="Country" description="Two letters: US, NO" required maxLength={2} {...form.getInputProps('country')} />}
      <div className="acts" style={{ flexWrap: 'nowrap' }}>
        <NumberInput label="Power, MW" required min={0} {...form.getInputProps('power_mw')} />
        <NumberInput label="PUE" required min={1} step={0.01} {...form.getInputProps('pue')} />
      </div>
      <Select label="Stage" allowDeselect={false} data={STAGES} {...form.getInputProps('stage')} />
      <Refused error={general} />
    </ActDialog>
  )
}

export function ChangeSite({ site, reason }: { site: Schemas['Site']; reason?: string }) {
  const change = api.useMutation('patch', '/v1/sites/{id}', { meta: { done: 'Changed' } })
  const form = useForm({ initialValues: { name: site.name, power_mw: site.power_mw, pue: site.pue ?? '1', stage: site.stage ?? 'operational' } })
  const general = useProblem(form, change.error)
  const { name, power_mw, pue, stage } = form.values
  return (
    <ActDialog
      verb="Change"
      title={`Change ${site.name}`}
      reason={reason}
      busy={change.isPending}
      onDo={() => change.mutateAsync({ params: { path: { id: site.id } }, body: { name, power_mw: String(power_mw), pue: String(pue), stage } })}
    >
      <TextInput label="Name" required {...form.getInputProps('name')} />
      <div className="acts" style={{ flexWrap: 'nowrap' }}>
        <NumberInput label="Power, MW" required min={0} {...form.getInputProps('power_mw')} />
        <NumberInput label="PUE" required min={1} step={0.01} {...form.getInputProps('pue')} />
      </div>
      <Select label="Stage" allowDeselect={false} data={STAGES} {...form.getInputProps('stage')} />
      <Refused error={general} />
    </ActDialog>
  )
}

export function ListPool({ site, reason }: { site: string; reason?: string }) {
  const go = useNavigate()
  const accelerators = useAccelerators()
  const list = api.useMutation('post', '/v1/pools', { meta: { done: 'Listed' } })
  const form = useForm({ initialValues: { name: '', accelerator: '', units: 64, gpus_per_unit: 8, kw_per_unit: '10', units_per_island: 64, usable_from: localOf(nextHour(now())) } })
  const general = useProblem(form, list.error)
  const submit = async () => {
    const { kw_per_unit, usable_from, ...facts } = form.values
    const pool = await list.mutateAsync({ body: { ...facts, site_id: site, kw_per_unit: String(kw_per_unit), usable_from: usable_from ? instantOf(usable_from) : null } })
    await go({ to: '/pools/$id', params: { id: pool.id } })
  }
  return (
    <ActDialog verb="List a pool" title="List a pool of identical hardware" reason={reason} isPrimary busy={list.isPending} onDo={submit}>
      <TextInput label="Name" required {...form.getInputProps('name')} />
      <Autocomplete label="Accelerator" description="From the catalogue, by id" required data={accelerators.items.map(({ id }) => id)} {...form.getInputProps('accelerator')} />
      <div className="acts" style={{ flexWrap: 'nowrap' }}>
        <NumberInput label="Units" required min={1} allowDecimal={false} {...form.getInputProps('units')} />
        <NumberInput label="GPUs of a unit" required min={1} allowDecimal={false} {...form.getInputProps('gpus_per_unit')} />
      </div>
      <div className="acts" style={{ flexWrap: 'nowrap' }}>
        <NumberInput label="kW of a unit" required min={0} {...form.getInputProps('kw_per_unit')} />
        <NumberInput label="Units of an island" min={1} allowDecimal={false} {...form.getInputProps('units_per_island')} />
      </div>
      <DateTimePicker label="All usable from" description="Empty: plan deliveries later" clearable clearButtonProps={{ 'aria-label': 'Plan deliveries later' }} valueFormat="D MMM YYYY HH:mm" {...form.getInputProps('usable_from')} />
      <Refused error={general} />
    </ActDialog>
  )
}
