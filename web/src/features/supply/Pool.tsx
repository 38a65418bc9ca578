import { Button, SegmentedControl } from '@mantine/core'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { useMe } from '../../api/session'
import { count, megawatts, number, percent, words } from '../../lib/format'
import { clamp, type Shape, type Tone, unitsAt, type View } from '../../lib/plane'
import { addDays, day, instant, now as clock, useNow } from '../../lib/time'
import { DataTable } from '../../ui/DataTable'
import { Stat, State, Stats, Time } from '../../ui/Figures'
import { Loaded } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Note } from '../../ui/States'
import { Plane } from '../../ui/plane/Plane'
import { BlockUnits, LiftBlock, type Marked } from './blocks'
import { AcceptDelivery, AddDelivery, Reschedule } from './deliveries'
import { shapesOf } from '../../api/shapes'

const route = getRouteApi('/pools/$id')

/** Who holds what, when? */
export function Pool() {
  const { id } = route.useParams()
  const [window] = useState(() => ({ from: addDays(clock(), -365), to: addDays(clock(), 730) }))
  const plane = api.useQuery('get', '/v1/pools/{id}/plane', { params: { path: { id }, query: window } })
  return <Loaded query={plane}>{(plane) => <Drawn plane={plane} />}</Loaded>
}

const SPANS = { month: [-7, 30], year: [-60, 305], all: [-365, 730] } as const

function Drawn({ plane }: { plane: Schemas['PlaneView'] }) {
  const me = useMe()
  const go = useNavigate()
  const at = useNow(60)
  const { table } = route.useSearch()
  const navigate = route.useNavigate()
  const accelerators = useAccelerators()
  const path = { params: { path: { id: plane.pool_id } } }
  // A tenant sees the plane, and not the pool behind it.
  const isProvider = Boolean(me?.organization?.kinds.includes('provider')) || Boolean(me?.staff_role)
  const pool = api.useQuery('get', '/v1/pools/{id}', path, { enabled: isProvider, retry: false }).data
  const site = api.useQuery('get', '/v1/sites/{id}', { params: { path: { id: pool?.site_id ?? '' } } }, { enabled: Boolean(pool) }).data
  const leases = api.useQuery('get', '/v1/leases', { params: { query: { limit: 200, status: 'active' } } }).data
  const noticed = useMemo(() => new Set(leases?.items.filter(({ noticed }) => noticed).map(({ id }) => id)), [leases])
  // Colours follow the clock by the day; that is enough, and spares the canvas work.
  const today = Math.floor(at / 86_400_000)
  const shapes = useMemo(() => shapesOf(plane, today * 86_400_000 + 86_400_000 - 1, noticed), [plane, noticed, today])
  const bounds: View = useMemo(() => ({ from: Date.parse(plane.from), to: Date.parse(plane.to), low: 0, high: plane.units }), [plane])
  const spanOf = ([before, after]: readonly [number, number]): View => clamp({ ...bounds, from: at + before * 86_400_000, to: at + after * 86_400_000 }, bounds)
  const [span, setSpan] = useState<keyof typeof SPANS | ''>('year')
  const [view, setView] = useState<View>(() => spanOf(SPANS.year))
  const [isMarking, setMarking] = useState(false)
  const [marked, setMarked] = useState<Marked>()
  const owns = Boolean(pool && pool.provider_id === me?.organization?.id)
  const reason = me?.role === 'viewer' ? 'a manager or owner does this' : undefined
  const perUnit = plane.gpus_per_unit
  const mwOf = (units: number) => (pool ? (units * Number(pool.kw_per_unit) * Number(site?.pue ?? 1)) / 1000 : undefined)
  const size = (units: number) => [count(units, 'unit'), `${number(units * perUnit)} GPUs`, mwOf(units) !== undefined && `${megawatts(mwOf(units) ?? 0)} MW`].filter(Boolean).join(' · ')
  const delivered = plane.units - unitsAt(shapes, at, ['undelivered'])
  const leased = unitsAt(shapes, at, ['run', 'sched', 'bad'])
  const open = ({ subject }: Shape) => subject && void go({ to: '/leases/$id', params: { id: subject } })
  const mark = ({ from, to, low, high }: View) => setMarked({ first_unit: low, end_unit: high, starts_at: new Date(from).toISOString(), ends_at: new Date(to).toISOString() })
  const tones = new Set(shapes.map(({ tone }) => tone))
  return (
    <Page
      name={`${site?.name ?? 'Pool'} / ${plane.pool_name}`}
      title={
        <>
          {site ? (
            <Link to="/sites/$id" params={{ id: site.id }} className="rowlink">
              {site.name}
            </Link>
          ) : (
            'Pool'
          )}{' '}
          / {pool ? accelerators.name(pool.accelerator) : plane.pool_name} <small>{number(plane.units)} units of {perUnit}</small>
        </>
      }
      acts={
        <>
          <SegmentedControl
            size="xs"
            aria-label="How much time to see"
            value={span}
            onChange={(name) => {
              const chosen = name as keyof typeof SPANS
              setSpan(chosen)
              setView(spanOf(SPANS[chosen]))
            }}
            data={[
              { value: 'month', label: 'Month' },
              { value: 'year', label: 'Year' },
              { value: 'all', label: 'All' },
            ]}
          />
          <Button aria-pressed={table === 'yes'} onClick={() => void navigate({ search: { table: table === 'yes' ? undefined : 'yes' } })}>
            {table === 'yes' ? 'Plane' : 'Table'}
          </Button>
          {owns && (
            <>
              <Button aria-pressed={isMarking} disabled={table === 'yes'} onClick={() => setMarking(!isMarking)} className="wide-only">
                {isMarking ? 'Stop marking' : 'Mark a block'}
              </Button>
              <BlockUnits key={JSON.stringify(marked)} pool={plane} marked={marked} reason={reason} onClose={() => (setMarked(undefined), setMarking(false))} />
            </>
          )}
        </>
      }
    >
      <div className="acts" style={{ justifyContent: 'space-between', gap: 20 }}>
        <Stats>
          <Stat label="Delivered" note={`GPUs${mwOf(delivered) === undefined ? '' : ` · ${megawatts(mwOf(delivered) ?? 0)} MW`}`}>
            {number(delivered * perUnit)}
          </Stat>
          <Stat label={isProvider ? 'Leased now' : 'Yours now'} note={`${number(leased * perUnit)} GPUs`}>
            {percent(leased / Math.max(1, delivered))}
          </Stat>
        </Stats>
        <Legend tones={tones} />
      </div>
      {plane.truncated && <Note tone="wait">There is more than can be drawn at once; the lowest units are shown.</Note>}
      {table === 'yes' ? (
        <Panel flush>
          <Rectangles plane={plane} shapes={shapes} />
        </Panel>
      ) : (
        <Panel>
          <Plane
            label={`${site?.name ?? ''} ${plane.pool_name}, ${size(plane.units)}, ${percent(leased / Math.max(1, delivered))} leased now`}
            units={plane.units}
            shapes={shapes}
            now={at}
            bounds={bounds}
            view={view}
            onView={(view) => (setSpan(''), setView(view))}
            onOpen={open}
            isMarking={isMarking}
            onMark={owns && !reason ? mark : undefined}
            tell={(time, unit, shape, free) => (shape ? <TellShape shape={shape} size={size} /> : <TellFree at={time} unit={unit} free={free()} size={size} />)}
          />
        </Panel>
      )}
      {owns && <Supply id={plane.pool_id} units={plane.units} reason={reason} />}
    </Page>
  )
}

