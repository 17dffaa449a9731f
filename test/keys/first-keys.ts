// A process of its own that opens the signing keys of a directory, and says which it has. Told to, it stops in the middle of making the
// first ones, with the lock that it has, until it is killed.

import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openSigningKeys } from '../../src/keys/signing-keys.ts';

const [, , directory = '', stopsAt = ''] = process.argv;

const keys = await openSigningKeys({
  directory,
  shared: true,
  clock: { nowSeconds: () => 1_800_000_000, elapsedMs: () => 0 },
  randomBytes,
  isRevoked: () => false,
  rotateEverySeconds: () => 86_400,
  publishAheadSeconds: () => 3_600,
  longestLifetimeSeconds: () => 300,
  onEvent: (event) => {
    writeSync(1, `${event.event}\n`);
    if (event.event === stopsAt) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
writeSync(1, `${JSON.stringify(keys.jwks().keys.map(({ kid }) => kid))}\n`);
keys.close();
