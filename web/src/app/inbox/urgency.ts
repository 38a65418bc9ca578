/** A decision that waits for staff, and which of them presses most. */

import type { Schemas } from '../../api/client'

export type Decision = { id: string; since: string; deadline?: string } & (
  | { kind: 'verification'; of: Schemas['Organization'] }
  | { kind: 'raise'; of: Schemas['QuotaRequestView'] }
  | { kind: 'case'; of: Schemas['CaseSummary'] }
)

/** What ends by itself unless it is decided comes first, then whoever has waited longest. */
export function byUrgency(a: Decision, b: Decision): number {
  const key = ({ deadline, since }: Decision) => (deadline ? `0${deadline}` : `1${since}`)
  return key(a) < key(b) ? -1 : 1
}
