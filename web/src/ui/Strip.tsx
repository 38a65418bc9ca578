/** How much is free over time, as a row of bars; the words for it are the caller's. */

type Props = {
  /** Each day's value. */
  values: number[]
  /** The value of a full bar. */
  most: number
  /** What is needed: bars that reach it are green, others amber. */
  need?: number
  /** The days marked, first and after the last. */
  marked?: [number, number]
  label: string
  width?: number
  height?: number
}

export function Strip({ values, most, need = 1, marked, label, width = 230, height = 26 }: Props) {
  const step = width / Math.max(1, values.length)
  // Neighbours of one height are one bar.
  const runs: { from: number; to: number; value: number }[] = []
  values.forEach((value, at) => {
    const last = runs.at(-1)
    if (last?.value === value) last.to = at + 1
    else runs.push({ from: at, to: at + 1, value })
  })
  return (
    <svg className="strip" width={width} height={height} role="img" aria-label={label}>
      <title>{label}</title>
      {runs.map(({ from, to, value }) => {
        const tall = value === 0 ? 1 : Math.max(3, (value / most) * (height - 4))
        const fill = value === 0 ? 'var(--hatch)' : value >= need ? 'var(--run-fill)' : 'var(--wait-fill)'
        return <rect key={from} x={from * step} y={height - 2 - tall} width={Math.max(1, (to - from) * step - 1)} height={tall} rx={1} fill={fill} />
      })}
      {marked && <rect x={marked[0] * step} y={1} width={Math.max(3, (marked[1] - marked[0]) * step)} height={height - 2} rx={2} fill="none" stroke="var(--accent)" strokeWidth={1.5} />}
    </svg>
  )
}
