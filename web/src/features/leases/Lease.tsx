import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count, megawatts, money, moneyRoughly, number, percent, power, rate, sentence } from '../../lib/format'
import { duration, period, secondsBetween, spanInWords, useNow, utcMinute } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Events } from '../../ui/Events'
import { Facts, Id, Stat, State, Stats, Tag, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { Steps } from '../../ui/Steps'
import { Approve, Cancel, Extend, Reject, Shrink } from './acts'
import { Charges } from './Charges'
import { Delayed, Delays } from './Delays'
import { OpenCase } from './OpenCase'
import { Volunteers } from './Volunteers'
import { gpuSteps, peakOf, usedSoFar } from './schedule'

type LeaseView = Schemas['LeaseWithUnits']

const route = getRouteApi('/leases/$id')

/** Where do I stand? */
export function Lease() {
  const { id } = route.useParams()
  const lease = api.useQuery('get', '/v1/leases/{id}', { params: { path: { id } } }, { refetchInterval: 30_000 })
  return <Loaded query={lease}>{(lease) => <Detail lease={lease} />}</Loaded>
}

const isOver = (lease: LeaseView) => !['requested', 'scheduled', 'active'].includes(lease.status)

function Detail({ lease }: { lease: LeaseView }) {
  const at = useNow()
  const me = useMe()
  const side = lease.tenant.id === me?.organization?.id ? 'tenant' : lease.provider.id === me?.organization?.id ? 'provider' : 'staff'
  const params = { params: { path: { id: lease.id } } }
  const events = api.useQuery('get', '/v1/leases/{id}/events', params)
  const amendments = api.useQuery('get', '/v1/leases/{id}/amendments', params)
  const used = isOver(lease) ? undefined : usedSoFar(lease.schedule, at)
  const peak = peakOf(lease.schedule)
  return (
    <Page
      name={`Lease at ${lease.provider.name}`}
      title={
        <>
          {side === 'tenant' ? lease.provider.name : lease.tenant.name} <small>{number(peak)} GPUs</small> <State of={lease.status} /> {lease.noticed && <Tag tone="bad">notice served</Tag>}
        </>
      }
      lead={
        <>
          {lease.tenant.name} leases from {lease.provider.name} · <Id of={lease.id} /> · revision {lease.revision}
        </>
      }
      acts={<Acts lease={lease} side={side} />}
    >
      <Cases lease={lease} side={side} />
      <Delayed lease={lease} side={side} />
      {lease.end && (
        <Note tone={lease.status === 'reclaimed' || lease.status === 'rejected' ? 'bad' : 'none'}>
          <strong>
            {sentence(lease.status)} on {utcMinute(lease.end.at)}
          </strong>{' '}
          — {lease.end.reason}
        </Note>
      )}
      <Stats>
        {!isOver(lease) && (
          <Stat label={lease.status === 'active' ? 'Ends in' : 'Starts in'} note={<Time at={lease.status === 'active' ? lease.ends_at : lease.starts_at} />}>
            {duration(Math.max(0, secondsBetween(at, lease.status === 'active' ? lease.ends_at : lease.starts_at)))}
          </Stat>
        )}
        <Stat label="GPUs now" note={power(lease.mw_now)}>
          {number(lease.gpus_now)}
        </Stat>
        <Stat label="Price" note={period(lease.starts_at, lease.ends_at)}>
          {money(lease.price, lease.currency)}
        </Stat>
        {used !== undefined && (
          <Stat label="Used so far" note={`${moneyRoughly(Number(lease.price) - used, lease.currency)} to come`}>
            {moneyRoughly(used, lease.currency)}
          </Stat>
        )}
      </Stats>
      <div className="two">
        <div className="stack">
          <Panel title="Schedule">
            <Steps
              label={`GPUs over time, at most ${number(peak)}`}
              series={[{ name: 'GPUs', color: lease.noticed ? 'var(--bad-fill)' : 'var(--run-fill)', steps: gpuSteps(lease.schedule) }]}
              from={lease.starts_at}
              to={lease.ends_at}
              now={at}
              format={number}
            />
            <DataTable
              label="Tranches"
              rows={lease.schedule}
              id={({ id }) => id}
              empty="Nothing is left of it."
              columns={[
                { head: 'Period', cell: (line) => period(line.starts_at, line.ends_at) },
                { head: 'GPUs', cell: (line) => number(line.gpus), isNumber: true },
                { head: 'MW', cell: (line) => megawatts(line.mw), isNumber: true, wideOnly: true },
                { head: '$ / GPU-h', cell: (line) => rate(line.rate_per_gpu_hour, lease.currency), isNumber: true },
                { head: 'Price', cell: (line) => money(line.price, lease.currency), isNumber: true },
                { head: 'Offer', cell: (line) => <Link className="link" to="/offers/$id" params={{ id: line.offer_id }}>offer</Link>, wideOnly: true },
              ]}
            />
            <Charges of={lease} />
          </Panel>
          <Delays id={lease.id} />
          <Panel title="Events">
            <Loaded query={events}>{({ items }) => <Events of={items} />}</Loaded>
          </Panel>
        </div>
        <div className="stack">
          <Panel title="Units">
            <DataTable
              label="Units"
              rows={lease.units}
              id={(units) => `${units.line_id}${units.first_unit}${units.starts_at}`}
              empty="No units: it holds none."
              page={12}
              columns={[
                {
                  head: 'Units',
                  cell: (units) => (units.first_unit == null ? `${number(units.units)} of the pool` : `${number(units.first_unit)} – ${number((units.end_unit ?? 1) - 1)}`),
                },
                { head: 'How many', cell: (units) => number(units.units), isNumber: true },
                {
                  head: 'Numbers',
                  cell: (units) => (Date.parse(units.pinned_at) <= at ? 'fixed' : <>fixed on <Time at={units.pinned_at} only="day" /></>),
                },
                { head: 'Plane', cell: (units) => <Link className="link" to="/pools/$id" params={{ id: units.pool_id }}>see</Link>, wideOnly: true },
              ]}
            />
          </Panel>
          <Terms hash={lease.terms_hash} />
          {!isOver(lease) && <Volunteers lease={lease} isTenant={side === 'tenant'} />}
          <Panel title="Cancelling and ending early">
            {lease.cancellation.length === 0 ? (
              'What is left is owed in full.'
            ) : (
              <Facts
                of={Object.fromEntries(
                  lease.cancellation.map(({ at_least_before, charge_share }) => [
                    at_least_before === 'PT0S' ? 'Later' : `Until ${spanInWords(at_least_before)} before`,
                    `${percent(Number(charge_share))} of what is given back`,
                  ]),
                )}
              />
            )}
          </Panel>
          {(amendments.data?.items.length ?? 0) > 0 && (
            <Panel title="Amendments">
              <DataTable
                label="Amendments"
                rows={amendments.data?.items ?? []}
                id={({ id }) => id}
                empty=""
                columns={[
                  { head: 'Revision', cell: ({ revision }) => revision },
                  { head: 'What', cell: ({ kind }) => sentence(kind) },
                  { head: 'When', cell: ({ created_at }) => <Time at={created_at} /> },
                  { head: 'Price', cell: ({ price }) => money(price, lease.currency), isNumber: true },
                ]}
              />
            </Panel>
          )}
        </div>
      </div>
    </Page>
  )
}

function Acts({ lease, side }: { lease: LeaseView; side: 'tenant' | 'provider' | 'staff' }) {
  if (isOver(lease)) return null
  if (side === 'tenant') {
    return (
      <>
        {lease.status !== 'requested' && <Extend lease={lease} />}
        {lease.status !== 'requested' && <Shrink lease={lease} />}
        <Cancel lease={lease} verb={lease.status === 'active' ? 'End early' : 'Cancel'} act={lease.status === 'active' ? 'end' : 'cancel'} />
      </>
    )
  }
  return (
    <>
      {side === 'provider' && lease.status === 'requested' && (
        <>
          <Reject lease={lease} />
          <Approve lease={lease} />
        </>
      )}
      {lease.status !== 'requested' && <OpenCase lease={lease} />}
    </>
  )
}

const MEASURES: Record<string, string> = { warn: 'Warning', suspend: 'Suspension', full: 'Full reclaim' }

/** What of it is being taken back, and by when. */
function Cases({ lease, side }: { lease: LeaseView; side: string }) {
  const at = useNow()
  const cases = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { lease: lease.id } } })
  return cases.data?.items.map((one) => (
    <Note key={one.id} tone={['suspended', 'noticed', 'curing', 'due', 'executed'].includes(one.state) ? 'bad' : 'none'}>
      <strong>
        {one.action === 'partial' ? `Partial reclaim of ${count(one.units, 'unit')}` : (MEASURES[one.action] ?? one.action)} under {one.ground}: {one.state}
      </strong>
      {one.state === 'noticed' && one.deadline && <> — takes effect in {duration(Math.max(0, secondsBetween(at, one.deadline)))}, on {utcMinute(one.deadline)}</>}.{' '}
      <Link className="link" to="/reclaims/$id" params={{ id: one.id }}>
        {['noticed', 'curing', 'suspended'].includes(one.state) && side !== 'staff' ? 'See and answer it' : 'See the case'}
      </Link>
    </Note>
  ))
}

function Terms({ hash }: { hash: string }) {
  const terms = api.useQuery('get', '/v1/reclaim-terms/{id}', { params: { path: { id: hash } } }, { staleTime: Infinity })
  return (
    <Panel title="Terms as signed" aside={<Id of={hash} />}>
      <Loaded query={terms} rows={2}>
        {({ in_words }) => (
          <ul className="clauses">
            {in_words.length === 0 && <li>It cannot be taken back.</li>}
            {in_words.map((words) => (
              <li key={words}>{sentence(words)}</li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  )
}
