import { DatePicker } from '@mantine/dates'
import { useMediaQuery } from '@mantine/hooks'
import { useState } from 'react'
import type { Schemas } from '../../api/client'
import { number } from '../../lib/format'
import { addDays, DAY, dateOf, midnight, now, secondsBetween } from '../../lib/time'
import { Panel } from '../../ui/Page'
import { useFreeCapacity } from './hooks'
import { ahead, type Line } from './lines'

type Props = { offer: Schemas['OfferView']; chosen?: Line; onChoose: (period: { starts_at: string; ends_at: string }) => void }

/** Free capacity by day, on which one picks a window: the first day and the last. */
export function FreeCalendar({ offer, chosen, onChoose }: Props) {
  const months = useMediaQuery('(max-width: 720px)') ? 1 : 3
  const [from] = useState(() => midnight(dateOf(now())))
  const { data } = useFreeCapacity(offer.id, from, addDays(from, 400))
  const [half, setHalf] = useState<string | null>(null)
  const freeOn = (date: string) => data?.gpus_free[Math.round(secondsBetween(from, midnight(date)) / DAY)]
  const pick = ([first, last]: [string | null, string | null]) => {
    setHalf(last ? null : first)
    if (!first || !last || !chosen) return
    const { starts_at, ends_at } = ahead({ ...chosen, starts_at: midnight(first), ends_at: midnight(dateOf(Date.parse(midnight(last)) + 26 * 3_600_000)) })
    onChoose({ starts_at, ends_at })
  }
  const value: [string | null, string | null] = half ? [half, null] : chosen ? [dateOf(chosen.starts_at), dateOf(Date.parse(chosen.ends_at) - 1)] : [null, null]
  return (
    <Panel title="Free capacity by day" aside={<Legend gpus={offer.gpus} />}>
      <DatePicker
        type="range"
        allowSingleDateInRange
        value={value}
        onChange={pick}
        defaultDate={chosen && dateOf(chosen.starts_at)}
        minDate={dateOf(now())}
        maxDate={dateOf(offer.available_until)}
        numberOfColumns={months}
        columnsToScroll={1}
        fullWidth
        weekendDays={[]}
        size="sm"
        ariaLabels={{ nextMonth: 'Next month', previousMonth: 'Previous month' }}
        getDayProps={(date) => {
          const free = freeOn(date)
          return free === undefined ? {} : { title: `${number(free)} GPUs free`, 'data-heat': heat(free / offer.gpus) }
        }}
      />
    </Panel>
  )
}

const heat = (share: number) => (share <= 0 ? 0 : share < 0.25 ? 1 : share < 0.6 ? 2 : 3)

function Legend({ gpus }: { gpus: number }) {
  return (
    <span className="legend">
      <i data-heat={0} /> none <i data-heat={1} /> some <i data-heat={2} /> half <i data-heat={3} /> most of {number(gpus)} GPUs
    </span>
  )
}
