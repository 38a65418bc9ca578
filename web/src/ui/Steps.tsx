import { Skeleton } from '@mantine/core'
import { type ComponentProps, lazy, Suspense } from 'react'

const Chart = lazy(() => import('./StepChart'))

/** A step chart; its library is fetched when the first one is drawn. */
export function Steps(props: ComponentProps<typeof Chart>) {
  return (
    <Suspense fallback={<Skeleton height={props.height ?? 190} />}>
      <Chart {...props} />
    </Suspense>
  )
}
