// A process of its own for memory.test.ts: claims as fast as it can and tells each claim that was answered, until it is killed.

import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openMemoryStore } from '../../src/stores/memory.ts';

const NOW = 1_800_000_000;
const store = await openMemoryStore({
  directory: process.argv[2] ?? '',
  clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
  randomBytes,
  replica: 'child',
  drained: () => Promise.resolve(),
});

async function claimOn(lane: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const jti = `${lane}-${index}`;
    await store.claim({ purpose: 'subject', issuer: 'github', jti, target: undefined }, `D-${jti}`, NOW + 330);
    writeSync(1, `${jti}\n`);
  }
}

await Promise.all(Array.from({ length: 32 }, (_, lane) => claimOn(lane)));
