import { FileInput, SegmentedControl, Select, Switch } from '@mantine/core'
import { useState } from 'react'
import { api, client, type Schemas } from '../../api/client'
import { count, sentence } from '../../lib/format'
import { memberOf } from '../../lib/problem'
import { ActButton } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { Stat, Stats, Tag } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'

const OUTCOMES = { created: 'run', updated: 'sched', unchanged: 'none', refused: 'bad' } as const

/** Inventory and prices from a table, rehearsed first. */
export function Imports() {
  const [kind, setKind] = useState('inventory')
  const [file, setFile] = useState<File | null>(null)
  const [terms_id, setTerms] = useState<string | null>(null)
  const [publish, setPublish] = useState(false)
  const [keep_good, setKeep] = useState(false)
  const terms = api.useQuery('get', '/v1/reclaim-terms', { params: { query: { limit: 200 } } })
  const [report, setReport] = useState<Schemas['Report'] & { rehearsed: boolean }>()
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const run = async (dry_run: boolean) => {
    if (!file) return
    setBusy(true)
    setError(undefined)
    const query = { kind, publish, keep_good, dry_run, terms: terms_id ?? undefined } as never
    const { data, error } = await client.POST('/v1/imports', { params: { query }, body: (await file.text()) as never, bodySerializer: (body) => body as unknown as string, headers: { 'content-type': 'text/csv' } }).catch((error: unknown) => ({ data: undefined, error }))
    if (data) setReport({ ...(data as Schemas['Report']), rehearsed: dry_run })
    else {
      setError(error)
      // A refused import has its report, too: which rows, and why.
      const refused = memberOf(error, 'report') as Schemas['Report'] | undefined
      setReport(refused && { ...refused, rehearsed: false })
    }
    setBusy(false)
  }
  const none = file ? undefined : 'choose a file'
  return (
    <Page name="Import" lead="A CSV with a head. Rehearse it: every row says what would become of it, and nothing is written.">
      <Panel>
        <div className="stack" style={{ maxWidth: 520 }}>
          <SegmentedControl
            aria-label="What to import"
            value={kind}
            onChange={setKind}
            data={[
              { value: 'inventory', label: 'Inventory: sites and pools' },
              { value: 'prices', label: 'Prices: offers' },
            ]}
          />
          <FileInput label="File" placeholder="inventory.csv" accept="text/csv,.csv" value={file} onChange={setFile} clearable clearButtonProps={{ 'aria-label': 'Choose another file' }} />
          {kind === 'prices' && (
            <>
              <Select label="Reclaim terms of new offers" data={terms.data?.items.map(({ id, name, version }) => ({ value: id, label: `${name}, version ${version}` })) ?? []} value={terms_id} onChange={setTerms} />
              <Switch label="Publish new offers" checked={publish} onChange={({ currentTarget }) => setPublish(currentTarget.checked)} />
            </>
          )}
          <Switch label="Keep the good rows when others are refused" checked={keep_good} onChange={({ currentTarget }) => setKeep(currentTarget.checked)} />
          <Refused error={error} />
          <div className="acts">
            <ActButton onClick={() => void run(true)} loading={busy} reason={none}>
              Rehearse
            </ActButton>
            <ActButton variant="filled" onClick={() => void run(false)} loading={busy} reason={none ?? (report?.rehearsed ? undefined : 'rehearse it first')}>
              Import
            </ActButton>
          </div>
        </div>
      </Panel>
      {report && (
        <Panel flush title={report.written ? 'Imported' : report.rehearsed ? 'What would become of it' : 'Nothing was written'}>
          <div style={{ padding: '4px 12px 12px' }}>
            <Stats>
              {(['created', 'updated', 'unchanged', 'refused'] as const).map((outcome) => (
                <Stat key={outcome} label={sentence(outcome)}>
                  {count(report[outcome], 'row')}
                </Stat>
              ))}
            </Stats>
          </div>
          <DataTable
            label="Report"
            rows={report.rows}
            id={({ row }) => String(row)}
            empty="The file has no rows."
            columns={[
              { head: 'Line', cell: ({ line }) => line, by: ({ line }) => line, isNumber: true, width: 70 },
              { head: 'What', cell: ({ what }) => what, by: ({ what }) => what },
              { head: 'Outcome', cell: ({ outcome }) => <Tag tone={OUTCOMES[outcome as keyof typeof OUTCOMES] ?? 'none'}>{outcome}</Tag>, by: ({ outcome }) => outcome },
              { head: 'Why', cell: ({ problem }) => problem ?? '' },
            ]}
          />
        </Panel>
      )}
    </Page>
  )
}
