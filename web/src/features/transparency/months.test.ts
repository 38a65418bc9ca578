import { expect, test } from 'vitest'
import { monthInWords, providersOf } from './months'

test('months are written in words', () => expect(monthInWords('2027-03')).toBe('Mar 2027'))
test('every provider occurs once, by name', () => {
  const of = (provider_id: string, provider_name: string) => ({ provider_id, provider_name })
  expect(providersOf([of('b', 'Oracle'), of('a', 'Meta'), of('b', 'Oracle')])).toEqual([{ id: 'a', name: 'Meta' }, { id: 'b', name: 'Oracle' }])
})
