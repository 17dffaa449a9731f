// `exchequer dev` shows clouds and calls none: rules for roles are tried as they stand, and what comes back opens nothing and says so.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DevRunning } from '../../src/adapters/cli/dev.ts';
import { devTools } from '../../src/compose-dev.ts';
import { NOT_REAL } from '../../src/dev/stand-in-clouds.ts';
import { freePort } from '../support/laptop.ts';
import { runProgram } from '../support/program.ts';

const CONFIG = `
issuer: https://sts.example
listen: { address: 0.0.0.0:443, tls: { certificate: ./nowhere.crt, key: ./nowhere.key } }
observe: { address: 0.0.0.0:9464 }
control: { socket: /nowhere/control.sock }
trust:
  cluster: { kind: kubernetes, issuer: https://one.example }
targets:
  shop: { kind: aws, role: "arn:aws:iam::111122223333:role/shop", region: eu-west-1, session: { tags: true }, ca: ./nowhere.crt }
  lake:
    kind: gcp
    provider: //iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/providers/exchequer
    serviceAccount: lake@example-data.iam.gserviceaccount.com
  vault: { kind: azure, tenant: 11111111-2222-4333-8444-555555555555, clientId: 66666666-7777-4888-8999-aaaaaaaaaaaa, resource: "https://vault.azure.net" }
policies: [./policies]
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: stdout }
`;
const POLICY = `
rules:
  - name: pods
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [shop, lake, vault]
`;

const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
const config = join(folder, 'exchequer.yaml');
const said: string[] = [];
const looked: string[] = [];
let running: DevRunning;

beforeAll(async () => {
  mkdirSync(join(folder, 'policies'));
  writeFileSync(config, CONFIG);
  writeFileSync(join(folder, 'policies/rules.yaml'), POLICY);
  const started = await devTools({
    clock: { nowSeconds: () => Date.now() / 1_000, elapsedMs: () => performance.now() },
    randomBytes,
    env: {},
    version: 'test',
    log: { write: (line) => void said.push(line) },
    lookup(hostname, _options, callback) {
      looked.push(hostname);
      callback(new Error('nobody'), []);
    },
  }).start(config, await freePort());
  if (!started.ok) throw new Error(started.problems.join('\n'));
  running = started.running;
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true });
});

const AS = ['--as', 'cluster', '--claim', 'kubernetes.io/namespace=payments'];

it.each([
  [
    'shop',
    /^AWS would be asked for arn:aws:iam::111122223333:role\/shop for 3600 s as cluster\+system\+serviceaccount\+\S+, by sub target:shop, aud https:\/\/localhost:\d+\/targets\/shop, tags \{"subject":\[".*"\],"decision":\[".*"\]\}\. Nobody is asked: what is given opens nothing\.$/m,
  ],
  [
    'lake',
    /^Google would be asked for a token of lake@example-data\.iam\.gserviceaccount\.com for 3600s, with https:\/\/www\.googleapis\.com\/auth\/cloud-platform\. Nobody is asked/m,
  ],
  [
    'vault',
    /^Entra would be asked for https:\/\/vault\.azure\.net\/\.default as 66666666\S+, by sub target:vault, aud \S+\. Nobody/m,
  ],
])('gives for %s what is plainly not real, and shows what the cloud would have been asked', async (target, shown) => {
  const ran = await runProgram(['token', target, '--config', config, ...AS.slice(0, 2)], {});
  expect([ran.exits, ran.err]).toEqual([[0], []]);
  expect(ran.out.join()).toContain(NOT_REAL);
  expect(said.join('')).toMatch(shown);
  expect(looked).toEqual([]);
  // Clouds take no issuer with a port, and `dev` has one: that is nobody's mistake.
  expect(said.join('')).not.toContain('issuer-port');
});

it('refuses what no rule gives, and shows nothing', async () => {
  const before = said.length;
  const ran = await runProgram(
    ['token', 'shop', '--config', config, '--as', 'cluster', '--claim', 'sub=system:serviceaccount:other:api'],
    {},
  );
  expect(ran.exits).toEqual([1]);
  expect(said.slice(before).join('')).not.toContain('would be asked');
});
