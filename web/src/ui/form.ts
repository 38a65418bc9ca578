import { useEffect } from 'react'
import { fieldErrors } from '../lib/problem'

type Form = { values: object; setErrors: (errors: Record<string, string>) => void }

/**
 * Puts what the server says about single fields beside them, under the form's own names where those
 * differ. What belongs to no field of the form comes back, to be shown above the button.
 */
export function useProblem(form: Form, error: unknown, names: Record<string, string> = {}): unknown {
  const given = Object.entries(fieldErrors(error)).map(([field, detail]) => [names[field] ?? field, detail] as const)
  const known = given.filter(([field]) => field in form.values)
  const { setErrors } = form
  useEffect(() => {
    if (error) setErrors(Object.fromEntries(known))
    // Only when another answer came; what one types afterwards stays.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [error])
  return known.length > 0 ? undefined : error
}
