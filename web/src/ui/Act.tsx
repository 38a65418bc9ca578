import { Button, type ButtonProps, Tooltip } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { sentence } from '../lib/format'
import { Dialog } from './Dialog'

/** What can be done with a thing, and what cannot, with the reason; the server says so. */
export type Can = { can: string[]; cannot?: Record<string, string> }

type ActProps = ButtonProps & { reason?: string; onClick?: () => void; type?: 'submit' | 'button'; children: ReactNode }

/** A button that says why it cannot be pressed; the reason is there for the keyboard too. */
export function ActButton({ reason, onClick, children, ...rest }: ActProps) {
  const button = (
    <Button {...rest} data-disabled={reason ? true : undefined} aria-disabled={reason ? true : undefined} onClick={reason ? (event) => event.preventDefault() : onClick}>
      {children}
    </Button>
  )
  return reason ? <Tooltip label={sentence(reason)}>{button}</Tooltip> : button
}

type DialogProps = {
  /** The act, verb first; it names the button that opens the dialog and the one that does it. */
  verb: string
  title: string
  /** Why the act is not possible now. */
  reason?: string
  isDanger?: boolean
  isPrimary?: boolean
  /** Does it; resolves when it is done. */
  onDo: () => Promise<unknown>
  busy?: boolean
  /** Why it cannot be done as filled in. */
  blocked?: string
  onOpen?: () => void
  size?: string
  /** What it asks and what will follow, in numbers. */
  children: ReactNode
}

/** An act that asks or warns first. What was typed stays when the server refuses. */
export function ActDialog({ verb, title, reason, isDanger, isPrimary, onDo, busy, blocked, onOpen, size, children }: DialogProps) {
  const [isOpen, setOpen] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (busy || blocked) return
    onDo().then(
      () => setOpen(false),
      () => undefined,
    )
  }
  const open = () => {
    onOpen?.()
    setOpen(true)
  }
  const look = isPrimary ? { variant: 'filled', color: isDanger ? 'red' : undefined } : { variant: 'default', className: isDanger ? 'danger' : undefined }
  return (
    <>
      <ActButton reason={reason} onClick={open} {...look}>
        {verb}
      </ActButton>
      <Dialog isOpen={isOpen} onClose={() => setOpen(false)} title={title} size={size}>
        <form onSubmit={submit} className="stack">
          {children}
          <div className="acts" style={{ justifyContent: 'flex-end' }}>
            <Button onClick={() => setOpen(false)}>Not now</Button>
            <ActButton type="submit" variant="filled" loading={busy} reason={blocked} color={isDanger ? 'red' : undefined}>
              {verb}
            </ActButton>
          </div>
        </form>
      </Dialog>
    </>
  )
}
