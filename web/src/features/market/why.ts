import type { Schemas } from '../../api/client'
import { count, money } from '../../lib/format'
import { duration, secondsBetween } from '../../lib/time'

type Option = Schemas['OptionView']

/** Why an option stands where it does, beside the cheapest: what it costs more, when it starts, what room is left. */
export function whyOf(option: Option, cheapest: Option, earliest: string): string[] {
  const dearer = Number(option.price) - Number(cheapest.price)
  const later = secondsBetween(earliest, option.starts_at)
  const spare = option.units_free - option.units
  return [
    option.offer_id === cheapest.offer_id ? 'the cheapest' : dearer > 0 ? `${money(dearer.toFixed(2), option.currency)} more than the cheapest` : 'as cheap as the cheapest',
    later > 3_600 ? `starts ${duration(later)} later` : 'starts as early as asked',
    spare > 0 ? `${count(spare, 'unit')} to spare` : 'takes every unit that is free',
    option.booking_mode === 'instant' ? '' : 'the provider approves it',
  ].filter(Boolean)
}