function TellShape({ shape, size }: { shape: Shape; size: (units: number) => string }) {
  const [who] = shape.label.split(' · ')
  return (
    <>
      <strong>{who}</strong>
      <div>{size(shape.high - shape.low)}</div>
      <div className="dim">
        units {number(shape.low)} – {number(shape.high - 1)}
        <br />
        {Number.isFinite(shape.from) ? day(shape.from) : 'ever'} – {Number.isFinite(shape.to) ? day(shape.to) : 'open'}
      </div>
    </>
  )
}

function TellFree({ at, unit, free, size }: { at: number; unit: number; free: { free: number; run: number }; size: (units: number) => string }) {
  return (
    <>
      <strong>Free on {day(at)}</strong>
      <div>{size(free.free)}</div>
      <div className="dim">
        largest run of neighbours: {count(free.run, 'unit')}
        <br />
        unit {number(Math.max(0, Math.floor(unit)))} at {instant(at)}
      </div>
    </>
  )
}

const LEGEND: [Tone, string, string][] = [
  ['run', 'running', 'var(--run-fill)'],
  ['sched', 'to come', 'var(--sched-fill)'],
  ['bad', 'under notice', 'var(--bad-fill)'],
  ['hold', 'held', 'repeating-linear-gradient(-45deg, var(--sched-fill) 0 3px, var(--sched-bg) 3px 6px)'],
  ['own', 'own use', 'var(--own-fill)'],
  ['maintenance', 'maintenance', 'repeating-linear-gradient(-45deg, var(--wait-fill) 0 3px, var(--wait-bg) 3px 6px)'],
  ['fault', 'fault', 'repeating-linear-gradient(-45deg, var(--bad-fill) 0 3px, var(--bad-bg) 3px 6px)'],
  ['undelivered', 'not delivered', 'repeating-linear-gradient(-45deg, var(--hatch) 0 1px, var(--free) 1px 5px)'],
  ['taken', "others'", 'var(--hatch)'],
]

