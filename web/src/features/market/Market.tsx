import { getRouteApi, Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useAccelerators, useOffers } from '../../api/hooks'
import { useMe } from '../../api/session'
import { count, country, money, number, rate, sentence } from '../../lib/format'
import { median } from '../../lib/steps'
import { now, period, spanInWords, spanOfDays } from '../../lib/time'
import { BarList } from '../../ui/BarList'
import { type Column, DataTable } from '../../ui/DataTable'
import { Loaded } from '../../ui/Loaded'
import { LinkButton } from '../../ui/LinkButton'
import { Page, Panel } from '../../ui/Page'
import { Empty } from '../../ui/States'
import { listOf, type Need, needOf, searchOf, windowOf } from './need'
import { NeedBar } from './NeedBar'
import { Clauses, FreeStrip } from './parts'
import { whyOf } from './why'

type OfferView = Schemas['OfferView']

const route = getRouteApi('/market')

/** What can I get, and for how much? */
export function Market() {
  // Only the need: the address holds more.
  const need = needOf(route.useSearch())
  const navigate = route.useNavigate()
  const me = useMe()
  const offers = useOffers({})
  const all = offers.offers ?? []
  const body = searchOf(need)
  const search = (need: Need) => void navigate({ search: need })
  return (
    <Page name="Market" title={body ? <Found need={need} body={body} /> : <OnOffer offers={all} need={need} />}>
      <NeedBar key={JSON.stringify(need)} need={need} offers={all} onSearch={search} />
      {body && !me ? (
        <Panel>
          <Empty
            act={
              <LinkButton variant="filled" to="/login" search={{ then: location.pathname + location.search }}>
                Log in
              </LinkButton>
            }
          >
            What fits a need depends on who asks: log in to have {count(body.gpus, 'GPU')} found for you. The offers themselves are open to everybody.
          </Empty>
        </Panel>
      ) : body ? (
        <Options need={need} body={body} />
      ) : (
        <Loaded query={{ ...offers, data: offers.offers }} rows={10}>
          {() => <Offers offers={all.filter(fits(need))} need={need} onSearch={search} />}
        </Loaded>
      )}
    </Page>
  )
}

const fits = (need: Need) => {
  const [accelerators, countries] = [listOf(need.accelerators), listOf(need.countries)]
  return (offer: OfferView) =>
    (accelerators.length === 0 || accelerators.includes(offer.accelerator)) &&
    (countries.length === 0 || countries.includes(offer.country ?? '')) &&
    (!need.max_rate || Number(offer.rate_per_gpu_hour) <= Number(need.max_rate))
}

const useSearch = (body: Schemas['SearchBody']) => api.useQuery('post', '/v1/search', { body }, { enabled: Boolean(useMe()), placeholderData: (last) => last })

function Found({ need, body }: { need: Need; body: Schemas['SearchBody'] }) {
  const { data } = useSearch(body)
  const what = `${count(body.gpus, 'GPU')} for ${spanInWords(spanOfDays(need.days ?? 30))}`
  if (!data) return what
  const cheapest = data.options[0]
  return (
    <>
      {data.fitting === 0 ? 'No way' : count(data.fitting, 'way')} to get {what}{' '}
      {cheapest && <small>from {rate(cheapest.rate_per_gpu_hour, cheapest.currency)} per GPU-hour</small>}
    </>
  )
}

function OnOffer({ offers, need }: { offers: OfferView[]; need: Need }) {
  const shown = offers.filter(fits(need))
  const cheapest = shown.toSorted((a, b) => Number(a.rate_per_gpu_hour) - Number(b.rate_per_gpu_hour))[0]
  if (!cheapest) return 'Market'
  const gpus = shown.reduce((sum, offer) => sum + offer.gpus, 0)
  return (
    <>
      {count(shown.length, 'offer')} of {number(gpus)} GPUs <small>from {rate(cheapest.rate_per_gpu_hour, cheapest.currency)} per GPU-hour</small>
    </>
  )
}

const where = (site: string, provider: string, place: string | null | undefined, accelerator: string, to: React.ReactNode) => (
  <div style={{ minWidth: 150 }}>
    {to ?? site}
    <div className="faint">
      {provider} · {country(place)}
      <div className="narrow-only">{accelerator}</div>
    </div>
  </div>
)

