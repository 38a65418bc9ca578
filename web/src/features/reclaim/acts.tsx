import { FileInput, Textarea, TextInput } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { type ReactNode, useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count, money, words } from '../../lib/format'
import { instantOf, localOf, now, utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'
import { Note } from '../../ui/States'

type CaseView = Schemas['CaseView']
type Props = { one: CaseView }

const path = (one: CaseView) => ({ params: { path: { id: one.id } } })

/** The acts that the case has left for whoever looks; those that are not possible say why. */
export function CaseActs({ one }: Props) {
  const me = useMe()
  const has = (act: string) => one.can.includes(act)
  // A closed case has none; a step that is behind it is not worth a button that says so.
  const order = ['draft', 'submitted', 'approved', 'noticed']
  const isBehind = (state: string) => order.indexOf(one.state) > order.indexOf(state) || !order.includes(one.state)
  const shows = (act: string, before: string) => has(act) || (act in one.cannot && !isBehind(before))
  if (me?.organization?.id === one.tenant_id && me.organization.id !== one.provider_id) return null
  return (
    <>
      {shows('withdraw', 'noticed') && <Close one={one} act="withdraw" verb="Withdraw" says="The lease goes on as signed, and the case is closed for good." />}
      {shows('evidence', 'draft') && <AddEvidence one={one} />}
      {shows('submit', 'draft') && (
        <Plain one={one} act="submit" verb="Submit" done="Submitted for approval">
          Those who approve see it now: {needed(one)}. Nothing reaches the tenant yet.
        </Plain>
      )}
      {shows('refuse', 'submitted') && one.state === 'submitted' && <Close one={one} act="refuse" verb="Refuse" says="The case is closed, and the lease goes on as signed." />}
      {shows('approve', 'submitted') && one.state === 'submitted' && (
        <Plain one={one} act="approve" verb="Approve" done="Approved">
          You stand for it that the clause is met. {one.money_preview && <>It would pay the tenant {money(one.money_preview.compensation, one.currency)}.</>}
        </Plain>
      )}
      {shows('serve', 'approved') && one.state !== 'draft' && (
        <Plain one={one} act="serve" verb="Serve notice" done="Notice served" isDanger>
          <Note tone="bad">
            The tenant is told now. {one.action === 'partial' ? count(one.units, 'unit') : 'All units'} return to the market on <strong>{one.deadline ? utcMinute(one.deadline) : 'the deadline'}</strong>, and the tenant is paid{' '}
            <strong>{one.money_preview ? money(one.money_preview.compensation, one.currency) : 'what the clause says'}</strong>.
          </Note>
        </Plain>
      )}
    </>
  )
}

const needed = (one: CaseView) =>
  Object.entries(one.approvals_missing)
    .map(([role, many]) => count(many, words(role), words(role)))
    .join(', ') || 'nobody has to approve'

type PlainProps = Props & { act: 'submit' | 'approve' | 'serve'; verb: string; done: string; isDanger?: boolean; children: ReactNode }

function Plain({ one, act, verb, done, isDanger, children }: PlainProps) {
  const run = api.useMutation('post', `/v1/reclaim-cases/{id}/${act}`, { meta: { done } })
  return (
    <ActDialog verb={verb} title={verb} reason={one.cannot?.[act]} isPrimary={!isDanger} isDanger={isDanger} busy={run.isPending} onDo={() => run.mutateAsync({ ...path(one), body: {} })}>
      <div>{children}</div>
      <Refused error={run.error} />
    </ActDialog>
  )
}

function Close({ one, act, verb, says }: Props & { act: 'withdraw' | 'refuse'; verb: string; says: string }) {
  const [reason, setReason] = useState('')
  const run = api.useMutation('post', `/v1/reclaim-cases/{id}/${act}`, { meta: { done: `${verb.replace(/e$/, '')}${act === 'withdraw' ? 'n' : 'ed'}` } })
  return (
    <ActDialog verb={verb} title={`${verb} the case`} reason={one.cannot?.[act]} isDanger={act === 'refuse'} blocked={reason.trim() ? undefined : 'say why'} busy={run.isPending} onDo={() => run.mutateAsync({ ...path(one), body: { reason } })}>
      <span>{says}</span>
      <Textarea label="Reason" description="Everybody in the case reads it" required maxLength={2000} autosize minRows={2} value={reason} onChange={({ currentTarget }) => setReason(currentTarget.value)} />
      <Refused error={run.error} />
    </ActDialog>
  )
}

/** Evidence by its hash; a file is hashed here, in the browser. */
function AddEvidence({ one }: Props) {
  const [sha256, setHash] = useState('')
  const [source, setSource] = useState('')
  const [note, setNote] = useState('')
  const [observed_at, setObserved] = useState(() => localOf(now() - 86_400_000))
  const add = api.useMutation('post', '/v1/reclaim-cases/{id}/evidence', { meta: { done: 'Added' } })
  const hash = async (file: File | null) => {
    if (!file) return
    const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
    setHash([...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
    if (!source) setSource(file.name)
  }
  return (
    <ActDialog
      verb="Add evidence"
      title="Add evidence"
      reason={one.cannot?.evidence}
      busy={add.isPending}
      onDo={() => add.mutateAsync({ ...path(one), body: { sha256, source, observed_at: instantOf(observed_at), note: note || null } })}
    >
      <FileInput label="File" description="It is hashed here; its bytes stay with you" placeholder="Choose a file" onChange={(file) => void hash(file)} />
      <TextInput label="SHA-256" required className="mono" value={sha256} onChange={({ currentTarget }) => setHash(currentTarget.value)} />
      <TextInput label="Source" required maxLength={200} value={source} onChange={({ currentTarget }) => setSource(currentTarget.value)} />
      <DateTimePicker label="Observed" valueFormat="D MMM YYYY HH:mm" value={observed_at} onChange={(at) => at && setObserved(at)} />
      <Textarea label="Note" autosize minRows={2} maxLength={2000} value={note} onChange={({ currentTarget }) => setNote(currentTarget.value)} />
      <Refused error={add.error} />
    </ActDialog>
  )
}
