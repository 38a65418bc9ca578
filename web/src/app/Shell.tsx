import { ActionIcon, Button, Menu, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import { IconMenu2, IconMoon, IconSearch, IconSun } from '@tabler/icons-react'
import { type ErrorComponentProps, Link, Outlet, useLocation, useMatches, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { api } from '../api/client'
import { logOut, switchTo, useMe } from '../api/session'
import { instant, setNow, useNow } from '../lib/time'
import { LinkButton, LinkItem } from '../ui/LinkButton'
import { Page } from '../ui/Page'
import { Empty, Failure } from '../ui/States'
import { isFor, WHOM } from './access'
import { Bell } from './Bell'
import { sectionsFor } from './menu'
import { OrdersInAddress } from './order'

/** The frame around every page. */
export function Shell() {
  const [isOpen, setOpen] = useState(false)
  const { pathname } = useLocation()
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Side isOpen={isOpen} onGo={() => setOpen(false)} />
      <div style={{ minWidth: 0 }}>
        <header className="top">
          <ActionIcon className="burger" aria-label="Menu" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <IconMenu2 size={18} />
          </ActionIcon>
          <Path />
          <SearchButton />
          <Bell />
          <SchemeButton />
          <Account />
        </header>
        <main id="main" className="main" key={pathname}>
          <OrdersInAddress>
            <Guarded />
          </OrdersInAddress>
        </main>
      </div>
    </div>
  )
}

function Side({ isOpen, onGo }: { isOpen: boolean; onGo: () => void }) {
  const me = useMe()
  return (
    <nav className={isOpen ? 'side open' : 'side'} aria-label="Pages">
      <Link to="/market" className="brand" onClick={onGo}>
        Leasehold
      </Link>
      {sectionsFor(me).map(({ name, items }) => (
        <div key={name}>
          {name && <h2>{name}</h2>}
          {items.map(({ to, label, Count }) => (
            <Link key={to} to={to} className="item" onClick={onGo} activeProps={{ className: 'active' }}>
              {label}{' '}
              {Count && (
                <Suspense fallback={null}>
                  <Count />
                </Suspense>
              )}
            </Link>
          ))}
        </div>
      ))}
    </nav>
  )
}

/** Where one is; the last part is the page's own heading. */
function Path() {
  const match = useMatches().at(-1)
  const crumb = match?.staticData.crumb
  const id = (match?.params as { id?: string } | undefined)?.id
  const home = `/${match?.pathname.split('/')[1] ?? ''}`
  return (
    <nav aria-label="Path" className="grow">
      {crumb && (
        <Link to={home === '/offers' ? '/market' : home} className="crumb">
          {crumb}
        </Link>
      )}
      {id && <span className="mono faint wide-only"> / {id}</span>}
    </nav>
  )
}

const Finder = lazy(() => import('./Finder').then(({ Finder }) => ({ default: Finder })))

/** The search is fetched when it is first wanted; from then on it listens to the keys itself. */
function SearchButton() {
  const [asked, setAsked] = useState(0)
  const ask = () => setAsked((times) => times + 1)
  useHotkeys(asked === 0 ? [['mod+K', ask]] : [], [])
  return (
    <>
      <Button size="compact-sm" className="wide-only" onClick={ask} rightSection={<kbd className="faint">Ctrl K</kbd>}>
        Search or act
      </Button>
      <ActionIcon aria-label="Search or act" hiddenFrom="sm" onClick={ask}>
        <IconSearch size={18} />
      </ActionIcon>
      {asked > 0 && (
        <Suspense fallback={null}>
          <Finder asked={asked} />
        </Suspense>
      )}
    </>
  )
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme()
  const next = useComputedColorScheme('light') === 'dark' ? 'light' : 'dark'
  return (
    <ActionIcon aria-label={`Switch to ${next} colours`} onClick={() => setColorScheme(next)}>
      {next === 'light' ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  )
}

function Account() {
  const me = useMe()
  const go = useNavigate()
  if (!me) {
    return (
      <>
        <LinkButton size="compact-sm" className="wide-only" to="/register">
          Register
        </LinkButton>
        <LinkButton size="compact-sm" variant="filled" to="/login">
          Log in
        </LinkButton>
      </>
    )
  }
  const leave = async () => {
    await logOut()
    await go({ to: '/market' })
  }
  const change = async (organization: string) => {
    await switchTo(organization)
    await go({ to: '/market' })
  }
  const others = me.memberships.filter(({ organization_id }) => organization_id !== me.organization?.id)
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <Button variant="subtle" color="gray" size="compact-sm" rightSection="▾">
          {me.organization?.name ?? me.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name} · {me.staff_role ?? me.role}
        </Menu.Label>
        {me.organization && (
          <LinkItem to="/organization">Organization, members, keys</LinkItem>
        )}
        {others.map(({ organization_id, organization_name }) => (
          <Menu.Item key={organization_id} onClick={() => void change(organization_id)}>
            Act for {organization_name}
          </Menu.Item>
        ))}
        {me.is_sandbox && me.staff_role && <SandboxClock />}
        <Menu.Divider />
        <Menu.Item onClick={() => void leave()}>Log out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** The sandbox's clock, which staff moves forward: whatever falls due happens. */
function SandboxClock() {
  const at = useNow()
  const advance = api.useMutation('post', '/v1/sandbox/clock', { meta: { done: 'The clock was moved' } })
  const move = (span: string) => advance.mutate({ body: { advance: span } }, { onSuccess: ({ now }) => setNow(now) })
  return (
    <>
      <Menu.Divider />
      <Menu.Label>Sandbox: it is {instant(at)}</Menu.Label>
      {[
        ['PT1H', 'an hour'],
        ['P1D', 'a day'],
        ['P7D', 'a week'],
        ['P30D', '30 days'],
      ].map(([span = '', name]) => (
        <Menu.Item key={span} onClick={() => move(span)}>
          Move the clock {name} on
        </Menu.Item>
      ))}
    </>
  )
}

/** The page, if it is for whoever is here. */
function Guarded() {
  const me = useMe()
  const { href } = useLocation()
  const match = useMatches().at(-1)
  const who = match?.staticData.for ?? 'anyone'
  if (isFor(who, me)) return <Outlet />
  const name = match?.staticData.crumb ?? 'Leasehold'
  return (
    <Page name={name}>
      {me ? (
        <Empty>This page is for {WHOM[who]}.</Empty>
      ) : (
        <Empty
          act={
            <LinkButton variant="filled" to="/login" search={{ then: href }}>
              Log in
            </LinkButton>
          }
        >
          Log in to see this page; it is for {WHOM[who]}.
        </Empty>
      )}
    </Page>
  )
}

export function Nowhere() {
  return (
    <Page name="Nothing here">
      <Empty>There is no page at this address.</Empty>
    </Page>
  )
}

export function Crash({ error, reset }: ErrorComponentProps) {
  return (
    <Page name="This page failed">
      <Failure detail={error instanceof Error ? error.message : String(error)} again={reset} />
    </Page>
  )
}
