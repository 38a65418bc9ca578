/** The geometry of a capacity plane: time to the right, units upwards. Pure. */

/** What is seen of it: milliseconds across, units up. */
export type View = { from: number; to: number; low: number; high: number }

/** Units for a time; open ends are infinite. */
export type Shape = {
  id: string
  low: number
  high: number
  from: number
  to: number
  tone: Tone
  label: string
  /** What it leads to. */
  subject?: string
}

export type Tone = 'run' | 'sched' | 'bad' | 'hold' | 'own' | 'maintenance' | 'fault' | 'undelivered' | 'taken' | 'cut'

export type Box = { width: number; height: number }

const HOUR = 3_600_000
/** Nobody looks closer than this. */
const SPAN_MIN = 6 * HOUR

export const x = (view: View, box: Box, at: number) => ((at - view.from) / (view.to - view.from)) * box.width
export const y = (view: View, box: Box, unit: number) => box.height - ((unit - view.low) / (view.high - view.low)) * box.height
export const timeAt = (view: View, box: Box, px: number) => view.from + (px / box.width) * (view.to - view.from)
export const unitAt = (view: View, box: Box, px: number) => view.low + ((box.height - px) / box.height) * (view.high - view.low)

/** A range moved, without growing, to lie inside bounds that are at least as large. */
function inside(low: number, high: number, min: number, max: number): [number, number] {
  if (high - low >= max - min) return [min, max]
  const shift = Math.max(0, min - low) - Math.max(0, high - max)
  return [low + shift, high + shift]
}

/** A view that shows nothing beyond the bounds. */
export function clamp(view: View, bounds: View): View {
  const [from, to] = inside(view.from, view.to, bounds.from, bounds.to)
  const [low, high] = inside(view.low, view.high, bounds.low, bounds.high)
  return { from, to, low, high }
}

/** Zooms time around an instant; `factor` above one shows more. */
export function zoomTime(view: View, at: number, factor: number): View {
  const span = Math.max(SPAN_MIN, (view.to - view.from) * factor)
  const share = (at - view.from) / (view.to - view.from)
  return { ...view, from: at - share * span, to: at + (1 - share) * span }
}

/** Zooms units around a unit. */
export function zoomUnits(view: View, unit: number, factor: number): View {
  const span = Math.max(4, (view.high - view.low) * factor)
  const share = (unit - view.low) / (view.high - view.low)
  return { ...view, low: unit - share * span, high: unit + (1 - share) * span }
}

export const moved = (view: View, time: number, units: number): View => ({ from: view.from + time, to: view.to + time, low: view.low + units, high: view.high + units })

export const contains = (shape: Shape, at: number, unit: number) => shape.from <= at && at < shape.to && shape.low <= unit && unit < shape.high

/**
 * So many units of some shapes for a time, from the top downwards: at no instant more than `units`, over
 * however many shapes they are spread.
 */
export function cutFrom(shapes: Shape[], units: number, from: number, to: number, label: (units: number) => string): Shape[] {
  const cuts: Shape[] = []
  for (const shape of shapes.toSorted((a, b) => b.high - a.high)) {
    const [start, end] = [Math.max(shape.from, from), Math.min(shape.to, to)]
    const already = cuts.filter((cut) => cut.from < end && cut.to > start).reduce((sum, { low, high }) => sum + high - low, 0)
    const taken = Math.min(units - already, shape.high - shape.low)
    if (taken <= 0 || start >= end) continue
    cuts.push({ ...shape, id: `cut/${shape.id}`, low: shape.high - taken, from: start, to: end, tone: 'cut', label: label(taken) })
  }
  return cuts
}

/** The units that nothing covers at an instant: how many, and the longest run of neighbours. */
export function freeAt(shapes: Shape[], units: number, at: number): { free: number; run: number } {
  const taken = shapes.filter((shape) => shape.from <= at && at < shape.to && shape.tone !== 'cut').sort((a, b) => a.low - b.low)
  let [free, run, next] = [0, 0, 0]
  for (const { low, high } of [...taken, { low: units, high: units }]) {
    const gap = Math.max(0, low - next)
    free += gap
    run = Math.max(run, gap)
    next = Math.max(next, high)
  }
  return { free, run }
}

/** How many units are in use at an instant, of the shapes with one of these tones. */
export const unitsAt = (shapes: Shape[], at: number, tones: Tone[]) =>
  shapes.reduce((sum, shape) => sum + (shape.from <= at && at < shape.to && tones.includes(shape.tone) ? shape.high - shape.low : 0), 0)

export type Direction = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown'

/** The nearest shape in a direction from another: what an arrow key goes to. */
export function neighbour(shapes: Shape[], from: Shape | undefined, direction: Direction, view: View): Shape | undefined {
  if (!from) return shapes.find((shape) => shape.to > view.from && shape.from < view.to) ?? shapes[0]
  const middle = (shape: Shape) => ({
    at: (Math.max(shape.from, view.from) + Math.min(shape.to, view.to)) / 2 / (view.to - view.from),
    unit: (shape.low + shape.high) / 2 / (view.high - view.low),
  })
  const here = middle(from)
  let best: Shape | undefined
  let least = Infinity
  for (const shape of shapes) {
    if (shape === from || shape.to <= view.from || shape.from >= view.to) continue
    const there = middle(shape)
    const [along, across] =
      direction === 'ArrowLeft' ? [here.at - there.at, here.unit - there.unit]
      : direction === 'ArrowRight' ? [there.at - here.at, here.unit - there.unit]
      : direction === 'ArrowUp' ? [there.unit - here.unit, here.at - there.at]
      : [here.unit - there.unit, here.at - there.at]
    const distance = along + 2 * Math.abs(across)
    if (along > 1e-9 && distance < least) [best, least] = [shape, distance]
  }
  return best
}

/** Whole numbers at which an axis has its marks: about `count` of them, round. */
export function roundMarks(low: number, high: number, count: number): number[] {
  const rough = Math.max(1, (high - low) / count)
  const scale = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((step) => step * scale >= rough) ?? 10) * scale
  const marks: number[] = []
  for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) marks.push(mark)
  return marks
}
