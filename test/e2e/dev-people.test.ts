// A person, an agent and a gateway on a laptop: `exchequer dev` signs for each of them, and our own tokens go on to the next service.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dev, freePort, startDev, typedHere } from '../support/laptop.ts';

const CONFIG = `
issuer: https://sts.example
listen: { address: 0.0.0.0:443, tls: { certificate: /nowhere/tls.crt, key: /nowhere/tls.key } }
observe: { address: 0.0.0.0:9464 }
control: { socket: /nowhere/control.sock }
trust:
  mesh: { kind: spiffe, trustDomain: prod.example, bundle: { file: ./nowhere.json } }
  people: { kind: oidc, issuer: https://login.example, audience: https://mcp.example, subjects: people, tokens: [access_token], pins: [groups] }
  self: {}
clients:
  gateway: { secret: "\${file:/nowhere/secret}", presents: [https://mcp.example] }
  signer: { jwks: { file: ./nowhere.json }, presents: [https://mcp.example] }
  orders: { spiffe: spiffe://prod.example/ns/orders/sa/api, presents: [https://orders.example] }
  edge: { certificate: { ca: ./nowhere.pem, dns: edge.example }, presents: [https://mcp.example] }
targets:
  orders: { kind: token, audience: https://orders.example, scopes: { read: {} }, defaultScopes: [read] }
  ledger: { kind: token, audience: https://ledger.example, scopes: { read: {} }, defaultScopes: [read] }
policies: [./policies]
store: { directory: /nowhere/store }
keys: { directory: /nowhere/keys }
audit: { to: /nowhere/audit.jsonl }
`;
const RULES = `
rules:
  - name: agent
    subject: { trust: people, claims: { groups: { has: finance } } }
    actor: { trust: mesh, sub: spiffe://prod.example/ns/agents/sa/assistant }
    client: [gateway, signer]
    confirm: { acr: [mfa], maxAge: 10m }
    allow: { orders: all }
  - name: hop
    subject: { trust: self, self: { aud: https://orders.example, sub: "people:*" } }
    actor: client
    client: orders
    accept: { every-subject: "a test" }
    allow: { ledger: all }
`;
const ASSISTANT = 'spiffe://prod.example/ns/agents/sa/assistant';

describe('dev, with people, agents and clients', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
  let dev: Dev;
  const run = (...words: readonly string[]) => typedHere(join(folder, 'exchequer.yaml'), ...words);

  beforeAll(async () => {
    writeFileSync(join(folder, 'exchequer.yaml'), CONFIG);
    mkdirSync(join(folder, 'policies'));
    writeFileSync(join(folder, 'policies/rules.yaml'), RULES);
    dev = await startDev(folder, await freePort());
  });
  afterAll(async () => {
    await dev.end();
    rmSync(folder, { recursive: true });
  });

  it('says how each is tried: as whom, by whom, through which client', () => {
    const lines = dev
      .said()
      .split('\n')
      .filter((line) => line.includes('exchequer token'));
    expect(lines.map((line) => line.trim())).toEqual([
      'exchequer token orders --as people --actor mesh --client gateway',
      'exchequer token ledger --from env:TOKEN --client orders',
    ]);
  });

  it.each(['gateway', 'signer'])('has the agent that a rule wants act for the person, through %s', async (client) => {
    const granted = await run('token', 'orders', '--as', 'people', '--actor', 'mesh', '--client', client);
    expect(granted).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(granted.out)).toMatchObject({
      sub: 'people:example',
      client_id: client,
      act: { iss: 'spiffe://prod.example', sub: ASSISTANT },
      acr: 'mfa',
    });
  });

  it('goes on with our own token, and names everybody', async () => {
    const first = await run(
      'token',
      'orders',
      '--as',
      'people',
      '--claim',
      'sub=alice',
      '--actor',
      'mesh',
      '--client',
      'gateway',
    );
    const file = join(folder, 'own.jwt');
    writeFileSync(file, first.out);
    const next = await run('token', 'ledger', '--from', `file:${file}`, '--client', 'orders');
    expect(next).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(next.out)).toMatchObject({
      sub: 'people:alice',
      act: { sub: 'spiffe://prod.example/ns/orders/sa/api', act: { sub: ASSISTANT } },
      origin: { iss: 'https://login.example', sub: 'alice' },
    });
  });

  it.each([
    [
      'another agent',
      ['--actor-claim', 'sub=spiffe://prod.example/ns/agents/sa/other', '--client', 'gateway'],
      1,
      'invalid_request: ',
    ],
    [
      'one who confirmed too long ago',
      ['--claim', 'auth_time=1000', '--client', 'gateway'],
      1,
      'insufficient_user_authentication',
    ],
    ['a client that there is not', ['--client', 'nobody'], 3, 'there is no client "nobody"; there are '],
    [
      'a client by its certificate',
      ['--client', 'edge'],
      3,
      'edge authenticates by its certificate, which dev has none of',
    ],
  ])('says no to %s', async (_, more, code, err) => {
    const ended = await run('token', 'orders', '--as', 'people', '--actor', 'mesh', ...more);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(err);
  });

  it.each([
    [['--as', 'self'], 3, 'our own tokens are issued and not made up'],
    [['--as', 'people', '--actor-claim', 'sub=x'], 2, '--actor-claim is for --actor'],
    [['--client', 'gateway', '--broker', 'https://sts.example'], 2, 'exclude --broker'],
    [['--as', 'people', '--actor', 'mesh', '--actor-claim', 'sub'], 2, '--actor-claim must be name=value'],
  ])('takes no %j', async (words, code, err) => {
    const ended = await run('token', 'orders', ...words);
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(err);
  });
});
