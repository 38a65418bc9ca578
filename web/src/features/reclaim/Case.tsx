import './look.css'

import { getRouteApi, Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { api, type Schemas } from '../../api/client'
import { type Me, useMe } from '../../api/session'
import { utcMinute } from '../../lib/time'
import { Events } from '../../ui/Events'
import { Id, State } from '../../ui/Figures'
import { Ladder, type Rung } from '../../ui/Ladder'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { WhatYouCanDo } from './acts'
import { type CaseView, measureOf, partyInWords, sideOf } from './case'
import { Answers, Approvals, useStaffNames } from './dossier'
import { Evidence } from './evidence'
import { Settlement, WhatItDoes } from './money'
import { Standing } from './standing'

const route = getRouteApi('/reclaims/$id')

/** Is this by the book? */
export function Case() {
  const { id } = route.useParams()
  const found = api.useQuery('get', '/v1/reclaim-cases/{id}', { params: { path: { id } } }, { refetchInterval: 15_000 })
  return <Loaded query={found}>{(found) => <Detail one={found} />}</Loaded>
}

function Detail({ one }: { one: CaseView }) {
  const me = useMe()
  const side = sideOf(me, one)
  const names = useStaffNames()
  const lease = api.useQuery('get', '/v1/leases/{id}', { params: { path: { id: one.lease_id } } }).data
  const whose = !lease ? '' : side === 'respondent' ? ` of your lease at ${lease.provider.name}` : ` of ${lease.tenant.name}${lease.tenant.name.endsWith('s') ? "'" : "'s"} lease`
  const ladder = (
    <Panel>
      <Steps one={one} />
    </Panel>
  )
  const first = (
    <>
      <Standing one={one} side={side} />
      <Panel title={side === 'respondent' ? 'The reason given' : 'Why'}>
        <p style={{ margin: 0, whiteSpace: 'pre-line' }}>{one.reason}</p>
      </Panel>
      <Answers one={one} />
    </>
  )
  const acts = (
    <>
      <WhatYouCanDo key={one.state} one={one} side={side} />
      {one.settlement && <Settlement of={one.settlement} compensation={one.clause.compensation} schedule={lease?.schedule} />}
      <WhatItDoes one={one} schedule={lease?.schedule} side={side} />
    </>
  )
  // Every act repeats why the case was opened; once is enough.
  const timeline = (one.timeline ?? []).map((entry) => ({
    ...entry,
    reason: entry.action !== 'reclaim.opened' && entry.reason === one.reason ? '' : entry.reason,
    actor: whoDid(entry, one, me, names),
  }))
  const rest = (
    <>
      <Evidence one={one} />
      <Panel title="Timeline">
        <Events of={timeline} who={(actor) => actor} />
      </Panel>
    </>
  )
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
          Clause <strong>{one.ground}</strong>: it {one.clause_in_words} · terms <Id of={one.terms_hash} /> ·{' '}
          <Link className="link" to="/leases/$id" params={{ id: one.lease_id }}>
            lease
          </Link>{' '}
          · opened by {partyInWords(one.initiated_as)}
        </>
      }
    >
      {side === 'respondent' ? (
        <>
          <Two left={first} right={acts} />
          {ladder}
          <Two left={rest} right={<Approvals one={one} />} />
        </>
      ) : (
        <>
          {ladder}
          <Two
            left={
              <>
                {first}
                {rest}
              </>
            }
            right={
              <>
                {acts}
                <Approvals one={one} />
              </>
            }
          />
        </>
      )}
    </Page>
  )
}

const Two = ({ left, right }: { left: ReactNode; right: ReactNode }) => (
  <div className="two">
    <div className="stack">{left}</div>
    <div className="stack">{right}</div>
  </div>
)

/** Who did it, as far as one may know: of the other side only which side it is. */
function whoDid({ actor, on_behalf_of }: Schemas['EntryView'], one: CaseView, me: Me | undefined, names: Map<string, string>): string {
  if (actor === me?.id) return 'by you'
  if (['tenant', 'provider', 'marketplace'].includes(actor)) return `by the ${actor}`
  if (names.has(actor)) return `by ${names.get(actor)}`
  if (actor.startsWith('key_')) return 'by an API key'
  if (!actor.startsWith('user_')) return 'by the server, when it was due'
  if (on_behalf_of && on_behalf_of === me?.organization?.id) return 'by somebody of yours'
  return on_behalf_of === one.tenant_id ? 'by the tenant' : on_behalf_of === one.provider_id ? 'by the provider' : 'by the marketplace'
}

/** The ladder, and the rung on which it stands. */
function Steps({ one }: { one: CaseView }) {
  const needed = Object.values(one.clause.approvals ?? {}).reduce((sum, many) => sum + many, 0)
  const given = one.approvals.length
  const happened = (action: string) => one.timeline?.findLast((entry) => entry.action === `reclaim.${action}`)?.at
  const approvedAt = given > 0 && given >= needed ? one.approvals.at(-1)?.approved_at : undefined
  const approved: Rung = { name: needed > 0 ? `Approved ${given} of ${needed}` : 'Approved', at: approvedAt, note: needed === 0 ? 'not needed' : undefined }
  const end: Rung[] = [
    { name: 'Executed', at: one.executed_at },
    { name: 'Settled', at: one.settlement?.settled_at },
  ]
  const isAtOnce = one.state === 'suspended' || Boolean(happened('suspended_at_once') ?? happened('suspended'))
  const rungs: Rung[] = isAtOnce
    ? [{ name: 'Draft', at: one.created_at }, { name: 'Suspended', at: one.served_at }, { ...approved, name: `Ratified ${given} of ${needed}`, note: one.window?.ratify_by ? 'or it is lifted' : undefined }, ...end]
    : [
        { name: 'Draft', at: one.created_at },
        { name: 'Submitted', at: happened('submitted') },
        approved,
        { name: 'Notice served', at: one.served_at },
        ...(one.cure ? [{ name: one.state === 'curing' ? 'Plan open' : 'Plan answered', at: one.cure.filed_at }] : []),
        ...(one.appeal ? [{ name: one.state === 'stayed' ? 'Appeal open' : 'Appeal', at: one.appeal.filed_at }] : []),
        { name: 'Due', at: one.served_at ? one.deadline : undefined, note: one.served_at ? undefined : one.not_before ? `once it is served, not before ${utcMinute(one.not_before)}` : 'once it is served' },
        ...end,
      ]
  const ended = ENDS[one.state]
  if (ended) {
    // What has not come about will not.
    const done = rungs.filter(({ at, name }) => (name === 'Due' ? Boolean(one.executed_at) : at))
    const closed = one.timeline?.at(-1)?.at
    return <Ladder rungs={[...done, { name: ended, at: closed }]} reached={done.length} isStopped />
  }
  const place = (name: string) => rungs.findIndex((rung) => rung.name.startsWith(name))
  const here: Record<string, number> = {
    draft: 0, submitted: 1, approved: 2, suspended: 1, noticed: place('Due'), curing: place('Plan'), stayed: place('Appeal'), due: place('Due'), executed: place('Executed'), settled: rungs.length,
  }
  return <Ladder rungs={rungs} reached={here[one.state] ?? 0} />
}

const ENDS: Record<string, string> = { refused: 'Refused', withdrawn: 'Withdrawn', cured: 'Cured', overturned: 'Overturned' }
