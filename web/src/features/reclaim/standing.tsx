import { money, sentence } from '../../lib/format'
import { duration, instant, secondsBetween, spanInWords, useNow, utcMinute } from '../../lib/time'
import { Facts } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { type CaseView, isRunning, partyInWords, readable, respondentOf, type Side } from './case'

type Props = { one: CaseView; side: Side }

/** Until when, and what stands in the way. */
export function Standing({ one, side }: Props) {
  if (one.state === 'suspended') return <Emergency one={one} />
  if (one.state === 'executed' || one.state === 'settled') return <Done one={one} />
  if (!isRunning(one) && one.closed_reason != null) {
    return (
      <Panel title={sentence(one.state)}>
        <div className="stack">
          <span>{one.state === 'overturned' ? 'The case did not stand; what it cost the tenant is given back.' : 'The lease goes on as signed.'}</span>
          <blockquote className="quoted dim">{one.closed_reason}</blockquote>
        </div>
      </Panel>
    )
  }
  return <Window one={one} side={side} />
}

/** How long it is until an instant, large, and the instant in both zones. */
function Countdown({ to }: { to: string }) {
  const at = useNow(1)
  return (
    <div className="acts" style={{ gap: 24 }}>
      <span className="countdown">{duration(Math.max(0, secondsBetween(at, to)))}</span>
      <span className="dim">
        {utcMinute(to)}
        <br />
        {instant(to)} where you are
      </span>
    </div>
  )
}

function Window({ one, side }: Props) {
  const isServed = Boolean(one.served_at)
  const isHeld = one.state === 'stayed'
  const until = isHeld ? one.appeal?.decide_by : one.deadline
  const title = isHeld ? 'An appeal holds it up; it is decided within' : isServed ? (one.action === 'warn' ? 'On record in' : 'Executes by itself in') : 'If notice were served now, it would take effect in'
  return (
    <Panel title={title}>
      <div className="stack">
        {until && <Countdown to={until} />}
        {isServed && !one.read_at && one.window && (
          <span className="dim">
            At the latest: {side === 'respondent' ? 'nobody of you' : 'nobody'} has read the notice yet. Its {spanInWords(one.clause.notice)} begin at the first reading, or on {utcMinute(one.window.deemed_read_at)}.
          </span>
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
        {one.window && (
          <Facts
            of={{
              Served: one.served_at && utcMinute(one.served_at),
              Read: one.read_at ? utcMinute(one.read_at) : undefined,
              'Plan to put it right until': one.window.cure_until && !one.cure && utcMinute(one.window.cure_until),
              'Appeal until': one.window.appeal_until && !one.appeal && utcMinute(one.window.appeal_until),
            }}
          />
        )}
      </div>
    </Panel>
  )
}

/** Suspended before anybody approved: it stands only if it is ratified in time. */
function Emergency({ one }: { one: CaseView }) {
  const by = one.window?.ratify_by
  return (
    <Panel title="Suspended at once; lifted by itself, unless ratified, in">
      <div className="stack">
        {by && <Countdown to={by} />}
        <Note tone="bad">
          <strong>The tenant is kept out{'until' in one && one.until ? <> until {utcMinute(one.until)}</> : ''}.</strong>
          <ul style={{ margin: '4px 0 0', paddingLeft: 18 }}>
            {one.blocking.map(({ code, detail }) => (
              <li key={code}>{readable(detail)}</li>
            ))}
          </ul>
        </Note>
        {one.window?.appeal_until && !one.appeal && <span className="dim">{sentence(partyInWords(respondentOf(one)))} may appeal until {utcMinute(one.window.appeal_until)}.</span>}
      </div>
    </Panel>
  )
}

function Done({ one }: { one: CaseView }) {
  const runs = one.action === 'suspend' && one.state === 'executed' ? one.until : undefined
  return (
    <Panel title={runs ? 'Suspended; ends by itself in' : one.state === 'settled' ? 'Executed and settled' : 'Executed'}>
      <div className="stack">
        {runs && <Countdown to={runs} />}
        <div>
          It took effect on <strong>{one.executed_at && utcMinute(one.executed_at)}</strong>.
          {one.settlement && <> The tenant gets {money(one.settlement.total, one.currency)}.</>}
        </div>
        {one.appeal && !one.appeal.dismissed && <Note tone="wait">An appeal is open. It is decided by {utcMinute(one.appeal.decide_by)}; undecided, all of it is given back.</Note>}
      </div>
    </Panel>
  )
}
