/** `2027-03` → `Mar 2027` */
export const monthInWords = (month: string) => new Date(`${month}-15T00:00:00Z`).toLocaleDateString('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' })

type Named = { provider_id: string; provider_name: string }

/** The providers that occur, by name. */
export function providersOf(items: Named[]): { id: string; name: string }[] {
  const names = new Map(items.map(({ provider_id, provider_name }) => [provider_id, provider_name]))
  return [...names].map(([id, name]) => ({ id, name })).sort((a, b) => a.name.localeCompare(b.name))
}
