import { expect, test } from 'vitest'
import { needOf, searchOf, windowOf } from './need'

test('a need is read from the address, and what makes no sense in it is left out', () => {
  const need = needOf({ gpus: 512, days: 'x', from: '2027-01-01', to: '2027-13-01', accelerators: 'h100-sxm,h200', max_rate: 2.5, island: 'yes' })
  expect(need).toEqual({ gpus: 512, from: '2027-01-01', accelerators: 'h100-sxm,h200', max_rate: '2.5' })
})

test('without a number of GPUs there is nothing to search for', () => {
  expect(searchOf(needOf({ days: 30 }))).toBeUndefined()
  expect(searchOf(needOf({ gpus: 8 }))).toMatchObject({ gpus: 8, duration: 'P30D', placement: 'any' })
})

test('what is drawn is what was asked for, and never more than a year', () => {
  const { from, to } = windowOf({ from: '2027-01-01', to: '2029-01-01' })
  expect((Date.parse(to) - Date.parse(from)) / 86_400_000).toBe(366)
})
