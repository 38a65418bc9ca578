import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

type Props = {
  /** In words, for the window's title. */
  name: string
  /** What stands at the top, where it is more than the name. */
  title?: ReactNode
  lead?: ReactNode
  acts?: ReactNode
  children: ReactNode
}

/** One page: the answer at the top, the acts at the right, the rest below. */
export function Page({ name, title, lead, acts, children }: Props) {
  useDocumentTitle(`${name} · Leasehold`)
  return (
    <div className="page">
      <header>
        <div className="grow">
          <h1>{title ?? name}</h1>
          {lead && <p>{lead}</p>}
        </div>
        {acts && <div className="acts">{acts}</div>}
      </header>
      <div className="stack">{children}</div>
    </div>
  )
}

type PanelProps = { title?: ReactNode; aside?: ReactNode; flush?: boolean; children: ReactNode }

export function Panel({ title, aside, flush, children }: PanelProps) {
  return (
    <section className={flush ? 'panel flush' : 'panel'}>
      {(title || aside) && (
        <header>
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}
