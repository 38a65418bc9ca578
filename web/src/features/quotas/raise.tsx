import { NumberInput } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useCurrency } from '../../api/hooks'
import { useMe } from '../../api/session'
import { fieldErrors } from '../../lib/problem'
import { instantOf, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'
import { amount, DIMENSIONS, limitText, nameOf, type Quota, typed, typedIn } from './words'
import { Why } from './Why'

type Request = Schemas['QuotaRequestView']

/** A tenant asks for more than its limit. */
export function RequestRaise({ quota }: { quota: Quota }) {
  const currency = useCurrency()
  const [limit, setLimit] = useState(typed(quota.limit ?? ''))
  const [reason, setReason] = useState('')
  const ask = api.useMutation('post', '/v1/quota-requests', { meta: { done: 'Asked for; whoever decides sees it' } })
  return (
    <ActDialog
      verb="Ask for a raise"
      title={`Raise ${nameOf(quota)}`}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={ask.isPending}
      onDo={() => ask.mutateAsync({ body: { quota_id: quota.id, limit: limitText(quota.dimension, limit), reason } })}
    >
      <span>The limit is {amount(quota.limit ?? '0', quota, currency)} now.</span>
      <NumberInput label={`To, ${typedIn(quota.dimension, quota.unit, currency)}`} min={0} value={limit} onChange={(value) => setLimit(String(value))} error={fieldErrors(ask.error).limit} />
      <Why value={reason} onChange={setReason} />
      <Refused error={ask.error} />
    </ActDialog>
  )
}

/** What can be decided about a request by whoever looks: staff for organizations, owners for projects, and who asked may withdraw. */
export function DecideRaise({ request }: { request: Request }) {
  const me = useMe()
  if (request.state !== 'open') return null
  const isStaff = Boolean(me?.staff_role)
  const decides = isStaff ? me?.staff_role === 'admin' : Boolean(request.project_id) && me?.role === 'owner'
  const reason = decides ? undefined : isStaff ? 'staff with the role admin decides' : undefined
  return (
    <span className="acts">
      {(isStaff || decides) && (
        <>
          <Grant request={request} reason={reason ?? request.cannot.grant} />
          <Close request={request} act="deny" reason={reason ?? request.cannot.deny} />
        </>
      )}
      {!isStaff && <Close request={request} act="withdraw" reason={me?.role === 'viewer' ? 'a manager or owner does this' : request.cannot.withdraw} />}
    </span>
  )
}

/** Grants what was asked for, or another number, for good or for a while. */
function Grant({ request, reason: cannot }: { request: Request; reason?: string }) {
  const currency = useCurrency()
  const [limit, setLimit] = useState(typed(request.limit))
  const [until, setUntil] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const grant = api.useMutation('post', '/v1/quota-requests/{id}/grant', { meta: { done: 'Granted' } })
  const text = limitText(request.dimension, limit)
  return (
    <ActDialog
      verb="Grant"
      title={`Grant ${DIMENSIONS[request.dimension]}`}
      reason={cannot}
      isPrimary
      blocked={!limit ? 'say how much' : !reason.trim() ? 'say why' : undefined}
      busy={grant.isPending}
      onDo={() => grant.mutateAsync({ params: { path: { id: request.id } }, body: { limit: text, until: until && instantOf(until), reason } })}
    >
      <span>
        Asked for: {amount(request.limit, request, currency)}. “{request.reason}”
      </span>
      <div className="acts fields">
        <NumberInput label={`Grant, ${typedIn(request.dimension, request.unit, currency)}`} min={0} value={limit} onChange={(value) => setLimit(String(value))} error={fieldErrors(grant.error).limit} />
        <DateTimePicker label="Until" placeholder="for good" clearable clearButtonProps={{ 'aria-label': 'For good' }} valueFormat="D MMM YYYY HH:mm" value={until} onChange={setUntil} error={fieldErrors(grant.error).until} />
      </div>
      {limit && (
        <span>
          The limit is <strong>{amount(text, request, currency)}</strong> from now on{until ? `, until ${utcMinute(instantOf(until))}; then it restores itself` : ', for good'}.
        </span>
      )}
      <Why value={reason} onChange={setReason} />
      <Refused error={grant.error} />
    </ActDialog>
  )
}

function Close({ request, act, reason: cannot }: { request: Request; act: 'deny' | 'withdraw'; reason?: string }) {
  const currency = useCurrency()
  const [reason, setReason] = useState('')
  const close = api.useMutation('post', `/v1/quota-requests/{id}/${act}`, { meta: { done: act === 'deny' ? 'Denied' : 'Withdrawn' } })
  return (
    <ActDialog
      verb={act === 'deny' ? 'Deny' : 'Withdraw'}
      title={act === 'deny' ? 'Deny the raise' : 'Take the request back'}
      reason={cannot}
      isDanger={act === 'deny'}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={close.isPending}
      onDo={() => close.mutateAsync({ params: { path: { id: request.id } }, body: { reason } })}
    >
      <span>
        {DIMENSIONS[request.dimension]} to {amount(request.limit, request, currency)}. “{request.reason}” The limit stays as it is{act === 'deny' && '; whoever asked reads your reason'}.
      </span>
      <Why value={reason} onChange={setReason} />
      <Refused error={close.error} />
    </ActDialog>
  )
}
