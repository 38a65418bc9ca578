import { describe, expect, test } from 'vitest'
import { country, money, percent, power, rate, short, shortIds } from './format'
import { elapsed, median, sumOf, valueAt } from './steps'
import { duration, secondsOf, spanOfDays } from './time'

describe('figures', () => {
  test('money is exact to the cent, however much it is', () => {
    expect(money('1152816000.005', 'USD')).toBe('$1,152,816,000.01')
    expect(money('90071992547409931.23', 'USD')).toBe('$90,071,992,547,409,931.23')
    expect(money('-71323873.14', 'USD')).toBe('-$71,323,873.14')
  })
  test('rates have the tenth of a cent where there is one', () => {
    expect(rate('2.5', 'USD')).toBe('$2.50')
    expect(rate('2.345', 'USD')).toBe('$2.345')
  })
  test('little power is in kilowatts', () => expect([power('2.345'), power('0.0056'), power(0)]).toEqual(['2.3 MW', '5.6 kW', '0.0 MW']))
  test('small shares are not rounded to nothing', () => {
    expect(percent(0.004)).toBe('0.4 %')
    expect(percent(0.95)).toBe('95 %')
  })
  test('ids keep their head and tail', () => expect(short('lease_01m0e8vn5jfpmrgcegn6ezfxsj')).toBe('lease_01m0…fxsj'))
  test('ids within a text too', () => expect(shortIds('Notice: lease lease_01m47mn6dsfx4sz3nn8021eb5w')).toBe('Notice: lease lease_01m4…eb5w'))
  test('a place without a country is in orbit', () => expect([country('NO'), country(null)]).toEqual(['Norway', 'in orbit']))
})

describe('spans', () => {
  test('are read from ISO 8601', () => {
    expect(secondsOf('P30D')).toBe(30 * 86_400)
    expect(secondsOf('P1DT2H30M')).toBe(86_400 + 9_000)
    expect(secondsOf('PT0S')).toBe(0)
  })
  test('are written in their two largest units', () => {
    expect(duration(29 * 86_400 + 4 * 3_600 + 59)).toBe('29 days 4 h')
    expect(duration(86_400)).toBe('1 day')
    expect(duration(3_660)).toBe('1 h 1 min')
    expect(duration(0)).toBe('no time')
  })
  test('of parts of days are in seconds', () => expect([spanOfDays(30), spanOfDays(0.5)]).toEqual(['P30D', 'PT43200S']))
})

describe('steps', () => {
  const ramp = sumOf([
    { from: '2027-01-01T00:00:00Z', to: '2027-03-01T00:00:00Z', value: 100 },
    { from: '2027-02-01T00:00:00Z', to: '2027-03-01T00:00:00Z', value: 50 },
  ])
  test('are the sum of their pieces', () => {
    expect(ramp.map(({ value }) => value)).toEqual([100, 150, 0])
    expect(valueAt(ramp, Date.parse('2027-02-15T00:00:00Z'))).toBe(150)
    expect(valueAt(ramp, Date.parse('2026-12-31T00:00:00Z'))).toBe(0)
  })
  test('that touch without a change are one', () => {
    const pieces = [
      { from: '2027-01-01T00:00:00Z', to: '2027-02-01T00:00:00Z', value: 8 },
      { from: '2027-02-01T00:00:00Z', to: '2027-03-01T00:00:00Z', value: 8 },
    ]
    expect(sumOf(pieces)).toHaveLength(2)
  })
  test('know which part is over', () => expect(elapsed('2027-01-01T00:00:00Z', '2027-01-11T00:00:00Z', Date.parse('2027-01-06T00:00:00Z'))).toBe(0.5))
  test('have a middle', () => expect([median([3, 1, 2]), median([])]).toEqual([2, undefined]))
})
