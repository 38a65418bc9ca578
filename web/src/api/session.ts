/**
 * Who is logged in. The access token lives in this module's memory; the refresh token in a cookie that
 * scripts cannot read. Local storage keeps only that there may be such a cookie.
 */

import { useSyncExternalStore } from 'react'
import { setNow } from '../lib/time'
import type { components } from './schema'

export type Me = components['schemas']['Me']
type Tokens = components['schemas']['Tokens']

const HINT = 'leasehold.logged-in'
const LOCK = 'leasehold.refresh'

let access: { token: string; until: number } | undefined
let me: Me | undefined
const followers = new Set<() => void>()

function become(next: Me | undefined) {
  me = next
  if (next) {
    localStorage.setItem(HINT, '')
    setNow(next.now)
  } else {
    localStorage.removeItem(HINT)
    access = undefined
  }
  followers.forEach((follow) => follow())
}

/** The caller; undefined for nobody. */
export function useMe(): Me | undefined {
  return useSyncExternalStore(
    (follow) => {
      followers.add(follow)
      return () => void followers.delete(follow)
    },
    () => me,
  )
}

/** For what stands outside of components. */
export function onChange(follow: () => void) {
  followers.add(follow)
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (access) headers.authorization = `Bearer ${access.token}`
  const response = await fetch(path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers })
  const answer: unknown = await response.json()
  if (!response.ok) throw answer
  return answer as T
}

function keep(tokens: Tokens) {
  access = { token: tokens.access_token, until: Date.now() + (tokens.expires_in - 30) * 1000 }
}

let refreshing: Promise<void> | undefined

/** New tokens for those in the cookie. Tabs take turns: a refresh token works once. */
function refresh(organization_id?: string): Promise<void> {
  const exchange = async () => keep(await ask<Tokens>('/v1/auth/refresh', organization_id ? { organization_id } : {}))
  const inTurn = async () => {
    try {
      await (navigator.locks ? navigator.locks.request(LOCK, exchange) : exchange())
    } finally {
      refreshing = undefined
    }
  }
  return (refreshing ??= inTurn())
}

/** The access token to send; none for nobody. */
export async function accessToken(): Promise<string | undefined> {
  if (!me) return undefined
  if (!access || access.until < Date.now()) await renew()
  return access?.token
}

/** New tokens, because the server no longer takes the old one; nobody is logged in when there are none. */
export async function renew(): Promise<string | undefined> {
  try {
    await refresh()
  } catch (error) {
    if (error instanceof TypeError) throw error
    become(undefined)
  }
  return access?.token
}

/** Who it is now, and what time it is there. */
export async function look() {
  become(await ask<Me>('/v1/me'))
}

/** Takes the session up again that a former visit left. */
export async function resume() {
  if (localStorage.getItem(HINT) === null) return
  try {
    await refresh()
    await look()
  } catch (error) {
    if (!(error instanceof TypeError)) become(undefined)
  }
}

export async function logIn(email: string, password: string) {
  access = undefined
  keep(await ask<Tokens>('/v1/auth/token', { email, password, cookie: true }))
  await look()
}

/** Acts for another organization from now on. */
export async function switchTo(organization: string) {
  await refresh(organization)
  await look()
}

export async function logOut() {
  await ask('/v1/auth/logout', {}).catch(() => undefined)
  become(undefined)
}
