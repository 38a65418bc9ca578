import { Page } from '../../ui/Page'
import { Empty } from '../../ui/States'

export function Case() {
  return (
    <Page name="Case">
      <Empty>In the making.</Empty>
    </Page>
  )
}
