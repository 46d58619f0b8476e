// Test projects, one a folder: `npx vitest run --project unit` runs one. Stories start real processes on loopback ports, so
// they run one file at a time per core; unit tests are plain functions.

import { defineConfig } from 'vitest/config'

const stories = {
  globalSetup: ['test/harness/fresh_build.ts'],
  testTimeout: 30_000,
  hookTimeout: 30_000,
  maxWorkers: 2,
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: process.env['CI'] === 'true' ? ['default', ['json', { outputFile: 'reports/tests.json' }]] : ['default'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 } },
      { extends: true, test: { name: 'config', include: ['test/config/**/*.test.ts'], testTimeout: 10_000 } },
      { extends: true, test: { name: 'repo', include: ['test/repo/**/*.test.ts'], ...stories } },
      { extends: true, test: { name: 'process', include: ['test/process/**/*.test.ts'], ...stories } },
      { extends: true, test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...stories } },
      { extends: true, test: { name: 'parity', include: ['test/parity/**/*.test.ts'], ...stories } },
    ],
  },
})
