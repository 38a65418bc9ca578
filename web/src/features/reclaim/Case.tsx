import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { count, money, number, sentence, words } from '../../lib/format'
import { duration, instant, secondsBetween, useNow, utcMinute } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Events } from '../../ui/Events'
import { Facts, Id, State, Tag, Time } from '../../ui/Figures'
import { Ladder, type Rung } from '../../ui/Ladder'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { CaseActs } from './acts'
import { isOpen, measureOf } from './Reclaims'

type CaseView = Schemas['CaseView']

const route = getRouteApi('/reclaims/$id')

/** Is this by the book? */
export function Case() {
  const { id } = route.useParams()
  const found = api.useQuery('get', '/v1/reclaim-cases/{id}', { params: { path: { id } } }, { refetchInterval: 15_000 })
  return <Loaded query={found}>{(found) => <Detail one={found} />}</Loaded>
}

function Detail({ one }: { one: CaseView }) {
  const lease = api.useQuery('get', '/v1/leases/{id}', { params: { path: { id: one.lease_id } } }).data
  const whose = lease ? ` of ${lease.tenant.name}'s lease` : ''
  return (
    <Page
      name={measureOf(one)}
      title={
        <>
          {measureOf(one)}
          {whose} <State of={one.state} />
        </>
      }
      lead={
        <>
          Clause <strong>{one.ground}</strong>: it {one.clause_in_words} · <Id of={one.terms_hash} /> ·{' '}
          <Link className="link" to="/leases/$id" params={{ id: one.lease_id }}>
            lease
          </Link>{' '}
          · opened by the {one.initiated_as === 'admin' ? 'marketplace' : one.initiated_as}
        </>
      }
      acts={<CaseActs one={one} />}
    >
      <Panel>
        <Steps one={one} />
      </Panel>
      <div className="two">
        <div className="stack">
          <Standing one={one} />
          <Panel title="Why">
            <p style={{ margin: 0 }}>{one.reason}</p>
          </Panel>
          <Panel title="Timeline">
            <Events of={one.timeline ?? []} />
          </Panel>
        </div>
        <div className="stack">
          <WhatItDoes one={one} perUnit={lease ? lease.schedule[0] && lease.schedule[0].gpus / lease.schedule[0].units : undefined} />
          <Approvals one={one} />
          <Evidence one={one} />
        </div>
      </div>
    </Page>
  )
}

/** The ladder, and the rung on which it stands. */
function Steps({ one }: { one: CaseView }) {
  const needed = Object.values(one.clause.approvals ?? {}).reduce((sum, many) => sum + many, 0)
  const given = one.approvals.length
  const happened = (action: string) => one.timeline?.findLast((entry) => entry.action === action)?.at
  const rungs: Rung[] = [
    { name: 'Draft', at: one.created_at },
    { name: 'Submitted', at: happened('reclaim.submitted') },
    { name: needed > 0 ? `Approved ${given} of ${needed}` : 'Approved', at: given > 0 && given >= needed ? one.approvals.at(-1)?.approved_at : undefined, note: needed === 0 ? 'not needed' : undefined },
    { name: 'Notice served', at: one.served_at },
    { name: 'Due', at: one.deadline, note: 'once it is served' },
    { name: 'Executed', at: one.executed_at },
    ...(one.state === 'settled' ? [{ name: 'Settled' }] : []),
  ]
  const order: Record<string, number> = { draft: 0, submitted: 1, approved: 2, noticed: 4, curing: 4, stayed: 4, due: 4, executed: 6, settled: 7 }
  const closed = rungs.findIndex(({ at }) => !at)
  return <Ladder rungs={rungs} reached={order[one.state] ?? closed} isStopped={!isOpen(one) && one.state !== 'executed' && one.state !== 'settled'} />
}

