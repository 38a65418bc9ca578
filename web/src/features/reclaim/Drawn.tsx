import { useMemo, useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { shapesOf } from '../../api/shapes'
import { number } from '../../lib/format'
import { clamp, cutFrom, type Shape, type View } from '../../lib/plane'
import { addDays, now } from '../../lib/time'
import { Loaded } from '../../ui/Loaded'
import { Panel } from '../../ui/Page'
import { Plane } from '../../ui/plane/Plane'

type Plan = Schemas['PlanView']

/** The cuts on the planes of the pools that they are in. */
export function Drawn({ plan }: { plan: Plan }) {
  const takesAll = plan.cuts.some(({ pool_id }) => !pool_id)
  const pools = api.useQuery('get', '/v1/pools', { params: { query: { limit: 200, site_id: plan.site_id ?? undefined } } }, { enabled: plan.cuts.length > 0 }).data?.items ?? []
  const named = new Set(plan.cuts.flatMap(({ pool_id }) => pool_id ?? []))
  // Where a whole lease goes, the plan does not say in which pools it is.
  const shown = pools.filter(({ id }) => named.has(id) || (takesAll && (plan.pool_id ? id === plan.pool_id : true)))
  return shown.map(({ id, name }) => <OnPlane key={id} pool={id} name={name} plan={plan} isNamed={named.has(id)} />)
}

/** Unit numbers are chosen when a case is executed, so these are the likely ones. */
function OnPlane({ pool, name, plan, isNamed }: { pool: string; name: string; plan: Plan; isNamed: boolean }) {
  const [at] = useState(now)
  const [window] = useState({ from: addDays(now(), -14), to: addDays(plan.ends_at, 30) })
  const plane = api.useQuery('get', '/v1/pools/{id}/plane', { params: { path: { id: pool }, query: window } })
  const [held, cuts] = useMemo(() => {
    const held = plane.data ? shapesOf(plane.data, at, new Set()) : []
    return [held, plan.cuts.filter((cut) => isAhead(cut, plan) && (!cut.pool_id || cut.pool_id === pool)).flatMap((cut) => cutsOn(held, cut))]
  }, [plane.data, at, plan, pool])
  const shapes = useMemo(() => [...held, ...cuts], [held, cuts])
  const bounds: View = { from: Date.parse(window.from), to: Date.parse(window.to), low: 0, high: plane.data?.units ?? 1 }
  const [view, setView] = useState<View>()
  if (plane.data && cuts.length === 0 && !isNamed) return null
  return (
    <Panel
      title={`On the plane of ${name}`}
      aside={
        <span className="swatches">
          <span>
            <i className="cut" />
            taken; which units is settled at the execution
          </span>
        </span>
      }
    >
      <Loaded query={plane}>
        {({ units }) => (
          <Plane
            label={`The plan on the plane of ${name}`}
            units={units}
            shapes={shapes}
            now={at}
            bounds={bounds}
            view={clamp(view ?? bounds, bounds)}
            onView={setView}
            onOpen={() => {}}
            height={340}
            tell={(_, __, shape, free) => shape?.label ?? `${number(free().free)} units free`}
          />
        )}
      </Loaded>
    </Panel>
  )
}

/** What was bought back is gone from the plane already. */
const isAhead = (cut: Plan['cuts'][number], plan: Plan) => plan.state !== 'drafted' || !cut.is_voluntary

function cutsOn(held: Shape[], { lease_id, action, units, effective_at, until, tenant_name, is_voluntary }: Plan['cuts'][number]): Shape[] {
  const from = Date.parse(effective_at)
  const of = held.filter(({ subject, to, tone }) => subject === lease_id && to > from && tone !== 'hold')
  const label = (many: number) => `${number(many)} ${is_voluntary ? 'bought back' : 'taken back'} from ${tenant_name}`
  return cutFrom(of, action === 'full' ? Infinity : units, from, until ? Date.parse(until) : Infinity, label)
}
