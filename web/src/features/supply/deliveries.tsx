import { NumberInput, Textarea } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useForm } from '@mantine/form'
import { api, type Schemas } from '../../api/client'
import { count } from '../../lib/format'
import { instantOf, localOf, nextHour, now } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { useProblem } from '../../ui/form'
import { Refused } from '../../ui/Loaded'

type Delivery = Schemas['Delivery']
type Props = { delivery: Delivery; reason?: string }

const unitsOf = ({ first_unit, end_unit }: Delivery) => count(end_unit - first_unit, 'unit')

export function AddDelivery({ pool, units, reason }: { pool: string; units: number; reason?: string }) {
  const add = api.useMutation('post', '/v1/pools/{id}/deliveries', { meta: { done: 'Planned' } })
  const form = useForm({ initialValues: { first_unit: 0, last: units - 1, usable_from: localOf(nextHour(now())) } })
  const general = useProblem(form, add.error, { end_unit: 'last' })
  const { first_unit, last, usable_from } = form.values
  return (
    <ActDialog
      verb="Plan a delivery"
      title="From when on units can be used"
      reason={reason}
      busy={add.isPending}
      onDo={() => add.mutateAsync({ params: { path: { id: pool } }, body: { first_unit, end_unit: last + 1, usable_from: instantOf(usable_from) } })}
    >
      <div className="acts" style={{ flexWrap: 'nowrap' }}>
        <NumberInput label="First unit" min={0} max={units - 1} {...form.getInputProps('first_unit')} />
        <NumberInput label="Last unit" min={0} max={units - 1} {...form.getInputProps('last')} />
      </div>
      <DateTimePicker label="Usable from" valueFormat="D MMM YYYY HH:mm" {...form.getInputProps('usable_from')} />
      <Refused error={general} />
    </ActDialog>
  )
}

export function Reschedule({ delivery, reason }: Props) {
  const reschedule = api.useMutation('post', '/v1/deliveries/{id}/reschedule', { meta: { done: 'Moved' } })
  const form = useForm({ initialValues: { usable_from: localOf(delivery.usable_from), reason: '' } })
  const general = useProblem(form, reschedule.error)
  const { usable_from, reason: why } = form.values
  return (
    <ActDialog
      verb="Move"
      title={`Another date for ${unitsOf(delivery)}`}
      reason={reason}
      isDanger
      blocked={why.trim() ? undefined : 'say why'}
      busy={reschedule.isPending}
      onDo={() => reschedule.mutateAsync({ params: { path: { id: delivery.id } }, body: { usable_from: instantOf(usable_from), reason: why } })}
    >
      <span>Tenants whose leases begin before the new date read the reason, and may leave free of charge.</span>
      <DateTimePicker label="Usable from" valueFormat="D MMM YYYY HH:mm" {...form.getInputProps('usable_from')} />
      <Textarea label="Reason" required maxLength={2000} autosize minRows={2} {...form.getInputProps('reason')} />
      <Refused error={general} />
    </ActDialog>
  )
}

export function AcceptDelivery({ delivery, reason }: Props) {
  const accept = api.useMutation('post', '/v1/deliveries/{id}/accept', { meta: { done: 'Accepted' } })
  return (
    <ActDialog verb="Accept" title={`${unitsOf(delivery)} are there`} reason={reason} isPrimary busy={accept.isPending} onDo={() => accept.mutateAsync({ params: { path: { id: delivery.id } }, body: {} })}>
      <span>{unitsOf(delivery)} count as delivered from now on.</span>
      <Refused error={accept.error} />
    </ActDialog>
  )
}
