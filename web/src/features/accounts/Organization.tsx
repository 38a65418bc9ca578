import { Button, CopyButton, PasswordInput, Select, Tabs, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { logOut, useMe } from '../../api/session'
import { spanOfDays } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { Dialog } from '../../ui/Dialog'
import { DataTable } from '../../ui/DataTable'
import { Id, State, Time } from '../../ui/Figures'
import { useProblem } from '../../ui/form'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty, Note } from '../../ui/States'

type Role = Schemas['Role']
const ROLES: { value: Role; label: string }[] = [
  { value: 'viewer', label: 'Viewer: looks' },
  { value: 'manager', label: 'Manager: acts' },
  { value: 'owner', label: 'Owner: also members, projects, keys' },
]

/** Who belongs to the organization, and what may act for it. */
export function Organization() {
  const me = useMe()
  const organization = me?.organization
  if (!me || !organization) {
    return (
      <Page name="Organization">
        <Empty>Staff belongs to no organization.</Empty>
      </Page>
    )
  }
  const reason = me.role === 'owner' ? undefined : 'an owner does this'
  const props = { id: organization.id, reason }
  return (
    <Page
      name={organization.name}
      title={
        <>
          {organization.name} <State of={organization.verification} />
        </>
      }
      lead={
        <>
          {organization.kinds.join(' and ')} · <Id of={organization.id} />
        </>
      }
      acts={<ChangePassword />}
    >
      {organization.verification !== 'verified' && (
        <Note tone="wait">
          {organization.verification === 'unverified' ? 'The marketplace has not verified it yet: it can look, and cannot book or publish.' : `It is suspended: ${organization.verification_reason}`}
        </Note>
      )}
      <Tabs defaultValue="members" keepMounted={false}>
        <Tabs.List mb={16}>
          <Tabs.Tab value="members">Members</Tabs.Tab>
          {organization.kinds.includes('tenant') && <Tabs.Tab value="projects">Projects</Tabs.Tab>}
          <Tabs.Tab value="keys">API keys</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="members">
          <Members {...props} me={me.id} />
        </Tabs.Panel>
        <Tabs.Panel value="projects">
          <Projects {...props} />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <Keys {...props} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}

type Props = { id: string; reason?: string }

function Members({ id, reason, me }: Props & { me: string }) {
  const members = api.useQuery('get', '/v1/organizations/{id}/members', { params: { path: { id }, query: { limit: 200 } } })
  const change = api.useMutation('post', '/v1/organizations/{id}/members/{user_id}/change-role', { meta: { done: 'Changed' } })
  const remove = api.useMutation('post', '/v1/organizations/{id}/members/{user_id}/remove', { meta: { done: 'Removed' } })
  const path = (user_id: string) => ({ params: { path: { id, user_id } } })
  return (
    <Panel flush aside={<AddMember id={id} reason={reason} />} title="Members">
      <Refused error={change.error} />
      <Loaded query={members}>
        {({ items }) => (
          <DataTable
            label="Members"
            rows={items}
            id={({ user_id }) => user_id}
            empty="Nobody."
            columns={[
              { head: 'Name', cell: ({ name, user_id }) => (user_id === me ? `${name} (you)` : name), by: ({ name }) => name },
              { head: 'E-mail', cell: ({ email }) => email, by: ({ email }) => email, wideOnly: true },
              {
                head: 'Role',
                cell: ({ user_id, role, name }) => (
                  <Select
                    aria-label={`Role of ${name}`}
                    size="xs"
                    w={240}
                    allowDeselect={false}
                    disabled={Boolean(reason)}
                    data={ROLES}
                    value={role}
                    onChange={(role) => role && change.mutate({ ...path(user_id), body: { role: role as Role } })}
                  />
                ),
              },
              { head: 'Joined', cell: ({ joined_at }) => <Time at={joined_at} only="day" />, wideOnly: true },
              {
                head: 'Act',
                cell: ({ user_id, name }) => (
                  <ActDialog verb="Remove" title={`Remove ${name}`} isDanger reason={reason} busy={remove.isPending} onDo={() => remove.mutateAsync({ ...path(user_id), body: {} })}>
                    <span>{name} can no longer see or do anything here, at once.</span>
                    <Refused error={remove.error} />
                  </ActDialog>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}

function AddMember({ id, reason }: Props) {
  const add = api.useMutation('post', '/v1/organizations/{id}/members', { meta: { done: 'Added' } })
  const form = useForm({ initialValues: { email: '', name: '', password: '', role: 'viewer' as Role } })
  const general = useProblem(form, add.error)
  const { email, name, password, role } = form.values
  const submit = async () => {
    await add.mutateAsync({ params: { path: { id } }, body: { email, role, name: name || null, password: password || null } })
    form.reset()
  }
  return (
    <ActDialog verb="Add a member" title="Add a member" reason={reason} busy={add.isPending} onDo={submit}>
      <TextInput label="E-mail" type="email" required {...form.getInputProps('email')} />
      <Select label="Role" allowDeselect={false} data={ROLES} {...form.getInputProps('role')} />
      <TextInput label="Name" description="Only for somebody who is new here" {...form.getInputProps('name')} />
      <PasswordInput label="First password" description="Only for somebody who is new here; at least 12 characters" autoComplete="new-password" {...form.getInputProps('password')} />
      <Refused error={general} />
    </ActDialog>
  )
}

function Projects({ id, reason }: Props) {
  const projects = api.useQuery('get', '/v1/organizations/{id}/projects', { params: { path: { id }, query: { limit: 200 } } })
  const create = api.useMutation('post', '/v1/organizations/{id}/projects', { meta: { done: 'Made' } })
  const form = useForm({ initialValues: { name: '' } })
  const general = useProblem(form, create.error)
  const submit = async () => {
    await create.mutateAsync({ params: { path: { id } }, body: form.values })
    form.reset()
  }
  return (
    <Panel
      flush
      title="Projects"
      aside={
        <ActDialog verb="Make a project" title="Make a project" reason={reason} busy={create.isPending} onDo={submit}>
          <TextInput label="Name" description="A product line, a team" required {...form.getInputProps('name')} />
          <Refused error={general} />
        </ActDialog>
      }
    >
      <Loaded query={projects}>
        {({ items }) => (
          <DataTable
            label="Projects"
            rows={items}
            id={({ id }) => id}
            empty="No projects yet. Leases can be booked for one, and each can have a share of what the organization may hold."
            columns={[
              { head: 'Project', cell: ({ name }) => name, by: ({ name }) => name },
              { head: 'Id', cell: ({ id }) => <Id of={id} />, wideOnly: true },
              { head: 'Since', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}

function Keys({ id, reason }: Props) {
  const keys = api.useQuery('get', '/v1/organizations/{id}/api-keys', { params: { path: { id }, query: { limit: 200 } } })
  const revoke = api.useMutation('post', '/v1/organizations/{id}/api-keys/{key_id}/revoke', { meta: { done: 'Revoked' } })
  return (
    <Panel flush title="API keys" aside={<CreateKey id={id} reason={reason} />}>
      <Loaded query={keys}>
        {({ items }) => (
          <DataTable
            label="API keys"
            rows={items}
            id={({ id }) => id}
            isQuiet={({ revoked_at }) => Boolean(revoked_at)}
            empty="No keys. Programs log in with one."
            columns={[
              { head: 'Name', cell: ({ name }) => name, by: ({ name }) => name },
              { head: 'Begins with', cell: ({ prefix }) => <span className="mono">{prefix}…</span> },
              { head: 'Role', cell: ({ role }) => role },
              { head: 'Expires', cell: ({ expires_at }) => <Time at={expires_at} only="day" />, by: ({ expires_at }) => expires_at },
              {
                head: 'Act',
                cell: ({ id: key_id, name, revoked_at }) =>
                  revoked_at ? (
                    'revoked'
                  ) : (
                    <ActDialog verb="Revoke" title={`Revoke ${name}`} isDanger reason={reason} busy={revoke.isPending} onDo={() => revoke.mutateAsync({ params: { path: { id, key_id } }, body: {} })}>
                      <span>Every program that uses it is refused from now on. It cannot be undone.</span>
                      <Refused error={revoke.error} />
                    </ActDialog>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}

function CreateKey({ id, reason }: Props) {
  const create = api.useMutation('post', '/v1/organizations/{id}/api-keys', { meta: { done: 'Made' } })
  const form = useForm({ initialValues: { name: '', role: 'viewer' as Role, days: '90' } })
  const general = useProblem(form, create.error, { expires_in: 'days' })
  const [secret, setSecret] = useState<string>()
  const submit = async () => {
    const { name, role, days } = form.values
    const made = await create.mutateAsync({ params: { path: { id } }, body: { name, role, expires_in: spanOfDays(Number(days)) } })
    setSecret(made.secret)
    form.reset()
  }
  return (
    <>
      <ActDialog verb="Make a key" title="Make an API key" reason={reason} busy={create.isPending} onDo={submit}>
        <TextInput label="Name" description="What it is for" required {...form.getInputProps('name')} />
        <Select label="Role" allowDeselect={false} data={ROLES} {...form.getInputProps('role')} />
        <Select
          label="Expires in"
          allowDeselect={false}
          data={[
            { value: '7', label: 'a week' },
            { value: '90', label: '90 days' },
            { value: '365', label: 'a year' },
          ]}
          {...form.getInputProps('days')}
        />
        <Refused error={general} />
      </ActDialog>
      <Dialog isOpen={Boolean(secret)} onClose={() => setSecret(undefined)} title="The key, shown this once">
        <div className="stack">
          <TextInput aria-label="The key" readOnly value={secret ?? ''} styles={{ input: { fontFamily: 'var(--lh-mono)' } }} />
          <CopyButton value={secret ?? ''}>{({ copied, copy }) => <Button onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}</CopyButton>
        </div>
      </Dialog>
    </>
  )
}

function ChangePassword() {
  const change = api.useMutation('post', '/v1/me/password')
  const form = useForm({ initialValues: { present_password: '', new_password: '' } })
  const general = useProblem(form, change.error)
  const submit = async () => {
    await change.mutateAsync({ body: form.values })
    await logOut()
  }
  return (
    <ActDialog verb="Change password" title="Change your password" busy={change.isPending} onDo={submit}>
      <span className="dim">All your sessions end, this one too; log in again with the new password.</span>
      <PasswordInput label="Present password" autoComplete="current-password" required {...form.getInputProps('present_password')} />
      <PasswordInput label="New password" description="At least 12 characters" autoComplete="new-password" required {...form.getInputProps('new_password')} />
      <Refused error={general} />
    </ActDialog>
  )
}
