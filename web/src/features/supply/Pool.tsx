import { Page } from '../../ui/Page'
import { Empty } from '../../ui/States'

export function Pool() {
  return (
    <Page name="Pool">
      <Empty>In the making.</Empty>
    </Page>
  )
}
