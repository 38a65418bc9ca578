import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { useMe } from '../../api/session'
import { count, country, megawatts, number } from '../../lib/format'
import { DataTable } from '../../ui/DataTable'
import { Stat, State, Stats } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { ChangeSite, ListPool, ListSite } from './listing'
import { Occupancy } from './Occupancy'

const everything = { params: { query: { limit: 200 } } }

/** What have I built? */
export function Sites() {
  const me = useMe()
  const sites = api.useQuery('get', '/v1/sites', everything)
  const reason = me?.role === 'viewer' ? 'a manager or owner does this' : undefined
  return (
    <Page name="Sites" title={sites.data ? `${count(sites.data.items.length, 'site')}, ${megawatts(sites.data.items.reduce((sum, { power_mw }) => sum + Number(power_mw), 0))} MW` : 'Sites'} acts={me?.organization && <ListSite reason={reason} />}>
      <Loaded query={sites} rows={8}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Sites"
              rows={items}
              id={({ id }) => id}
              empty="No sites yet. List the first one; its pools and offers come next."
              columns={[
                {
                  head: 'Site',
                  cell: ({ id, name }) => (
                    <Link className="rowlink" to="/sites/$id" params={{ id }}>
                      {name}
                    </Link>
                  ),
                  by: ({ name }) => name,
                },
                { head: 'Place', cell: (site) => place(site), by: ({ country }) => country ?? '' },
                { head: 'Stage', cell: ({ stage }) => <State of={stage ?? 'operational'} />, by: ({ stage }) => stage ?? '' },
                { head: 'MW', cell: ({ power_mw }) => megawatts(power_mw), by: ({ power_mw }) => Number(power_mw), isNumber: true },
                { head: 'PUE', cell: ({ pue }) => pue ?? '1', by: ({ pue }) => Number(pue), isNumber: true },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}

const place = (site: Schemas['Site']) => (site.kind === 'orbital' ? `in orbit, ${site.orbit ?? 'not said where'}` : country(site.country))

const route = getRouteApi('/sites/$id')

/** What have I built there, sold and kept? */
export function Site() {
  const { id } = route.useParams()
  const me = useMe()
  const accelerators = useAccelerators()
  const site = api.useQuery('get', '/v1/sites/{id}', { params: { path: { id } } })
  const pools = api.useQuery('get', '/v1/pools', { params: { query: { site_id: id, limit: 200 } } })
  const reason = me?.role === 'viewer' ? 'a manager or owner does this' : undefined
  const owns = site.data?.provider_id === me?.organization?.id
  const gpus = pools.data?.items.reduce((sum, { units, gpus_per_unit }) => sum + units * gpus_per_unit, 0) ?? 0
  return (
    <Loaded query={site}>
      {(site) => (
        <Page
          name={site.name}
          title={
            <>
              {site.name} <small>{place(site)}</small> <State of={site.stage ?? 'operational'} />
            </>
          }
          acts={
            owns && (
              <>
                <ChangeSite site={site} reason={reason} />
                <ListPool site={site.id} reason={reason} />
              </>
            )
          }
        >
          <Stats>
            <Stat label="Power" note="MW">
              {megawatts(site.power_mw)}
            </Stat>
            <Stat label="PUE">{site.pue ?? '1'}</Stat>
            <Stat label="Built" note="GPUs">
              {number(gpus)}
            </Stat>
          </Stats>
          {(pools.data?.items.length ?? 0) > 0 && <Occupancy pools={pools.data?.items ?? []} pue={Number(site.pue ?? 1)} />}
          <Panel flush title="Pools">
            <Loaded query={pools}>
              {({ items }) => (
                <DataTable
                  label="Pools"
                  rows={items}
                  id={({ id }) => id}
                  empty="No pools yet. A pool is identical hardware; it is what gets leased."
                  columns={[
                    {
                      head: 'Pool',
                      cell: ({ id, name }) => (
                        <Link className="rowlink" to="/pools/$id" params={{ id }}>
                          {name}
                        </Link>
                      ),
                      by: ({ name }) => name,
                    },
                    { head: 'Accelerator', cell: ({ accelerator }) => accelerators.name(accelerator), by: ({ accelerator }) => accelerator },
                    { head: 'Units', cell: ({ units, gpus_per_unit }) => `${number(units)} of ${gpus_per_unit}`, by: ({ units }) => units, isNumber: true },
                    { head: 'GPUs', cell: ({ units, gpus_per_unit }) => number(units * gpus_per_unit), by: ({ units, gpus_per_unit }) => units * gpus_per_unit, isNumber: true },
                    { head: 'MW', cell: ({ units, kw_per_unit }) => megawatts((units * Number(kw_per_unit) * Number(site.pue ?? 1)) / 1000), isNumber: true },
                    { head: 'Fabric island', cell: ({ units_per_island }) => (units_per_island ? count(units_per_island, 'unit') : 'all of it'), wideOnly: true },
                  ]}
                />
              )}
            </Loaded>
          </Panel>
        </Page>
      )}
    </Loaded>
  )
}
