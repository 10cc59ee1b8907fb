import { defineConfig } from 'vitest/config';

/** Unit tests stand beside their source; what crosses files is in test/, one folder a part (test/run.ts names them). */
export default defineConfig({
  test: {
    include: ['{shared,gateway,store,infra}/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'var/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // More than there are cores: most tests wait for other processes most of the time.
    maxWorkers: 3,
    pool: 'forks',
    restoreMocks: true,
  },
});
