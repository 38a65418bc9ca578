import { Skeleton } from '@mantine/core'
import { number, percent } from '../../lib/format'
import { DAY, period, secondsBetween } from '../../lib/time'
import { Strip } from '../../ui/Strip'
import { useFreeCapacity, useTerms } from './hooks'

type StripProps = { offer: string; from: string; to: string; need?: number; chosen?: { starts_at: string; ends_at: string } }

/** Free capacity of an offer over time, with the window that is proposed. */
export function FreeStrip({ offer, from, to, need, chosen }: StripProps) {
  const { data } = useFreeCapacity(offer, from, to)
  if (!data) return <Skeleton width={230} height={26} radius="sm" />
  const dayOf = (at: string) => secondsBetween(from, at) / DAY
  const least = Math.min(...data.gpus_free)
  const most = Math.max(...data.gpus_free)
  return (
    <Strip
      values={data.gpus_free}
      most={data.gpus}
      need={need}
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
        {reclaimed !== undefined && `${percent(Number(reclaimed))} taken back in a year`}
        {others > 0 && `${reclaimed === undefined ? '' : ' · '}${others} more`}
      </div>
    </span>
  )
}

