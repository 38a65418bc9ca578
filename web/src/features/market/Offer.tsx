import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { count, country, number, percent, power, rate, sentence } from '../../lib/format'
import { day, spanInWords } from '../../lib/time'
import { Facts, Id, Stat, State, Stats } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Compare } from './Compare'
import { FreeCalendar } from './FreeCalendar'
import { useTerms } from './hooks'
import { firstLine, type Line } from './lines'
import { PriceBox } from './PriceBox'

const route = getRouteApi('/offers/$id')

/** Is it right for me? */
export function Offer() {
  const { id } = route.useParams()
  const offer = api.useQuery('get', '/v1/offers/{id}', { params: { path: { id } } })
  return <Loaded query={offer}>{(offer) => <Detail offer={offer} />}</Loaded>
}

function Detail({ offer }: { offer: Schemas['OfferView'] }) {
  const asked = route.useSearch()
  const accelerators = useAccelerators()
  const [lines, setLines] = useState<Line[]>(() => [firstLine(offer, asked)])
  const [last, others] = [lines.at(-1), lines.slice(0, -1)]
  return (
    <Page
      name={offer.name}
      title={
        <>
          {offer.site_name} <small>{accelerators.name(offer.accelerator)}</small> {offer.state !== 'published' && <State of={offer.state} />}
        </>
      }
      lead={
        <>
          {offer.provider_name} · {country(offer.country)} · {offer.booking_mode === 'instant' ? 'booked at once' : 'the provider approves each lease'}
        </>
      }
    >
      <Stats>
        <Stat label="Rate" note="per GPU-hour">
          {rate(offer.rate_per_gpu_hour, offer.currency)}
        </Stat>
        <Stat label="Offered" note={`GPUs · ${power(offer.mw)}`}>
          {number(offer.gpus)}
        </Stat>
        <Stat label="At a time" note="GPUs">
          {number(offer.min_gpus)} – {number(offer.max_gpus)}
        </Stat>
        <Stat label="For">
          {spanInWords(offer.min_duration)} – {spanInWords(offer.max_duration)}
        </Stat>
        <Stat
          label="Taken back in a year"
          note={
            <Link className="link" to="/transparency" search={{ provider: offer.provider_id }}>
              {count(offer.provider_reclaims.served, 'notice')}, {number(offer.provider_reclaims.executed)} carried out
            </Link>
          }
        >
          {percent(Number(offer.provider_reclaims.rate))}
        </Stat>
      </Stats>
      <div className="two">
        <div className="stack">
          <FreeCalendar offer={offer} chosen={last} onChoose={(period) => last && setLines([...others, { ...last, ...period }])} />
          <Terms offer={offer} />
          <Panel title="Conditions">
            <Facts
              of={{
                Accelerator: accelerators.name(offer.accelerator),
                'Leased in units of': `${number(offer.gpus_per_unit)} GPUs`,
                'Fabric island': `${number(offer.units_per_island)} units, ${number(offer.units_per_island * offer.gpus_per_unit)} GPUs`,
                'Power of a unit': `${offer.kw_per_unit} kW, PUE ${offer.pue}`,
                'Available until': day(offer.available_until),
                'Earliest start': offer.lead_time === 'PT0S' ? 'at once' : `${spanInWords(offer.lead_time)} after booking`,
                'Unit numbers are handed out': `${spanInWords(offer.pin_lead)} before the start`,
                'Cancelling costs': <Cancellation steps={offer.cancellation} />,
                Offer: <Id of={offer.id} />,
              }}
            />
          </Panel>
        </div>
        <PriceBox offer={offer} lines={lines} onChange={setLines} />
      </div>
    </Page>
  )
}

function Cancellation({ steps }: { steps: Schemas['CancellationStep'][] }) {
  if (steps.length === 0) return 'everything that is left'
  return steps.map(({ at_least_before, charge_share }) => (
    <div key={at_least_before}>
      {percent(Number(charge_share))} {at_least_before === 'PT0S' ? 'after that' : `until ${spanInWords(at_least_before)} before`}
    </div>
  ))
}

function Terms({ offer }: { offer: Schemas['OfferView'] }) {
  const hash = offer.terms_hash
  const terms = useTerms(hash)
  const search = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Panel title="When it can be taken back" aside={<Id of={hash} />}>
      <Loaded query={terms} rows={2}>
        {({ in_words, clauses }) =>
          in_words.length === 0 ? (
            'Never: these terms have no clause.'
          ) : (
            <ul className="clauses">
              {in_words.map((words, index) => (
                <li key={words}>
                  {sentence(words)}
                  <div className="faint">{clauses[index] && aside(clauses[index])}</div>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <div style={{ marginTop: 16 }}>
        <Compare offer={offer} other={search.with} onChoose={(other) => void navigate({ search: { ...search, with: other }, replace: true, resetScroll: false })} />
      </div>
    </Panel>
  )
}

/** What else a clause says. */
function aside({ approvals, compensation, appeal, invocable_by }: Schemas['Clause']): string {
  const people = Object.entries(approvals ?? {}).map(([role, count]) => `${count} ${role.replace('_', ' ')}`)
  return [
    `invoked by ${invocable_by.join(' or ')}`,
    people.length > 0 && `approved by ${people.join(', ')}`,
    compensation.prorata_refund && 'what is unused is refunded',
    Number(compensation.multiple ?? 0) > 0 && `${compensation.multiple} × the rate paid for the hours that remain`,
    appeal && `appeal within ${spanInWords(appeal.window)}${appeal.stays ? ', which stays it' : ''}`,
  ]
    .filter(Boolean)
    .join(' · ')
}
