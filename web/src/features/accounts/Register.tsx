import { Checkbox, PasswordInput, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Link, useNavigate } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { logIn } from '../../api/session'
import { ActButton } from '../../ui/Act'
import { Refused } from '../../ui/Loaded'
import { useProblem } from '../../ui/form'
import { Page, Panel } from '../../ui/Page'

export function Register() {
  const go = useNavigate()
  const register = api.useMutation('post', '/v1/auth/register')
  const form = useForm({ initialValues: { organization: '', kinds: ['tenant'] as Schemas['Kind'][], name: '', email: '', password: '' } })
  const general = useProblem(form, register.error, { 'organization.name': 'organization', 'organization.kinds': 'kinds' })
  const submit = form.onSubmit(async ({ organization, kinds, ...person }) => {
    const made = await register.mutateAsync({ body: { ...person, organization: { name: organization, kinds } } }).catch(() => undefined)
    if (!made) return
    await logIn(person.email, person.password)
    await go({ to: '/market' })
  })
  return (
    <Page name="Register" lead="One organization can lease and provide. It can look at once; the marketplace verifies it before it books or lists.">
      <div style={{ maxWidth: 440 }}>
        <Panel>
          <form onSubmit={submit} className="stack">
            <TextInput label="Organization" required autoFocus {...form.getInputProps('organization')} />
            <Checkbox.Group label="It wants to" {...form.getInputProps('kinds')}>
              <div className="acts" style={{ marginTop: 6, gap: 20 }}>
                <Checkbox value="tenant" label="lease capacity" />
                <Checkbox value="provider" label="provide capacity" />
              </div>
            </Checkbox.Group>
            <TextInput label="Your name" autoComplete="name" required {...form.getInputProps('name')} />
            <TextInput label="E-mail" type="email" autoComplete="username" required {...form.getInputProps('email')} />
            <PasswordInput label="Password" description="At least 12 characters" autoComplete="new-password" required {...form.getInputProps('password')} />
            <Refused error={general} />
            <ActButton type="submit" variant="filled" loading={register.isPending} reason={form.values.kinds.length === 0 ? 'choose what the organization wants to do' : undefined}>
              Register
            </ActButton>
            <span className="dim">
              Registered already?{' '}
              <Link to="/login" className="link">
                Log in
              </Link>
            </span>
          </form>
        </Panel>
      </div>
    </Page>
  )
}
