import { Button, NumberInput, Select } from '@mantine/core'
import { sentence, words } from '../../lib/format'
import { GROUNDS, type Wish } from './wishes'

const RULES = [
  { value: 'none', label: 'is not in the terms' },
  { value: 'min', label: 'with at least, days' },
  { value: 'max', label: 'with at most, days' },
]

type Props = { wishes: Wish[]; onChange: (wishes: Wish[]) => void; onDone: () => void }

/** One line for each ground that somebody has a wish about; fetched when it is first opened. */
export default function ClauseFields({ wishes, onChange, onDone }: Props) {
  const set = (index: number, changed: Partial<Wish>) => onChange(wishes.map((one, at) => (at === index ? { ...one, ...changed } : one)))
  const left = GROUNDS.filter((ground) => !wishes.some((one) => one.ground === ground))
  return (
    <div className="stack" style={{ gap: 10 }}>
      <span className="dim">On which grounds may a lease be taken back, and with how much notice?</span>
      {wishes.map(({ ground, rule, days }, index) => (
        <fieldset key={ground} className="line" aria-label={words(ground)}>
          <div className="acts" style={{ justifyContent: 'space-between' }}>
            <strong>{sentence(words(ground))}</strong>
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onChange(wishes.toSpliced(index, 1))}>
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
        onChange={(ground) => ground && onChange([...wishes, { ground: ground as Wish['ground'], rule: 'none', days: 7 }])}
      />
      <div className="acts" style={{ justifyContent: 'flex-end' }}>
        <Button onClick={onDone}>Done</Button>
      </div>
    </div>
  )
}
