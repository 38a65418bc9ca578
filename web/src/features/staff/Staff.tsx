import { PasswordInput, Select, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { api, type Schemas } from '../../api/client'
import { useMe } from '../../api/session'
import { count } from '../../lib/format'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { Time } from '../../ui/Figures'
import { useProblem } from '../../ui/form'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'

type User = Schemas['User']
type Role = Schemas['StaffRole']

const ROLES: Record<Role, string> = {
  admin: 'Admin: verifies, sets quotas, keeps staff',
  operations: 'Operations: approves cases for operations',
  legal: 'Legal: approves cases, decides appeals',
  independent: 'Independent: decides appeals',
}
const choices = Object.entries(ROLES).map(([value, label]) => ({ value, label }))

/** Who works for the marketplace, and as what? */
export function Staff() {
  const me = useMe()
  const staff = api.useQuery('get', '/v1/staff', { params: { query: { limit: 200 } } })
  const reason = me?.staff_role === 'admin' ? undefined : 'staff with the role admin does this'
  return (
    <Page name="Staff" title={staff.data ? `${count(staff.data.items.length, 'person', 'people')} on the staff` : 'Staff'} lead="Cases are approved, and appeals decided, by people of different roles." acts={<AddStaff reason={reason} />}>
      <Panel flush>
        <Loaded query={staff}>
          {({ items }) => (
            <DataTable
              label="Staff"
              rows={items}
              id={({ id }) => id}
              sort="Name"
              empty="Nobody."
              columns={[
                { head: 'Name', cell: ({ id, name }) => <strong>{id === me?.id ? `${name} (you)` : name}</strong>, by: ({ name }) => name },
                { head: 'E-mail', cell: ({ email }) => email, by: ({ email }) => email, wideOnly: true },
                { head: 'Role', cell: ({ staff_role }) => staff_role ?? '–', by: ({ staff_role }) => staff_role ?? '' },
                { head: 'Since', cell: ({ created_at }) => <Time at={created_at} only="day" />, by: ({ created_at }) => created_at, wideOnly: true },
                {
                  head: 'Act',
                  cell: (user) => (
                    <span className="acts">
                      <ChangeRole key={user.staff_role} user={user} reason={reason} />
                      <Remove user={user} reason={reason} />
                    </span>
                  ),
                },
              ]}
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  )
}

function AddStaff({ reason }: { reason?: string }) {
  const add = api.useMutation('post', '/v1/staff', { meta: { done: 'Added' } })
  const form = useForm({ initialValues: { name: '', email: '', password: '', role: 'operations' as Role } })
  const general = useProblem(form, add.error)
  const submit = async () => {
    await add.mutateAsync({ body: form.values })
    form.reset()
  }
  return (
    <ActDialog verb="Add staff" title="Add a member of staff" reason={reason} isPrimary busy={add.isPending} onDo={submit}>
      <TextInput label="Name" required {...form.getInputProps('name')} />
      <TextInput label="E-mail" type="email" required {...form.getInputProps('email')} />
      <Select label="Role" allowDeselect={false} data={choices} {...form.getInputProps('role')} />
      <PasswordInput label="First password" description="At least 12 characters; to be changed after the first log-in" autoComplete="new-password" required {...form.getInputProps('password')} />
      <Refused error={general} />
    </ActDialog>
  )
}

function ChangeRole({ user, reason }: { user: User; reason?: string }) {
  const [role, setRole] = useState<Role>(user.staff_role ?? 'operations')
  const change = api.useMutation('post', '/v1/staff/{id}/change-role', { meta: { done: 'Changed' } })
  return (
    <ActDialog
      verb="Change role"
      title={`Another role for ${user.name}`}
      reason={reason}
      blocked={role === user.staff_role ? `${user.name} has this role` : undefined}
      busy={change.isPending}
      onDo={() => change.mutateAsync({ params: { path: { id: user.id } }, body: { role } })}
    >
      <Select label="Role" allowDeselect={false} data={choices} value={role} onChange={(value) => value && setRole(value as Role)} />
      <span>{user.name} is logged out everywhere and logs in anew. Approvals of cases that were given as {user.staff_role} count no more: those cases need another one.</span>
      <Refused error={change.error} />
    </ActDialog>
  )
}

function Remove({ user, reason }: { user: User; reason?: string }) {
  const remove = api.useMutation('post', '/v1/staff/{id}/remove', { meta: { done: 'Removed' } })
  return (
    <ActDialog verb="Remove" title={`Remove ${user.name}`} isDanger reason={reason} busy={remove.isPending} onDo={() => remove.mutateAsync({ params: { path: { id: user.id } }, body: {} })}>
      <span>{user.name} can see and do nothing here any more, at once, and approvals of cases that {user.name} gave count no more. What {user.name} did stays in the log.</span>
      <Refused error={remove.error} />
    </ActDialog>
  )
}
