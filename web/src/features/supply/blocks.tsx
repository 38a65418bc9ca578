import { NumberInput, Select, Textarea } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { api, rehearsal, type Schemas } from '../../api/client'
import { count, number } from '../../lib/format'
import { instantOf, localOf, nextHour, now } from '../../lib/time'
import { ActButton, ActDialog } from '../../ui/Act'
import { Dialog } from '../../ui/Dialog'
import { Refused } from '../../ui/Loaded'
import { Note } from '../../ui/States'

export type Marked = { first_unit: number; end_unit: number; starts_at: string; ends_at: string | null }

type Props = { pool: Schemas['PlaneView']; marked?: Marked; reason?: string; onClose: () => void }

/** Keeps units off the market: those that were marked on the plane, or whichever one says. */
export function BlockUnits({ pool, marked, reason, onClose }: Props) {
  const [isOpen, setOpen] = useState(Boolean(marked))
  const start = marked && Date.parse(marked.starts_at) > now() ? marked.starts_at : nextHour(now())
  const [block, setBlock] = useState<Schemas['BlockBody']>({
    first_unit: marked?.first_unit ?? 0,
    end_unit: marked?.end_unit ?? 1,
    starts_at: start,
    ends_at: marked?.ends_at ?? null,
    kind: 'maintenance',
    reason: '',
  })
  const change = (changed: Partial<Schemas['BlockBody']>) => setBlock({ ...block, ...changed })
  const [asked] = useDebouncedValue({ ...block, reason: block.reason.trim() || 'to be said' }, 250)
  const path = { params: { path: { id: pool.pool_id } } }
  const make = api.useMutation('post', '/v1/pools/{id}/blocks', { meta: { done: 'Blocked' } })
  // Once it is done, the same block would be in its own way.
  const preview = api.useQuery('post', '/v1/pools/{id}/blocks', { ...path, body: asked, ...rehearsal }, { enabled: isOpen && !make.isPending && !make.isSuccess, retry: false })
  const units = block.end_unit - block.first_unit
  const close = () => {
    setOpen(false)
    onClose()
  }
  return (
    <>
      <ActButton reason={reason} onClick={() => setOpen(true)}>
        Block units
      </ActButton>
      <Dialog isOpen={isOpen} onClose={close} title="Keep units off the market">
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault()
            make.mutate({ ...path, body: block }, { onSuccess: close })
          }}
        >
          <div className="acts" style={{ flexWrap: 'nowrap' }}>
            <NumberInput label="First unit" min={0} max={pool.units - 1} allowDecimal={false} value={block.first_unit} onChange={(unit) => change({ first_unit: Number(unit) })} />
            <NumberInput label="Last unit" min={0} max={pool.units - 1} allowDecimal={false} value={block.end_unit - 1} onChange={(unit) => change({ end_unit: Number(unit) + 1 })} />
          </div>
          <div className="acts" style={{ flexWrap: 'nowrap' }}>
            <DateTimePicker style={{ flex: 1 }} label="From" valueFormat="D MMM YYYY HH:mm" value={block.starts_at ? localOf(block.starts_at) : null} onChange={(at) => change({ starts_at: at ? instantOf(at) : null })} />
            <DateTimePicker style={{ flex: 1 }} label="Until" placeholder="open" clearable clearButtonProps={{ 'aria-label': 'Leave the end open' }} valueFormat="D MMM YYYY HH:mm" value={block.ends_at ? localOf(block.ends_at) : null} onChange={(at) => change({ ends_at: at ? instantOf(at) : null })} />
          </div>
          <Select
            label="For"
            allowDeselect={false}
            value={block.kind}
            onChange={(kind) => kind && change({ kind: kind as Schemas['BlockKind'] })}
            data={[
              { value: 'maintenance', label: 'Maintenance' },
              { value: 'own_use', label: 'Own use' },
              { value: 'fault', label: 'A fault' },
            ]}
          />
          <Textarea label="Reason" required maxLength={2000} autosize minRows={2} value={block.reason} onChange={({ currentTarget }) => change({ reason: currentTarget.value })} />
          {preview.data && (
            <Note tone="sched">
              {count(units, 'unit')}, {number(units * pool.gpus_per_unit)} GPUs, leave the market. Leases that have not begun are moved to other units where they must.
            </Note>
          )}
          <Refused error={make.error ?? preview.error} />
          <div className="acts" style={{ justifyContent: 'flex-end' }}>
            <ActButton onClick={close}>Not now</ActButton>
            <ActButton type="submit" variant="filled" loading={make.isPending} reason={preview.isError ? 'these units cannot be blocked then' : undefined}>
              Block {count(Math.max(0, units), 'unit')}
            </ActButton>
          </div>
        </form>
      </Dialog>
    </>
  )
}

export function LiftBlock({ block, reason }: { block: Schemas['Block']; reason?: string }) {
  const lift = api.useMutation('post', '/v1/blocks/{id}/lift', { meta: { done: 'Lifted' } })
  const units = block.end_unit - block.first_unit
  return (
    <ActDialog verb="Lift" title="Lift the block" reason={reason} busy={lift.isPending} onDo={() => lift.mutateAsync({ params: { path: { id: block.id } }, body: {} })}>
      <span>{count(units, 'unit')} return to the market at once.</span>
      <Refused error={lift.error} />
    </ActDialog>
  )
}
