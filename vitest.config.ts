// Vitest insists on a default export here; nothing else in the project has one.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The program is started some hundred times: what one start has compiled, the next need not.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.stamps/compiled') },
    pool: 'forks',
    maxWorkers: 2,
    // Brokers under test refuse what a stalled disk does not record in 100 ms. Where nobody is there to look, such a test is run once
    // more; at a desk it fails.
    retry: process.env.CI ? 1 : 0,
    reporters: ['default'],
  },
});
