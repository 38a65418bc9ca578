import { Button } from '@mantine/core'
import { type ReactNode, useContext, useMemo, useState } from 'react'
import { OrderContext } from './order'
import { Empty } from './States'

export type Column<Row> = {
  head: string
  cell: (row: Row) => ReactNode
  /** What the column sorts by; without it, it does not sort. */
  by?: (row: Row) => string | number
  /** Figures are aligned at their right. */
  isNumber?: boolean
  wideOnly?: boolean
  width?: number | string
}

type Props<Row> = {
  /** What the table holds, for those who hear it. */
  label: string
  columns: Column<Row>[]
  rows: Row[]
  id: (row: Row) => string
  empty: ReactNode
  /** The column it is sorted by at first, `-` before it for the largest first. */
  sort?: string
  isQuiet?: (row: Row) => boolean
  /** Rows that are shown at first; more on demand. */
  page?: number
}

/** The table: sortable, figures aligned, as many rows as one asks for. */
export function DataTable<Row>({ label, columns, rows, id, empty, sort: first, isQuiet, page = 100 }: Props<Row>) {
  const orders = useContext(OrderContext)
  const [chosen, setChosen] = useState<string>()
  const sort = orders?.of(label) ?? chosen ?? first
  const [shown, setShown] = useState(page)
  const choose = (next: string) => {
    setChosen(next)
    orders?.choose(label, next)
  }
  const isDown = sort?.startsWith('-') ?? false
  const head = sort?.replace(/^-/, '')
  const sorted = useMemo(() => {
    const by = columns.find((column) => column.head === head)?.by
    if (!by) return rows
    const order = rows.toSorted((a, b) => {
      const [x, y] = [by(a), by(b)]
      return x < y ? -1 : x > y ? 1 : 0
    })
    return isDown ? order.reverse() : order
  }, [columns, rows, head, isDown])

  if (rows.length === 0) return <Empty>{empty}</Empty>
  const cls = (column: Column<Row>) => [column.isNumber && 'n', column.wideOnly && 'wide-only'].filter(Boolean).join(' ') || undefined
  return (
    <>
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => {
              const isBy = head === column.head && column.by
              return (
                <th key={column.head} scope="col" className={cls(column)} style={{ width: column.width }} aria-sort={isBy ? (isDown ? 'descending' : 'ascending') : undefined}>
                  {column.by ? (
                    <button type="button" onClick={() => choose(isBy && !isDown ? `-${column.head}` : column.head)}>
                      {column.head}
                      {isBy ? (isDown ? ' ↓' : ' ↑') : ''}
                    </button>
                  ) : (
                    column.head
                  )}
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map((row) => (
            <tr key={id(row)} className={isQuiet?.(row) ? 'quiet' : undefined}>
              {columns.map((column) => (
                <td key={column.head} className={cls(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > shown && (
        <div style={{ padding: 10, textAlign: 'center' }}>
          <Button variant="subtle" size="compact-sm" onClick={() => setShown(shown + page)}>
            Show more of {sorted.length.toLocaleString('en-US')}
          </Button>
        </div>
      )}
    </>
  )
}
