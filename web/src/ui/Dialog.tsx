import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'

type Props = { title: string; isOpen: boolean; onClose: () => void; size?: string; children: ReactNode }

/** A dialog. Its head is no landmark of the page, as Mantine's own would be. */
export function Dialog({ title, isOpen, onClose, size = 'md', children }: Props) {
  return (
    <Modal.Root opened={isOpen} onClose={onClose} size={size} centered>
      <Modal.Overlay backgroundOpacity={0.35} />
      <Modal.Content>
        <div className="dialog-head">
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}
