/** What the reclaim terms are to say, in the address: `recall.callable:min:7,idle:none`. */

import type { Schemas } from '../../api/client'
import { words } from '../../lib/format'
import { spanOfDays } from '../../lib/time'

type Ground = Schemas['Ground']
export type Wish = { ground: Ground; rule: 'none' | 'min' | 'max'; days: number }

export const GROUNDS: Ground[] = ['recall.callable', 'convenience', 'maintenance', 'idle', 'decommission', 'payment.default', 'breach.material', 'aup.violation', 'harm.confirmed', 'harm.imminent', 'security.immediate', 'legal.order', 'force_majeure', 'non_delivery']

export function wishesOf(text: string | undefined): Wish[] {
  return (text ?? '').split(',').flatMap((one) => {
    const [ground = '', rule = '', days = ''] = one.split(':')
    const isGround = (GROUNDS as string[]).includes(ground)
    if (!isGround || !['none', 'min', 'max'].includes(rule) || (rule !== 'none' && !(Number(days) >= 0 && days !== ''))) return []
    return [{ ground: ground as Ground, rule: rule as Wish['rule'], days: Number(days) || 0 }]
  })
}

export const textOf = (wishes: Wish[]) => wishes.map(({ ground, rule, days }) => (rule === 'none' ? `${ground}:none` : `${ground}:${rule}:${days}`)).join(',') || undefined

export const clausesOf = (wishes: Wish[]): Schemas['ClauseWish'][] =>
  wishes.map(({ ground, rule, days }) => (rule === 'none' ? { ground, absent: true } : rule === 'min' ? { ground, notice_min: spanOfDays(days) } : { ground, notice_max: spanOfDays(days) }))

/** `no recall callable`, `recall callable with at least 7 days' notice` */
export const inWords = ({ ground, rule, days }: Wish) => (rule === 'none' ? `no ${words(ground)}` : `${words(ground)} with at ${rule === 'min' ? 'least' : 'most'} ${days} days' notice`)
