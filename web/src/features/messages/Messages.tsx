import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, client, type Schemas } from '../../api/client'
import { count, sentence, shortIds, words } from '../../lib/format'
import { Tag, Time } from '../../ui/Figures'
import { Loaded, Refused } from '../../ui/Loaded'
import { Page, Panel } from '../../ui/Page'
import { Empty, Loading } from '../../ui/States'
import { startsClock } from './kinds'
import { OpenNotice } from './OpenNotice'
import { About } from './About'

/** What was my organization told? */
export function Messages() {
  const unread = api.useQuery('get', '/v1/inbox', { params: { query: { unread: true, limit: 200 } } }).data?.items.length
  const messages = useInfiniteQuery({
    queryKey: ['inbox'],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const { data, error } = await client.GET('/v1/inbox', { params: { query: { limit: 50, cursor: pageParam } } })
      if (!data) throw error
      return data
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
  return (
    <Page name="Messages" title={unread ? count(unread, 'unread message') : unread === 0 ? 'Everything is read' : 'Messages'} lead="Everybody in your organization sees them; one that somebody has opened counts as read by all.">
      <Panel flush>
        <Loaded query={{ ...messages, data: messages.data?.pages.flatMap(({ items }) => items) }}>
          {(items) =>
            items.length === 0 ? (
              <Empty>Nothing yet. Notices, answers and decisions that concern you arrive here.</Empty>
            ) : (
              <ul className="messages" aria-label="Messages">
                {items.map((message) => (
                  <Message key={message.id} message={message} />
                ))}
              </ul>
            )
          }
        </Loaded>
        {messages.hasNextPage && (
          <div style={{ textAlign: 'center', padding: 10 }}>
            <Button variant="subtle" size="compact-sm" loading={messages.isFetchingNextPage} onClick={() => void messages.fetchNextPage()}>
              Older ones
            </Button>
          </div>
        )}
      </Panel>
    </Page>
  )
}

/** One message; its text comes when it is opened, and that is what counts as reading it. */
function Message({ message }: { message: Schemas['Headline'] }) {
  const [isOpen, setOpen] = useState(false)
  const read = api.useMutation('post', '/v1/inbox/{id}/read')
  const path = { params: { path: { id: message.id } } }
  const isUnread = !message.read_at
  const look = () => {
    setOpen(!isOpen)
    if (!isOpen && !read.data) read.mutate({ ...path, body: {} })
  }
  const doOpen = async () => {
    await read.mutateAsync({ ...path, body: {} })
    setOpen(true)
  }
  return (
    <li className={isUnread ? 'unread' : undefined}>
      <div className="head">
        <div className="grow">
          <strong>{sentence(shortIds(message.title))}</strong>
          <div className="faint">
            {isUnread && <Tag tone="wait">unread</Tag>} {words(message.kind)} · <Time at={message.created_at} />
          </div>
        </div>
        <span className="acts">
          <About subject={message.subject} />
          {isUnread && startsClock(message.kind) ? (
            <OpenNotice subject={message.subject} busy={read.isPending} error={read.error} onOpen={doOpen} />
          ) : (
            <Button aria-expanded={isOpen} onClick={look}>
              {isOpen ? 'Close' : 'Read'}
            </Button>
          )}
        </span>
      </div>
      {isOpen && (
        <div className="text">
          {read.data ? <p>{sentence(shortIds(read.data.body))}</p> : read.error ? <Refused error={read.error} /> : <Loading rows={1} />}
          {message.read_at && (
            <span className="faint">
              First opened <Time at={message.read_at} />
            </span>
          )}
        </div>
      )}
    </li>
  )
}
