/** The real binary with the demo market, on a port and in a directory of its own. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    server: string
  }
}

const binary = resolve(process.env.LEASEHOLD ?? '../target/debug/leasehold')

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => listener.once('listening', done))
  const address = listener.address()
  await new Promise((done) => listener.close(done))
  return typeof address === 'object' && address ? address.port : 0
}

async function ready(url: string, server: ChildProcess) {
  for (let tries = 0; tries < 300; tries++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`)
    if (await fetch(`${url}/health/ready`).then(({ ok }) => ok, () => false)) return
    await new Promise((done) => setTimeout(done, 200))
  }
  throw new Error('the server does not become ready')
}

export default async function setup(project: TestProject) {
  if (process.env.LEASEHOLD_URL) return project.provide('server', process.env.LEASEHOLD_URL)
  const directory = mkdtempSync(join(tmpdir(), 'leasehold-page-'))
  // A directory that the unprivileged owner of the private PostgreSQL can reach.
  execFileSync('chmod', ['755', directory])
  const env: NodeJS.ProcessEnv = { ...process.env, LEASEHOLD_DATA_DIR: join(directory, 'data'), LEASEHOLD_LOG: 'warn' }
  delete env.DATABASE_URL
  execFileSync(binary, ['demo'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const port = await freePort()
  const flags = ['serve', '--sandbox', '--listen', `127.0.0.1:${port}`, '--login-rate-limit', '0', '--rate-limit', '0']
  const server = spawn(binary, flags, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const url = `http://127.0.0.1:${port}`
  await ready(url, server)
  project.provide('server', url)
  return async () => {
    const ended = new Promise((done) => server.once('exit', done))
    server.kill('SIGTERM')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
}
