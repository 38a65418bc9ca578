import { SegmentedControl } from '@mantine/core'
import { getRouteApi } from '@tanstack/react-router'
import { api } from '../../api/client'
import { count } from '../../lib/format'
import { DataTable } from '../../ui/DataTable'
import { Id, State, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Decide } from './decide'

const route = getRouteApi('/organizations')

/** Who is on the market? */
export function Organizations() {
  const { verification = 'all', id } = route.useSearch()
  const navigate = route.useNavigate()
  const organizations = api.useQuery('get', '/v1/organizations', { params: { query: { limit: 200 } } })
  return (
    <Page
      name="Organizations"
      title={organizations.data ? count(organizations.data.items.length, 'organization') : 'Organizations'}
      acts={<SegmentedControl size="xs" aria-label="Which organizations" value={verification} onChange={(verification) => void navigate({ search: (given) => ({ ...given, verification, id: undefined }) })} data={['all', 'unverified', 'verified', 'suspended']} />}
    >
      <Loaded query={organizations} rows={10}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Organizations"
              rows={items.filter((one) => (verification === 'all' || one.verification === verification) && (!id || one.id === id))}
              id={({ id }) => id}
              sort="Organization"
              page={50}
              empty="Nobody."
              columns={[
                { head: 'Organization', cell: ({ name, id }) => (<><strong>{name}</strong><div className="faint"><Id of={id} /></div></>), by: ({ name }) => name },
                { head: 'As', cell: ({ kinds }) => kinds.join(' and '), by: ({ kinds }) => kinds.join() },
                { head: 'Verification', cell: ({ verification, verification_reason }) => <span title={verification_reason}><State of={verification} /></span>, by: ({ verification }) => verification },
                { head: 'Since', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, isNumber: true, wideOnly: true },
                { head: 'Act', cell: (organization) => <Decide organization={organization} /> },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}
