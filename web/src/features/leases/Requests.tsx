import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { shapesOf } from '../../api/shapes'
import { count, money, number, power, rate } from '../../lib/format'
import { clamp, type View } from '../../lib/plane'
import { addDays, duration, now, period, secondsBetween, useNow } from '../../lib/time'
import { Facts, State, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Plane } from '../../ui/plane/Plane'
import { Empty } from '../../ui/States'
import { Approve, Reject } from './acts'
import { peakOf } from './schedule'

/** Whom do I let in? */
export function Requests() {
  const me = useMe()
  const requests = api.useQuery('get', '/v1/leases', { params: { query: { status: 'requested', provider: me?.organization?.id, limit: 50 } } })
  return (
    <Page name="Requests" title={requests.data ? `${count(requests.data.items.length, 'request')} for your answer` : 'Requests'} lead="Its capacity is held until you answer; one that starts unanswered is rejected by itself.">
      <Loaded query={requests}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel>
              <Empty>Nobody waits. Requests come for offers whose leases you approve.</Empty>
            </Panel>
          ) : (
            items.map((lease) => <Request key={lease.id} id={lease.id} />)
          )
        }
      </Loaded>
    </Page>
  )
}

function Request({ id }: { id: string }) {
  const lease = api.useQuery('get', '/v1/leases/{id}', { params: { path: { id } } })
  const at = useNow()
  return (
    <Loaded query={lease}>
      {(lease) => (
        <Panel
          title={
            <Link className="rowlink" to="/leases/$id" params={{ id }}>
              {lease.tenant.name} asks for {number(peakOf(lease.schedule))} GPUs
            </Link>
          }
          aside={
            <span className="acts">
              <Reject lease={lease} />
              <Approve lease={lease} />
            </span>
          }
        >
          <div className="two">
            <Facts
              of={{
                Tenant: <>{lease.tenant.name} <State of={lease.tenant_verification} /></>,
                Period: period(lease.starts_at, lease.ends_at),
                Size: `${number(peakOf(lease.schedule))} GPUs · ${power(Math.max(...lease.schedule.map(({ mw }) => Number(mw))))}`,
                Rate: [...new Set(lease.schedule.map((line) => rate(line.rate_per_gpu_hour, lease.currency)))].join(', '),
                Price: <strong>{money(lease.price, lease.currency)}</strong>,
                Asked: <Time at={lease.created_at} />,
                'Answer within': duration(Math.max(0, secondsBetween(at, lease.starts_at))),
              }}
            />
            <Fit lease={lease} />
          </div>
        </Panel>
      )}
    </Loaded>
  )
}

/** Where it would lie, on the plane in miniature. */
function Fit({ lease }: { lease: Schemas['LeaseView'] }) {
  const [at] = useState(now)
  const from = addDays(lease.starts_at, -30)
  const to = addDays(lease.ends_at, 60)
  const pool = lease.schedule[0]?.pool_id ?? ''
  const plane = api.useQuery('get', '/v1/pools/{id}/plane', { params: { path: { id: pool }, query: { from, to } } })
  const shapes = useMemo(() => (plane.data ? shapesOf(plane.data, at, new Set()) : []), [plane.data, at])
  const bounds: View = { from: Date.parse(from), to: Date.parse(to), low: 0, high: plane.data?.units ?? 1 }
  const [view, setView] = useState<View>()
  return (
    <Loaded query={plane}>
      {({ units }) => (
        <Plane
          label={`Where ${lease.tenant.name} would lie`}
          units={units}
          shapes={shapes}
          now={at}
          bounds={bounds}
          view={clamp(view ?? bounds, bounds)}
          onView={setView}
          onOpen={() => {}}
          height={240}
          tell={(_, __, shape, free) => shape?.label ?? `${number(free().free)} units free`}
        />
      )}
    </Loaded>
  )
}
