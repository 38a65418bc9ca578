import { SegmentedControl } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count, megawatts, money, number, power } from '../../lib/format'
import { day, duration, secondsBetween, useNow } from '../../lib/time'
import { type Column, DataTable } from '../../ui/DataTable'
import { Id, Stat, State, Stats, Tag } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Gantt } from './Gantt'
import { peakOf } from './schedule'

type LeaseView = Schemas['LeaseView']

const route = getRouteApi('/leases')
const OVER = ['ended', 'reclaimed', 'terminated', 'rejected', 'cancelled']

/** Which leases there are, and what happens to each next. */
export function Leases() {
  const leases = api.useQuery('get', '/v1/leases', { params: { query: { limit: 200 } } })
  return (
    <Page name="Leases" title={leases.data ? <Title leases={leases.data.items} /> : 'Leases'}>
      <Loaded query={leases} rows={10}>
        {({ items }) => <List leases={items} />}
      </Loaded>
    </Page>
  )
}

function Title({ leases }: { leases: LeaseView[] }) {
  const running = leases.filter(({ status }) => status === 'active')
  return (
    <>
      {count(running.length, 'lease')} running <small>{number(leases.filter(({ status }) => status === 'scheduled').length)} scheduled</small>
    </>
  )
}

function List({ leases }: { leases: LeaseView[] }) {
  const { status = 'open' } = route.useSearch()
  const navigate = route.useNavigate()
  const me = useMe()
  const at = useNow()
  const shown = leases.filter((lease) => (status === 'all' ? true : status === 'open' ? !OVER.includes(lease.status) : OVER.includes(lease.status)))
  const gpus = leases.reduce((sum, lease) => sum + lease.gpus_now, 0)
  const mw = leases.reduce((sum, lease) => sum + Number(lease.mw_now), 0)
  const mine = me?.organization?.id
  const columns: Column<LeaseView>[] = [
    {
      head: 'Lease',
      cell: (lease) => (
        <>
          <Link className="rowlink" to="/leases/$id" params={{ id: lease.id }}>
            {lease.tenant.id === mine ? lease.provider.name : lease.tenant.name}
          </Link>
          <div className="faint">{!mine ? `at ${lease.provider.name}` : <Id of={lease.id} />}</div>
        </>
      ),
      by: (lease) => lease.tenant.name,
    },
    {
      head: 'Status',
      cell: (lease) => (
        <span className="acts" style={{ gap: 6 }}>
          <State of={lease.status} />
          {lease.noticed && <Tag tone="bad">notice served</Tag>}
          {lease.delayed_until && <Tag tone="wait">delayed</Tag>}
        </span>
      ),
      by: ({ status }) => status,
    },
    { head: 'Next', cell: (lease) => next(lease, at), by: (lease) => Date.parse(lease.starts_at) > at ? lease.starts_at : lease.ends_at, wideOnly: true },
    { head: 'GPUs', cell: (lease) => number(peakOf(lease.schedule)), by: (lease) => peakOf(lease.schedule), isNumber: true },
    { head: 'MW', cell: (lease) => megawatts(Math.max(...lease.schedule.map(({ mw }) => Number(mw)))), by: (lease) => Math.max(...lease.schedule.map(({ mw }) => Number(mw))), isNumber: true, wideOnly: true },
    { head: 'From', cell: (lease) => day(lease.starts_at), by: ({ starts_at }) => starts_at, isNumber: true, wideOnly: true },
    { head: 'Until', cell: (lease) => day(lease.ends_at), by: ({ ends_at }) => ends_at, isNumber: true, wideOnly: true },
    { head: 'Price', cell: (lease) => money(lease.price, lease.currency), by: (lease) => Number(lease.price), isNumber: true },
  ]
  return (
    <>
      <div className="acts" style={{ justifyContent: 'space-between' }}>
        <Stats>
          <Stat label="Running now" note={`GPUs · ${power(mw)}`}>
            {number(gpus)}
          </Stat>
        </Stats>
        <SegmentedControl
          aria-label="Which leases"
          value={status}
          onChange={(status) => void navigate({ search: (given) => ({ ...given, status }) })}
          data={[
            { value: 'open', label: 'Running and to come' },
            { value: 'over', label: 'Over' },
            { value: 'all', label: 'All' },
          ]}
        />
      </div>
      {shown.length > 0 && (
        <Panel title="On a timeline">
          <Gantt
            bars={shown.map((lease) => ({
              id: lease.id,
              label: lease.tenant.id === mine ? lease.provider.name : lease.tenant.name,
              status: lease.noticed ? 'noticed' : lease.status,
              from: Date.parse(lease.starts_at),
              to: Date.parse(lease.end?.at ?? lease.ends_at),
            }))}
            now={at}
          />
        </Panel>
      )}
      <Panel flush>
        <DataTable
          label="Leases"
          columns={columns}
          rows={shown}
          id={({ id }) => id}
          isQuiet={(lease) => OVER.includes(lease.status)}
          page={50}
          empty={
            <>
              No leases here. <Link className="link" to="/market">See what the market has.</Link>
            </>
          }
        />
      </Panel>
    </>
  )
}

/** What time brings next. */
function next(lease: LeaseView, at: number): string {
  if (OVER.includes(lease.status)) return lease.end ? `ended ${day(lease.end.at)}` : 'over'
  const [verb, to] = lease.status === 'active' ? ['ends', lease.ends_at] : ['starts', lease.starts_at]
  return `${verb} in ${duration(Math.max(0, secondsBetween(at, to)))}`
}
