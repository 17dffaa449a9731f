// A broker that may fetch from loopback, for the part of the demo where the stand-in of a cluster listens there: addresses that no
// configuration, option or variable opens in `exchequer serve`. It is composed as `serve` composes it, and differs in
// that one permission. The only file of the demo that imports the broker (test/support/architecture/imports.ts).

import { randomBytes } from 'node:crypto';
import { startBroker } from '../../../compose.ts';

const world = {
  clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() },
  randomBytes: (count: number) => randomBytes(count),
  env: process.env,
  version: 'demo',
  log: { write: (text: string) => void process.stderr.write(text) },
  permitLoopback: true,
};

const started = await startBroker(world, process.argv[2] ?? '');
if (started.ok) {
  for (const address of started.broker.addresses) process.stderr.write(`${address}\n`);
  process.once('SIGTERM', () => void started.broker.stop('signal'));
} else {
  process.stderr.write(`${started.problems.join('\n')}\n`);
  process.exitCode = 1;
}
