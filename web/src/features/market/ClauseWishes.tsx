import { Button, NumberInput, Popover, Select } from '@mantine/core'
import { useState } from 'react'
import { count, sentence, words } from '../../lib/format'
import { GROUNDS, inWords, textOf, type Wish, wishesOf } from './wishes'

const RULES = [
  { value: 'none', label: 'is not in the terms' },
  { value: 'min', label: 'with at least, days' },
  { value: 'max', label: 'with at most, days' },
]

/** What the reclaim terms are to say: a clause that is not wanted, or one with so much notice. */
export function ClauseWishes({ text, onChange }: { text?: string; onChange: (text: string | undefined) => void }) {
  const [isOpen, setOpen] = useState(false)
  const wishes = wishesOf(text)
  const change = (next: Wish[]) => onChange(textOf(next))
  const set = (index: number, changed: Partial<Wish>) => change(wishes.map((one, at) => (at === index ? { ...one, ...changed } : one)))
  const left = GROUNDS.filter((ground) => !wishes.some((one) => one.ground === ground))
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-start" trapFocus width={400} shadow="md">
      <Popover.Target>
        <Button title={wishes.map(inWords).join(', ') || undefined} onClick={() => setOpen(!isOpen)}>
          {wishes.length === 0 ? 'Clauses: any' : count(wishes.length, 'wish about clauses', 'wishes about clauses')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="What the clauses are to say">
        <div className="stack" style={{ gap: 10 }}>
          <span className="dim">On which grounds may a lease be taken back, and with how much notice?</span>
          {wishes.map(({ ground, rule, days }, index) => (
            <fieldset key={ground} className="line" aria-label={words(ground)}>
              <div className="acts" style={{ justifyContent: 'space-between' }}>
                <strong>{sentence(words(ground))}</strong>
                <Button size="compact-xs" variant="subtle" color="gray" onClick={() => change(wishes.toSpliced(index, 1))}>
                  Leave out
                </Button>
              </div>
              <div className="acts fields">
                <Select aria-label="Rule" comboboxProps={{ withinPortal: false }} allowDeselect={false} data={RULES} value={rule} onChange={(rule) => rule && set(index, { rule: rule as Wish['rule'] })} />
                {rule !== 'none' && <NumberInput aria-label="Days of notice" min={0} value={days} onChange={(days) => set(index, { days: Number(days) || 0 })} />}
              </div>
            </fieldset>
          ))}
          <Select
            aria-label="Ground"
            comboboxProps={{ withinPortal: false }}
            placeholder="Choose a ground"
            value={null}
            data={left.map((ground) => ({ value: ground, label: sentence(words(ground)) }))}
            onChange={(ground) => ground && change([...wishes, { ground: ground as Wish['ground'], rule: 'none', days: 7 }])}
          />
          <div className="acts" style={{ justifyContent: 'flex-end' }}>
            <Button onClick={() => setOpen(false)}>Done</Button>
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
