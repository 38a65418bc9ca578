import { Button, NumberInput, Select, Switch } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useDebouncedValue } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, rehearsal, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count, money, number, power, rate } from '../../lib/format'
import { memberOf } from '../../lib/problem'
import { duration, hoursBetween, instantOf, localOf, period, secondsBetween, useNow } from '../../lib/time'
import { ActButton } from '../../ui/Act'
import { Time } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { LinkButton } from '../../ui/LinkButton'
import { Panel } from '../../ui/Page'
import { Empty, Note } from '../../ui/States'
import { type Line, linesBody, wholeUnits } from './lines'

type Props = { offer: Schemas['OfferView']; lines: Line[]; onChange: (lines: Line[]) => void }

/** What it costs, at once; held for a while on demand; booked. */
export function PriceBox(props: Props) {
  const me = useMe()
  const { pathname, search } = location
  if (!me) {
    return (
      <Panel title="Price">
        <Empty
          act={
            <LinkButton variant="filled" to="/login" search={{ then: pathname + search }}>
              Log in
            </LinkButton>
          }
        >
          Log in to have it priced to the cent, held and booked.
        </Empty>
      </Panel>
    )
  }
  if (!me.organization?.kinds.includes('tenant')) {
    return (
      <Panel title="Price">
        <Empty>Only tenants book. {me.organization ? `${me.organization.name} is a provider.` : 'You are staff.'}</Empty>
      </Panel>
    )
  }
  return <Booking {...props} organization={me.organization} />
}

type Alternative = Line & { kind: string; offer_id: string; rate_per_gpu_hour: string }

function Booking({ offer, lines, onChange, organization }: Props & { organization: Schemas['Organization'] }) {
  const go = useNavigate()
  const [placement, setPlacement] = useState<'any' | 'island'>('any')
  const [project, setProject] = useState<string | null>(null)
  const projects = api.useQuery('get', '/v1/organizations/{id}/projects', { params: { path: { id: organization.id } } })
  const request = { tranches: linesBody(offer.id, lines), placement, project_id: project }
  const [asked] = useDebouncedValue(request, 250)
  const price = api.useQuery('post', '/v1/quotes', { body: asked, ...rehearsal }, { retry: false, placeholderData: (last) => last })
  const hold = api.useMutation('post', '/v1/quotes', { meta: { done: 'Held for you' } })
  const book = api.useMutation('post', '/v1/leases', { meta: { done: offer.booking_mode === 'instant' ? 'Booked' : 'Requested; the provider decides' } })
  const change = (index: number, changed: Partial<Line>) => {
    hold.reset()
    book.reset()
    onChange(lines.map((line, at) => (at === index ? { ...line, ...changed } : line)))
  }
  const held = hold.data
  const doBook = async () => {
    const lease = await book.mutateAsync({ body: held ? { quote_id: held.id } : request }).catch(() => undefined)
    if (lease) await go({ to: '/leases/$id', params: { id: lease.id } })
  }
  const shown = held ?? (price.isError ? undefined : price.data)
  const alternatives = memberOf(hold.error ?? book.error ?? price.error, 'alternatives') as Alternative[] | undefined
  const verb = offer.booking_mode === 'instant' ? 'Book' : 'Request'
  return (
    <Panel title="Price">
      <div className="stack">
        {lines.map((line, index) => (
          <LineFields
            key={index}
            name={lines.length > 1 ? `Step ${index + 1}` : undefined}
            line={line}
            perUnit={offer.gpus_per_unit}
            isFixed={Boolean(held)}
            onChange={(changed) => change(index, changed)}
            onRemove={lines.length > 1 ? () => onChange(lines.toSpliced(index, 1)) : undefined}
          />
        ))}
        <div className="acts" style={{ justifyContent: 'space-between' }}>
          <Button
            size="compact-sm"
            variant="subtle"
            disabled={Boolean(held)}
            onClick={() => {
              const last = lines.at(-1)
              if (last) onChange([...lines, { ...last, starts_at: last.ends_at, ends_at: new Date(2 * Date.parse(last.ends_at) - Date.parse(last.starts_at)).toISOString() }])
            }}
          >
            Add a step to the ramp
          </Button>
          <Switch label="One fabric island" disabled={Boolean(held)} checked={placement === 'island'} onChange={({ currentTarget }) => setPlacement(currentTarget.checked ? 'island' : 'any')} />
        </div>
        {(projects.data?.items.length ?? 0) > 0 && (
          <Select label="Project" placeholder="none" clearable disabled={Boolean(held)} data={projects.data?.items.map(({ id, name }) => ({ value: id, label: name }))} value={project} onChange={setProject} />
        )}
        {shown && <Breakdown quote={shown} />}
        {!held && <Refused error={price.error} />}
        <Refused error={hold.error ?? book.error} />
        {alternatives?.map((alternative) => (
          <div key={alternative.kind} className="acts" style={{ justifyContent: 'space-between' }}>
            <span>
              {ALTERNATIVES[alternative.kind] ?? alternative.kind}: {number(alternative.gpus)} GPUs, {period(alternative.starts_at, alternative.ends_at)}, {rate(alternative.rate_per_gpu_hour, offer.currency)}
            </span>
            <LinkButton
              size="compact-sm"
              to="/offers/$id"
              params={{ id: alternative.offer_id }}
              search={{ gpus: String(alternative.gpus), from: alternative.starts_at, to: alternative.ends_at }}
              reloadDocument={alternative.offer_id === offer.id}
            >
              Take it
            </LinkButton>
          </div>
        ))}
        {held && <Held quote={held} onRelease={() => hold.reset()} />}
        <div className="acts" style={{ justifyContent: 'flex-end' }}>
          {!held && (
            <ActButton onClick={() => hold.mutate({ body: { ...request, hold: true } })} loading={hold.isPending} reason={price.isError ? 'it does not fit as it is' : undefined}>
              Quote and hold
            </ActButton>
          )}
          <ActButton variant="filled" onClick={() => void doBook()} loading={book.isPending} reason={price.isError && !held ? 'it does not fit as it is' : undefined}>
            {verb} {count(Math.max(...lines.map(({ gpus }) => gpus)), 'GPU')}
          </ActButton>
        </div>
      </div>
    </Panel>
  )
}

