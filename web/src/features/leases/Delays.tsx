import { api, type Schemas } from '../../api/client'
import { money, number, rate } from '../../lib/format'
import { duration, secondsBetween, useNow, utcMinute } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Tag, Time } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import { Note } from '../../ui/States'

type Props = { lease: Schemas['LeaseWithUnits']; side: 'tenant' | 'provider' | 'staff' }

/** Units come late: until when it waits, and that one may leave free of charge. */
export function Delayed({ lease, side }: Props) {
  const at = useNow()
  if (!lease.delayed_until) return null
  const left = secondsBetween(at, lease.delayed_until)
  return (
    <Note tone="wait">
      <strong>
        Delayed: some of its units come only on {utcMinute(lease.delayed_until)}
        {left > 0 && `, in ${duration(left)}`}.
      </strong>{' '}
      {side === 'tenant' ? 'Until they are there you may leave free of charge, and the time without them earns credit.' : 'Until they are there the tenant may leave free of charge, and is credited for the time without them.'}
    </Note>
  )
}

/** What was delivered late, and what it earns. */
export function Delays({ id }: { id: string }) {
  const at = useNow()
  const delays = api.useQuery('get', '/v1/leases/{id}/delays', { params: { path: { id } } })
  const items = delays.data?.items ?? []
  const [first] = items
  if (!first) return null
  const credited = items.reduce((sum, { credit }) => sum + Number(credit ?? 0), 0)
  return (
    <Panel flush title="Late deliveries" aside={credited > 0 && <span className="dim">credited so far: {money(credited.toFixed(2), first.currency)}</span>}>
      <DataTable
        label="Late deliveries"
        rows={items}
        id={({ id }) => id}
        empty=""
        columns={[
          { head: 'GPUs', cell: ({ gpus }) => number(gpus), isNumber: true },
          { head: 'Due', cell: ({ starts_at }) => <Time at={starts_at} only="day" />, by: ({ starts_at }) => starts_at },
          { head: 'Expected', cell: ({ expected_at, ended_at }) => (ended_at ? <Tag tone="run">there</Tag> : <Time at={expected_at} only="day" />) },
          { head: 'Late by', cell: ({ starts_at, ended_at }) => duration(Math.max(0, secondsBetween(starts_at, ended_at ?? at))), isNumber: true },
          {
            head: 'Credit',
            cell: ({ credit, price, currency, rate_per_gpu_hour }) => (
              <span title={`${rate(rate_per_gpu_hour, currency)} per GPU-hour`}>{credit ? money(credit, currency) : `${money(price, currency)} so far`}</span>
            ),
            isNumber: true,
          },
        ]}
      />
    </Panel>
  )
}
