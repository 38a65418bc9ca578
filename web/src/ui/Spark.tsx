import type { Step } from '../lib/steps'

type Line = { value: number; color: string; name: string }
type Props = { steps: Step[]; from: number; to: number; lines?: Line[]; label: string; width?: number; height?: number }

/** A step function in miniature, with levels that it may or may not go beyond. */
export function Spark({ steps, from, to, lines = [], label, width = 180, height = 40 }: Props) {
  const most = Math.max(1e-9, ...steps.map(({ value }) => value), ...lines.map(({ value }) => value)) * 1.08
  const x = (at: number) => ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * width
  const y = (value: number) => height - (value / most) * height
  let path = `M0 ${height}`
  steps.forEach(({ at, value }, index) => {
    path += `L${x(at).toFixed(1)} ${y(value).toFixed(1)}H${x(steps[index + 1]?.at ?? to).toFixed(1)}`
  })
  return (
    <svg className="spark" width={width} height={height} role="img" aria-label={label}>
      <title>{label}</title>
      <path d={`${path}V${height}Z`} fill="var(--sched-fill)" fillOpacity={0.35} stroke="var(--sched-fill)" />
      {lines.map(({ value, color, name }) => (
        <line key={name} x1={0} x2={width} y1={y(value)} y2={y(value)} stroke={color} strokeWidth={1.5} strokeDasharray={name === 'limit' ? undefined : '5 3'} />
      ))}
    </svg>
  )
}
