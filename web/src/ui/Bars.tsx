type Row = { label: string; value: number; text: string; fill: string; share?: string }

/** A few values on one scale, each with its figure. */
export function Bars({ label, rows, most }: { label: string; rows: Row[]; most: number }) {
  return (
    <ul className="bars" aria-label={label}>
      {rows.map(({ label, value, text, fill, share }) => (
        <li key={label}>
          <span>
            {label} {share && <span className="dim">{share}</span>}
          </span>
          <span className="n">{text}</span>
          <span className="track">
            <i style={{ width: `${Math.min(100, (value / most) * 100)}%`, background: fill }} />
          </span>
        </li>
      ))}
    </ul>
  )
}
