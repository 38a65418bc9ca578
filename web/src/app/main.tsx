import '@mantine/core/styles.css'
import '@mantine/dates/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './look.css'

import { MantineProvider } from '@mantine/core'
import { Notifications, showNotification } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queries, tellWith } from '../api/client'
import { resume } from '../api/session'
import { router } from './router'
import { theme } from './theme'

tellWith((message) => showNotification({ message, color: 'green', autoClose: 5000, closeButtonProps: { 'aria-label': 'Dismiss' } }))

const root = document.getElementById('root')
if (root) {
  await resume()
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <QueryClientProvider client={queries}>
          <Notifications position="bottom-right" />
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  )
}
