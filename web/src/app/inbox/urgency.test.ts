import { expect, test } from 'vitest'
import { byUrgency, type Decision } from './urgency'

const one = (id: string, since: string, deadline?: string) => ({ id, since, deadline }) as Decision

test('deadlines come first, the nearest of them before the others; then whoever has waited longest', () => {
  const decisions = [one('late', '2027-01-05'), one('old', '2027-01-01'), one('far', '2027-01-04', '2027-03-01'), one('near', '2027-01-04', '2027-02-01')]
  expect(decisions.toSorted(byUrgency).map(({ id }) => id)).toEqual(['near', 'far', 'old', 'late'])
})
