import { Button, PasswordInput, TextInput } from '@mantine/core'
import { getRouteApi, Link, useNavigate, useRouter } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { logIn } from '../../api/session'
import { Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'

const route = getRouteApi('/login')

export function LogIn() {
  const { then } = route.useSearch()
  const go = useNavigate()
  const router = useRouter()
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    try {
      await logIn(String(form.get('email')), String(form.get('password')))
      if (then?.startsWith('/') && !then.startsWith('//')) router.history.push(then)
      else await go({ to: '/market' })
    } catch (error) {
      setError(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Page name="Log in">
      <div style={{ maxWidth: 380 }}>
        <Panel>
          <form onSubmit={(event) => void submit(event)} className="stack">
            <TextInput name="email" type="email" label="E-mail" autoComplete="username" required autoFocus />
            <PasswordInput name="password" label="Password" autoComplete="current-password" required />
            <Refused error={error} />
            <Button type="submit" variant="filled" loading={busy}>
              Log in
            </Button>
            <span className="dim">
              New here?{' '}
              <Link to="/register" className="link">
                Register your organization
              </Link>
            </span>
          </form>
        </Panel>
      </div>
    </Page>
  )
}
