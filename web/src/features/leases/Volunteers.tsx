import { NumberInput, Select } from '@mantine/core'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { count, moneyRoughly, number, rate } from '../../lib/format'
import { fieldErrors } from '../../lib/problem'
import { hoursBetween, now, period, secondsOf, spanInWords, spanOfDays, useNow } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { State } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Panel } from '../../ui/Page'

type LeaseView = Schemas['LeaseWithUnits']
type Volunteer = Schemas['VolunteerView']

/** Units that the tenant would give up at a price: offered, seen and withdrawn. */
export function Volunteers({ lease, isTenant }: { lease: LeaseView; isTenant: boolean }) {
  const offered = api.useQuery('get', '/v1/reclaim-volunteers', { params: { query: { lease: lease.id, limit: 50 } } })
  if (!isTenant && offered.data?.items.length === 0) return null
  return (
    <Panel title="Units offered back" aside={isTenant && <Offer lease={lease} />}>
      <Loaded query={offered} rows={1}>
        {({ items }) =>
          items.length === 0 ? (
            <span className="dim">None. Offer units that you could do without: {lease.provider.name} buys such units, at your price, before it takes any by a clause.</span>
          ) : (
            <DataTable
              label="Units offered back"
              rows={items}
              id={({ id }) => id}
              empty=""
              isQuiet={({ state }) => state !== 'open'}
              columns={[
                { head: 'Units', cell: ({ units }) => number(units), isNumber: true },
                { head: 'Asks, per GPU-hour', cell: ({ premium_per_gpu_hour }) => rate(premium_per_gpu_hour, lease.currency), isNumber: true },
                { head: 'Needs to leave', cell: ({ notice }) => (secondsOf(notice) > 0 ? spanInWords(notice) : 'nothing'), wideOnly: true },
                { head: 'State', cell: ({ state }) => <State of={state} /> },
                ...(isTenant ? [{ head: 'Act', cell: (one: Volunteer) => (one.state === 'open' ? <Withdraw one={one} /> : null) }] : []),
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  )
}

function Offer({ lease }: { lease: LeaseView }) {
  const at = useNow()
  const lines = lease.schedule.filter(({ ends_at }) => Date.parse(ends_at) > now())
  const [tranche_id, setTranche] = useState(lines[0]?.id ?? '')
  const line = lines.find(({ id }) => id === tranche_id)
  const perUnit = line ? line.gpus / line.units : 1
  const [units, setUnits] = useState(1)
  const [premium, setPremium] = useState<string | number>('')
  const [days, setDays] = useState<string | number>(0)
  const run = api.useMutation('post', '/v1/leases/{id}/volunteer', { meta: { done: 'Offered' } })
  const wrong = fieldErrors(run.error)
  const hours = line ? hoursBetween(Math.max(at + Number(days) * 86_400_000, Date.parse(line.starts_at)), line.ends_at) : 0
  const reason = ['scheduled', 'active'].includes(lease.status) ? (lines.length === 0 ? 'nothing is left of the lease' : undefined) : `the lease is ${lease.status}`
  return (
    <ActDialog
      verb="Offer units back"
      title="Offer units to be bought back"
      reason={reason}
      blocked={premium === '' ? 'say what you ask for' : units < 1 ? 'say how many units' : undefined}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ params: { path: { id: lease.id } }, body: { tranche_id, units, premium_per_gpu_hour: String(premium), notice: spanOfDays(Number(days)) } })}
    >
      <span>The provider may take them without asking again, all or some, until you withdraw the offer. You no longer owe their price from then on, and get your premium on top.</span>
      {lines.length > 1 && (
        <Select label="Tranche" allowDeselect={false} value={tranche_id} onChange={(id) => id && setTranche(id)} data={lines.map((line) => ({ value: line.id, label: `${number(line.gpus)} GPUs, ${period(line.starts_at, line.ends_at)}` }))} />
      )}
      <NumberInput label="Units at most" description={`Of ${number(perUnit)} ${perUnit === 1 ? 'GPU' : 'GPUs'} each; the lease has ${number(line?.units ?? 0)}`} min={1} max={line?.units} allowDecimal={false} value={units} error={wrong.units} onChange={(units) => setUnits(Number(units))} />
      <NumberInput label={`Premium per GPU-hour, ${lease.currency}`} description="On top of the price, for every GPU and hour given up" required min={0} decimalScale={4} value={premium} error={wrong.premium_per_gpu_hour} onChange={setPremium} />
      <NumberInput label="Time needed to leave, days" min={0} max={365} value={days} error={wrong.notice} onChange={setDays} />
      {premium !== '' && hours > 0 && (
        <span>
          If all were taken as soon as possible, you would get about <strong>{moneyRoughly(Number(premium) * units * perUnit * hours, lease.currency)}</strong> for {count(units * perUnit, 'GPU')}, and no longer owe about {moneyRoughly((Number(line?.price ?? 0) / hoursBetween(line?.starts_at ?? 0, line?.ends_at ?? 1)) * hours * (units / (line?.units ?? 1)), lease.currency)}.
        </span>
      )}
      {Object.keys(wrong).length === 0 && <Refused error={run.error} />}
    </ActDialog>
  )
}

function Withdraw({ one }: { one: Volunteer }) {
  const run = api.useMutation('post', '/v1/reclaim-volunteers/{id}/withdraw', { meta: { done: 'Withdrawn' } })
  return (
    <ActDialog verb="Withdraw" title="Withdraw the offer" reason={one.cannot.withdraw} busy={run.isPending} onDo={() => run.mutateAsync({ params: { path: { id: one.id } }, body: {} })}>
      <span>{count(one.units, 'unit')} are no longer offered, and stay in the lease. A plan that counted on them has to be made anew.</span>
      <Refused error={run.error} />
    </ActDialog>
  )
}
