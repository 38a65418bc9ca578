/** Files, which go as they are and not as JSON: handed in with their progress told, fetched to be saved. */

import { accessToken, renew } from './session'

/** Hands a file in; `onProgress` hears the share that has gone, 0 to 1. Fails with the server's problem. */
export async function handIn(path: string, file: File, onProgress: (share: number) => void): Promise<void> {
  const key = crypto.randomUUID()
  const attempt = (token: string | undefined) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      // Only this old interface of browsers tells how far an upload is.
      const request = new XMLHttpRequest()
      request.open('POST', path)
      request.setRequestHeader('content-type', 'application/octet-stream')
      request.setRequestHeader('idempotency-key', key)
      if (token) request.setRequestHeader('authorization', `Bearer ${token}`)
      request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0)
      request.onload = () => resolve({ status: request.status, body: request.responseText })
      request.onerror = () => reject(new TypeError('the connection was lost'))
      request.send(file)
    })
  let answer = await attempt(await accessToken())
  if (answer.status === 401) answer = await attempt(await renew())
  if (answer.status >= 400) throw JSON.parse(answer.body)
}

/** Fetches a file and has the browser save it under a name. */
export async function save(path: string, name: string): Promise<void> {
  const ask = (token: string | undefined) => fetch(path, { headers: token ? { authorization: `Bearer ${token}` } : {} })
  let response = await ask(await accessToken())
  if (response.status === 401) response = await ask(await renew())
  if (!response.ok) throw await response.json()
  const address = URL.createObjectURL(await response.blob())
  const link = Object.assign(document.createElement('a'), { href: address, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The SHA-256 of a file, computed here. */
export async function sha256Of(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
