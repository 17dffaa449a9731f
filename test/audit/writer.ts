// A process of its own that writes a trail as fast as it can, for tests that kill it or do not read it. Arguments: the file, or
// `stdout`, and the key directory. With a file it prints every decision that was acknowledged; with standard output it notes, once a
// write was refused, what became of it and for how long its event loop stood still at most.

import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openAudit } from '../../src/audit/audit.ts';
import type { ExchangeRecord } from '../../src/core/record.ts';

const [to = '', keyDirectory = ''] = process.argv.slice(2);
const audit = await openAudit({
  to: to === 'stdout' ? to : { file: to, sync: true },
  keyDirectory,
  labels: () => ({}),
  clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() },
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
  onProblem: () => undefined,
});

let pauseMs = 0;
let beat = performance.now();
setInterval(() => {
  pauseMs = Math.max(pauseMs, performance.now() - beat);
  beat = performance.now();
}, 5);

const record = (decision: string): ExchangeRecord => ({
  ...{ event: 'exchange', decision, time: Date.now() / 1000, transport: 'oauth', peer: '192.0.2.1', outcome: 'failed' },
  ...{
    reason: 'fault',
    evidence: undefined,
    roles: {},
    claims: [],
    otherClaims: [],
    unknownClaims: [],
    trace: [],
    would: [],
  },
  ...{ traceId: undefined, grantType: undefined, unprovedClientId: undefined, target: undefined, scopes: undefined },
  ...{ asked: undefined, rule: undefined, owner: undefined, policy: undefined, jti: undefined, exp: undefined },
  ...{ outlives: undefined, session: undefined, madeFor: undefined },
  ...{ dpop: undefined, actors: undefined, lineage: undefined, origin: undefined },
  ...{ mtls: undefined, client: undefined, boundTo: undefined, parameters: undefined, dryRun: undefined },
});

async function writeOn(worker: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const decision = `${worker}-${index}`;
    try {
      await audit.write(record(decision));
      if (to !== 'stdout') process.stdout.write(`${decision}\n`);
    } catch {
      // Refused at once while the disk stalls: without a pause the loop would never let the trail recover.
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (to !== 'stdout') continue;
      writeFileSync(join(keyDirectory, 'beats'), JSON.stringify({ refused: true, healthy: audit.healthy(), pauseMs }));
      renameSync(join(keyDirectory, 'beats'), join(keyDirectory, 'beats.json'));
      return;
    }
  }
}

await Promise.all(Array.from({ length: 16 }, (_, worker) => writeOn(worker)));
