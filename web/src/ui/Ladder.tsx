import { Time } from './Figures'

export type Rung = { name: string; at?: string | null; note?: string }

/** The states that something goes through, and where it stands: everything before `reached` is done. */
export function Ladder({ rungs, reached, isStopped }: { rungs: Rung[]; reached: number; isStopped?: boolean }) {
  return (
    <ol className={isStopped ? 'ladder stopped' : 'ladder'}>
      {rungs.map(({ name, at, note }, index) => (
        <li key={name} className={index < reached ? 'done' : index === reached ? 'here' : undefined} aria-current={index === reached ? 'step' : undefined}>
          <strong>{name}</strong>
          <span>{at ? <Time at={at} /> : note}</span>
        </li>
      ))}
    </ol>
  )
}
