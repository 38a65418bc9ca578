/** Which pages are for whom: the menu, the search and the frame ask the same question. */

import type { Me } from '../api/session'

/** `anyone`, whoever is logged in, one side of the market, or the marketplace's staff. */
export type For = 'anyone' | 'member' | 'organization' | 'tenant' | 'provider' | 'party' | 'staff'

export function isFor(who: For, me: Me | undefined): boolean {
  const kinds = me?.organization?.kinds ?? []
  const isStaff = Boolean(me?.staff_role)
  switch (who) {
    case 'anyone':
      return true
    case 'member':
      return Boolean(me)
    case 'organization':
      return kinds.length > 0
    case 'tenant':
      return kinds.includes('tenant')
    case 'provider':
      return kinds.includes('provider')
    case 'party':
      return isStaff || kinds.length > 0
    case 'staff':
      return isStaff
  }
}

export const WHOM: Record<For, string> = {
  anyone: 'everybody',
  member: 'whoever is logged in',
  organization: 'organizations',
  tenant: 'tenants',
  provider: 'providers',
  party: 'organizations and staff',
  staff: "the marketplace's staff",
}
