import { expect, test } from 'vitest'
import { whyOf } from './why'

const option = (changed: object) => ({ offer_id: 'a', price: '100.00', currency: 'USD', starts_at: '2027-01-01T00:00:00Z', units: 4, units_free: 10, booking_mode: 'instant', ...changed }) as never

test('an option says why it stands where it does', () => {
  const cheapest = option({})
  expect(whyOf(cheapest, cheapest, '2027-01-01T00:00:00Z')).toEqual(['the cheapest', 'starts as early as asked', '6 units to spare'])
  expect(whyOf(option({ offer_id: 'b', price: '120.50', starts_at: '2027-01-03T00:00:00Z', units_free: 4, booking_mode: 'approval' }), cheapest, '2027-01-01T00:00:00Z')).toEqual([
    '$20.50 more than the cheapest',
    'starts 2 days later',
    'takes every unit that is free',
    'the provider approves it',
  ])
})
