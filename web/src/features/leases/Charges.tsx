import type { Schemas } from '../../api/client'
import { money } from '../../lib/format'
import { Time } from '../../ui/Figures'

const CHARGES: Record<Schemas['ChargeKind'], string> = {
  shrink: 'Giving capacity back',
  cancel: 'Cancelling before the start',
  end: 'Ending early',
  reclaim: 'Taken back under a clause without a refund',
}

/** How the price of a lease comes about: its schedule, and what is owed for capacity that it gave up. */
export function Charges({ of: { schedule, charges, price, currency } }: { of: Schemas['LeaseWithUnits'] }) {
  if (charges.length === 0) return null
  const cents = schedule.reduce((sum, line) => sum + Math.round(Number(line.price) * 100), 0)
  return (
    <table className="table breakdown sums" aria-label="How the price comes about">
      <tbody>
        <tr>
          <td>The schedule</td>
          <td className="n">{money((cents / 100).toFixed(2), currency)}</td>
        </tr>
        {charges.map(({ kind, amount, charged_at, waived_at }) => (
          <tr key={`${kind}${charged_at}`}>
            <td>
              {CHARGES[kind]}{' '}
              <span className="faint">
                {waived_at ? <>no longer owed since <Time at={waived_at} /></> : <Time at={charged_at} />}
              </span>
            </td>
            <td className="n">{waived_at ? <s>{money(amount, currency)}</s> : money(amount, currency)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td>Price</td>
          <td className="n">{money(price, currency)}</td>
        </tr>
      </tfoot>
    </table>
  )
}
