import { Link } from '@tanstack/react-router'
import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count, number, rate } from '../../lib/format'
import { secondsOf, spanInWords } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Id, State, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Places } from './Places'

/** Who would give units up, and for how much. */
export function Volunteers() {
  const me = useMe()
  const offered = api.useQuery('get', '/v1/reclaim-volunteers', { params: { query: { limit: 200 } } })
  const leases = api.useQuery('get', '/v1/leases', { params: { query: { limit: 200 } } }).data?.items
  const leaseOf = (id: string) => leases?.find((lease) => lease.id === id)
  const open = offered.data?.items.filter(({ state }) => state === 'open') ?? []
  const isTenant = !me?.staff_role && !me?.organization?.kinds.includes('provider')
  return (
    <Page name="Units offered back" title={offered.data ? `${count(open.reduce((sum, { units }) => sum + units, 0), 'unit')} offered back` : 'Units offered back'} lead={<Places />}>
      <Loaded query={offered} rows={6}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Units offered back"
              rows={items}
              id={({ id }) => id}
              sort="Asks, per GPU-hour"
              isQuiet={({ state }) => state !== 'open'}
              empty={isTenant ? 'You have offered none. On the page of a lease you can offer units to be bought back, at your price.' : 'No tenant offers any. What they offer is taken first when a reclaim is planned.'}
              columns={[
                {
                  head: isTenant ? 'Lease' : 'Tenant',
                  cell: ({ lease_id }) => {
                    const lease = leaseOf(lease_id)
                    return (
                      <Link className="rowlink" to="/leases/$id" params={{ id: lease_id }}>
                        {(isTenant ? lease?.provider.name : lease?.tenant.name) ?? <Id of={lease_id} />}
                      </Link>
                    )
                  },
                },
                { head: 'State', cell: ({ state }) => <State of={state} />, by: ({ state }) => state },
                { head: 'Units', cell: ({ units }) => number(units), by: ({ units }) => units, isNumber: true },
                { head: 'Asks, per GPU-hour', cell: ({ premium_per_gpu_hour, lease_id }) => rate(premium_per_gpu_hour, leaseOf(lease_id)?.currency ?? 'USD'), by: ({ premium_per_gpu_hour }) => Number(premium_per_gpu_hour), isNumber: true },
                { head: 'Needs to leave', cell: ({ notice }) => (secondsOf(notice) > 0 ? spanInWords(notice) : 'nothing'), isNumber: true, wideOnly: true },
                { head: 'Offered', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, isNumber: true, wideOnly: true },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}
