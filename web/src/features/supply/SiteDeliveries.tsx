import { useQueries } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { number } from '../../lib/format'
import { sumOf } from '../../lib/steps'
import { addDays, now } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { State, Time } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import { Steps } from '../../ui/Steps'

const EVER = '9999-01-01T00:00:00Z'

/** What is delivered when, at a whole site: GPUs that can be used over time, and every delivery. */
export function SiteDeliveries({ pools }: { pools: Schemas['Pool'][] }) {
  const [at] = useState(now)
  const found = useQueries({ queries: pools.map(({ id }) => api.queryOptions('get', '/v1/pools/{id}/deliveries', { params: { path: { id }, query: { limit: 200 } } })) })
  const rows = found
    .flatMap(({ data }, index) => (data?.items ?? []).map((delivery) => ({ ...delivery, pool: pools[index] })))
    .map((delivery) => ({ ...delivery, gpus: (delivery.end_unit - delivery.first_unit) * (delivery.pool?.gpus_per_unit ?? 1) }))
    .toSorted((a, b) => (a.usable_from < b.usable_from ? -1 : 1))
  const dates = rows.map(({ usable_from }) => Date.parse(usable_from))
  const from = addDays(Math.min(at, ...dates), -30)
  const to = addDays(Math.max(at, ...dates), 90)
  if (rows.length === 0) return null
  return (
    <Panel title="Deliveries">
      <Steps
        label="GPUs that can be used, over time"
        series={[{ name: 'Usable GPUs', color: 'var(--run-fill)', steps: sumOf(rows.map(({ usable_from, gpus }) => ({ from: usable_from, to: EVER, value: gpus }))) }]}
        from={from}
        to={to}
        now={at}
        format={number}
        height={150}
      />
      <DataTable
        label="Deliveries"
        rows={rows}
        id={({ id }) => id}
        page={8}
        empty=""
        columns={[
          { head: 'Usable from', cell: ({ usable_from }) => <Time at={usable_from} only="day" />, by: ({ usable_from }) => usable_from },
          {
            head: 'Pool',
            cell: ({ pool }) =>
              pool && (
                <Link className="link" to="/pools/$id" params={{ id: pool.id }}>
                  {pool.name}
                </Link>
              ),
            by: ({ pool }) => pool?.name ?? '',
          },
          { head: 'GPUs', cell: ({ gpus }) => number(gpus), by: ({ gpus }) => gpus, isNumber: true },
          { head: 'Status', cell: ({ status }) => <State of={status} />, by: ({ status }) => status },
        ]}
      />
    </Panel>
  )
}
