import { expect, test } from 'vitest'
import { clausesOf, inWords, textOf, wishesOf } from './wishes'

test('wishes about clauses live in the address, and what makes no sense is left out', () => {
  const wishes = wishesOf('recall.callable:min:7,idle:none,moon:none,maintenance:max:x,convenience:max:')
  expect(wishes).toEqual([
    { ground: 'recall.callable', rule: 'min', days: 7 },
    { ground: 'idle', rule: 'none', days: 0 },
  ])
  expect(textOf(wishes)).toBe('recall.callable:min:7,idle:none')
  expect(clausesOf(wishes)).toEqual([{ ground: 'recall.callable', notice_min: 'P7D' }, { ground: 'idle', absent: true }])
  expect(wishes.map(inWords)).toEqual(["recall callable with at least 7 days' notice", 'no idle'])
  expect([wishesOf(undefined), textOf([])]).toEqual([[], undefined])
})
