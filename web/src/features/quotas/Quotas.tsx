import { Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useAccelerators, useCurrency } from '../../api/hooks'
import { count } from '../../lib/format'
import { day, useNow } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { State, Tag, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { SetQuota } from './acts'
import { Curves, Miniature } from './Curves'
import { useNamed } from './named'
import { DecideRaise, RequestRaise } from './raise'
import { amount, DIMENSIONS, nameOf, overrideAt, type Quota, whom } from './words'

/** What may I still book? */
export function Quotas() {
  const at = useNow(60)
  const named = useNamed()
  const accelerators = useAccelerators()
  const currency = useCurrency()
  const quotas = api.useQuery('get', '/v1/quotas', { params: { query: { limit: 200 } } })
  const requests = api.useQuery('get', '/v1/quota-requests', { params: { query: { limit: 200 } } })
  const over = quotas.data?.items.filter(({ standing }) => standing?.over_by) ?? []
  const { own, isStaff, project } = named
  return (
    <Page
      name="Quotas"
      title={quotas.data ? (over.length > 0 ? `${count(over.length, 'quota')} exceeded` : `${count(quotas.data.items.length, 'quota')}, none exceeded`) : 'Quotas'}
      lead="A booking is held against the whole of its window, not only against now."
      acts={<SetQuota projects={named.projects} organizations={named.organizations} isStaff={isStaff} reason={named.mayNot} />}
    >
      {own && <Curves organization={own} project={project} />}
      <Panel flush title={own ? 'Limits' : 'Limits and defaults'}>
        <Loaded query={quotas}>
          {({ items }) => (
            <DataTable
              label="Quotas"
              rows={items}
              id={({ id }) => id}
              sort="For"
              empty={own ? 'No limits: you may book what the market has.' : 'No limits: everybody may book what the market has.'}
              columns={[
                {
                  head: 'Limits',
                  cell: (quota) => (
                    <>
                      <Link className="rowlink" to="/quotas/$id" params={{ id: quota.id }}>
                        {nameOf(quota, accelerators.name)}
                      </Link>
                      <div className="faint">
                        <span className="narrow-only">{whom(quota, named)}</span>
                        {quota.reason}
                      </div>
                    </>
                  ),
                  by: (quota) => nameOf(quota),
                },
                { head: 'For', cell: (quota) => whom(quota, named), by: (quota) => whom(quota, named), wideOnly: true },
                { head: 'Limit', cell: (quota) => <Limit quota={quota} at={at} currency={currency} />, isNumber: true },
                { head: 'At most booked', cell: (quota) => (quota.standing ? amount(quota.standing.peak, quota, currency) : '–'), isNumber: true, wideOnly: true },
                {
                  head: 'Standing',
                  cell: (quota) => (quota.standing?.over_by ? <Tag tone="bad">over by {amount(quota.standing.over_by, quota, currency)}</Tag> : quota.standing ? <Tag tone="run">kept</Tag> : <span className="dim">a default</span>),
                  by: ({ standing }) => (standing?.over_by ? 0 : standing ? 1 : 2),
                },
                { head: 'Until', cell: ({ valid_until }) => (valid_until ? day(valid_until) : 'for good'), by: ({ valid_until }) => valid_until ?? '~', wideOnly: true },
                ...(own ? [{ head: 'Act', cell: (quota: Quota) => (quota.limit ? <RequestRaise quota={quota} /> : null) }] : []),
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel flush title="Raises that were asked for">
        <Loaded query={requests}>{({ items }) => <Requests requests={items} named={named} currency={currency} />}</Loaded>
      </Panel>
    </Page>
  )
}

/** The limit that stands, and the usual one below it while another stands. */
function Limit({ quota, at, currency }: { quota: Quota; at: number; currency: string }) {
  const { now: stands, next } = overrideAt(quota, at)
  if (!quota.limit) return <>{quota.share ? `${Number(quota.share) * 100} % of what is held` : 'none'}</>
  return (
    <>
      {amount(stands?.limit ?? quota.limit, quota, currency)}
      {stands && (
        <div className="faint">
          {amount(quota.limit, quota, currency)} again on {day(stands.ends_at)}
        </div>
      )}
      {!stands && next && (
        <div className="faint">
          {amount(next.limit, quota, currency)} from {day(next.starts_at)}
        </div>
      )}
    </>
  )
}

/** What was asked for, and what came of it. */
function Requests({ requests, named, currency }: { requests: Schemas['QuotaRequestView'][]; named: ReturnType<typeof useNamed>; currency: string }) {
  return (
    <DataTable
      label="Requests for a raise"
      rows={requests}
      id={({ id }) => id}
      isQuiet={({ state }) => state !== 'open'}
      empty="Nobody asked for a raise."
      columns={[
        {
          head: 'Of',
          cell: (request) => (
            <>
              <Link className="rowlink" to="/quotas/$id" params={{ id: request.quota_id }}>
                {DIMENSIONS[request.dimension]}
              </Link>
              {named.isStaff && <div className="faint">{named.organization(request.organization_id) ?? 'an organization'}</div>}
              <div className="narrow-only">{amount(request.limit, request, currency)}</div>
            </>
          ),
          by: ({ dimension }) => dimension,
        },
        { head: 'To', cell: (request) => amount(request.limit, request, currency), isNumber: true, wideOnly: true },
        { head: 'In a year', cell: (request) => <Miniature organization={request.organization_id} quota={request.quota_id} asked={request.state === 'open' ? Number(request.limit) : undefined} />, wideOnly: true },
        {
          head: 'Why, and what came',
          cell: (request) => (
            <>
              {request.reason}
              {request.granted_limit && (
                <div className="dim">
                  {amount(request.granted_limit, request, currency)} granted{request.granted_until ? ` until ${day(request.granted_until)}` : ' for good'}
                </div>
              )}
              {request.decision_reason && <div className="dim">“{request.decision_reason}”</div>}
            </>
          ),
        },
        { head: 'Asked', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, wideOnly: true },
        { head: 'State', cell: ({ state, decided_at }) => <span title={decided_at ?? undefined}><State of={state} /></span>, by: ({ state }) => state, wideOnly: true },
        { head: 'Act', cell: (request) => <DecideRaise request={request} /> },
      ]}
    />
  )
}
