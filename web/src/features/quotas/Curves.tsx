import { useState } from 'react'
import { api } from '../../api/client'
import { useAccelerators, useCurrency } from '../../api/hooks'
import { number } from '../../lib/format'
import { addDays, now } from '../../lib/time'
import { Loaded } from '../../ui/Loaded'
import { Panel } from '../../ui/Page'
import { Spark } from '../../ui/Spark'
import { Empty } from '../../ui/States'
import { Steps } from '../../ui/Steps'
import { stepsOf } from './curve'
import { level, levelRoughly, nameOf } from './words'

/** One curve per limit: what is booked against what may be. */
export function Curves({ organization, project }: { organization: string; project: (id: string) => string | undefined }) {
  const [{ at, from, to }] = useState(() => ({ at: now(), from: addDays(now(), -30), to: addDays(now(), 335) }))
  const accelerators = useAccelerators()
  const currency = useCurrency()
  const peaks = api.useQuery('get', '/v1/organizations/{id}/quota-peaks', { params: { path: { id: organization }, query: { from, to } } })
  return (
    <Loaded query={peaks}>
      {({ curves }) =>
        curves.length === 0 ? (
          <Panel>
            <Empty>Nothing is limited over time.</Empty>
          </Panel>
        ) : (
          <div className="curves">
            {curves.map((curve) => {
              const name = `${nameOf(curve, accelerators.name)}${curve.project_id ? ` · ${project(curve.project_id) ?? 'a project'}` : ''}`
              return (
                <Panel key={`${curve.quota_id}${curve.dimension}${curve.project_id}`} title={name}>
                  <Steps
                    label={`${name}, booked and limit`}
                    series={[
                      { name: 'Booked', color: 'var(--sched-fill)', steps: stepsOf(curve.points, 'booked') },
                      ...(curve.points.some(({ limit }) => limit) ? [{ name: 'Limit', color: 'var(--bad-fill)', steps: stepsOf(curve.points, 'limit'), isLine: true }] : []),
                    ]}
                    from={from}
                    to={to}
                    now={at}
                    format={(value) => level(value, curve.dimension, currency)}
                    mark={(value) => levelRoughly(value, curve.dimension, currency)}
                  />
                </Panel>
              )
            })}
          </div>
        )
      }
    </Loaded>
  )
}

/** What is booked against the limit in the year to come, in miniature, with the limit that is asked for. */
export function Miniature({ organization, quota, asked }: { organization: string; quota: string; asked?: number }) {
  const [{ from, to }] = useState(() => ({ from: addDays(now(), 0), to: addDays(now(), 365) }))
  const currency = useCurrency()
  const peaks = api.useQuery('get', '/v1/organizations/{id}/quota-peaks', { params: { path: { id: organization }, query: { from, to, quota_id: quota, points: 100 } } }, { staleTime: 60_000 })
  const curve = peaks.data?.curves[0]
  if (!curve) return <span className="faint">{peaks.isPending ? '…' : 'not limited over time'}</span>
  const booked = stepsOf(curve.points, 'booked')
  const most = Math.max(0, ...booked.map(({ value }) => value))
  const limit = Math.max(0, ...stepsOf(curve.points, 'limit').map(({ value }) => value || 0))
  const says = `at most ${level(most, curve.dimension, currency)} ${curve.dimension === 'spend_per_month' ? '' : curve.unit} booked`
  return (
    <div>
      <Spark
        steps={booked}
        from={Date.parse(from)}
        to={Date.parse(to)}
        lines={[
          { value: limit, color: 'var(--bad-fill)', name: 'limit' },
          ...(asked ? [{ value: asked, color: 'var(--wait-fill)', name: 'asked for' }] : []),
        ]}
        label={`${says}, in the year to come; the limit is ${number(limit)}${asked ? `, ${number(asked)} are asked for` : ''}`}
      />
      <div className="faint">{says}</div>
    </div>
  )
}
