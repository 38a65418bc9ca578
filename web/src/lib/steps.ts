/** Step functions over time: what a schedule, a quota or a plane's sold share is. */

/** From `at` (milliseconds) on, the value is `value`. */
export type Step = { at: number; value: number }

export type Piece = { from: string; to: string; value: number }

/** The sum of pieces that each last from `from` to `to`, as steps; zero where there are none. */
export function sumOf(pieces: Piece[]): Step[] {
  const changes = pieces
    .flatMap(({ from, to, value }) => [{ at: Date.parse(from), by: value }, { at: Date.parse(to), by: -value }])
    .sort((a, b) => a.at - b.at)
  const steps: Step[] = []
  let value = 0
  for (const { at, by } of changes) {
    value += by
    const last = steps.at(-1)
    if (last?.at === at) last.value = value
    else steps.push({ at, value })
  }
  return steps.filter((step, index) => step.value !== (steps[index - 1]?.value ?? 0))
}

export const valueAt = (steps: Step[], at: number) => steps.findLast((step) => step.at <= at)?.value ?? 0

/** The part of a period that is over at `now`, 0 to 1. */
export function elapsed(from: string, to: string, now: number): number {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  return Math.min(1, Math.max(0, (now - start) / (end - start)))
}

/** The middle value; of an even number, the lower one of the two. */
export function median(values: number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]
}
