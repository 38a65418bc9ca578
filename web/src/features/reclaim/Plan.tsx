import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { count, money, number } from '../../lib/format'
import { DataTable } from '../../ui/DataTable'
import { Id, State, Tag, Time } from '../../ui/Figures'
import { LinkButton } from '../../ui/LinkButton'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { measureOf } from './case'
import { DraftCases } from './DraftCases'
import { Planned, PlanTitle } from './planned'
import { wishOf } from './wish'

const route = getRouteApi('/planner/$id')

/** A plan that was kept, and what came of it. */
export function Plan() {
  const { id } = route.useParams()
  const plan = api.useQuery('get', '/v1/reclaim-plans/{id}', { params: { path: { id } } })
  return (
    <Loaded query={plan}>
      {(plan) => (
        <Page
          name="Plan"
          title={
            <>
              <PlanTitle plan={plan} /> {plan.state === 'drafted' ? <Tag tone="run">carried out</Tag> : <Tag tone="wait">not carried out</Tag>}
            </>
          }
          lead={
            <>
              Made on <Time at={plan.created_at} /> · <Id of={plan.id} />
            </>
          }
          acts={
            <>
              <LinkButton to="/planner" search={wishOf(plan)}>
                Plan it anew
              </LinkButton>
              <DraftCases plan={plan} />
            </>
          }
        >
          {plan.carried_out && <CarriedOut of={plan.carried_out} plan={plan} />}
          <Planned plan={plan} />
        </Page>
      )}
    </Loaded>
  )
}

/** The cases that it became, and what was bought back. */
function CarriedOut({ of: { case_ids, bought_back }, plan }: { of: Schemas['CarriedOut']; plan: Schemas['PlanView'] }) {
  const cases = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { limit: 200 } } }).data?.items
  const tenantOf = (lease: string | undefined) => plan.cuts.find(({ lease_id }) => lease_id === lease)?.tenant_name
  return (
    <>
      {case_ids.length > 0 && (
        <Panel flush title={`${count(case_ids.length, 'case')} to submit, have approved and serve`}>
          <DataTable
            label="Cases of the plan"
            rows={case_ids.map((id) => ({ id, one: cases?.find((one) => one.id === id) }))}
            id={({ id }) => id}
            empty=""
            columns={[
              {
                head: 'Case',
                cell: ({ id, one }) => (
                  <Link className="rowlink" to="/reclaims/$id" params={{ id }}>
                    {one ? measureOf(one) : <Id of={id} />}
                  </Link>
                ),
              },
              { head: 'Tenant', cell: ({ one }) => tenantOf(one?.lease_id) },
              { head: 'State', cell: ({ one }) => one && <State of={one.state} /> },
              { head: 'Serve by', cell: ({ one }) => serveBy(plan, one?.lease_id), isNumber: true },
            ]}
          />
        </Panel>
      )}
      {bought_back.length > 0 && (
        <Panel flush title="Bought back">
          <DataTable
            label="Bought back"
            rows={bought_back}
            id={({ amendment_id }) => amendment_id}
            empty=""
            columns={[
              {
                head: 'Tenant',
                cell: ({ lease_id }) => (
                  <Link className="rowlink" to="/leases/$id" params={{ id: lease_id }}>
                    {tenantOf(lease_id) ?? <Id of={lease_id} />}
                  </Link>
                ),
              },
              { head: 'Units', cell: ({ units }) => number(units), isNumber: true },
              { head: 'From', cell: ({ effective_at }) => <Time at={effective_at} />, isNumber: true },
              { head: 'Price returned', cell: ({ refund }) => money(refund, plan.currency), isNumber: true },
              { head: 'Premium', cell: ({ premium }) => money(premium, plan.currency), isNumber: true },
            ]}
          />
        </Panel>
      )}
    </>
  )
}

function serveBy(plan: Schemas['PlanView'], lease: string | undefined) {
  const at = plan.cuts.find(({ lease_id, is_voluntary }) => lease_id === lease && !is_voluntary)?.serve_at
  return at ? <Time at={at} /> : '–'
}
