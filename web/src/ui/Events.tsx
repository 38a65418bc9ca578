import type { ReactNode } from 'react'
import { sentence, words } from '../lib/format'
import { Time } from './Figures'
import { Empty } from './States'

type Entry = { seq: number; at: string; action: string; actor: string; reason: string }

/** What happened to a thing, the newest first. */
export function Events({ of, who }: { of: Entry[]; who?: (actor: string) => ReactNode }) {
  if (of.length === 0) return <Empty>Nothing has happened yet.</Empty>
  return (
    <ul className="timeline">
      {of
        .toSorted((a, b) => b.seq - a.seq)
        .map(({ seq, at, action, actor, reason }) => (
          <li key={seq}>
            <Time at={at} />
            <span>
              {sentence(words(action.split('.').slice(1).join(' ')))}
              {reason && <span className="dim"> “{reason}”</span>}
              <span className="faint"> {who ? who(actor) : by(actor)}</span>
            </span>
          </li>
        ))}
    </ul>
  )
}

/** Who did it; a name with a point in it is a job of the server. */
const by = (actor: string) => (actor.includes('.') ? 'by the server, when it was due' : actor.startsWith('key_') ? 'by an API key' : 'by a person')
