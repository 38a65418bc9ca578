import { useLocation, useNavigate } from '@tanstack/react-router'
import { type ReactNode, useMemo } from 'react'
import { orderOf, withOrder } from '../lib/order'
import { OrderContext, type Orders } from '../ui/order'

/** Keeps the order of tables in the address, so that it can be sent to somebody. */
export function OrdersInAddress({ children }: { children: ReactNode }) {
  const { order } = useLocation().search as { order?: unknown }
  const text = typeof order === 'string' ? order : undefined
  const navigate = useNavigate()
  const orders: Orders = useMemo(
    () => ({
      of: (table) => orderOf(text, table),
      choose: (table, sort) => void navigate({ to: '.', search: ((given: object) => ({ ...given, order: withOrder(text, table, sort) })) as never, replace: true, resetScroll: false }),
    }),
    [text, navigate],
  )
  return <OrderContext value={orders}>{children}</OrderContext>
}
