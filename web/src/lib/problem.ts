/** What the server says when it refuses (RFC 9457); some kinds explain themselves with more members. */
export type Problem = { code: string; detail: string; status: number; request_id?: string; errors?: { field: string; detail: string }[] }

const isProblem = (error: unknown): error is Problem => typeof error === 'object' && error !== null && 'detail' in error && 'code' in error

/** What went wrong, as a sentence for people. */
export function detailOf(error: unknown): string {
  if (isProblem(error)) return error.detail
  return 'The server cannot be reached. Nothing was lost: check the connection and try again.'
}

export const requestIdOf = (error: unknown) => (isProblem(error) ? error.request_id : undefined)
export const codeOf = (error: unknown) => (isProblem(error) ? error.code : undefined)
export const statusOf = (error: unknown) => (isProblem(error) ? error.status : undefined)

/** A member by which a refusal explains itself: `shortfall`, `alternatives`, `blocking` … */
export const memberOf = (error: unknown, name: string): unknown => (isProblem(error) ? (error as unknown as Record<string, unknown>)[name] : undefined)

/** What is wrong with single fields, by the last part of their path: `tranches[0].gpus` is under both. */
export function fieldErrors(error: unknown): Record<string, string> {
  const errors = isProblem(error) ? (error.errors ?? []) : []
  return Object.fromEntries(errors.flatMap(({ field, detail }) => [[field, detail], [field.split('.').at(-1) ?? field, detail]]))
}
