/** Instants, spans, and the server's clock. Instants are RFC 3339 strings, spans ISO 8601 or seconds. */

import { useEffect, useState } from 'react'

export const HOUR = 3600
export const DAY = 24 * HOUR

const format = (options: Intl.DateTimeFormatOptions) => {
  const format = new Intl.DateTimeFormat('en-GB', options)
  return (at: string | number) => format.format(new Date(at)).replace(/\bSept\b/, 'Sep')
}

/** `11 Jan 2027`, in the viewer's zone. */
export const day = format({ day: 'numeric', month: 'short', year: 'numeric' })
/** `11 Jan`, where the year is plain. */
export const shortDay = format({ day: 'numeric', month: 'short' })
/** `11 Jan 2027, 17:00`, in the viewer's zone. */
export const instant = format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' })
const utcFormat = format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: 'UTC' })
/** For tooltips, and wherever the zone matters. */
export const utc = (at: string | number) => `${utcFormat(at)} UTC`
const toTheMinute = format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
/** `11 Jan 2027, 17:00 UTC`, for consequences. */
export const utcMinute = (at: string | number) => `${toTheMinute(at)} UTC`

/** `11 Jan – 10 Feb 2027`: a period whose ends are instants, the second not included. */
export function period(from: string, to: string): string {
  const sameYear = new Date(from).getFullYear() === new Date(to).getFullYear()
  return `${sameYear ? shortDay(from) : day(from)} – ${day(to)}`
}

/** The first days of months between two instants, at most so many, as milliseconds: where axes have their marks. */
export function monthsBetween(from: number, to: number, most = 12): number[] {
  const firsts: number[] = []
  const at = new Date(from)
  at.setHours(0, 0, 0, 0)
  at.setDate(1)
  for (at.setMonth(at.getMonth() + 1); at.getTime() < to; at.setMonth(at.getMonth() + 1)) firsts.push(at.getTime())
  const every = Math.ceil(firsts.length / most)
  return firsts.filter((_, index) => index % every === 0)
}

const monthFormat = format({ month: 'short' })
/** `Feb`, and the year in January: `2027`. */
export const month = (at: number) => (new Date(at).getMonth() === 0 ? String(new Date(at).getFullYear()) : monthFormat(at))

const UNITS = { W: 7 * DAY, D: DAY, H: HOUR, M: 60, S: 1 } as const

/** Seconds of an ISO 8601 span of weeks, days, hours, minutes and seconds. */
export function secondsOf(span: string): number {
  return [...span.matchAll(/(\d+)([WDHMS])/g)].reduce((sum, [, digits, unit]) => sum + Number(digits) * UNITS[unit as keyof typeof UNITS], 0)
}

export const spanOfDays = (days: number) => (Number.isInteger(days) ? `P${days}D` : `PT${Math.round(days * DAY)}S`)

/** `29 days 4 h`: the two largest units. */
export function duration(seconds: number): string {
  const days = Math.floor(seconds / DAY)
  const hours = Math.floor((seconds % DAY) / HOUR)
  const minutes = Math.floor((seconds % HOUR) / 60)
  const parts = [
    days > 0 && `${days.toLocaleString('en-US')} ${days === 1 ? 'day' : 'days'}`,
    hours > 0 && `${hours} h`,
    minutes > 0 && days === 0 && `${minutes} min`,
    seconds > 0 && seconds < 60 && `${Math.floor(seconds)} s`,
  ].filter(Boolean)
  return parts.slice(0, 2).join(' ') || 'no time'
}

export const spanInWords = (span: string) => duration(secondsOf(span))

export const secondsBetween = (from: string | number, to: string | number) => (new Date(to).getTime() - new Date(from).getTime()) / 1000

export const hoursBetween = (from: string | number, to: string | number) => secondsBetween(from, to) / HOUR

/** An instant some days after another. */
export const addDays = (at: string | number, days: number) => new Date(new Date(at).getTime() + days * DAY * 1000).toISOString()

/** When a calendar day `2027-01-11` begins, in the viewer's zone. */
export const midnight = (date: string) => new Date(`${date}T00:00:00`).toISOString()

/** An instant as the pickers write it, in the viewer's zone: `2027-01-11 17:00:00`. */
export function localOf(at: string | number): string {
  const local = new Date(at)
  return new Date(local.getTime() - local.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace('T', ' ')
}

/** The calendar day of an instant, in the viewer's zone. */
export const dateOf = (at: string | number) => localOf(at).slice(0, 10)

/** What a picker wrote, as an instant. */
export const instantOf = (local: string) => new Date(local.replace(' ', 'T')).toISOString()

/** The next full hour. */
export const nextHour = (at: number) => new Date(Math.ceil(at / 3_600_000) * 3_600_000).toISOString()

// The server's clock: a sandbox's stands elsewhere than the browser's.
let offset = 0
const followers = new Set<() => void>()

/** The server said what time it is. */
export function setNow(at: string) {
  offset = new Date(at).getTime() - Date.now()
  followers.forEach((follow) => follow())
}

/** The server's present instant, in milliseconds. */
export const now = () => Date.now() + offset

/** The server's present instant, kept up to date. */
export function useNow(everySeconds = 30): number {
  const [at, setAt] = useState(now)
  useEffect(() => {
    const follow = () => setAt(now())
    const timer = setInterval(follow, everySeconds * 1000)
    followers.add(follow)
    return () => {
      clearInterval(timer)
      followers.delete(follow)
    }
  }, [everySeconds])
  return at
}
