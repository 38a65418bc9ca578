import { defineConfig } from 'vitest/config'

// Journeys share one market and one clock: they run one after the other, in the order of their names.
export default defineConfig({
  test: {
    include: ['e2e/**/*.e2e.ts'],
    globalSetup: 'e2e/server.ts',
    environment: 'node',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    sequence: { sequencer: class { sort = <T extends { moduleId: string }>(files: T[]) => files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1)); shard = <T>(files: T[]) => files } as never },
  },
})
