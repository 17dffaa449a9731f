// `dev` asks nobody: with every kind of place that keys can come from, and a review beside them, not one name is looked up; the frame that
// `serve` has looks one up at once.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { devTools } from '../../src/compose-dev.ts';
import { type BrokerWorld, openFrame } from '../../src/compose-state.ts';
import { freePort } from '../support/laptop.ts';
import { runProgram } from '../support/program.ts';

const CONFIG = `
issuer: https://sts.example
listen: { address: 0.0.0.0:443, tls: { workloadApi: "unix:///nowhere/agent.sock" } }
observe: { address: 0.0.0.0:9464 }
control: { socket: /nowhere/control.sock }
trust:
  discovered: { kind: kubernetes, issuer: https://one.example }
  elsewhere: { kind: kubernetes, issuer: https://two.example, discovery: { url: https://keys.example, ca: ./nowhere.crt } }
  pinned: { kind: kubernetes, issuer: https://three.example, jwks: { url: https://keys.example/jwks } }
  reviewed:
    kind: kubernetes
    issuer: https://four.example
    jwks: none
    tokenReview: { url: https://api.example, tokenFile: /nowhere/token }
  endpoint:
    { kind: spiffe, trustDomain: five.example, bundle: { url: https://bundles.example, profile: https_web } }
  agent: { kind: spiffe, trustDomain: six.example, workloadApi: "unix:///nowhere/agent.sock" }
targets:
  deploy: { kind: token, audience: https://deploy.example }
policies: [./policies]
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: stdout }
`;
const POLICY = `
rules:
  - name: pods
    subject:
      trust: [discovered, elsewhere, pinned, reviewed]
      kubernetes: { namespace: payments, serviceaccount: api }
    allow: [deploy]
  - { name: five, subject: { trust: endpoint, sub: spiffe://five.example/api }, allow: [deploy] }
  - { name: six, subject: { trust: agent, sub: spiffe://six.example/api }, allow: [deploy] }
`;

describe('dev', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
  const config = join(folder, 'exchequer.yaml');
  const looked: string[] = [];
  const world: BrokerWorld = {
    clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() },
    randomBytes,
    env: {},
    version: 'test',
    log: { write: () => undefined },
    lookup(hostname, _options, callback) {
      looked.push(hostname);
      callback(new Error('nobody is asked here'), []);
    },
  };
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    writeFileSync(config, CONFIG);
    mkdirSync(join(folder, 'policies'));
    writeFileSync(join(folder, 'policies/rules.yaml'), POLICY);
    const started = await devTools(world).start(config, await freePort());
    if (!started.ok) throw new Error(started.problems.join('\n'));
    stop = started.running.stop;
  });
  afterAll(async () => {
    await stop?.();
    rmSync(folder, { recursive: true });
  });

  it('has a token of every source without looking up one name', async () => {
    for (const source of ['discovered', 'elsewhere', 'pinned', 'reviewed', 'endpoint', 'agent'])
      expect(await runProgram(['token', 'deploy', '--as', source, '--config', config])).toMatchObject({
        exits: [0],
        err: [],
      });
    expect(looked).toEqual([]);
  });

  it('and the frame of serve, on the same world, looks up at once', async () => {
    const frame = openFrame(world);
    const origin = { from: 'discovery', issuer: 'https://one.example', privateNetwork: false } as const;
    await frame.caches.open(origin, { algorithms: ['RS256'], files: new Map(), bundles: new Map() });
    await expect.poll(() => looked).toContain('one.example');
    frame.close();
  });
});
