import { createContext } from 'react'

/** Where tables keep the order that somebody chose: the page's address, where there is one. */
export type Orders = {
  of: (table: string) => string | undefined
  choose: (table: string, sort: string) => void
}

export const OrderContext = createContext<Orders | undefined>(undefined)
