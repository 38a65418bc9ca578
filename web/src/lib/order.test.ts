import { expect, test } from 'vitest'
import { orderOf, withOrder } from './order'

test('every table of a page has its order in one text', () => {
  const text = withOrder(withOrder(undefined, 'Your offers', '-GPUs'), 'Leases', '$ / GPU-h')
  expect(text).toBe('your-offers.-GPUs;leases.$ / GPU-h')
  expect(orderOf(text, 'Your offers')).toBe('-GPUs')
  expect(orderOf(withOrder(text, 'Your offers', 'Until'), 'Your offers')).toBe('Until')
  expect([orderOf(text, 'Sites'), orderOf(undefined, 'Sites'), orderOf('nonsense', 'Sites')]).toEqual([undefined, undefined, undefined])
})
