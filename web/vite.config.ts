import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { precompress } from './precompress.ts'

const server = process.env.LEASEHOLD_SERVER ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react(), precompress()],
  build: { target: 'es2023', modulePreload: { polyfill: false } },
  server: { proxy: { '/v1': server } },
  test: { include: ['src/**/*.test.{ts,tsx}'], setupFiles: 'src/lib/testing.ts' },
})
