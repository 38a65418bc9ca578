import { useState } from 'react'
import { api } from '../../api/client'
import { duration, secondsBetween, useNow, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Loaded, Refused } from '../../ui/Loaded'
import { Note } from '../../ui/States'

type Props = { subject: string; busy: boolean; error: unknown; onOpen: () => Promise<void> }

/** Opening a notice starts its window: says so, with both dates, before it does. */
export function OpenNotice({ subject, busy, error, onOpen }: Props) {
  const at = useNow()
  const [isAsked, setAsked] = useState(false)
  const found = api.useQuery('get', '/v1/reclaim-cases/{id}', { params: { path: { id: subject } } }, { enabled: isAsked })
  return (
    <ActDialog verb="Open the notice" title="Open the notice" isPrimary busy={busy} onOpen={() => setAsked(true)} onDo={onOpen}>
      <span>Opening it is the proof that it arrived: its window begins at once, for your whole organization.</span>
      <Loaded query={found} rows={2}>
        {({ deadline, window }) => {
          const until = window ? secondsBetween(at, window.deemed_read_at) : 0
          if (!deadline || until <= 0) return <Note tone="wait">Its window runs already.</Note>
          return (
            <Note tone="wait">
              Opened now, it takes effect on <strong>{utcMinute(Date.parse(deadline) - until * 1000)}</strong> at the latest. Left unread, it counts as read in {duration(until)} and takes effect on{' '}
              <strong>{utcMinute(deadline)}</strong>. What you can answer, and until when, is on the page of the case, which does not count as reading.
            </Note>
          )
        }}
      </Loaded>
      <Refused error={error} />
    </ActDialog>
  )
}
