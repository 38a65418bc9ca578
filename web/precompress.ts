import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/** Writes a `.br` and a `.gz` beside every text file of the build; the server sends what the browser takes. */
export function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    closeBundle() {
      const names = readdirSync('dist', { recursive: true, encoding: 'utf8' })
      for (const name of names.filter((name) => /\.(js|css|html|svg)$/.test(name))) {
        const bytes = readFileSync(`dist/${name}`)
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 }
        writeFileSync(`dist/${name}.br`, brotliCompressSync(bytes, { params: quality }))
        writeFileSync(`dist/${name}.gz`, gzipSync(bytes, { level: 9 }))
      }
    },
  }
}
