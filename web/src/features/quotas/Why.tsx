import { Textarea } from '@mantine/core'

export function Why({ value, onChange, error }: { value: string; onChange: (value: string) => void; error?: string }) {
  return <Textarea label="Reason" required maxLength={2000} autosize minRows={2} value={value} error={error} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
}
