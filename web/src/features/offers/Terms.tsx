import { Button, NumberInput, Select, Switch, TextInput } from '@mantine/core'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { count, sentence, words } from '../../lib/format'
import { DAY, secondsOf, spanOfDays } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Id, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty } from '../../ui/States'

type Clause = Schemas['Clause']
type Ground = Schemas['Ground']

const clause = (ground: Ground, notice: string, more: Partial<Clause> = {}): Clause => ({
  ground,
  notice,
  action_max: 'full',
  invocable_by: ['provider'],
  approvals: { admin: 1 },
  compensation: { prorata_refund: true },
  ...more,
})

/** What is usual for a ground; one starts from it. */
const USUAL: Partial<Record<Ground, Clause>> = {
  'recall.callable': clause('recall.callable', 'P7D', { compensation: { prorata_refund: true, multiple: '0.2' } }),
  maintenance: clause('maintenance', 'P3D', { action_max: 'partial', approvals: { operations: 1 } }),
  'payment.default': clause('payment.default', 'P10D', { cure: 'P10D', invocable_by: ['provider', 'admin'], compensation: { prorata_refund: false } }),
  'breach.material': clause('breach.material', 'P30D', { cure: 'P30D', invocable_by: ['provider', 'admin'], approvals: { admin: 1, legal: 1 }, evidence_required: true }),
  'aup.violation': clause('aup.violation', 'P1D', { cure: 'P1D', invocable_by: ['provider', 'admin'], compensation: { prorata_refund: false }, evidence_required: true }),
  convenience: clause('convenience', 'P90D', { approvals: { admin: 1, legal: 1 } }),
  idle: clause('idle', 'P30D', { cure: 'P30D' }),
  decommission: clause('decommission', 'P3D'),
  force_majeure: clause('force_majeure', 'PT0S', { approvals: { admin: 1, legal: 1 } }),
}

/** Under which clauses may I take back what I lease? */
export function Terms() {
  const terms = api.useQuery('get', '/v1/reclaim-terms', { params: { query: { limit: 200 } } })
  return (
    <Page name="Reclaim terms" lead="A version never changes: leases keep the one they were signed under, by its hash." acts={<MakeTerms />}>
      <Loaded query={terms}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel>
              <Empty>No terms yet. Every offer needs some, even if they say that nothing can be taken back.</Empty>
            </Panel>
          ) : (
            items.map((version) => (
              <Panel key={version.id} title={`${version.name}, version ${version.version}`} aside={<span className="dim"><Id of={version.hash} /> · <Time at={version.created_at} only="day" /></span>}>
                <ul className="clauses">
                  {version.in_words.length === 0 && <li>Leases cannot be taken back.</li>}
                  {version.in_words.map((words) => (
                    <li key={words}>{sentence(words)}</li>
                  ))}
                </ul>
              </Panel>
            ))
          )
        }
      </Loaded>
    </Page>
  )
}

function MakeTerms() {
  const make = api.useMutation('post', '/v1/reclaim-terms', { meta: { done: 'Made' } })
  const [name, setName] = useState('')
  const [clauses, setClauses] = useState<Clause[]>([])
  const change = (index: number, changed: Partial<Clause>) => setClauses(clauses.map((one, at) => (at === index ? { ...one, ...changed } : one)))
  const left = Object.keys(USUAL).filter((ground) => !clauses.some((one) => one.ground === ground))
  return (
    <ActDialog
      verb="Make terms"
      title="Make reclaim terms"
      isPrimary
      size="lg"
      busy={make.isPending}
      onDo={async () => {
        await make.mutateAsync({ body: { name, clauses } })
        setClauses([])
        setName('')
      }}
    >
      <TextInput label="Name" description="The same name again makes its next version" required value={name} onChange={({ currentTarget }) => setName(currentTarget.value)} />
      {clauses.map((one, index) => (
        <fieldset key={one.ground} className="line" aria-label={words(one.ground)}>
          <div className="acts" style={{ justifyContent: 'space-between' }}>
            <strong>{sentence(words(one.ground))}</strong>
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setClauses(clauses.toSpliced(index, 1))}>
              Leave out
            </Button>
          </div>
          <div className="acts fields">
            <NumberInput label="Notice, days" min={0} value={secondsOf(one.notice) / DAY} onChange={(days) => change(index, { notice: spanOfDays(Number(days)) })} />
            <NumberInput label="To put it right, days" min={0} value={one.cure ? secondsOf(one.cure) / DAY : 0} onChange={(days) => change(index, { cure: Number(days) > 0 ? spanOfDays(Number(days)) : null })} />
            <Select label="At most" allowDeselect={false} data={['warn', 'suspend', 'partial', 'full']} value={one.action_max} onChange={(action) => action && change(index, { action_max: action as Schemas['Action'] })} />
            <NumberInput label="Premium × rate" min={0} step={0.1} value={one.compensation.multiple ?? '0'} onChange={(multiple) => change(index, { compensation: { ...one.compensation, multiple: String(multiple || 0) } })} />
          </div>
          <span className="faint">
            Approved by{' '}
            {Object.entries(one.approvals ?? {})
              .map(([role, many]) => count(many, words(role)))
              .join(', ')}
            ; invoked by {one.invocable_by.join(' or ')}
          </span>
          <Switch label="What is unused is refunded" checked={one.compensation.prorata_refund} onChange={({ currentTarget }) => change(index, { compensation: { ...one.compensation, prorata_refund: currentTarget.checked } })} />
        </fieldset>
      ))}
      <Select label="Add a clause" placeholder="On which ground" value={null} data={left.map((ground) => ({ value: ground, label: words(ground) }))} onChange={(ground) => ground && USUAL[ground as Ground] && setClauses([...clauses, USUAL[ground as Ground] as Clause])} />
      <Refused error={make.error} />
    </ActDialog>
  )
}
