import { expect, test } from 'vitest'
import { placeOf, startsClock } from './kinds'

test('what a message is about is found by the kind of its id', () => {
  expect(placeOf('case_01m7vghhf9f2dt3zg2pwhjas8a')).toEqual({ to: '/reclaims/$id', name: 'case' })
  expect(placeOf('lease_01m47mn6dsfx4sz3nn8021eb5w')?.to).toBe('/leases/$id')
  expect(placeOf('quota_01m837qpgtez8remytmzdcg9p9')).toBeUndefined()
})

test('only a notice starts a clock', () => expect([startsClock('reclaim.served'), startsClock('reclaim.cured')]).toEqual([true, false]))
