import { Button } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { count, money, number } from '../../lib/format'
import { utcMinute } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Facts } from '../../ui/Figures'
import { Note } from '../../ui/States'
import { Words } from './Words'

type Plan = Schemas['PlanView']

/** Turns a plan into cases; one that is not kept yet is kept first. */
export function DraftCases({ plan, body }: { plan: Plan; body?: Schemas['PlanBody'] }) {
  const go = useNavigate()
  const [reason, setReason] = useState('')
  const keep = api.useMutation('post', '/v1/reclaim-plans', { meta: { isLook: true } })
  const draft = api.useMutation('post', '/v1/reclaim-plans/{id}/cases', { meta: { done: 'Drafted; nothing has been served' } })
  const [kept, setKept] = useState<Plan>()
  // Between the look and the act something may have changed; then the new figures are shown first.
  const shown = kept ?? plan
  const hasChanged = kept && (kept.compensation !== plan.compensation || kept.cuts.length !== plan.cuts.length)
  const keeping = async (): Promise<Plan> => kept ?? (body ? await keep.mutateAsync({ body }) : plan)
  const submit = async () => {
    const now = await keeping()
    setKept(now)
    if (!kept && (now.compensation !== plan.compensation || now.cuts.length !== plan.cuts.length)) throw new Error('the plan is another one now')
    try {
      await draft.mutateAsync({ params: { path: { id: now.id } }, body: { reason } })
    } catch (error) {
      if (body) setKept(undefined)
      throw error
    }
    await go({ to: '/planner/$id', params: { id: now.id } })
  }
  const store = async () => {
    const now = await keeping()
    await go({ to: '/planner/$id', params: { id: now.id } })
  }
  const cases = shown.cuts.filter(({ is_voluntary }) => !is_voluntary)
  const bought = shown.cuts.filter(({ is_voluntary }) => is_voluntary)
  const sum = (cuts: Plan['cuts'], of: (cut: Plan['cuts'][number]) => number) => cuts.reduce((sum, cut) => sum + of(cut), 0)
  const cost = (cuts: Plan['cuts']) => money(sum(cuts, ({ compensation }) => Number(compensation)).toFixed(2), shown.currency)
  const first = cases.flatMap(({ serve_at }) => serve_at ?? []).toSorted()[0]
  if (plan.state === 'drafted') return null
  const verb = cases.length > 0 ? `Draft ${count(cases.length, 'case')}` : `Buy back from ${count(bought.length, 'tenant')}`
  const reasonNot = plan.cuts.length === 0 ? 'nothing has to be taken back' : plan.cannot.cases
  return (
    <>
      {body && plan.cuts.length > 0 && (
        <Button loading={keep.isPending && !draft.isPending} onClick={() => void store()}>
          Keep the plan
        </Button>
      )}
      <ActDialog verb={verb} title={verb} reason={reasonNot} isPrimary isDanger={bought.length > 0} blocked={reason.trim() ? undefined : 'say why'} busy={keep.isPending || draft.isPending} onDo={submit}>
        {hasChanged && <Note tone="wait">Something has changed since you looked: these are the figures now. Press again if they will do.</Note>}
        <Facts
          of={{
            'Units taken': `${number(sum(shown.cuts, ({ units }) => units))}, ${number(sum(shown.cuts, ({ gpus }) => gpus))} GPUs`,
            'Leases touched': number(new Set(shown.cuts.map(({ lease_id }) => lease_id)).size),
            'Cases drafted': cases.length > 0 && `${number(cases.length)}, for ${cost(cases)}`,
            'Serve the first by': first && utcMinute(first),
            'Bought back at once': bought.length > 0 && `${count(sum(bought, ({ units }) => units), 'unit')}, for ${cost(bought)}`,
            Altogether: <strong>{money(shown.compensation, shown.currency)}</strong>,
          }}
        />
        <span>
          {cases.length > 0 && 'Each case still has to be submitted, approved and served; its tenant learns nothing before. '}
          {bought.length > 0 && <strong>What tenants have offered is bought at once, and cannot be given back by this page.</strong>}
        </span>
        <Words name="reason" label="Why the capacity is needed" description="The tenants read it" value={reason} onChange={setReason} error={draft.error ?? keep.error} />
      </ActDialog>
    </>
  )
}
