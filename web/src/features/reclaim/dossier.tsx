import { api } from '../../api/client'
import { useMe } from '../../api/session'
import { count, sentence, words } from '../../lib/format'
import { utcMinute } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Tag, Time } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import { type CaseView, isOpen, partyInWords, respondentOf } from './case'

/** Names of the marketplace's staff, for staff. */
export function useStaffNames(): Map<string, string> {
  const me = useMe()
  const { data } = api.useQuery('get', '/v1/staff', { params: { query: { limit: 200 } } }, { enabled: Boolean(me?.staff_role), retry: false })
  return new Map(data?.items.map(({ id, name }) => [id, name]))
}

/** Who approved, as what, and who is missing. */
export function Approvals({ one }: { one: CaseView }) {
  const me = useMe()
  const names = useStaffNames()
  const missing = isOpen(one) ? Object.entries(one.approvals_missing).filter(([, many]) => many > 0) : []
  const needed = one.approvals.length + missing.reduce((sum, [, many]) => sum + many, 0)
  if (needed === 0) return <Panel title="Approvals">{Object.keys(one.clause.approvals ?? {}).length === 0 ? <span className="dim">The clause asks for none.</span> : <span className="dim">Nobody approved it.</span>}</Panel>
  // The log names the people, as far as the viewer may know them.
  const acts = (one.timeline ?? []).filter(({ action }) => /approv|ratif/.test(action))
  const nameOf = (at: string) => {
    const actor = acts.find((entry) => entry.at === at)?.actor ?? acts.toSorted((a, b) => apart(a.at, at) - apart(b.at, at))[0]?.actor
    return actor === me?.id ? 'you' : actor && names.get(actor)
  }
  const rows = [
    ...one.approvals.map(({ role, approved_at }, index) => ({ id: `${index}`, role: words(role), approved_at: approved_at as string | undefined })),
    ...missing.map(([role, many]) => ({ id: role, role: many > 1 ? count(many, words(role), words(role)) : words(role), approved_at: undefined })),
  ]
  return (
    <Panel title={`Approvals, ${one.approvals.length} of ${needed}`}>
      <DataTable
        label="Approvals"
        rows={rows}
        id={({ id }) => id}
        empty=""
        columns={[
          {
            head: 'Role',
            cell: ({ role, approved_at }) => (
              <>
                {sentence(role)} <span className="faint">{approved_at && nameOf(approved_at)}</span>
              </>
            ),
          },
          { head: 'When', cell: ({ approved_at }) => (approved_at ? <Time at={approved_at} /> : ''), wideOnly: true },
          { head: 'State', cell: ({ approved_at }) => (approved_at ? <Tag tone="run">approved</Tag> : <Tag tone="wait">missing</Tag>) },
        ]}
      />
    </Panel>
  )
}

const apart = (one: string, other: string) => Math.abs(Date.parse(one) - Date.parse(other))

/** What the other side said: answers, its plan, its appeal, and what came of them. */
export function Answers({ one }: { one: CaseView }) {
  if (!one.served_at) return null
  const who = sentence(partyInWords(respondentOf(one)))
  const isSilent = one.responses.length === 0 && !one.cure && !one.appeal
  return (
    <Panel title={`What ${partyInWords(respondentOf(one))} says`}>
      <div className="said">
        {isSilent && <span className="dim">Nothing yet.</span>}
        {one.responses.map(({ id, text, created_at }) => (
          <div key={id}>
            <span>
              <strong>{who} answered</strong> <Time at={created_at} />
            </span>
            <blockquote className="quoted">{text}</blockquote>
          </div>
        ))}
        {one.cure && (
          <div>
            <span>
              <strong>A plan to put it right</strong>, done by {utcMinute(one.cure.until)} <PlanState one={one} />
            </span>
            <blockquote className="quoted">{one.cure.plan}</blockquote>
            {one.cure.rejected && <span className="dim">Rejected: “{one.cure.rejected}”</span>}
          </div>
        )}
        {one.appeal && (
          <div>
            <span>
              <strong>An appeal</strong>, filed <Time at={one.appeal.filed_at} /> {one.appeal.dismissed ? <Tag tone="bad">dismissed</Tag> : one.state === 'overturned' ? <Tag tone="run">upheld</Tag> : <Tag tone="wait">to be decided by {utcMinute(one.appeal.decide_by)}</Tag>}
            </span>
            <blockquote className="quoted">{one.appeal.text}</blockquote>
            {one.appeal.dismissed && <span className="dim">Dismissed: “{one.appeal.dismissed}”</span>}
          </div>
        )}
      </div>
    </Panel>
  )
}

function PlanState({ one }: { one: CaseView }) {
  if (one.cure?.rejected) return <Tag tone="bad">rejected</Tag>
  if (one.state === 'cured') return <Tag tone="run">accepted</Tag>
  return isOpen(one) ? <Tag tone="wait">waits for an answer</Tag> : null
}
