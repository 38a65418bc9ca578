import { Button } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { api, rehearsal } from '../../api/client'
import { count, megawatts, money, number } from '../../lib/format'
import { codeOf, detailOf, fieldErrors, memberOf } from '../../lib/problem'
import { instant, period } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Id, State, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty, Loading, Note } from '../../ui/States'
import { DraftCases } from './DraftCases'
import { Planned, PlanTitle } from './planned'
import { bodyOf, type Wish, WishBar } from './wish'

const route = getRouteApi('/planner')

/** What does it cost to free this? */
export function Planner() {
  const wish = route.useSearch()
  const navigate = route.useNavigate()
  const body = bodyOf(wish)
  const plan = api.useQuery('post', '/v1/reclaim-plans', { body: body ?? { by: '' }, ...rehearsal }, { enabled: Boolean(body), retry: false, staleTime: 60_000, refetchOnWindowFocus: false })
  const onPlan = (wish: Wish) => void navigate({ search: wish })
  return (
    <Page
      name="Planner"
      title={plan.data ? <PlanTitle plan={plan.data} /> : 'What does it cost to free capacity?'}
      lead="The leases and cuts that cost least under the clauses as signed, volunteers first. Nothing is served from here."
      acts={plan.data && body && <DraftCases plan={plan.data} body={body} />}
    >
      <WishBar key={JSON.stringify(wish)} wish={wish} onPlan={onPlan} busy={plan.isFetching} error={plan.error} />
      {!body ? (
        <Panel>
          <Empty>Say how much, where, by when, and for how long.</Empty>
        </Panel>
      ) : codeOf(plan.error) === 'plan_cannot_be_met' ? (
        <Unmet error={plan.error} wish={wish} onPlan={onPlan} />
      ) : plan.error ? (
        Object.keys(fieldErrors(plan.error)).length === 0 && <Refused error={plan.error} />
      ) : plan.data ? (
        <Planned plan={plan.data} onOnly={(only) => onPlan({ ...wish, ...only })} />
      ) : (
        <Loading />
      )}
      <Earlier />
    </Page>
  )
}

type Size = { gpus: number; mw: string }
type Later = Size & { by: string }

/** What cannot be met: how much can, by when, and the way on. */
function Unmet({ error, wish, onPlan }: { error: unknown; wish: Wish; onPlan: (wish: Wish) => void }) {
  const most = memberOf(error, 'can_be_free') as Size | undefined
  const later = (memberOf(error, 'later') as Later[] | undefined) ?? []
  const next = memberOf(error, 'next_date') as string | null | undefined
  const size = ({ gpus, mw }: Size) => `${number(gpus)} GPUs · ${megawatts(mw)} MW`
  const wanted = wish.gpus ? `${number(Number(wish.gpus))} GPUs` : `${wish.mw} MW`
  return (
    <>
      <Note tone="wait">
        <strong>
          {wish.by && `By ${instant(wish.by)} `}at most {most ? size(most) : 'nothing'} can be free, not {wanted}.
        </strong>
        <p>{next ? `The first date on which ${wanted} can be free is ${instant(next)}, if you plan within 15 minutes.` : detailOf(error).replace(/^./, (first) => first.toUpperCase())}</p>
        <p className="acts">
          {next && (
            <Button variant="filled" onClick={() => onPlan({ ...wish, by: next })}>
              Plan for {instant(next)}
            </Button>
          )}
          {most && most.gpus > 0 && <Button onClick={() => onPlan({ ...wish, gpus: String(most.gpus), mw: undefined })}>Plan for {number(most.gpus)} GPUs by then</Button>}
        </p>
      </Note>
      {later.length > 0 && (
        <Panel flush title="What more time brings">
          <DataTable
            label="What can be free later"
            rows={later}
            id={({ by }) => by}
            empty=""
            page={8}
            columns={[
              { head: 'By', cell: ({ by }) => <Time at={by} /> },
              { head: 'GPUs', cell: ({ gpus }) => number(gpus), isNumber: true },
              { head: 'MW', cell: ({ mw }) => megawatts(mw), isNumber: true },
              {
                head: 'Plan',
                cell: ({ by }) => (
                  <Button size="compact-sm" aria-label={`Plan for ${instant(by)}, in the table`} onClick={() => onPlan({ ...wish, by })}>
                    Plan for then
                  </Button>
                ),
                isNumber: true,
              },
            ]}
          />
        </Panel>
      )}
    </>
  )
}

/** Plans that were kept, and what came of them. */
function Earlier() {
  const plans = api.useQuery('get', '/v1/reclaim-plans', { params: { query: { limit: 50 } } })
  return (
    <Panel flush title="Earlier plans">
      <Loaded query={plans} rows={2}>
        {({ items }) => (
          <DataTable
            label="Earlier plans"
            rows={items}
            id={({ id }) => id}
            page={10}
            empty="None yet. A plan is kept when its cases are drafted, or when you keep it."
            columns={[
              {
                head: 'Plan',
                cell: ({ id, wanted_mw, wanted_gpus }) => (
                  <>
                    <Link className="rowlink" to="/planner/$id" params={{ id }}>
                      {wanted_mw ? `${megawatts(wanted_mw)} MW` : count(wanted_gpus ?? 0, 'GPU')}
                    </Link>{' '}
                    <Id of={id} />
                  </>
                ),
              },
              { head: 'State', cell: ({ state }) => <State of={state === 'drafted' ? 'drafted' : 'open'} /> },
              { head: 'Free for', cell: ({ starts_at, ends_at }) => period(starts_at, ends_at), by: ({ starts_at }) => starts_at, wideOnly: true },
              { head: 'Leases', cell: ({ leases }) => number(leases), by: ({ leases }) => leases, isNumber: true },
              { head: 'Cost', cell: ({ compensation, currency }) => money(compensation, currency), by: ({ compensation }) => Number(compensation), isNumber: true },
              { head: 'Made', cell: ({ created_at }) => <Time at={created_at} />, by: ({ created_at }) => created_at, isNumber: true, wideOnly: true },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}
