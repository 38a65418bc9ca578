import { SegmentedControl } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count } from '../../lib/format'
import { duration, secondsBetween, useNow } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { State, Time } from '../../ui/Figures'
import { LinkButton } from '../../ui/LinkButton'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { isOpen, measureOf } from './case'
import { Places } from './Places'

const route = getRouteApi('/reclaims')

/** Which cases run, and what each waits for. */
export function Reclaims() {
  const { show = 'open' } = route.useSearch()
  const navigate = route.useNavigate()
  const at = useNow()
  const me = useMe()
  const plans = me?.staff_role === 'admin' || me?.organization?.kinds.includes('provider')
  const cases = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { limit: 200 } } })
  return (
    <Page
      name="Reclaims"
      title={cases.data ? `${count(cases.data.items.filter(isOpen).length, 'reclaim case')} open` : 'Reclaims'}
      lead={<Places />}
      acts={
        <>
          <SegmentedControl
            size="xs"
            aria-label="Which cases"
            value={show}
            onChange={(show) => void navigate({ search: { show } })}
            data={[
              { value: 'open', label: 'Open' },
              { value: 'closed', label: 'Closed' },
            ]}
          />
          {plans && <LinkButton to="/planner">Plan a reclaim</LinkButton>}
        </>
      }
    >
      <Loaded query={cases} rows={6}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Reclaim cases"
              rows={items.filter((one) => isOpen(one) === (show === 'open'))}
              id={({ id }) => id}
              empty={show === 'open' ? 'No case is open. A case is opened on a lease, or by the planner.' : 'No case is closed yet.'}
              columns={[
                {
                  head: 'Case',
                  cell: (one) => (
                    <>
                      <Link className="rowlink" to="/reclaims/$id" params={{ id: one.id }}>
                        {measureOf(one)}
                      </Link>
                      <div className="faint">{one.reason.slice(0, 90)}</div>
                    </>
                  ),
                },
                { head: 'State', cell: ({ state }) => <State of={state} />, by: ({ state }) => state },
                { head: 'Ground', cell: ({ ground }) => ground, by: ({ ground }) => ground, wideOnly: true },
                {
                  head: 'Takes effect',
                  cell: ({ deadline, executed_at }) =>
                    executed_at ? <Time at={executed_at} /> : deadline ? <>in {duration(Math.max(0, secondsBetween(at, deadline)))}</> : '–',
                  by: ({ deadline }) => deadline ?? '~',
                  isNumber: true,
                },
                { head: 'Opened', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, isNumber: true, wideOnly: true },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}
