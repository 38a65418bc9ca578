import { Textarea } from '@mantine/core'
import { fieldErrors } from '../../lib/problem'
import { Refused } from '../../ui/Loaded'

type Props = { name: string; label: string; description?: string; value: string; onChange: (value: string) => void; error: unknown }

/** What somebody has to say, with what the server says about it beside it. */
export function Words({ name, label, description, value, onChange, error }: Props) {
  const wrong = fieldErrors(error)[name]
  return (
    <>
      <Textarea label={label} description={description} required maxLength={2000} autosize minRows={3} value={value} error={wrong} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
      {!wrong && <Refused error={error} />}
    </>
  )
}
