import { Skeleton } from '@mantine/core'
import { useIntersection } from '@mantine/hooks'
import { useState } from 'react'
import { number, percent } from '../../lib/format'
import { DAY, period, secondsBetween } from '../../lib/time'
import { Strip } from '../../ui/Strip'
import { useFreeCapacity, useTerms } from './hooks'

type StripProps = { offer: string; from: string; to: string; need?: number; width?: number; chosen?: { starts_at: string; ends_at: string } }

/** Free capacity of an offer over time, with the window that is proposed. */
export function FreeStrip({ offer, from, to, need, width = 230, chosen }: StripProps) {
  // Asked for once it can be seen: of a long list nobody looks at every row.
  const { ref, entry } = useIntersection({ rootMargin: '200px' })
  const [isSeen, setSeen] = useState(false)
  if (entry?.isIntersecting && !isSeen) setSeen(true)
  const { data } = useFreeCapacity(offer, from, to, isSeen)
  if (!data) return <Skeleton ref={ref} width={width} height={26} radius="sm" />
  const dayOf = (at: string) => secondsBetween(from, at) / DAY
  const least = Math.min(...data.gpus_free)
  const most = Math.max(...data.gpus_free)
  return (
    <Strip
      values={data.gpus_free}
      most={data.gpus}
      need={need}
      width={width}
      marked={chosen && [dayOf(chosen.starts_at), dayOf(chosen.ends_at)]}
      label={`${number(least)} to ${number(most)} of ${number(data.gpus)} GPUs free, ${period(from, to)}`}
    />
  )
}

/** The clause that matters most, in words; all of them in the tooltip. */
export function Clauses({ hash, reclaimed }: { hash: string; reclaimed?: string }) {
  const { data } = useTerms(hash)
  if (!data) return <Skeleton width={140} height={14} />
  const recall = data.clauses.findIndex(({ ground }) => ground === 'recall.callable')
  const first = data.in_words[Math.max(0, recall)]
  if (!first) return <span className="dim">cannot be taken back</span>
  const others = data.in_words.length - 1
  return (
    <span className="dim clause" title={data.in_words.join('\n')}>
      {first}
      <div className="faint">
        {reclaimed !== undefined && `${percent(Number(reclaimed))} a year taken back`}
        {others > 0 && `${reclaimed === undefined ? '' : ' · '}${others} more`}
      </div>
    </span>
  )
}

