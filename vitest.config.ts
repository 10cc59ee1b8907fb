import { defineConfig } from 'vitest/config';

/** Unit tests stand beside their source; what crosses files is in test/, one folder a part (test/run.ts names them). */
export default defineConfig({
  test: {
    include: ['{shared,gateway,store,infra}/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'var/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
    restoreMocks: true,
  },
});
