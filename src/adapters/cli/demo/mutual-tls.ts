// The part of the demo about X.509-SVIDs: a workload is known by the certificate of its connection, and the root of its trust domain
// is rotated under it, by nothing but writing the bundle file.

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import type { DemoBroker } from './broker.ts';
import { type Answer, type Connection, createConnection } from './client.ts';
import { granted, refused } from './expected.ts';
import { bundleWith, rootOf } from './material.ts';
import { begin, explain, say, show } from './say.ts';
import { type Credential, mintRoot, mintSvid } from './trust-domain.ts';

const TAKES_EFFECT_MS = 10_000;
const ASK_AGAIN_MS = 100;

/** Shows the whole life of a root, from both sides. */
export async function showRotation(broker: DemoBroker, id: string): Promise<void> {
  const ask = (connection: Connection) =>
    connection.post('/token', { grant_type: 'client_credentials', client_id: id, audience: 'ledger' });
  const oldRoot = rootOf(broker.material);
  const newRoot = await mintRoot('prod.example');
  const old = createConnection(broker, await mintSvid(oldRoot, id));
  const renewed = createConnection(broker, await mintSvid(newRoot, id));

  begin(
    'The same workload with its X.509-SVID, over mutual TLS',
    'Nothing is presented but the certificate of the connection: its SPIFFE ID is the client, and the subject.',
  );
  say(`  asks for ledger with grant_type=client_credentials:  POST ${broker.issuer}/token`);
  const first = decodeJwt(granted(await ask(old)));
  say('  200: a token');
  for (const claim of ['sub', 'aud', 'scope', 'client_id', 'origin']) show(claim, first[claim]);

  begin(
    'Its trust domain makes a new root',
    'An SVID of the new root comes too early: the bundle does not know it yet.',
  );
  const early = refused(await ask(renewed), 'invalid_client');
  say(`  ${early.status}: what the caller is told`);
  show('error', early.body.error);
  show('description', early.body.error_description);

  begin(
    'The bundle file is written with both roots',
    'Nobody restarts anything, and both connections stay as they are.',
  );
  writeBundle(broker, [oldRoot, newRoot]);
  say(`  ${await until(() => ask(renewed), 200)} the broker has taken it up by itself:`);
  say('    the SVID of the new root gets a token, on the connection on which it was refused');
  granted(await ask(old));
  say('    the SVID of the old root gets a token, on its first connection');

  begin('The old root is taken out of the bundle', 'Its SVID is good for another hour by its own dates.');
  writeBundle(broker, [newRoot]);
  say(`  ${await until(() => ask(old), 400)} the old SVID is refused on its living connection:`);
  explain(broker, refused(await ask(old), 'invalid_client'));
  granted(await ask(renewed));
  say('  and the SVID of the new root gets a token, on its first connection');
  old.close();
  renewed.close();
}

/** As whoever syncs it does: whole, to another name, and then over the old one. */
function writeBundle({ material }: DemoBroker, roots: readonly Credential[]): void {
  const file = join(material, 'bundle.json');
  writeFileSync(`${file}.new`, bundleWith(material, roots));
  renameSync(`${file}.new`, file);
}

/** Asks until the answer has this status; says how long that took. */
async function until(ask: () => Promise<Answer>, status: number): Promise<string> {
  const since = performance.now();
  for (;;) {
    const answer = await ask();
    const ms = performance.now() - since;
    if (answer.status === status) return `After ${(ms / 1000).toFixed(1)} s`;
    if (ms > TAKES_EFFECT_MS) throw new Error(`still ${answer.status} ${JSON.stringify(answer.body)}, not ${status}`);
    await setTimeout(ASK_AGAIN_MS);
  }
}
