import './look.css'

import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Schemas } from '../../api/client'
import { count, megawatts, money, number, percent, words } from '../../lib/format'
import { period } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Stat, Stats, Tag, Time } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { Drawn } from './Drawn'
import type { Wish } from './wish'

type Plan = Schemas['PlanView']

export function PlanTitle({ plan }: { plan: Plan }) {
  if (plan.cuts.length === 0) return 'Nothing has to be taken back'
  return (
    <>
      {money(plan.compensation, plan.currency)} <small>to take from {count(new Set(plan.cuts.map(({ lease_id }) => lease_id)).size, 'lease')}</small>
    </>
  )
}

const LEFT_OUT: Record<string, string> = {
  another_case_open: 'have another case open',
  no_clause_in_time: 'have no clause whose notice runs out in time',
  hold_or_request: 'are quotes or requests, not leases',
}

type Props = { plan: Plan; onOnly?: (only: Partial<Wish>) => void }

/** A plan: what it frees, what it takes from whom, where, and what it would cost otherwise. */
export function Planned({ plan, onOnly }: Props) {
  const wanted = plan.wanted_mw ? `${megawatts(plan.wanted_mw)} MW` : `${number(plan.wanted_gpus ?? 0)} GPUs`
  const first = plan.cuts.flatMap(({ serve_at }) => serve_at ?? []).toSorted()[0]
  return (
    <>
      <Stats>
        <Stat label="Wanted" note={period(plan.starts_at, plan.ends_at)}>
          {wanted}
        </Stat>
        <Stat label="Free already" note={`${megawatts(plan.free_already.mw)} MW`}>
          {number(plan.free_already.gpus)} GPUs
        </Stat>
        <Stat label="Free then" note={`${megawatts(plan.free_then.mw)} MW`}>
          {number(plan.free_then.gpus)} GPUs
        </Stat>
        <Stat label="Cost" note={plan.is_optimal ? 'nothing costs less: proved' : plan.gap != null ? `at most ${percent(plan.gap)} above the least` : 'near the least'}>
          {money(plan.compensation, plan.currency)}
        </Stat>
        {first && (
          <Stat label="Serve the first notice by">
            <Time at={first} />
          </Stat>
        )}
      </Stats>
      {plan.cuts.length > 0 && <Cuts plan={plan} />}
      <Drawn plan={plan} />
      {plan.alternatives.length > 0 && (
        <Panel flush title="Otherwise">
          <DataTable
            label="Alternatives"
            rows={plan.alternatives}
            id={({ how }) => how}
            empty=""
            columns={[
              { head: 'How', cell: ({ how }) => how },
              { head: 'Leases', cell: ({ leases, is_enough }) => (is_enough ? number(leases) : '–'), isNumber: true },
              { head: 'Cost', cell: ({ compensation, is_enough }) => (is_enough && compensation ? money(compensation, plan.currency) : <span className="dim">not enough</span>), isNumber: true },
              {
                head: 'Difference',
                cell: ({ compensation, is_enough }) => (is_enough && compensation ? difference(Number(compensation) - Number(plan.compensation), plan.currency) : ''),
                isNumber: true,
                wideOnly: true,
              },
              ...(onOnly
                ? [{
                head: 'Plan',
                cell: ({ how, is_enough }: Plan['alternatives'][number]) => {
                  const only = onlyOf(how)
                  return only && is_enough ? (
                    <Button size="compact-sm" aria-label={`Plan ${how}`} onClick={() => onOnly(only)}>
                      Plan it so
                    </Button>
                  ) : null
                },
                isNumber: true,
              }]
                : []),
            ]}
          />
        </Panel>
      )}
      {plan.left_out.length > 0 && (
        <Note tone="none">
          Left alone:
          <ul style={{ margin: '4px 0 0', paddingLeft: 18 }}>
            {plan.left_out.map(({ reason, count: many }) => (
              <li key={reason}>
                {number(many)} that {LEFT_OUT[reason] ?? words(reason)}
              </li>
            ))}
          </ul>
        </Note>
      )}
    </>
  )
}

const difference = (more: number, currency: string) => (more === 0 ? 'the same' : `${more > 0 ? '+' : '−'}${money(Math.abs(more).toFixed(2), currency)}`)

/** The wish that leads to an alternative. */
function onlyOf(how: string): Partial<Wish> | undefined {
  if (how === 'without volunteers') return { premium: '0' }
  const ground = /^only by (\S+)$/.exec(how)?.[1]
  return ground ? { grounds: ground } : undefined
}

/** What is taken from whom; those who are willing come first. */
function Cuts({ plan }: { plan: Plan }) {
  const cuts = plan.cuts.toSorted((a, b) => Number(b.is_voluntary) - Number(a.is_voluntary))
  return (
    <Panel flush title="What is taken, and from whom">
      <DataTable
        label="Cuts"
        rows={cuts}
        id={({ lease_id, tranche_id, volunteer_id }) => `${lease_id}${tranche_id}${volunteer_id}`}
        empty=""
        columns={[
          {
            head: 'Tenant',
            cell: (cut) => (
              <Link className="rowlink" to="/leases/$id" params={{ id: cut.lease_id }}>
                {cut.tenant_name}
              </Link>
            ),
            by: ({ tenant_name }) => tenant_name,
          },
          { head: 'Units', cell: ({ units, of_units, action }) => (action === 'full' ? `all ${number(of_units)}` : `${number(units)} of ${number(of_units)}`), by: ({ units }) => units, isNumber: true },
          { head: 'GPUs', cell: ({ gpus }) => number(gpus), by: ({ gpus }) => gpus, isNumber: true },
          {
            head: 'By',
            cell: (cut) =>
              cut.is_voluntary ? (
                <Tag tone="run">offered by the tenant</Tag>
              ) : (
                <>
                  {cut.ground} <span className="faint">{cut.clause_in_words}</span>
                  {cut.appeal_stays && <div className="faint">an appeal would hold it up</div>}
                  {cut.other_clauses.map((other) => (
                    <div key={other.clause} className="faint">
                      or {other.ground}: {money(other.compensation, plan.currency)}, served by <Time at={other.serve_at} />
                    </div>
                  ))}
                </>
              ),
            wideOnly: true,
          },
          { head: 'Serve by', cell: ({ serve_at }) => (serve_at ? <Time at={serve_at} /> : '–'), by: ({ serve_at }) => serve_at ?? '', isNumber: true, wideOnly: true },
          { head: 'Takes effect', cell: ({ effective_at, until }) => (<><Time at={effective_at} />{until && <div className="faint">back on <Time at={until} /></div>}</>), by: ({ effective_at }) => effective_at, isNumber: true, wideOnly: true },
          { head: 'Cost', cell: ({ compensation }) => money(compensation, plan.currency), by: ({ compensation }) => Number(compensation), isNumber: true },
        ]}
      />
    </Panel>
  )
}