const ALTERNATIVES: Record<string, string> = {
  earliest_start: 'The earliest start',
  largest_size: 'The most that fits then',
  other_pool: 'The cheapest elsewhere',
}

type LineProps = { name?: string; line: Line; perUnit: number; isFixed: boolean; onChange: (line: Partial<Line>) => void; onRemove?: () => void }

function LineFields({ name, line, perUnit, isFixed, onChange, onRemove }: LineProps) {
  const seconds = secondsBetween(line.starts_at, line.ends_at)
  const picker = { valueFormat: 'D MMM YYYY HH:mm', disabled: isFixed, style: { flex: 1, minWidth: 150 } }
  return (
    <fieldset className="line" aria-label={name ?? 'What to book'}>
      {name && (
        <div className="acts" style={{ justifyContent: 'space-between' }}>
          <strong>{name}</strong>
          {onRemove && (
            <Button size="compact-xs" variant="subtle" color="gray" onClick={onRemove}>
              Remove
            </Button>
          )}
        </div>
      )}
      <div className="acts">
        <NumberInput
          label="GPUs"
          w={96}
          min={perUnit}
          step={perUnit}
          allowDecimal={false}
          disabled={isFixed}
          value={line.gpus}
          onChange={(gpus) => Number(gpus) > 0 && onChange({ gpus: Number(gpus) })}
          onBlur={() => onChange({ gpus: wholeUnits(line.gpus, perUnit) })}
        />
        <DateTimePicker label="From" {...picker} value={localOf(line.starts_at)} onChange={(at) => at && onChange({ starts_at: instantOf(at) })} />
        <DateTimePicker label="Until" {...picker} value={localOf(line.ends_at)} onChange={(at) => at && onChange({ ends_at: instantOf(at) })} />
      </div>
      <div className="faint">
        {duration(Math.max(0, seconds))} · {count(line.gpus / perUnit, 'unit')} of {perUnit}
      </div>
    </fieldset>
  )
}

function Breakdown({ quote }: { quote: Schemas['QuoteView'] }) {
  return (
    <table className="table breakdown" aria-label="How the price comes about">
      <tbody>
        {quote.lines.map((line) => (
          <tr key={line.id}>
            <td>
              {number(line.gpus)} GPUs × {number(hoursBetween(line.starts_at, line.ends_at))} h × {rate(line.rate_per_gpu_hour, quote.currency)}
              <div className="faint">
                {period(line.starts_at, line.ends_at)} · {power(line.mw)}
              </div>
            </td>
            <td className="n">{money(line.price, quote.currency)}</td>
          </tr>
        ))}
        <tr>
          <td>
            <strong>Total</strong>
          </td>
          <td className="n total">{money(quote.price, quote.currency)}</td>
        </tr>
      </tbody>
    </table>
  )
}

function Held({ quote, onRelease }: { quote: Schemas['QuoteView']; onRelease: () => void }) {
  const at = useNow(1)
  const release = api.useMutation('post', '/v1/quotes/{id}/release', { meta: { done: 'Released' } })
  const left = (Date.parse(quote.expires_at) - at) / 1000
  return (
    <Note tone={left > 0 ? 'sched' : 'wait'}>
      {left > 0 ? (
        <>
          <strong>Held for {duration(left)}</strong>, until <Time at={quote.expires_at} />.{' '}
        </>
      ) : (
        <strong>The hold is over. </strong>
      )}
      <Button size="compact-sm" variant="subtle" loading={release.isPending} onClick={() => release.mutate({ params: { path: { id: quote.id } } }, { onSettled: onRelease })}>
        {left > 0 ? 'Give it back' : 'Ask again'}
      </Button>
    </Note>
  )
}
