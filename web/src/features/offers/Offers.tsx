import { Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { useMe } from '../../api/session'
import { count, number, rate } from '../../lib/format'
import { day } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { State } from '../../ui/Figures'
import { LinkButton } from '../../ui/LinkButton'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'

/** What do I offer, and what of it is on the market? */
export function Offers() {
  const me = useMe()
  const accelerators = useAccelerators()
  const offers = api.useQuery('get', '/v1/offers', { params: { query: { mine: true, limit: 200 } } }, { enabled: Boolean(me?.organization) })
  const published = offers.data?.items.filter(({ state }) => state === 'published') ?? []
  return (
    <Page
      name="Offers"
      title={offers.data ? `${count(published.length, 'offer')} on the market` : 'Offers'}
      acts={
        <>
          <LinkButton to="/terms">Reclaim terms</LinkButton>
          <LinkButton to="/imports">Import</LinkButton>
          <LinkButton to="/my-offers/new" variant="filled">
            Make an offer
          </LinkButton>
        </>
      }
    >
      <Loaded query={offers} rows={8}>
        {({ items }) => (
          <Panel flush>
            <DataTable
              label="Your offers"
              rows={items}
              id={({ id }) => id}
              isQuiet={({ state }) => state === 'archived'}
              empty="No offers yet. An offer puts a pool, or a part of it, on the market."
              columns={[
                {
                  head: 'Offer',
                  cell: (offer) => (
                    <>
                      <Link className="rowlink" to="/my-offers/$id" params={{ id: offer.id }}>
                        {offer.name}
                      </Link>
                      <div className="faint">
                        {offer.site_name} · {accelerators.name(offer.accelerator)}
                      </div>
                    </>
                  ),
                  by: ({ name }) => name,
                },
                { head: 'State', cell: ({ state }) => <State of={state} />, by: ({ state }) => state },
                { head: 'GPUs', cell: ({ gpus }) => number(gpus), by: ({ gpus }) => gpus, isNumber: true, wideOnly: true },
                { head: '$ / GPU-h', cell: (offer) => rate(offer.rate_per_gpu_hour, offer.currency), by: (offer) => Number(offer.rate_per_gpu_hour), isNumber: true },
                { head: 'Until', cell: ({ available_until }) => day(available_until), by: ({ available_until }) => available_until, isNumber: true, wideOnly: true },
                { head: 'Booking', cell: ({ booking_mode }) => (booking_mode === 'instant' ? 'instant' : 'by approval'), wideOnly: true },
                { head: 'Act', cell: (offer) => <OfferActs offer={offer} /> },
              ]}
            />
          </Panel>
        )}
      </Loaded>
    </Page>
  )
}

const ACTS = {
  publish: { verb: 'Publish', done: 'On the market', says: 'The market sees it at once, and whoever may book can book it.' },
  pause: { verb: 'Pause', done: 'Paused', says: 'Nobody can book it any more; what is leased goes on as signed.' },
  archive: { verb: 'Archive', done: 'Archived', says: 'It is gone for good; what is leased goes on as signed.' },
} as const

/** Publish, pause, archive: those that are possible, and why the others are not. */
export function OfferActs({ offer }: { offer: Schemas['OfferView'] }) {
  if (offer.state === 'archived') return null
  const acts = offer.state === 'published' ? (['pause', 'archive'] as const) : (['publish', 'archive'] as const)
  return (
    <span className="acts">
      {acts.map((act) => (
        <OfferAct key={act} offer={offer} act={act} />
      ))}
    </span>
  )
}

function OfferAct({ offer, act }: { offer: Schemas['OfferView']; act: keyof typeof ACTS }) {
  const { verb, done, says } = ACTS[act]
  const run = api.useMutation('post', `/v1/offers/{id}/${act}`, { meta: { done } })
  return (
    <ActDialog
      verb={verb}
      title={`${verb} ${offer.name}`}
      reason={offer.cannot[act]}
      isPrimary={act === 'publish'}
      isDanger={act === 'archive'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ params: { path: { id: offer.id } }, body: {} })}
    >
      <span>
        {says} {count(offer.gpus, 'GPU')} at {rate(offer.rate_per_gpu_hour, offer.currency)} per GPU-hour.
      </span>
      <Refused error={run.error} />
    </ActDialog>
  )
}
