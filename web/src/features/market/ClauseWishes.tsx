import { Button, Popover } from '@mantine/core'
import { lazy, Suspense, useState } from 'react'
import { count } from '../../lib/format'
import { Loading } from '../../ui/States'
import { inWords, textOf, wishesOf } from './wishes'

const Fields = lazy(() => import('./ClauseFields'))

/** What the reclaim terms are to say: a clause that is not wanted, or one with so much notice. */
export function ClauseWishes({ text, onChange }: { text?: string; onChange: (text: string | undefined) => void }) {
  const [isOpen, setOpen] = useState(false)
  const wishes = wishesOf(text)
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-start" trapFocus width={400} shadow="md">
      <Popover.Target>
        <Button title={wishes.map(inWords).join(', ') || undefined} onClick={() => setOpen(!isOpen)}>
          {wishes.length === 0 ? 'Clauses: any' : count(wishes.length, 'wish about clauses', 'wishes about clauses')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="What the clauses are to say">
        <Suspense fallback={<Loading rows={2} />}>
          <Fields wishes={wishes} onChange={(wishes) => onChange(textOf(wishes))} onDone={() => setOpen(false)} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  )
}
