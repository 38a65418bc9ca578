import { Button, MultiSelect, NumberInput, Select } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { words } from '../../lib/format'
import { fieldErrors } from '../../lib/problem'
import { DAY, hoursBetween, instantOf, localOf, nextHour, now, secondsOf, spanOfDays } from '../../lib/time'

type Ground = Schemas['Ground']

/** What is to be free, as it stands in the address. */
export type Wish = { place?: string; mw?: string; gpus?: string; by?: string; days?: string; grounds?: string; premium?: string; approval?: string }

/** Grounds that are about the capacity, and nobody's fault. */
const GROUNDS: Ground[] = ['recall.callable', 'convenience', 'maintenance', 'decommission', 'force_majeure']

/** A wish as the server is asked for it; undefined while it says too little. */
export function bodyOf({ place, mw, gpus, by, days, grounds, premium, approval }: Wish): Schemas['PlanBody'] | undefined {
  if (!place || !by || (!mw && !gpus)) return undefined
  const where = place.startsWith('site_') ? { site_id: place } : { pool_id: place }
  const size = gpus ? { gpus: Number(gpus) } : { mw }
  return {
    ...where,
    ...size,
    by,
    duration: spanOfDays(Number(days ?? 180)),
    grounds: grounds ? (grounds.split(',') as Ground[]) : undefined,
    max_premium: premium,
    approval_time: approval ? spanOfDays(Number(approval)) : undefined,
  }
}

/** The wish that a kept plan was made for. */
export const wishOf = (plan: Schemas['PlanView']): Wish => ({
  place: plan.pool_id ?? plan.site_id ?? undefined,
  mw: plan.wanted_gpus == null ? (plan.wanted_mw ?? undefined) : undefined,
  gpus: plan.wanted_gpus == null ? undefined : String(plan.wanted_gpus),
  by: plan.starts_at,
  days: String(hoursBetween(plan.starts_at, plan.ends_at) / 24),
  grounds: plan.grounds.join(','),
  approval: String(secondsOf(plan.approval_time) / DAY),
})

/** Sites, each with its pools. */
function usePlaces() {
  const page = { params: { query: { limit: 200 } } }
  const sites = api.useQuery('get', '/v1/sites', page).data?.items ?? []
  const pools = api.useQuery('get', '/v1/pools', page).data?.items ?? []
  return sites.map((site) => {
    const own = pools.filter(({ site_id }) => site_id === site.id)
    const whole = { value: site.id, label: own.length > 1 ? `${site.name}, all pools` : site.name }
    return { group: site.name, items: [whole, ...own.map(({ id, name }) => ({ value: id, label: `${site.name} / ${name}` }))] }
  })
}

type Props = { wish: Wish; onPlan: (wish: Wish) => void; busy?: boolean; error: unknown }

export function WishBar({ wish: given, onPlan, busy, error }: Props) {
  const places = usePlaces()
  const [wish, setWish] = useState<Wish>({ by: nextHour(now() + 14 * DAY * 1000), days: '180', ...given })
  const [isMore, setMore] = useState(Boolean(given.grounds ?? given.premium ?? given.approval))
  const change = (changed: Partial<Wish>) => setWish({ ...wish, ...changed })
  const figure = (value: string | number) => (value === '' ? undefined : String(value))
  const wrong = fieldErrors(error)
  return (
    <form
      className="panel stack"
      role="search"
      aria-label="What to free"
      onSubmit={(event) => {
        event.preventDefault()
        onPlan(wish)
      }}
    >
      <div className="needs">
        <NumberInput label="Free, MW" w={96} min={0} hideControls value={wish.mw ?? ''} error={wrong.mw} onChange={(mw) => change({ mw: figure(mw), gpus: undefined })} />
        <NumberInput label="or GPUs" w={110} min={1} hideControls thousandSeparator="," allowDecimal={false} value={wish.gpus ?? ''} error={wrong.gpus} onChange={(gpus) => change({ gpus: figure(gpus), mw: undefined })} />
        <Select label="Of" placeholder="a site or pool" searchable required w={260} data={places} value={wish.place ?? null} error={wrong.site_id ?? wrong.pool_id} onChange={(place) => change({ place: place ?? undefined })} />
        <DateTimePicker label="By" required w={180} valueFormat="D MMM YYYY HH:mm" minDate={localOf(now())} value={wish.by ? localOf(wish.by) : null} error={wrong.by} onChange={(by) => change({ by: by ? instantOf(by) : undefined })} />
        <NumberInput label="For, days" w={90} min={1} value={wish.days ?? ''} error={wrong.duration} onChange={(days) => change({ days: figure(days) })} />
        <span style={{ flex: 1 }} />
        <Button variant="subtle" aria-expanded={isMore} onClick={() => setMore(!isMore)}>
          {isMore ? 'Fewer wishes' : 'More wishes'}
        </Button>
        <Button type="submit" variant="filled" loading={busy}>
          Plan
        </Button>
      </div>
      {isMore && (
        <div className="needs">
          <MultiSelect
            label="Only by these clauses"
            placeholder={wish.grounds ? undefined : 'recall callable, convenience'}
            w={340}
            data={GROUNDS.map((ground) => ({ value: ground, label: words(ground) }))}
            value={wish.grounds?.split(',') ?? []}
            error={wrong.grounds}
            clearButtonProps={{ 'aria-label': 'Leave the clauses out' }}
            onChange={(grounds) => change({ grounds: grounds.join(',') || undefined })}
          />
          <NumberInput label="Premium to volunteers at most, per GPU-hour" w={270} min={0} decimalScale={4} hideControls value={wish.premium ?? ''} error={wrong.max_premium} onChange={(premium) => change({ premium: figure(premium) })} />
          <NumberInput label="Time for approvals, days" w={170} min={0} max={365} placeholder="1" value={wish.approval ?? ''} error={wrong.approval_time} onChange={(approval) => change({ approval: figure(approval) })} />
        </div>
      )}
    </form>
  )
}

