import { Button, MultiSelect, NumberInput, Switch } from '@mantine/core'
import { DatePickerInput } from '@mantine/dates'
import { useState } from 'react'
import type { Schemas } from '../../api/client'
import { useAccelerators } from '../../api/hooks'
import { country } from '../../lib/format'
import { ActButton } from '../../ui/Act'
import { ClauseWishes } from './ClauseWishes'
import { listOf, type Need } from './need'

type Props = { need: Need; offers: Schemas['OfferView'][]; onSearch: (need: Need) => void }

const numberOf = (value: string | number) => (value === '' ? undefined : Number(value))

/** What one needs, in one line; nothing but the number of GPUs has to be said. */
export function NeedBar({ need: given, offers, onSearch }: Props) {
  const [need, setNeed] = useState(given)
  const accelerators = useAccelerators()
  const change = (change: Partial<Need>) => setNeed({ ...need, ...change })
  const offered = [...new Set(offers.map(({ accelerator }) => accelerator))].sort()
  const places = [...new Set(offers.flatMap(({ country }) => country ?? []))].sort()
  const isEmpty = Object.values(given).every((value) => value === undefined)
  return (
    <form
      className="panel needs"
      role="search"
      aria-label="Search the market by need"
      onSubmit={(event) => {
        event.preventDefault()
        onSearch(need)
      }}
    >
      <NumberInput label="GPUs" placeholder="any" w={88} min={1} allowDecimal={false} value={need.gpus ?? ''} onChange={(gpus) => change({ gpus: numberOf(gpus) })} />
      <MultiSelect
        label="Accelerator"
        placeholder={need.accelerators ? undefined : 'any'}
        w={172}
        searchable
        clearable
        data={offered.map((id) => ({ value: id, label: accelerators.name(id) }))}
        value={listOf(need.accelerators)}
        onChange={(ids) => change({ accelerators: ids.join(',') || undefined })}
      />
      <NumberInput label="Days" placeholder="30" w={64} min={0.05} value={need.days ?? ''} onChange={(days) => change({ days: numberOf(days) })} />
      <DatePickerInput
        type="range"
        label="Between"
        placeholder="now and a year on"
        valueFormat="D MMM YYYY"
        w={196}
        clearable
        clearButtonProps={{ 'aria-label': 'Clear the dates' }}
        numberOfColumns={2}
        value={[need.from ?? null, need.to ?? null]}
        onChange={([from, to]) => change({ from: from ?? undefined, to: to ?? undefined })}
      />
      <NumberInput label="At most, per GPU-h" placeholder="any rate" w={112} prefix="$" min={0} decimalScale={3} value={need.max_rate ?? ''} onChange={(rate) => change({ max_rate: numberOf(rate)?.toString() })} />
      <MultiSelect
        label="Country"
        placeholder={need.countries ? undefined : 'any'}
        w={136}
        searchable
        clearable
        data={places.map((code) => ({ value: code, label: country(code) }))}
        value={listOf(need.countries)}
        onChange={(codes) => change({ countries: codes.join(',') || undefined })}
      />
      <ClauseWishes text={need.clauses} onChange={(clauses) => change({ clauses })} />
      <Switch label="One island" checked={need.island ?? false} onChange={({ currentTarget }) => change({ island: currentTarget.checked || undefined })} mb={7} />
      <span style={{ flex: 1 }} />
      {!isEmpty && (
        <Button variant="subtle" color="gray" onClick={() => (setNeed({}), onSearch({}))}>
          Clear
        </Button>
      )}
      <ActButton type="submit" variant="filled" reason={need.clauses && !need.gpus ? 'clauses are searched for with a number of GPUs: say how many' : undefined}>
        Search
      </ActButton>
    </form>
  )
}
