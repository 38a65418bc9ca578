import { NumberInput, SegmentedControl, Select, TagsInput, TextInput } from '@mantine/core'
import { DatePickerInput } from '@mantine/dates'
import { useForm } from '@mantine/form'
import { useDebouncedValue } from '@mantine/hooks'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { api, rehearsal, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { country, megawatts, number, rate, sentence } from '../../lib/format'
import { DAY, dateOf, day, midnight, secondsOf, spanInWords, spanOfDays } from '../../lib/time'
import { ActButton } from '../../ui/Act'
import { Facts, State } from '../../ui/Figures'
import { useProblem } from '../../ui/form'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty } from '../../ui/States'
import { OfferActs } from './Offers'

type OfferView = Schemas['OfferView']

const days = (span: string) => secondsOf(span) / DAY

/** The form's figures: durations in days, units as first and last. */
const valuesOf = (offer?: OfferView) => ({
  pool_id: offer?.pool_id ?? '',
  terms_id: offer?.terms_id ?? '',
  name: offer?.name ?? '',
  rate_per_gpu_hour: offer?.rate_per_gpu_hour ?? '',
  min_gpus: offer?.min_gpus ?? ('' as number | ''),
  max_gpus: offer?.max_gpus ?? ('' as number | ''),
  min_duration: offer ? days(offer.min_duration) : 1,
  max_duration: offer ? days(offer.max_duration) : 1095,
  lead_time: offer ? days(offer.lead_time) * 24 : 0,
  available_from: offer ? dateOf(offer.available_from) : (null as string | null),
  available_until: offer ? dateOf(offer.available_until) : (null as string | null),
  booking_mode: offer?.booking_mode ?? ('instant' as Schemas['BookingMode']),
  audience: offer?.audience ?? [],
  free_until: days(offer?.cancellation[0]?.at_least_before ?? 'P30D'),
  late_share: offer ? Number(offer.cancellation.at(-1)?.charge_share ?? 1) * 100 : 50,
})

type Values = ReturnType<typeof valuesOf>

function bodyOf(values: Values): Schemas['OfferBody'] {
  const { min_gpus, max_gpus, min_duration, max_duration, lead_time, available_from, available_until, audience, free_until, late_share, ...rest } = values
  return {
    ...rest,
    rate_per_gpu_hour: String(values.rate_per_gpu_hour),
    min_gpus: min_gpus || undefined,
    max_gpus: max_gpus || undefined,
    min_duration: spanOfDays(Number(min_duration)),
    max_duration: spanOfDays(Number(max_duration)),
    lead_time: `PT${Math.round(Number(lead_time) * 3600)}S`,
    available_from: available_from ? midnight(available_from) : undefined,
    available_until: available_until ? midnight(available_until) : undefined,
    audience: audience.length > 0 ? audience : undefined,
    cancellation: [
      ...(Number(free_until) > 0 ? [{ at_least_before: spanOfDays(Number(free_until)), charge_share: '0' }] : []),
      { at_least_before: 'PT0S', charge_share: String(Number(late_share) / 100) },
    ],
  }
}

/** A new offer, as a draft. */
export function NewOffer() {
  const go = useNavigate()
  const create = api.useMutation('post', '/v1/offers', { meta: { done: 'Drafted; publish it when it is right' } })
  const submit = async (values: Values) => {
    const made = await create.mutateAsync({ body: bodyOf(values) }).catch(() => undefined)
    if (made) await go({ to: '/my-offers/$id', params: { id: made.id } })
  }
  return (
    <Page name="Make an offer" lead="It is a draft until you publish it.">
      <Form initial={valuesOf()} verb="Save as a draft" busy={create.isPending} error={create.error} onSubmit={submit} />
    </Page>
  )
}

const route = getRouteApi('/my-offers/$id')

export function MyOffer() {
  const { id } = route.useParams()
  const path = { params: { path: { id } } }
  const offer = api.useQuery('get', '/v1/offers/{id}', path)
  const change = api.useMutation('patch', '/v1/offers/{id}', { meta: { done: 'Changed; leases keep what was signed' } })
  return (
    <Loaded query={offer}>
      {(offer) => (
        <Page
          name={offer.name}
          title={
            <>
              {offer.name} <State of={offer.state} />
            </>
          }
          lead={
            <Link className="link" to="/offers/$id" params={{ id }}>
              As the market sees it
            </Link>
          }
          acts={<OfferActs offer={offer} />}
        >
          <Form
            key={offer.revision}
            initial={valuesOf(offer)}
            isKept
            verb="Save"
            reason={offer.cannot.change}
            busy={change.isPending}
            error={change.error}
            onSubmit={(values) => {
              const body: Schemas['OfferChanges'] & { pool_id?: string } = bodyOf(values)
              delete body.pool_id
              change.mutate({ ...path, body, headers: { 'if-match': `"${offer.revision}"` } })
            }}
          />
        </Page>
      )}
    </Loaded>
  )
}

type FormProps = { initial: Values; isKept?: boolean; verb: string; reason?: string; busy: boolean; error: unknown; onSubmit: (values: Values) => void }

