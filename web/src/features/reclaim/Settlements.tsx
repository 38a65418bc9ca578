import { getRouteApi, Link } from '@tanstack/react-router'
import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count, money, words } from '../../lib/format'
import { DataTable } from '../../ui/DataTable'
import { Id, Tag, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Places } from './Places'

const route = getRouteApi('/reclaims/settlements')

/** What tenants got by cases. */
export function Settlements() {
  const { lease } = route.useSearch()
  const me = useMe()
  const settled = api.useQuery('get', '/v1/reclaim-settlements', { params: { query: { lease, limit: 200 } } })
  const isTenant = !me?.staff_role && !me?.organization?.kinds.includes('provider')
  const total = settled.data?.items.reduce((sum, { total }) => sum + Number(total), 0) ?? 0
  const currency = settled.data?.items[0]?.currency
  return (
    <Page
      name="Settlements"
      title={
        currency ? (
          <>
            {money(total.toFixed(2), currency)} <small>{isTenant ? 'for you' : 'for tenants'}, by {count(settled.data?.items.length ?? 0, 'settlement')}</small>
          </>
        ) : (
          'Settlements'
        )
      }
      lead={<Places />}
    >
      <Loaded query={settled} rows={6}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Settlements"
              rows={items}
              id={({ case_id }) => case_id}
              empty="Nothing is settled yet. A case is settled when it has been executed and nothing about it is open."
              columns={[
                {
                  head: 'Case',
                  cell: ({ case_id }) => (
                    <Link className="rowlink" to="/reclaims/$id" params={{ id: case_id }}>
                      <Id of={case_id} />
                    </Link>
                  ),
                },
                { head: 'Settled', cell: ({ settled_at }) => <Time at={settled_at} />, by: ({ settled_at }) => settled_at },
                {
                  head: 'Lines',
                  cell: ({ lines, currency }) => lines.map(({ kind, amount }, index) => <div key={index} className="dim">{words(kind)} {money(amount, currency)}</div>),
                  wideOnly: true,
                },
                { head: 'By', cell: ({ rule }) => (rule === 'returned' ? <Tag tone="wait">given back: it did not stand</Tag> : 'the clause'), by: ({ rule }) => rule },
                {
                  head: 'Lease',
                  cell: ({ lease_id }) => (
                    <Link className="link" to="/leases/$id" params={{ id: lease_id }}>
                      lease
                    </Link>
                  ),
                  wideOnly: true,
                },
                { head: 'Total', cell: ({ total, currency }) => <strong>{money(total, currency)}</strong>, by: ({ total }) => Number(total), isNumber: true },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}