/** What fits, the cheapest first, or why nothing does. */
function Options({ need, body }: { need: Need; body: Schemas['SearchBody'] }) {
  const accelerators = useAccelerators()
  const search = useSearch(body)
  const { from, to } = windowOf(need)
  const cheapest = search.data?.options[0]
  const earliest = body.earliest ?? new Date(now()).toISOString()
  const columns: Column<Schemas['OptionView']>[] = [
    {
      head: 'Site',
      cell: (option) =>
        where(
          option.site_name,
          option.provider.name,
          option.country,
          accelerators.name(option.accelerator),
          <Link className="rowlink" to="/offers/$id" params={{ id: option.offer_id }} search={chosen(option)}>
            {option.site_name}
          </Link>,
        ),
      by: ({ site_name }) => site_name,
    },
    { head: 'Accelerator', cell: ({ accelerator }) => accelerators.name(accelerator), by: ({ accelerator }) => accelerator, wideOnly: true },
    {
      head: 'Window in what is free',
      cell: (option) => (
        <>
          <FreeStrip offer={option.offer_id} from={from} to={to} need={option.gpus} chosen={option} width={170} />
          <div className="faint nowrap">{period(option.starts_at, option.ends_at)}</div>
        </>
      ),
      by: ({ starts_at }) => starts_at,
      wideOnly: true,
    },
    { head: 'Why', cell: (option) => <Why of={cheapest ? whyOf(option, cheapest, earliest) : []} />, wideOnly: true },
    {
      head: '$ / GPU-h, total',
      cell: (option) => (
        <>
          <strong>{rate(option.rate_per_gpu_hour, option.currency)}</strong>
          <div className="faint">{money(option.price, option.currency)}</div>
        </>
      ),
      by: (option) => Number(option.price),
      isNumber: true,
    },
    { head: 'Clauses', cell: ({ terms_hash, provider_reclaims }) => <Clauses hash={terms_hash} reclaimed={provider_reclaims.rate} />, wideOnly: true },
    {
      head: 'Act',
      cell: (option) => (
        <LinkButton to="/offers/$id" params={{ id: option.offer_id }} search={chosen(option)} aria-label={`Quote ${option.site_name}`}>
          Quote
        </LinkButton>
      ),
    },
  ]
  return (
    <Loaded query={search} rows={8}>
      {(found) => (
        <Panel flush>
          <DataTable label="Options" columns={columns} rows={found.options} id={({ offer_id }) => offer_id} page={50} empty={<WhyNone found={found} />} />
          {found.options.length > 0 && (
            <p className="dim" style={{ padding: '0 12px' }}>
              {found.fitting > found.options.length && <>The {found.options.length} cheapest of {number(found.fitting)} are shown; narrow the need to see the others. </>}
              {count(found.considered - found.fitting, 'offer does', 'offers do')} not fit, of {number(found.considered)} that were looked at.
            </p>
          )}
        </Panel>
      )}
    </Loaded>
  )
}

function Why({ of: [first, ...others] }: { of: string[] }) {
  return (
    <div style={{ minWidth: 140 }}>
      {first}
      <div className="faint">{others.join(' · ')}</div>
    </div>
  )
}

const chosen = (option: Schemas['OptionView']) => ({ gpus: String(option.gpus), from: option.starts_at, to: option.ends_at })

function WhyNone({ found }: { found: Schemas['SearchView'] }) {
  return (
    <>
      Nothing fits. Of {count(found.considered, 'offer')}:
      {found.why_none.map(({ dimension, offers, hint }) => (
        <span key={dimension} style={{ display: 'block', marginTop: 6 }}>
          <strong>{number(offers)}</strong> fail by {dimension}: {hint}
        </span>
      ))}
    </>
  )
}

/** Everything on the market, and what each accelerator costs there. */
function Offers({ offers, need, onSearch }: { offers: OfferView[]; need: Need; onSearch: (need: Need) => void }) {
  const accelerators = useAccelerators()
  const { from, to } = windowOf(need)
  const columns: Column<OfferView>[] = [
    {
      head: 'Site',
      cell: (offer) =>
        where(
          offer.site_name,
          offer.provider_name,
          offer.country,
          accelerators.name(offer.accelerator),
          <Link className="rowlink" to="/offers/$id" params={{ id: offer.id }}>
            {offer.site_name}
          </Link>,
        ),
      by: ({ site_name }) => site_name,
    },
    { head: 'Accelerator', cell: ({ accelerator }) => accelerators.name(accelerator), by: ({ accelerator }) => accelerator, wideOnly: true },
    { head: `Free, ${period(from, to)}`, cell: ({ id }) => <FreeStrip offer={id} from={from} to={to} />, wideOnly: true },
    { head: 'GPUs', cell: ({ gpus }) => number(gpus), by: ({ gpus }) => gpus, isNumber: true },
    { head: '$ / GPU-h', cell: (offer) => <strong>{rate(offer.rate_per_gpu_hour, offer.currency)}</strong>, by: (offer) => Number(offer.rate_per_gpu_hour), isNumber: true },
    { head: 'Clauses', cell: (offer) => <Clauses hash={offer.terms_hash} reclaimed={offer.provider_reclaims.rate} />, wideOnly: true },
    { head: 'Booking', cell: ({ booking_mode }) => (booking_mode === 'instant' ? 'instant' : 'by approval'), by: ({ booking_mode }) => booking_mode, wideOnly: true },
  ]
  const groups = Object.entries(Object.groupBy(offers, ({ accelerator }) => accelerator)).map(([id, of = []]) => ({
    id,
    label: accelerators.name(id),
    value: median(of.map((offer) => Number(offer.rate_per_gpu_hour))) ?? 0,
    text: rate(String(median(of.map((offer) => Number(offer.rate_per_gpu_hour)))), of[0]?.currency ?? 'USD'),
    note: count(of.length, 'offer'),
  }))
  return (
    <>
      <Panel title="Median rate per GPU-hour">
        <BarList
          label="Median rate by accelerator"
          rows={groups.toSorted((a, b) => b.value - a.value)}
          act={(id) => sentence(`show only ${accelerators.name(id)}`)}
          onChoose={(id) => onSearch({ ...need, accelerators: id })}
        />
      </Panel>
      <Panel flush>
        <DataTable label="Offers" columns={columns} rows={offers} id={({ id }) => id} sort="$ / GPU-h" page={25} empty="No offer is like this; widen the filter." />
      </Panel>
    </>
  )
}
