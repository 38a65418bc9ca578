import { Textarea } from '@mantine/core'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { sentence } from '../../lib/format'
import { ActDialog } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'

const SAYS: Record<Schemas['Decision'], string> = {
  verify: 'It may book and publish from now on.',
  suspend: 'It can no longer book or publish; what it leased goes on.',
  reinstate: 'It may book and publish again.',
}

/** What staff decides about an organization. */
export function Decide({ organization }: { organization: Schemas['Organization'] }) {
  return (
    <span className="acts">
      {organization.can.map((decision) => (
        <Decision key={decision} organization={organization} decision={decision} />
      ))}
    </span>
  )
}

function Decision({ organization, decision }: { organization: Schemas['Organization']; decision: Schemas['Decision'] }) {
  const [reason, setReason] = useState('')
  const run = api.useMutation('post', `/v1/organizations/{id}/${decision}`, { meta: { done: 'Decided' } })
  return (
    <ActDialog
      verb={sentence(decision)}
      title={`${sentence(decision)} ${organization.name}`}
      isPrimary={decision === 'verify'}
      isDanger={decision === 'suspend'}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ params: { path: { id: organization.id } }, body: { reason } })}
    >
      <span>{SAYS[decision]}</span>
      <Textarea label="Reason" required maxLength={2000} autosize minRows={2} value={reason} onChange={({ currentTarget }) => setReason(currentTarget.value)} />
      <Refused error={run.error} />
    </ActDialog>
  )
}