function Legend({ tones }: { tones: Set<Tone> }) {
  return (
    <div className="swatches">
      {LEGEND.filter(([tone]) => tones.has(tone)).map(([tone, name, background]) => (
        <span key={tone}>
          <i style={{ background }} />
          {name}
        </span>
      ))}
      <span>
        <i style={{ background: 'var(--free)' }} />
        free
      </span>
    </div>
  )
}

/** The plane in rows. */
function Rectangles({ plane, shapes }: { plane: Schemas['PlaneView']; shapes: Shape[] }) {
  const rows = plane.rectangles.map((rectangle, index) => ({ ...rectangle, index, shape: shapes[index] }))
  return (
    <DataTable
      label="Rectangles of the plane"
      rows={rows}
      id={({ index }) => String(index)}
      empty="Nothing: the whole pool is free."
      columns={[
        { head: 'Units', cell: ({ first_unit, end_unit }) => `${number(first_unit)} – ${number(end_unit - 1)}`, by: ({ first_unit }) => first_unit },
        { head: 'How many', cell: ({ first_unit, end_unit }) => number(end_unit - first_unit), by: ({ first_unit, end_unit }) => end_unit - first_unit, isNumber: true },
        { head: 'Purpose', cell: ({ purpose }) => words(purpose), by: ({ purpose }) => purpose },
        {
          head: 'Whose',
          cell: ({ tenant, shape }) =>
            shape?.subject ? (
              <Link className="link" to="/leases/$id" params={{ id: shape.subject }}>
                {tenant ?? 'the lease'}
              </Link>
            ) : (
              (tenant ?? '–')
            ),
          by: ({ tenant }) => tenant ?? '',
        },
        { head: 'From', cell: ({ starts_at }) => (starts_at ? <Time at={starts_at} /> : 'ever'), by: ({ starts_at }) => starts_at ?? '', isNumber: true },
        { head: 'Until', cell: ({ ends_at }) => (ends_at ? <Time at={ends_at} /> : 'open'), by: ({ ends_at }) => ends_at ?? '~', isNumber: true },
      ]}
    />
  )
}

/** What the provider did with the pool itself: deliveries and blocks. */
function Supply({ id, units, reason }: { id: string; units: number; reason?: string }) {
  const path = { params: { path: { id }, query: { limit: 200 } } }
  const deliveries = api.useQuery('get', '/v1/pools/{id}/deliveries', path)
  const blocks = api.useQuery('get', '/v1/pools/{id}/blocks', path)
  const range = ({ first_unit, end_unit }: { first_unit: number; end_unit: number }) => `${number(first_unit)} – ${number(end_unit - 1)}`
  return (
    <div className="two">
      <Panel flush title="Deliveries" aside={<AddDelivery pool={id} units={units} reason={reason} />}>
        <Loaded query={deliveries}>
          {({ items }) => (
            <DataTable
              label="Deliveries"
              rows={items}
              id={({ id }) => id}
              sort="Usable from"
              empty="No delivery yet: none of its units can be booked."
              columns={[
                { head: 'Units', cell: range, by: ({ first_unit }) => first_unit },
                { head: 'Usable from', cell: ({ usable_from }) => <Time at={usable_from} only="day" />, by: ({ usable_from }) => usable_from },
                { head: 'Status', cell: ({ status }) => <State of={status} /> },
                {
                  head: 'Act',
                  cell: (delivery) =>
                    delivery.status !== 'accepted' && (
                      <span className="acts">
                        <Reschedule delivery={delivery} reason={reason} />
                        <AcceptDelivery delivery={delivery} reason={reason} />
                      </span>
                    ),
                },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel flush title="Blocks">
        <Loaded query={blocks}>
          {({ items }) => (
            <DataTable
              label="Blocks"
              rows={items}
              id={({ id }) => id}
              isQuiet={({ lifted_at }) => Boolean(lifted_at)}
              empty="Nothing is kept off the market."
              columns={[
                { head: 'Units', cell: range, by: ({ first_unit }) => first_unit },
                { head: 'For', cell: ({ kind, reason }) => <span title={reason}>{words(kind)}</span> },
                { head: 'From', cell: ({ starts_at }) => <Time at={starts_at} only="day" />, by: ({ starts_at }) => starts_at, wideOnly: true },
                { head: 'Until', cell: ({ ends_at }) => (ends_at ? <Time at={ends_at} only="day" /> : 'open') },
                { head: 'Act', cell: (block) => (block.lifted_at ? 'lifted' : <LiftBlock block={block} reason={reason} />) },
              ]}
            />
          )}
        </Loaded>
      </Panel>
    </div>
  )
}
