import type { Schemas } from '../../api/client'

/** A curve's booked or allowed amounts, as steps; not a number where nothing is limited. */
export const stepsOf = (points: Schemas['CurveView']['points'], of: 'booked' | 'limit') => points.map((point) => ({ at: Date.parse(point.at), value: Number(point[of] ?? NaN) }))
