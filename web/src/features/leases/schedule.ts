import type { Schemas } from '../../api/client'
import { elapsed, sumOf } from '../../lib/steps'

type Tranche = Schemas['TrancheView']

export const gpuSteps = (schedule: Tranche[]) => sumOf(schedule.map(({ starts_at, ends_at, gpus }) => ({ from: starts_at, to: ends_at, value: gpus })))

/** The most GPUs at a time. */
export const peakOf = (schedule: Tranche[]) => Math.max(0, ...gpuSteps(schedule).map(({ value }) => value))

/** What of the price is used by now: tranches are paid by the second. */
export const usedSoFar = (schedule: Tranche[], now: number) => schedule.reduce((sum, { price, starts_at, ends_at }) => sum + Number(price) * elapsed(starts_at, ends_at, now), 0)
