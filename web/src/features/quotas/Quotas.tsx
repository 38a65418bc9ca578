import { NumberInput, Select, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count, sentence } from '../../lib/format'
import { addDays, day, now, secondsOf, spanInWords, spanOfDays } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { State, Tag, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty, Note } from '../../ui/States'
import { Steps } from '../../ui/Steps'

type Quota = Schemas['QuotaView']

/** An amount in its unit; durations in words. */
const amount = (value: string, unit: string) => (/^P/.test(value) ? spanInWords(value) : `${Number(value).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${unit}`)

const DIMENSIONS: Record<Schemas['Dimension'], string> = {
  concurrent_gpus: 'GPUs at a time',
  concurrent_mw: 'MW at a time',
  gpu_hours_per_month: 'GPU-hours per month',
  spend_per_month: 'Spend per month',
  longest_lease: 'Longest lease',
  open_requests: 'Requests that wait',
}

const nameOf = ({ dimension, accelerator }: Pick<Quota, 'dimension' | 'accelerator'>) => `${DIMENSIONS[dimension]}${accelerator ? `, ${accelerator}` : ''}`

/** What may I still book? */
export function Quotas() {
  const me = useMe()
  const organization = me?.organization
  const quotas = api.useQuery('get', '/v1/quotas', { params: { query: { limit: 200 } } })
  const requests = api.useQuery('get', '/v1/quota-requests', { params: { query: { limit: 200 } } })
  const projects = api.useQuery('get', '/v1/organizations/{id}/projects', { params: { path: { id: organization?.id ?? '' } } }, { enabled: Boolean(organization) })
  const over = quotas.data?.items.filter(({ standing }) => standing?.over_by) ?? []
  const project = (id: string | null | undefined) => projects.data?.items.find((one) => one.id === id)?.name
  return (
    <Page
      name="Quotas"
      title={quotas.data ? (over.length > 0 ? `${count(over.length, 'quota')} exceeded` : `${count(quotas.data.items.length, 'quota')}, none exceeded`) : 'Quotas'}
      lead="A booking is held against the whole of its window, not only against now."
      acts={<SetQuota projects={projects.data?.items ?? []} isStaff={!organization} />}
    >
      {organization && <Curves organization={organization.id} />}
      <Panel flush title={organization ? 'Limits' : 'Limits and defaults'}>
        <Loaded query={quotas}>
          {({ items }) => (
            <DataTable
              label="Quotas"
              rows={items}
              id={({ id }) => id}
              empty="No limits: you may book what the market has."
              columns={[
                { head: 'Limits', cell: (quota) => <><strong>{nameOf(quota)}</strong><div className="faint">{quota.reason}</div></>, by: nameOf },
                { head: 'For', cell: ({ project_id, verification, organization_id }) => (project_id ? (project(project_id) ?? 'a project') : verification ? `whoever is ${verification}` : organization_id === organization?.id ? 'the organization' : 'an organization') },
                { head: 'Limit', cell: ({ limit, share, unit }) => (limit ? amount(limit, unit) : share ? `${Number(share) * 100} % of what is held` : 'none'), isNumber: true },
                { head: 'Standing', cell: ({ standing, unit }) => (standing?.over_by ? <Tag tone="bad">over by {amount(standing.over_by, unit)}</Tag> : standing ? <Tag tone="run">kept</Tag> : '–') },
                { head: 'Until', cell: ({ valid_until }) => (valid_until ? day(valid_until) : 'for good'), wideOnly: true },
                { head: 'Act', cell: (quota) => (organization && quota.limit ? <RequestRaise quota={quota} /> : null) },
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel flush title="Raises that were asked for">
        <Loaded query={requests}>
          {({ items }) => (
            <DataTable
              label="Requests for a raise"
              rows={items}
              id={({ id }) => id}
              empty="Nobody asked for a raise."
              columns={[
                { head: 'Of', cell: ({ dimension }) => DIMENSIONS[dimension], by: ({ dimension }) => dimension },
                { head: 'To', cell: ({ limit, unit }) => amount(limit, unit), isNumber: true },
                { head: 'Why', cell: ({ reason, decision_reason }) => <>{reason}{decision_reason && <div className="faint">{decision_reason}</div>}</> },
                { head: 'Asked', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, wideOnly: true },
                { head: 'State', cell: ({ state }) => <State of={state} /> },
                { head: 'Act', cell: (request) => <DecideRaise request={request} /> },
              ]}
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  )
}

/** One curve per limit: what is booked against what may be. */
function Curves({ organization }: { organization: string }) {
  const [{ at, from, to }] = useState(() => ({ at: now(), from: addDays(now(), -30), to: addDays(now(), 335) }))
  const peaks = api.useQuery('get', '/v1/organizations/{id}/quota-peaks', { params: { path: { id: organization }, query: { from, to } } })
  return (
    <Loaded query={peaks}>
      {({ curves }) =>
        curves.length === 0 ? (
          <Panel>
            <Empty>Nothing is limited over time.</Empty>
          </Panel>
        ) : (
          <div className="curves">
            {curves.map((curve) => (
              <Panel key={`${curve.quota_id}${curve.dimension}${curve.project_id}`} title={nameOf(curve)}>
                <Steps
                  label={`${nameOf(curve)}, booked and limit`}
                  series={[
                    { name: 'Booked', color: 'var(--sched-fill)', steps: curve.points.map(({ at, booked }) => ({ at: Date.parse(at), value: Number(booked) })) },
                    ...(curve.points.some(({ limit }) => limit) ? [{ name: 'Limit', color: 'var(--bad-fill)', steps: curve.points.map(({ at, limit }) => ({ at: Date.parse(at), value: Number(limit ?? 0) })), isLine: true }] : []),
                  ]}
                  from={from}
                  to={to}
                  now={at}
                  format={(value) => value.toLocaleString('en-US', { maximumFractionDigits: 1 })}
                />
              </Panel>
            ))}
          </div>
        )
      }
    </Loaded>
  )
}

function Why({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return <Textarea label="Reason" required maxLength={2000} autosize minRows={2} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
}

/** A limit as it is typed: days for the longest lease, a figure otherwise. */
const limitText = (dimension: Schemas['Dimension'], value: string) => (dimension === 'longest_lease' ? spanOfDays(Number(value)) : value)

function RequestRaise({ quota }: { quota: Quota }) {
  const present = quota.limit ? (/^P/.test(quota.limit) ? String(secondsOf(quota.limit) / 86_400) : quota.limit) : ''
  const [limit, setLimit] = useState(present)
  const [reason, setReason] = useState('')
  const ask = api.useMutation('post', '/v1/quota-requests', { meta: { done: 'Asked for; whoever decides sees it' } })
  return (
    <ActDialog verb="Ask for a raise" title={`Raise ${nameOf(quota)}`} blocked={reason.trim() ? undefined : 'say why'} busy={ask.isPending} onDo={() => ask.mutateAsync({ body: { quota_id: quota.id, limit: limitText(quota.dimension, limit), reason } })}>
      <NumberInput label={`To, ${quota.dimension === 'longest_lease' ? 'days' : quota.unit}`} min={0} value={limit} onChange={(value) => setLimit(String(value))} />
      <Why value={reason} onChange={setReason} />
      <Refused error={ask.error} />
    </ActDialog>
  )
}

function DecideRaise({ request }: { request: Schemas['QuotaRequestView'] }) {
  return (
    <span className="acts">
      {(['grant', 'deny', 'withdraw'] as const)
        .filter((act) => request.can.includes(act))
        .map((act) => (
          <Decision key={act} request={request} act={act} />
        ))}
    </span>
  )
}

function Decision({ request, act }: { request: Schemas['QuotaRequestView']; act: 'grant' | 'deny' | 'withdraw' }) {
  const [reason, setReason] = useState('')
  const run = api.useMutation('post', `/v1/quota-requests/{id}/${act}`, { meta: { done: 'Decided' } })
  return (
    <ActDialog
      verb={sentence(act)}
      title={`${sentence(act)} the raise`}
      isPrimary={act === 'grant'}
      isDanger={act === 'deny'}
      blocked={reason.trim() ? undefined : 'say why'}
      busy={run.isPending}
      onDo={() => run.mutateAsync({ params: { path: { id: request.id } }, body: { reason } })}
    >
      <span>
        {DIMENSIONS[request.dimension]}, to {amount(request.limit, request.unit)}. “{request.reason}”
      </span>
      <Why value={reason} onChange={setReason} />
      <Refused error={run.error} />
    </ActDialog>
  )
}

function SetQuota({ projects, isStaff }: { projects: Schemas['Project'][]; isStaff: boolean }) {
  const [dimension, setDimension] = useState<Schemas['Dimension']>('concurrent_gpus')
  const [project_id, setProject] = useState<string | null>(null)
  const [organization_id, setOrganization] = useState('')
  const [limit, setLimit] = useState('')
  const [share, setShare] = useState('')
  const [reason, setReason] = useState('')
  const set = api.useMutation('post', '/v1/quotas', { meta: { done: 'Set' } })
  const body = {
    dimension,
    reason,
    ...(isStaff ? { organization_id } : { project_id }),
    ...(share ? { share: String(Number(share) / 100) } : { limit: limitText(dimension, limit) }),
  }
  return (
    <ActDialog
      verb={isStaff ? 'Set a quota' : 'Limit a project'}
      title={isStaff ? 'Set a quota' : 'Limit a project, or give it a share'}
      reason={!isStaff && projects.length === 0 ? 'make a project first, under Organization' : undefined}
      blocked={!reason.trim() ? 'say why' : !limit && !share ? 'say how much' : undefined}
      busy={set.isPending}
      onDo={() => set.mutateAsync({ body })}
    >
      {isStaff ? (
        <TextInput label="Organization" placeholder="org_…" required value={organization_id} onChange={({ currentTarget }) => setOrganization(currentTarget.value)} />
      ) : (
        <Select label="Project" data={projects.map(({ id, name }) => ({ value: id, label: name }))} value={project_id} onChange={setProject} />
      )}
      <Select label="Limits" allowDeselect={false} data={Object.entries(DIMENSIONS).map(([value, label]) => ({ value, label }))} value={dimension} onChange={(value) => value && setDimension(value as Schemas['Dimension'])} />
      <div className="acts fields">
        <NumberInput label={dimension === 'longest_lease' ? 'To, days' : 'To'} min={0} disabled={Boolean(share)} value={limit} onChange={(value) => setLimit(String(value))} />
        {!isStaff && <NumberInput label="or a share, % of what is held" min={0} max={100} value={share} onChange={(value) => setShare(String(value))} />}
      </div>
      <Note tone="none">Lowering it below what is booked takes nothing away; it refuses what would be booked from now on.</Note>
      <Why value={reason} onChange={setReason} />
      <Refused error={set.error} />
    </ActDialog>
  )
}