function Form({ initial, isKept, verb, reason, busy, error, onSubmit }: FormProps) {
  const pools = api.useQuery('get', '/v1/pools', { params: { query: { limit: 200 } } })
  const sites = api.useQuery('get', '/v1/sites', { params: { query: { limit: 200 } } })
  const terms = api.useQuery('get', '/v1/reclaim-terms', { params: { query: { limit: 200 } } })
  const form = useForm({ initialValues: initial })
  const general = useProblem(form, error)
  const [asked] = useDebouncedValue(form.values, 400)
  const isEnough = Boolean(asked.pool_id && asked.terms_id && asked.name.trim() && asked.rate_per_gpu_hour)
  const preview = api.useQuery('post', '/v1/offers', { body: bodyOf(asked), ...rehearsal }, { enabled: isEnough && !isKept, retry: false })
  const siteOf = (id: string) => sites.data?.items.find((site) => site.id === id)?.name ?? ''
  const version = terms.data?.items.find(({ id }) => id === form.values.terms_id)
  return (
    <div className="two">
      <Panel>
        <form className="stack" onSubmit={form.onSubmit(onSubmit)}>
          <Select label="Pool" required searchable disabled={isKept} data={pools.data?.items.map(({ id, name, site_id }) => ({ value: id, label: `${siteOf(site_id)} / ${name}` })) ?? []} {...form.getInputProps('pool_id')} />
          <TextInput label="Name on the market" required {...form.getInputProps('name')} />
          <NumberInput label="Rate per GPU-hour" required prefix="$" min={0} decimalScale={3} {...form.getInputProps('rate_per_gpu_hour')} />
          <div className="acts fields">
            <NumberInput label="At least, GPUs" placeholder="a unit" min={1} {...form.getInputProps('min_gpus')} />
            <NumberInput label="At most, GPUs" placeholder="all of it" min={1} {...form.getInputProps('max_gpus')} />
          </div>
          <div className="acts fields">
            <NumberInput label="For at least, days" min={0} {...form.getInputProps('min_duration')} />
            <NumberInput label="For at most, days" min={0} {...form.getInputProps('max_duration')} />
            <NumberInput label="Booked hours ahead" min={0} {...form.getInputProps('lead_time')} />
          </div>
          <div className="acts fields">
            <DatePickerInput label="Available from" placeholder="now" clearable valueFormat="D MMM YYYY" clearButtonProps={{ 'aria-label': 'From now on' }} {...form.getInputProps('available_from')} />
            <DatePickerInput label="Available until" placeholder="open" clearable valueFormat="D MMM YYYY" clearButtonProps={{ 'aria-label': 'Leave the end open' }} {...form.getInputProps('available_until')} />
          </div>
          <div className="acts fields">
            <NumberInput label="Cancelling is free until, days before" min={0} {...form.getInputProps('free_until')} />
            <NumberInput label="Later it costs, %" min={0} max={100} {...form.getInputProps('late_share')} />
          </div>
          <SegmentedControl
            aria-label="Booking"
            data={[
              { value: 'instant', label: 'Booked at once' },
              { value: 'approval', label: 'You approve each lease' },
            ]}
            {...form.getInputProps('booking_mode')}
          />
          <TagsInput label="Only for" description="Ids of organizations; everybody when empty" placeholder="org_…" {...form.getInputProps('audience')} />
          <Select
            label="Reclaim terms"
            required
            data={terms.data?.items.map(({ id, name, version }) => ({ value: id, label: `${name}, version ${version}` })) ?? []}
            nothingFoundMessage="Make reclaim terms first"
            {...form.getInputProps('terms_id')}
          />
          <Refused error={general} />
          <div className="acts" style={{ justifyContent: 'flex-end' }}>
            <ActButton type="submit" variant="filled" loading={busy} reason={reason}>
              {verb}
            </ActButton>
          </div>
        </form>
      </Panel>
      <div className="stack">
        {!isKept && <Panel title="As the market will see it">{preview.data ? <Preview offer={preview.data} /> : preview.error ? <Refused error={preview.error} /> : <Empty>Pool, name, rate and terms make a preview.</Empty>}</Panel>}
        {version && (
          <Panel title={`${version.name}, version ${version.version}`}>
            <ul className="clauses">
              {version.in_words.length === 0 && <li>Leases cannot be taken back.</li>}
              {version.in_words.map((words) => (
                <li key={words}>{sentence(words)}</li>
              ))}
            </ul>
          </Panel>
        )}
      </div>
    </div>
  )
}

function Preview({ offer }: { offer: OfferView }) {
  const accelerators = useAccelerators()
  return (
    <Facts
      of={{
        Site: `${offer.site_name}, ${country(offer.country)}`,
        Accelerator: accelerators.name(offer.accelerator),
        Rate: `${rate(offer.rate_per_gpu_hour, offer.currency)} per GPU-hour`,
        Size: `${number(offer.gpus)} GPUs · ${megawatts(offer.mw)} MW`,
        'At a time': `${number(offer.min_gpus)} – ${number(offer.max_gpus)} GPUs`,
        For: `${spanInWords(offer.min_duration)} – ${spanInWords(offer.max_duration)}`,
        Available: `${day(offer.available_from)} – ${day(offer.available_until)}`,
        Booking: offer.booking_mode === 'instant' ? 'at once' : 'you approve',
      }}
    />
  )
}
