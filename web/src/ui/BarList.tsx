type Row = { id: string; label: string; value: number; text: string; note?: string }

type Props = { label: string; rows: Row[]; onChoose?: (id: string) => void; act?: (id: string) => string }

/** Values of a few things beside each other: a bar and its figure each. */
export function BarList({ label, rows, onChoose, act }: Props) {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE)
  return (
    <ul className="bars" aria-label={label}>
      {rows.map(({ id, label, value, text, note }) => (
        <li key={id}>
          {onChoose ? (
            <button type="button" onClick={() => onChoose(id)} title={act?.(id)}>
              {label}
            </button>
          ) : (
            <span>{label}</span>
          )}
          <span className="n">{text}</span>
          <i style={{ width: `${(value / most) * 100}%` }} />
          {note && <span className="faint">{note}</span>}
        </li>
      ))}
    </ul>
  )
}