/** Until when, and what stands in the way. */
function Standing({ one }: { one: CaseView }) {
  const at = useNow(1)
  if (one.executed_at) {
    return (
      <Panel title="Executed">
        <div>
          It took effect on <strong>{utcMinute(one.executed_at)}</strong>.
        </div>
      </Panel>
    )
  }
  if (!isOpen(one)) {
    return (
      <Panel title={sentence(one.state)}>
        <div>The lease goes on as signed. {one.closed_reason && <span className="dim">“{one.closed_reason}”</span>}</div>
      </Panel>
    )
  }
  const left = one.deadline ? Math.max(0, secondsBetween(at, one.deadline)) : undefined
  const isServed = Boolean(one.served_at)
  return (
    <Panel title={isServed ? 'Executes by itself in' : 'If notice were served now, it would take effect in'}>
      <div className="stack">
        {left !== undefined && one.deadline && (
          <div className="acts" style={{ gap: 24 }}>
            <span className="countdown">{duration(left)}</span>
            <span className="dim">
              {utcMinute(one.deadline)}
              <br />
              {instant(one.deadline)} where you are
            </span>
          </div>
        )}
        {one.blocking.length > 0 && (
          <Note tone="wait">
            <strong>{isServed ? 'Until then:' : 'In the way:'}</strong>
            <ul style={{ margin: '4px 0 0', paddingLeft: 18 }}>
              {one.blocking.map(({ code, detail }) => (
                <li key={code}>{readable(detail)}</li>
              ))}
            </ul>
          </Note>
        )}
      </div>
    </Panel>
  )
}

/** A sentence of the server's with its instants as people write them. */
const readable = (detail: string) => detail.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => utcMinute(at))

function WhatItDoes({ one, perUnit }: { one: CaseView; perUnit?: number }) {
  const freed = one.units_to_go ?? []
  const units = freed.reduce((sum, { first_unit, end_unit }) => sum + end_unit - first_unit, 0)
  const size = one.action === 'partial' ? one.units : units
  return (
    <Panel title={one.executed_at ? 'What it did' : 'What it does'}>
      <Facts
        of={{
          'Units back to the market':
            size > 0 ? (
              <>
                <strong>{number(size)}</strong> {perUnit && <span className="dim">{number(size * perUnit)} GPUs</span>}
              </>
            ) : one.action === 'full' ? (
              'all of them'
            ) : undefined,
          'Unit numbers': freed.length > 0 && freed.slice(0, 6).map(({ pool_id, first_unit, end_unit }) => <div key={`${pool_id}${first_unit}`}>{number(first_unit)} – {number(end_unit - 1)}</div>),
          'Unused prepayment': one.money_preview && money(one.money_preview.unused, one.currency),
          'Paid to the tenant': one.money_preview && <strong>{money(one.money_preview.compensation, one.currency)}</strong>,
          'At': one.money_preview && <Time at={one.money_preview.effective_at} />,
        }}
      />
    </Panel>
  )
}

function Approvals({ one }: { one: CaseView }) {
  const missing = Object.entries(one.approvals_missing).filter(([, many]) => many > 0)
  const needed = one.approvals.length + missing.reduce((sum, [, many]) => sum + many, 0)
  if (needed === 0) {
    return (
      <Panel title="Approvals">
        <span className="dim">The clause asks for none.</span>
      </Panel>
    )
  }
  const rows = [
    ...one.approvals.map(({ role, approved_at }, index) => ({ id: `${index}`, role, approved_at })),
    ...missing.map(([role, many]) => ({ id: role, role: many > 1 ? `${count(many, words(role))}` : role, approved_at: undefined })),
  ]
  return (
    <Panel title={`Approvals, ${one.approvals.length} of ${needed}`}>
      <DataTable
        label="Approvals"
        rows={rows}
        id={({ id }) => id}
        empty=""
        columns={[
          { head: 'Role', cell: ({ role }) => sentence(words(role)) },
          { head: 'When', cell: ({ approved_at }) => (approved_at ? <Time at={approved_at} /> : '') },
          { head: 'State', cell: ({ approved_at }) => (approved_at ? <Tag tone="run">approved</Tag> : <Tag tone="wait">missing</Tag>) },
        ]}
      />
    </Panel>
  )
}

function Evidence({ one }: { one: CaseView }) {
  return (
    <Panel title="Evidence" aside={one.clause.standard_ref && <a className="link" href={one.clause.standard_ref.uri} rel="noreferrer">the standard</a>}>
      <DataTable
        label="Evidence"
        rows={one.evidence}
        id={({ id }) => id}
        empty={one.clause.evidence_required ? 'None yet, and the clause asks for some.' : 'None; the clause asks for none.'}
        columns={[
          { head: 'Source', cell: ({ source, note }) => (<>{source}<div className="faint">{note}</div></>) },
          { head: 'Observed', cell: ({ observed_at }) => <Time at={observed_at} only="day" /> },
          { head: 'SHA-256', cell: ({ sha256 }) => <Id of={sha256} /> },
        ]}
      />
    </Panel>
  )
}
