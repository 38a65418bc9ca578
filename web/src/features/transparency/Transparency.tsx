import { Button, Select } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { client, type Schemas } from '../../api/client'
import { count, sentence, words } from '../../lib/format'
import { DataTable } from '../../ui/DataTable'
import { State } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { monthInWords, providersOf } from './months'

type Reclaim = Schemas['PublicReclaim']

const route = getRouteApi('/transparency')

/** Who takes leases back, why, and how does it end? Open to everybody. */
export function Transparency() {
  const { provider } = route.useSearch()
  const navigate = route.useNavigate()
  const reclaims = useInfiniteQuery({
    queryKey: ['transparency', provider],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const { data, error } = await client.GET('/v1/transparency/reclaims', { params: { query: { provider_id: provider, limit: 200, cursor: pageParam } } })
      if (!data) throw error
      return data
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (last) => last,
  })
  const items = reclaims.data?.pages.flatMap((page) => page.items)
  const providers = providersOf(items ?? [])
  const name = providers.find(({ id }) => id === provider)?.name
  return (
    <Page
      name="Reclaims in public"
      title={items ? `${count(items.length, 'notice')}${reclaims.hasNextPage ? ' and more' : ''} served${name ? ` by ${name}` : ''}` : 'Reclaims in public'}
      lead="Every notice by which a lease is taken back, without the tenant and the reasons; the log behind it cannot be changed unseen."
    >
      <div className="needs">
        <Select
          label="Provider"
          placeholder="all of them"
          clearable
          searchable
          clearButtonProps={{ 'aria-label': 'All providers' }}
          w={260}
          data={providers.map(({ id, name }) => ({ value: id, label: name }))}
          value={provider ?? null}
          onChange={(provider) => void navigate({ search: { provider: provider ?? undefined } })}
        />
      </div>
      <Panel flush>
        <Loaded query={{ ...reclaims, data: items }} rows={8}>
          {(items) => <Reclaims items={items} />}
        </Loaded>
        {reclaims.hasNextPage && (
          <div style={{ textAlign: 'center', padding: 10 }}>
            <Button variant="subtle" size="compact-sm" loading={reclaims.isFetchingNextPage} onClick={() => void reclaims.fetchNextPage()}>
              Older ones
            </Button>
          </div>
        )}
      </Panel>
    </Page>
  )
}

function Reclaims({ items }: { items: Reclaim[] }) {
  return (
    <DataTable
      label="Reclaims"
      rows={items}
      id={({ id }) => id}
      empty="No lease has been taken back."
      columns={[
        { head: 'Served in', cell: ({ month }) => <span className="nowrap">{monthInWords(month)}</span>, by: ({ month }) => month },
        {
          head: 'Provider',
          cell: ({ provider_id, provider_name }) => (
            <Link className="rowlink" to="/transparency" search={{ provider: provider_id }}>
              {provider_name}
            </Link>
          ),
          by: ({ provider_name }) => provider_name,
        },
        { head: 'Ground', cell: ({ ground }) => words(ground), by: ({ ground }) => ground },
        { head: 'What', cell: ({ action }) => sentence(action), by: ({ action }) => action, wideOnly: true },
        { head: 'GPUs', cell: ({ gpus }) => gpus.replace('-', ' – '), by: ({ gpus }) => parseInt(gpus.replace(/\D*/, ''), 10) || 0, isNumber: true, wideOnly: true },
        { head: 'Notice, days', cell: ({ notice_days }) => notice_days ?? '–', by: ({ notice_days }) => notice_days ?? -1, isNumber: true, wideOnly: true },
        { head: 'Outcome', cell: ({ outcome }) => <State of={outcome} />, by: ({ outcome }) => outcome },
      ]}
    />
  )
}
