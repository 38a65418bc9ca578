import { Button, NumberInput, Select, Textarea } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, rehearsal, type Schemas } from '../../api/client'
import { shapesOf } from '../../api/shapes'
import { count, megawatts, money, number, percent, words } from '../../lib/format'
import { clamp, type Shape, type View } from '../../lib/plane'
import { addDays, instantOf, localOf, now, period, spanOfDays, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { Stat, Stats, Tag, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Plane } from '../../ui/plane/Plane'
import { Empty, Loading, Note } from '../../ui/States'

type Plan = Schemas['PlanView']
type Wish = { place?: string; mw?: string; gpus?: string; by?: string; days?: string }

const route = getRouteApi('/planner')

/** A wish as the server is asked for it; undefined while it says too little. */
function bodyOf({ place, mw, gpus, by, days }: Wish): Schemas['PlanBody'] | undefined {
  if (!place || !by || (!mw && !gpus)) return undefined
  const where = place.startsWith('site_') ? { site_id: place } : { pool_id: place }
  const size = gpus ? { gpus: Number(gpus) } : { mw }
  return { ...where, ...size, by, duration: spanOfDays(Number(days ?? 180)) }
}

/** What does it cost to free this? */
export function Planner() {
  const wish = route.useSearch()
  const navigate = route.useNavigate()
  const body = bodyOf(wish)
  const plan = api.useQuery('post', '/v1/reclaim-plans', { body: body ?? { by: '' }, ...rehearsal }, { enabled: Boolean(body), retry: false })
  return (
    <Page name="Planner" title={plan.data ? <Title plan={plan.data} /> : 'What does it cost to free capacity?'} lead="The set of leases and cuts that costs least under the clauses as signed, volunteers first. Nothing is served from here.">
      <WishBar key={JSON.stringify(wish)} wish={wish} onPlan={(wish) => void navigate({ search: wish })} />
      {!body ? (
        <Panel>
          <Empty>Say where, how much, and by when.</Empty>
        </Panel>
      ) : plan.error ? (
        <Refused error={plan.error} />
      ) : plan.data ? (
        <Planned plan={plan.data} body={body} />
      ) : (
        <Loading />
      )}
    </Page>
  )
}

function Title({ plan }: { plan: Plan }) {
  if (plan.cuts.length === 0) return 'Nothing has to be taken back'
  return (
    <>
      {money(plan.compensation, plan.currency)} <small>to take from {count(plan.cuts.length, 'lease')}</small>
    </>
  )
}

function WishBar({ wish: given, onPlan }: { wish: Wish; onPlan: (wish: Wish) => void }) {
  const sites = api.useQuery('get', '/v1/sites', { params: { query: { limit: 200 } } })
  const [wish, setWish] = useState<Wish>({ by: addDays(now(), 14), days: '180', ...given })
  const change = (changed: Partial<Wish>) => setWish({ ...wish, ...changed })
  const figure = (value: string | number) => (value === '' ? undefined : String(value))
  return (
    <form
      className="panel needs"
      role="search"
      aria-label="What to free"
      onSubmit={(event) => {
        event.preventDefault()
        onPlan(wish)
      }}
    >
      <Select label="Of" placeholder="a site" searchable required w={240} data={sites.data?.items.map(({ id, name }) => ({ value: id, label: name })) ?? []} value={wish.place ?? null} onChange={(place) => change({ place: place ?? undefined })} />
      <NumberInput label="MW" w={90} min={0} value={wish.mw ?? ''} onChange={(mw) => change({ mw: figure(mw), gpus: undefined })} />
      <NumberInput label="or GPUs" w={100} min={1} value={wish.gpus ?? ''} onChange={(gpus) => change({ gpus: figure(gpus), mw: undefined })} />
      <DateTimePicker label="By" required w={180} valueFormat="D MMM YYYY HH:mm" value={wish.by ? localOf(wish.by) : null} onChange={(by) => change({ by: by ? instantOf(by) : undefined })} />
      <NumberInput label="For, days" w={84} min={1} value={wish.days ?? ''} onChange={(days) => change({ days: figure(days) })} />
      <span style={{ flex: 1 }} />
      <Button type="submit" variant="filled">
        Plan
      </Button>
    </form>
  )
}

function Planned({ plan, body }: { plan: Plan; body: Schemas['PlanBody'] }) {
  const wanted = plan.wanted_mw ? `${megawatts(plan.wanted_mw)} MW` : `${number(plan.wanted_gpus ?? 0)} GPUs`
  const size = ({ gpus, mw }: { gpus: number; mw: string }) => `${number(gpus)} GPUs · ${megawatts(mw)} MW`
  return (
    <>
      <Stats>
        <Stat label="Wanted" note={period(plan.starts_at, plan.ends_at)}>
          {wanted}
        </Stat>
        <Stat label="Free already">{size(plan.free_already)}</Stat>
        <Stat label="Free then">{size(plan.free_then)}</Stat>
        <Stat label="Paid to tenants" note={plan.is_optimal ? 'the least possible' : plan.gap != null ? `at most ${percent(plan.gap)} above the least` : 'near the least'}>
          {money(plan.compensation, plan.currency)}
        </Stat>
      </Stats>
      {plan.cuts.length > 0 && (
        <Panel flush title="What is taken, and from whom" aside={<DraftCases plan={plan} body={body} />}>
          <DataTable
            label="Cuts"
            rows={plan.cuts}
            id={({ lease_id, tranche_id, volunteer_id }) => `${lease_id}${tranche_id}${volunteer_id}`}
            empty=""
            columns={[
              {
                head: 'Tenant',
                cell: (cut) => (
                  <Link className="rowlink" to="/leases/$id" params={{ id: cut.lease_id }}>
                    {cut.tenant_name}
                  </Link>
                ),
                by: ({ tenant_name }) => tenant_name,
              },
              { head: 'Units', cell: ({ units, of_units }) => `${number(units)} of ${number(of_units)}`, by: ({ units }) => units, isNumber: true },
              { head: 'GPUs', cell: ({ gpus }) => number(gpus), by: ({ gpus }) => gpus, isNumber: true },
              { head: 'By', cell: (cut) => (cut.is_voluntary ? <Tag tone="run">offered by the tenant</Tag> : <span title={cut.clause_in_words ?? ''}>{cut.ground}</span>), wideOnly: true },
              { head: 'Serve by', cell: ({ serve_at }) => (serve_at ? <Time at={serve_at} /> : '–'), by: ({ serve_at }) => serve_at ?? '', isNumber: true },
              { head: 'Takes effect', cell: ({ effective_at }) => <Time at={effective_at} />, by: ({ effective_at }) => effective_at, isNumber: true, wideOnly: true },
              { head: 'Paid', cell: ({ compensation }) => money(compensation, plan.currency), by: ({ compensation }) => Number(compensation), isNumber: true },
            ]}
          />
        </Panel>
      )}
      {[...new Set(plan.cuts.flatMap(({ pool_id }) => pool_id ?? []))].map((pool) => (
        <Drawn key={pool} pool={pool} plan={plan} />
      ))}
      {plan.alternatives.length > 0 && (
        <Panel flush title="Otherwise">
          <DataTable
            label="Alternatives"
            rows={plan.alternatives}
            id={({ how }) => how}
            empty=""
            columns={[
              { head: 'How', cell: ({ how }) => how },
              { head: 'Leases', cell: ({ leases }) => number(leases), isNumber: true },
              { head: 'Paid', cell: ({ compensation, is_enough }) => (is_enough && compensation ? money(compensation, plan.currency) : 'not enough'), isNumber: true },
            ]}
          />
        </Panel>
      )}
      {plan.left_out.length > 0 && (
        <Note tone="none">
          Left alone: {plan.left_out.map(({ reason, count: many }) => `${count(many, 'booking')} (${words(reason)})`).join(', ')}.
        </Note>
      )}
    </>
  )
}

/** The cuts on the plane; the unit numbers are chosen when a case is executed, so these are the likely ones. */
function Drawn({ pool, plan }: { pool: string; plan: Plan }) {
  const [at] = useState(now)
  const from = addDays(now(), -30)
  const to = addDays(plan.ends_at, 30)
  const [window] = useState({ from, to })
  const plane = api.useQuery('get', '/v1/pools/{id}/plane', { params: { path: { id: pool }, query: window } })
  const shapes = useMemo(() => {
    if (!plane.data) return []
    const held = shapesOf(plane.data, at, new Set())
    return [...held, ...cutsOn(held, plan)]
  }, [plane.data, at, plan])
  const bounds: View = { from: Date.parse(window.from), to: Date.parse(window.to), low: 0, high: plane.data?.units ?? 1 }
  const [view, setView] = useState<View>()
  return (
    <Panel title="On the plane" aside={<span className="faint">red stripes: what is taken; which units is settled at the execution</span>}>
      <Loaded query={plane}>
        {({ units }) => (
          <Plane
            label="The plan on the plane"
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

function cutsOn(held: Shape[], { cuts, ends_at }: Plan): Shape[] {
  return cuts.flatMap(({ lease_id, units, effective_at, tenant_name }) => {
    let left = units
    return held
      .filter(({ subject, to }) => subject === lease_id && to > Date.parse(effective_at))
      .toSorted((a, b) => b.low - a.low)
      .flatMap((shape) => {
        const taken = Math.min(left, shape.high - shape.low)
        left -= taken
        if (taken <= 0) return []
        return [{ ...shape, id: `cut/${shape.id}`, low: shape.high - taken, from: Math.max(shape.from, Date.parse(effective_at)), to: Math.min(shape.to, Date.parse(ends_at)), tone: 'cut' as const, label: `${count(taken, 'unit')} from ${tenant_name}` }]
      })
  })
}

function DraftCases({ plan, body }: { plan: Plan; body: Schemas['PlanBody'] }) {
  const [reason, setReason] = useState('')
  const make = api.useMutation('post', '/v1/reclaim-plans', { meta: { isLook: true } })
  const draft = api.useMutation('post', '/v1/reclaim-plans/{id}/cases', { meta: { done: 'Cases drafted; nothing has been served' } })
  const byClause = plan.cuts.filter(({ is_voluntary }) => !is_voluntary)
  const submit = async () => {
    const kept = make.data ?? (await make.mutateAsync({ body }))
    await draft.mutateAsync({ params: { path: { id: kept.id } }, body: { reason } })
  }
  return (
    <>
      {draft.data?.carried_out?.case_ids.map((id) => (
        <Link key={id} className="link" to="/reclaims/$id" params={{ id }}>
          case
        </Link>
      ))}
      <ActDialog verb="Draft the cases" title="Draft a case for each cut" isPrimary blocked={reason.trim() ? undefined : 'say why'} busy={make.isPending || draft.isPending} onDo={submit}>
        <span>
          {count(byClause.length, 'case')} are drafted
          {plan.cuts.length > byClause.length && `, and ${count(plan.cuts.length - byClause.length, 'offer')} of tenants to give units back taken at once`}. Each still has to be submitted, approved and served; the first by{' '}
          {plan.cuts[0]?.serve_at ? utcMinute(plan.cuts[0].serve_at) : 'now'}.
        </span>
        <Textarea label="Why the capacity is needed" description="The tenants read it" required maxLength={2000} autosize minRows={2} value={reason} onChange={({ currentTarget }) => setReason(currentTarget.value)} />
        <Refused error={make.error ?? draft.error} />
      </ActDialog>
    </>
  )
}
