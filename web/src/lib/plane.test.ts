import { describe, expect, test } from 'vitest'
import { clamp, cutFrom, freeAt, neighbour, roundMarks, type Shape, timeAt, unitsAt, x, zoomTime } from './plane'

const DAY = 86_400_000
const shape = (id: string, low: number, high: number, from: number, to: number): Shape => ({ id, low, high, from: from * DAY, to: to * DAY, tone: 'run', label: id })
const shapes = [shape('a', 0, 4, 0, 10), shape('b', 6, 8, 0, 10), shape('c', 0, 8, 12, 20)]
const view = { from: 0, to: 20 * DAY, low: 0, high: 10 }

describe('the plane', () => {
  test('knows what is free, and the longest run of neighbours', () => {
    expect(freeAt(shapes, 10, DAY)).toEqual({ free: 4, run: 2 })
    expect(freeAt(shapes, 10, 11 * DAY)).toEqual({ free: 10, run: 10 })
  })
  test('counts what is in use', () => expect(unitsAt(shapes, DAY, ['run'])).toBe(6))
  test('keeps the instant under the pointer while it zooms', () => {
    const box = { width: 1000, height: 100 }
    const at = timeAt(view, box, 300)
    expect(x(zoomTime(view, at, 0.5), box, at)).toBeCloseTo(300)
  })
  test('shows nothing beyond its bounds', () => {
    const bounds = { from: 0, to: 20 * DAY, low: 0, high: 10 }
    expect(clamp({ from: -5 * DAY, to: 5 * DAY, low: -3, high: 30 }, bounds)).toEqual({ from: 0, to: 10 * DAY, low: 0, high: 10 })
  })
  test('is walked with the arrow keys', () => {
    expect(neighbour(shapes, undefined, 'ArrowUp', view)?.id).toBe('a')
    expect(neighbour(shapes, shapes[0], 'ArrowUp', view)?.id).toBe('b')
    expect(neighbour(shapes, shapes[0], 'ArrowRight', view)?.id).toBe('c')
    expect(neighbour(shapes, shapes[2], 'ArrowRight', view)).toBeUndefined()
  })
  test('has round marks', () => expect(roundMarks(0, 27_500, 6)).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000]))
})

test('a cut takes from the top, and at no instant more than it may', () => {
  const label = (units: number) => `${units} taken`
  const early = shape('early', 0, 10, 0, 20)
  const late = shape('late', 10, 16, 10, 40)
  const cuts = cutFrom([early, late], 8, 5 * DAY, 30 * DAY, label)
  expect(cuts.map(({ low, high, from, to, tone }) => [low, high, from / DAY, to / DAY, tone])).toEqual([
    [10, 16, 10, 30, 'cut'],
    [8, 10, 5, 20, 'cut'],
  ])
  expect(cutFrom([early], 3, 20 * DAY, 30 * DAY, label)).toEqual([])
})
