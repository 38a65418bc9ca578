import { Button, Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'

/** Nothing there yet, or not for you; says what would change that. */
export function Empty({ children, act }: { children: ReactNode; act?: ReactNode }) {
  return (
    <div className="empty">
      <p>{children}</p>
      {act}
    </div>
  )
}

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div aria-busy="true" aria-label="Loading" role="status">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={18} my={14} radius="sm" />
      ))}
    </div>
  )
}

/** Something failed: its sentence, and the way to try again. */
export function Failure({ detail, request, again, children }: { detail: string; request?: string | null; again?: () => void; children?: ReactNode }) {
  return (
    <div className="note bad" role="alert">
      <strong>{detail.charAt(0).toUpperCase() + detail.slice(1)}</strong>
      {children}
      {again && (
        <p>
          <Button size="compact-sm" onClick={again}>
            Try again
          </Button>
        </p>
      )}
      {request && <p className="mono">request {request}</p>}
    </div>
  )
}

export function Note({ tone, children }: { tone: 'wait' | 'sched' | 'bad' | 'run' | 'none'; children: ReactNode }) {
  return <div className={`note ${tone}`}>{children}</div>
}
