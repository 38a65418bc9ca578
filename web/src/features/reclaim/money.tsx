import { Link } from '@tanstack/react-router'
import type { Schemas } from '../../api/client'
import { money, number, sentence } from '../../lib/format'
import { duration, period, secondsOf } from '../../lib/time'
import { Facts, Time } from '../../ui/Figures'
import { Panel } from '../../ui/Page'
import type { CaseView, Side } from './case'

type Schedule = Schemas['TrancheView'][]
type Compensation = Schemas['Compensation']

/** The clause's rule of compensation, in words. */
function rules({ prorata_refund, multiple, floor, cap }: Compensation, currency: string): string {
  const parts = [
    prorata_refund ? 'the price of the time taken back is returned' : 'the price of the time taken back is not returned',
    Number(multiple) > 0 && `${multiple} times that price on top`,
    floor && `at least ${money(floor, currency)}`,
    cap && `at most ${money(cap, currency)}`,
  ]
  return sentence(parts.filter(Boolean).join('; '))
}

type Props = { one: CaseView; schedule?: Schedule; side: Side }

/** What it does, or did: units, and money. */
export function WhatItDoes({ one, schedule, side }: Props) {
  const outcome = one.outcome
  if (!outcome && !one.money_preview && one.state !== 'draft') return null
  const freed = outcome?.units ?? one.units_to_go ?? []
  const perUnit = schedule?.[0] && schedule[0].gpus / schedule[0].units
  const size = one.action === 'partial' ? one.units : freed.reduce((sum, { first_unit, end_unit }) => sum + end_unit - first_unit, 0)
  const takes = one.action === 'partial' || one.action === 'full'
  const stake = outcome ?? one.money_preview
  return (
    <Panel title={outcome ? 'What it did' : 'What it does'}>
      <Facts
        of={{
          'Units back to the market': takes && (size > 0 ? <strong>{number(size)}</strong> : 'all of them'),
          GPUs: takes && (outcome ? number(outcome.gpus) : perUnit && size > 0 ? number(size * perUnit) : undefined),
          'The tenant is kept out until': one.action === 'suspend' && <Time at={one.until} />,
          'Units return to the lease': one.action === 'partial' && one.until ? <Time at={one.until} /> : undefined,
          'Unit numbers': freed.length > 0 && freed.slice(0, 6).map(({ pool_id, first_unit, end_unit }) => <div key={`${pool_id}${first_unit}`}>{number(first_unit)} – {number(end_unit - 1)}</div>),
          'Why these units': outcome?.choice && sentence(outcome.choice.explanation),
          'Kept for': one.reserve && <>{one.reserve.organization_id === one.provider_id ? "the provider's own use" : 'another tenant, by a quote'}, {duration(secondsOf(one.reserve.lasting))}</>,
          'Price of the time taken back': stake && one.action !== 'warn' && money(stake.unused, one.currency),
          [side === 'respondent' ? 'Paid to you' : 'Paid to the tenant']: stake && <strong>{money(stake.compensation, one.currency)}</strong>,
          'Takes effect': one.money_preview && <Time at={one.money_preview.effective_at} />,
        }}
      />
      {one.action !== 'warn' && <p className="faint" style={{ marginBottom: 0 }}>By the clause: {rules(one.clause.compensation, one.currency)}.</p>}
    </Panel>
  )
}

const LINES: Record<string, string> = {
  refund: 'Price of the time taken back',
  suspended_time: 'Price of the time suspended',
  premium: 'Premium',
  multiple: 'On top of that price',
  floor: 'Raised to the least that the clause knows',
  cap: 'Cut to the most that the clause knows',
}

type SettlementProps = { of: Schemas['SettlementView']; compensation?: Compensation; schedule?: Schedule }

/** What the tenant gets, line by line, and their sum. */
export function Settlement({ of, compensation, schedule }: SettlementProps) {
  const trancheOf = (id: string | null | undefined) => {
    const tranche = schedule?.find((tranche) => tranche.line_id === id)
    return tranche && schedule && schedule.length > 1 ? period(tranche.starts_at, tranche.ends_at) : undefined
  }
  const clauseSays = (kind: string) =>
    kind === 'multiple' ? `${compensation?.multiple ?? ''} times` : kind === 'floor' && compensation?.floor ? money(compensation.floor, of.currency) : kind === 'cap' && compensation?.cap ? money(compensation.cap, of.currency) : undefined
  return (
    <Panel title="Settlement" aside={<Link className="link" to="/reclaims/settlements">all settlements</Link>}>
      <table className="table breakdown sums" aria-label="Lines of the settlement">
        <thead>
          <tr>
            <th scope="col">For</th>
            <th scope="col" className="n">GPU-hours</th>
            <th scope="col" className="n">Amount</th>
          </tr>
        </thead>
        <tbody>
          {of.lines.map(({ kind, amount, gpu_hours, tranche_id }, index) => (
            <tr key={index}>
              <td>
                {LINES[kind] ?? kind} <span className="faint">{clauseSays(kind) ?? trancheOf(tranche_id)}</span>
              </td>
              <td className="n">{gpu_hours ? number(Number(gpu_hours)) : ''}</td>
              <td className="n">{money(amount, of.currency)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <td>For the tenant, owed by the provider</td>
            <td />
            <td className="n">{money(of.total, of.currency)}</td>
          </tr>
        </tfoot>
      </table>
      <p className="faint" style={{ marginBottom: 0 }}>
        {of.rule === 'returned' ? 'The case did not stand: all that it cost the tenant is given back, whatever the clause says.' : 'By the clause.'} Settled on <Time at={of.settled_at} />.
      </p>
    </Panel>
  )
}
