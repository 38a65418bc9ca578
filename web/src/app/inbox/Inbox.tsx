import { Link } from '@tanstack/react-router'
import { api } from '../../api/client'
import { useCurrency } from '../../api/hooks'
import { useMe } from '../../api/session'
import { Miniature } from '../../features/quotas/Curves'
import { DecideRaise } from '../../features/quotas/raise'
import { amount, DIMENSIONS } from '../../features/quotas/words'
import { Decide } from '../../features/staff/decide'
import { count, sentence, words } from '../../lib/format'
import { duration, secondsBetween, useNow } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Tag, Time } from '../../ui/Figures'
import { LinkButton } from '../../ui/LinkButton'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { useDecisions } from './decisions'
import type { Decision } from './urgency'

const ASKS = { submitted: 'approve or refuse', approved: 'serve the notice', suspended: 'ratify the suspension', stayed: 'decide the appeal' } as Record<string, string>

/** What waits for me? */
export function Inbox() {
  const at = useNow()
  const me = useMe()
  const decisions = useDecisions()
  const organizations = api.useQuery('get', '/v1/organizations', { params: { query: { limit: 200 } } }).data?.items ?? []
  const name = (id: string) => organizations.find((one) => one.id === id)?.name ?? 'an organization'
  const waiting = decisions.data?.length
  return (
    <Page
      name="Inbox"
      title={waiting === undefined ? 'Inbox' : waiting === 0 ? 'Nothing waits for a decision' : `${count(waiting, 'decision')} to make`}
      lead={`You are ${me?.staff_role ?? 'staff'}; what others have to decide is here too.`}
    >
      <Panel flush title="What needs a decision now">
        <Loaded query={decisions}>
          {(items) => (
            <DataTable
              label="Decisions"
              rows={items}
              id={({ id }) => id}
              empty="Everybody is verified, no raise is asked for, and no case waits."
              columns={[
                { head: 'What', cell: (one) => <What of={one} name={name} />, width: '34%' },
                { head: 'Why', cell: (one) => <Why of={one} />, wideOnly: true },
                {
                  head: 'Until',
                  cell: ({ deadline, since }) =>
                    deadline ? (
                      <Tag tone="bad">{secondsBetween(at, deadline) > 0 ? `in ${duration(secondsBetween(at, deadline))}` : 'overdue'}</Tag>
                    ) : (
                      <span className="dim" title={since}>
                        waits for {duration(Math.max(60, secondsBetween(since, at)))}
                      </span>
                    ),
                },
                { head: 'Act', cell: (one) => <Act of={one} /> },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Notices name={name} />
    </Page>
  )
}

function What({ of, name }: { of: Decision; name: (id: string) => string }) {
  const currency = useCurrency()
  switch (of.kind) {
    case 'verification':
      return (
        <>
          <Link className="rowlink" to="/organizations" search={{ id: of.id }}>
            Verify {of.of.name}
          </Link>
          <div className="faint">
            {of.of.kinds.map(words).join(' and ')} · registered <Time at={of.of.created_at} only="day" />
          </div>
        </>
      )
    case 'raise':
      return (
        <>
          <Link className="rowlink" to="/quotas/$id" params={{ id: of.of.quota_id }}>
            Raise for {name(of.of.organization_id)}
          </Link>
          <div className="faint">
            {DIMENSIONS[of.of.dimension]} to {amount(of.of.limit, of.of, currency)}
          </div>
        </>
      )
    case 'case':
      return (
        <>
          <Link className="rowlink" to="/reclaims/$id" params={{ id: of.id }}>
            {sentence(of.of.action)} reclaim from {name(of.of.tenant_id)}: {ASKS[of.of.state]}
          </Link>
          <div className="faint">
            {words(of.of.ground)} · for {name(of.of.provider_id)}
          </div>
        </>
      )
  }
}

function Why({ of }: { of: Decision }) {
  if (of.kind === 'verification') return <span className="dim">until then it cannot book or publish</span>
  if (of.kind === 'case') return <>{of.of.reason.slice(0, 160)}</>
  return (
    <div className="acts" style={{ gap: 16 }}>
      <Miniature organization={of.of.organization_id} quota={of.of.quota_id} asked={Number(of.of.limit)} />
      <span style={{ flex: 1, minWidth: 120 }}>{of.of.reason}</span>
    </div>
  )
}

function Act({ of }: { of: Decision }) {
  if (of.kind === 'verification') return <Decide organization={of.of} />
  if (of.kind === 'raise') return <DecideRaise request={of.of} />
  return (
    <LinkButton to="/reclaims/$id" params={{ id: of.id }}>
      See the case
    </LinkButton>
  )
}

/** What takes effect by itself, next first. */
function Notices({ name }: { name: (id: string) => string }) {
  const at = useNow()
  const noticed = api.useQuery('get', '/v1/reclaim-cases', { params: { query: { limit: 200, state: 'noticed' } } })
  return (
    <Panel flush title="Notices that run">
      <Loaded query={noticed}>
        {({ items }) => (
          <DataTable
            label="Notices"
            rows={items}
            id={({ id }) => id}
            sort="Takes effect in"
            empty="No notice runs."
            columns={[
              {
                head: 'Case',
                cell: (one) => (
                  <>
                    <Link className="rowlink" to="/reclaims/$id" params={{ id: one.id }}>
                      {sentence(one.action)} reclaim from {name(one.tenant_id)}
                    </Link>
                    <div className="faint">{words(one.ground)}</div>
                  </>
                ),
              },
              { head: 'Read', cell: ({ read_at }) => (read_at ? <Time at={read_at} /> : <span className="dim">not yet</span>), wideOnly: true },
              { head: 'Takes effect in', cell: ({ deadline }) => (deadline ? <span title={deadline}>{duration(Math.max(0, secondsBetween(at, deadline)))}</span> : '–'), by: ({ deadline }) => deadline ?? '~', isNumber: true },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}
