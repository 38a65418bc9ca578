import { expect, test } from 'vitest'
import { amount, level, limitText, overrideAt, typed, whom } from './words'

test('amounts carry their unit', () => {
  expect(amount('150000', { dimension: 'concurrent_gpus', unit: 'GPUs' }, 'USD')).toBe('150,000 GPUs')
  expect(amount('P365D', { dimension: 'longest_lease', unit: 'time' }, 'USD')).toBe('365 days')
  expect(amount('400000000.5', { dimension: 'spend_per_month', unit: 'the currency' }, 'EUR')).toBe('€400,000,000.50')
  expect(level(1_234_567.8, 'spend_per_month', 'USD')).toBe('$1,234,568')
})

test('the longest lease is typed in days', () => expect([typed('P90D'), limitText('longest_lease', '90'), limitText('concurrent_mw', '2.5')]).toEqual(['90', 'P90D', '2.5']))

const quota = { project_id: null, verification: null, organization_id: 'org_a' } as never
const named = { organization: (id: string) => (id === 'org_a' ? 'Acme' : undefined), project: () => undefined }

test('a quota says whom it limits', () => {
  expect(whom(quota, named)).toBe('Acme')
  expect(whom(quota, { ...named, own: 'org_a' })).toBe('the organization')
  expect(whom({ ...(quota as object), verification: 'unverified' } as never, named)).toBe('Whoever is unverified')
})

test('an override stands for its period, and another may be to come', () => {
  const one = (id: string, starts_at: string, ends_at: string) => ({ id, limit: '1', reason: '', starts_at, ends_at }) as never
  const overrides = [one('a', '2027-01-01T00:00:00Z', '2027-02-01T00:00:00Z'), one('b', '2027-03-01T00:00:00Z', '2027-04-01T00:00:00Z')]
  expect(overrideAt({ overrides }, Date.parse('2027-01-15T00:00:00Z'))).toMatchObject({ now: { id: 'a' }, next: { id: 'b' } })
  expect(overrideAt({ overrides }, Date.parse('2027-05-01T00:00:00Z'))).toEqual({ now: undefined, next: undefined })
})
