import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../api/client'
import { useAccelerators, useCurrency } from '../../api/hooks'
import { addDays, now, useNow, utcMinute } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Events } from '../../ui/Events'
import { Stat, State, Stats, Tag, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty, Note } from '../../ui/States'
import { Steps } from '../../ui/Steps'
import { ChangeLimit, EndQuota, Override, Restore } from './acts'
import { stepsOf } from './curve'
import { useNamed } from './named'
import { RequestRaise } from './raise'
import { amount, level, levelRoughly, nameOf, overrideAt, type Quota as View, whom } from './words'

const route = getRouteApi('/quotas/$id')

/** How does this limit stand, and what became of it? */
export function Quota() {
  const { id } = route.useParams()
  const quota = api.useQuery('get', '/v1/quotas/{id}', { params: { path: { id } } })
  return <Loaded query={quota}>{(quota) => <Detail quota={quota} />}</Loaded>
}

function Detail({ quota }: { quota: View }) {
  const at = useNow()
  const named = useNamed()
  const accelerators = useAccelerators()
  const currency = useCurrency()
  const events = api.useQuery('get', '/v1/quotas/{id}/events', { params: { path: { id: quota.id } } })
  const { now: stands } = overrideAt(quota, at)
  const { standing } = quota
  const name = nameOf(quota, accelerators.name)
  // Organizations' quotas are the marketplace's to keep, projects' their owners'.
  const keeps = named.isStaff || Boolean(quota.project_id)
  const reason = quota.ended_at ? 'it has been lifted' : named.mayNot
  return (
    <Page
      name={name}
      title={
        <>
          {name} <small>{whom(quota, named)}</small> {quota.ended_at ? <State of="ended" /> : standing?.over_by ? <Tag tone="bad">over by {amount(standing.over_by, quota, currency)}</Tag> : <Tag tone="run">kept</Tag>}
        </>
      }
      lead={quota.reason}
      acts={
        <>
          {!named.isStaff && quota.limit && !quota.ended_at && <RequestRaise quota={quota} />}
          {keeps && (
            <>
              <ChangeLimit key={quota.revision} quota={quota} reason={reason} />
              <Override quota={quota} reason={reason} />
              <Restore quota={quota} reason={reason} />
              <EndQuota quota={quota} reason={reason} />
            </>
          )}
        </>
      }
    >
      {stands && (
        <Note tone="sched">
          <strong>{amount(stands.limit, quota, currency)} for a while</strong>, until {utcMinute(stands.ends_at)}; then {amount(quota.limit ?? '0', quota, currency)} again, by itself. “{stands.reason}”
        </Note>
      )}
      <Stats>
        <Stat label="Limit" note={quota.valid_until ? <>until <Time at={quota.valid_until} only="day" /></> : 'for good'}>
          {quota.limit ? amount(quota.limit, quota, currency) : `${Number(quota.share) * 100} % of what is held`}
        </Stat>
        {standing && <Stat label="Booked now">{amount(standing.booked_now, quota, currency)}</Stat>}
        {standing && (
          <Stat label="At most, from now on" note={<Time at={standing.peak_at} only="day" />}>
            {amount(standing.peak, quota, currency)}
          </Stat>
        )}
      </Stats>
      {quota.organization_id && quota.dimension !== 'longest_lease' && quota.dimension !== 'open_requests' && (
        <Panel title="Booked against the limit">
          <Curve quota={quota} organization={quota.organization_id} name={name} currency={currency} />
        </Panel>
      )}
      <div className="two">
        <Panel flush title="Overrides">
          <DataTable
            label="Overrides"
            rows={quota.overrides}
            id={({ id }) => id}
            sort="-From"
            isQuiet={({ ends_at }) => Date.parse(ends_at) <= at}
            empty="The limit has always been what it is."
            columns={[
              { head: 'From', cell: ({ starts_at }) => <Time at={starts_at} />, by: ({ starts_at }) => starts_at },
              { head: 'Until', cell: ({ ends_at }) => <Time at={ends_at} />, by: ({ ends_at }) => ends_at },
              { head: 'Limit', cell: ({ limit }) => amount(limit, quota, currency), isNumber: true },
              { head: 'Why', cell: ({ reason }) => reason, wideOnly: true },
            ]}
          />
        </Panel>
        <Panel title="History">
          <Loaded query={events}>{({ items }) => <Events of={items} />}</Loaded>
        </Panel>
      </div>
      <Link className="link" to="/quotas">
        All quotas
      </Link>
    </Page>
  )
}

function Curve({ quota, organization, name, currency }: { quota: View; organization: string; name: string; currency: string }) {
  const [{ at, from, to }] = useState(() => ({ at: now(), from: addDays(now(), -30), to: addDays(now(), 335) }))
  const peaks = api.useQuery('get', '/v1/organizations/{id}/quota-peaks', { params: { path: { id: organization }, query: { from, to, quota_id: quota.id } } })
  return (
    <Loaded query={peaks}>
      {({ curves: [curve] }) =>
        curve ? (
          <Steps
            label={`${name}, booked and limit`}
            series={[
              { name: 'Booked', color: 'var(--sched-fill)', steps: stepsOf(curve.points, 'booked') },
              { name: 'Limit', color: 'var(--bad-fill)', steps: stepsOf(curve.points, 'limit'), isLine: true },
            ]}
            from={from}
            to={to}
            now={at}
            format={(value) => level(value, quota.dimension, currency)}
            mark={(value) => levelRoughly(value, quota.dimension, currency)}
          />
        ) : (
          <Empty>It limits nothing over time.</Empty>
        )
      }
    </Loaded>
  )
}
