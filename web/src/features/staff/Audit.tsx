import { Button, TextInput } from '@mantine/core'
import { DatePickerInput } from '@mantine/dates'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { api, client, type Schemas } from '../../api/client'
import { number } from '../../lib/format'
import { midnight } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Id, Stat, Stats, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Loading, Note } from '../../ui/States'

const route = getRouteApi('/audit')

/** What happened, and is the log whole? */
export function Audit() {
  const { subject, action, actor, from, to } = route.useSearch()
  const filter = { subject, action, actor, from, to }
  const navigate = route.useNavigate()
  const entries = useInfiniteQuery({
    queryKey: ['audit', filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const { from, to, ...rest } = filter
      const query = { ...rest, from: from && midnight(from), to: to && midnight(to), limit: 100, cursor: pageParam }
      const { data, error } = await client.GET('/v1/audit', { params: { query } })
      if (!data) throw error
      return data
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
  return (
    <Page name="Audit" lead="Every act writes a record; records are sealed in a chain, so that none can be changed unseen.">
      <Chain />
      <Panel flush>
        <Filter key={JSON.stringify(filter)} given={filter} onFilter={(search) => void navigate({ search })} />
        <Loaded query={{ ...entries, data: entries.data?.pages.flatMap(({ items }) => items) }} rows={10}>
          {(items) => <Entries entries={items} />}
        </Loaded>
        {entries.hasNextPage && (
          <div style={{ textAlign: 'center', padding: 10 }}>
            <Button variant="subtle" size="compact-sm" loading={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
              Older ones
            </Button>
          </div>
        )}
      </Panel>
    </Page>
  )
}

function Entries({ entries }: { entries: Schemas['EntryView'][] }) {
  return (
    <DataTable
      label="Records"
      rows={entries}
      id={({ seq }) => String(seq)}
      empty="No record is like this."
      page={500}
      columns={[
        { head: 'No.', cell: ({ seq }) => number(seq), isNumber: true },
        { head: 'When', cell: ({ at }) => <Time at={at} /> },
        { head: 'What', cell: ({ action }) => <span className="mono">{action}</span> },
        { head: 'To', cell: ({ subject }) => <Id of={subject} /> },
        { head: 'By', cell: ({ actor }) => (actor.includes('_0') ? <Id of={actor} /> : <span className="mono">{actor}</span>), wideOnly: true },
        { head: 'Why', cell: ({ reason }) => reason, wideOnly: true },
      ]}
    />
  )
}

/** Proves the chain, at once and again on demand. */
function Chain() {
  const proof = api.useQuery('post', '/v1/audit/verify', { body: {} }, { staleTime: 60_000 })
  if (proof.error) return <Refused error={proof.error} />
  if (!proof.data) return <Loading rows={1} />
  const { is_intact, records, seals, unsealed, last_seal, findings } = proof.data
  return (
    <>
      <div className="acts" style={{ justifyContent: 'space-between' }}>
        <Stats>
          <Stat label="The chain is" note={<Time at={new Date(proof.dataUpdatedAt).toISOString()} />}>
            <span style={{ color: is_intact ? 'var(--run)' : 'var(--bad)' }}>{is_intact ? '✓ whole' : '✗ broken'}</span>
          </Stat>
          <Stat label="Records proved" note={unsealed > 0 ? `${number(unsealed)} not sealed yet` : undefined}>
            {number(records)}
          </Stat>
          <Stat label="Seals">{number(seals)}</Stat>
          {last_seal && (
            <Stat label="Last root">
              <Id of={last_seal.root} />
            </Stat>
          )}
        </Stats>
        <Button loading={proof.isFetching} onClick={() => void proof.refetch()}>
          Prove it again
        </Button>
      </div>
      {findings.map(({ kind, seal, detail }) => (
        <Note key={`${kind}${seal}`} tone="bad">
          {detail}
        </Note>
      ))}
    </>
  )
}

type Given = { subject?: string; action?: string; actor?: string; from?: string; to?: string }

function Filter({ given, onFilter }: { given: Given; onFilter: (filter: Given) => void }) {
  const [filter, setFilter] = useState(given)
  const field = (name: 'subject' | 'action' | 'actor') => ({ value: filter[name] ?? '', onChange: ({ currentTarget }: { currentTarget: HTMLInputElement }) => setFilter({ ...filter, [name]: currentTarget.value || undefined }) })
  return (
    <form
      className="needs"
      style={{ padding: '10px 12px' }}
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        onFilter(filter)
      }}
    >
      <TextInput label="Action" placeholder="lease.booked" {...field('action')} />
      <TextInput label="Subject" placeholder="lease_…" {...field('subject')} />
      <TextInput label="By" placeholder="user_…" {...field('actor')} />
      <DatePickerInput
        type="range"
        label="Between"
        placeholder="ever"
        valueFormat="D MMM YYYY"
        clearable
        clearButtonProps={{ 'aria-label': 'Clear the dates' }}
        w={220}
        value={[filter.from ?? null, filter.to ?? null]}
        onChange={([from, to]) => setFilter({ ...filter, from: from ?? undefined, to: to ?? undefined })}
      />
      <Button type="submit">Filter</Button>
      <Button variant="subtle" color="gray" onClick={() => onFilter({})}>
        Clear
      </Button>
    </form>
  )
}
