// `can`, `who-can` and `diff OLD NEW` of rules for people and who acts for them, as main.ts runs them.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeExample } from '../support/examples.ts';
import { runProgram } from '../support/program.ts';

const CONFIGURATION = `
issuer: https://sts.example
listen: { address: "127.0.0.1:0", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:0" }
control: { socket: ./control.sock }
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: ./audit.jsonl }
policies: [./policies]
trust:
  mesh: { kind: spiffe, trustDomain: example.org, bundle: { file: ./bundle.json } }
  people: { kind: oidc, issuer: https://login.example, audience: https://mcp.example, subjects: people, tokens: [access_token], pins: [groups], require: { tenant: acme } }
  self: {}
clients:
  gateway: { spiffe: spiffe://example.org/gateway, presents: [https://mcp.example] }
  orders: { spiffe: spiffe://example.org/orders, presents: [https://orders.example] }
targets:
  orders: { kind: token, audience: https://orders.example, scopes: { read: {}, pay: { confirm: { acr: [mfa], maxAge: 5m } } }, defaultScopes: [read] }
  ledger: { kind: token, audience: https://ledger.example, require: { actor: true } }
`;
const RULES = `
rules:
  - name: agent
    subject: { trust: people, claims: { groups: { has: finance } } }
    actor: { trust: mesh, sub: "spiffe://example.org/agents/*" }
    client: gateway
    confirm: { maxAge: 1h }
    allow: { orders: all }
  - name: hop
    subject: { trust: self, self: { aud: https://orders.example, sub: "people:*" } }
    actor: client
    client: orders
    allow: [ledger]
    accept: { every-subject: "a test" }
  - { name: rogue, anyone: { trust: mesh, sub: spiffe://example.org/agents/rogue }, deny: [orders] }
`;

const placed: string[] = [];
async function place(rules: string): Promise<string> {
  const file = await placeExample(CONFIGURATION, [rules]);
  placed.push(dirname(file));
  return file;
}
afterAll(() => {
  for (const folder of placed) rmSync(folder, { recursive: true });
});

let config: string;
beforeAll(async () => {
  config = await place(RULES);
});

const ROGUE = 'has sub is "spiffe://example.org/agents/rogue": denied by rogue (policies/0.yaml:15)';

describe('exchequer who-can', () => {
  it('lists who acts, what must be confirmed, and in which role a deny finds somebody', async () => {
    const { out, exits } = await runProgram(['who-can', 'orders', '--config', config]);
    expect(out).toEqual([
      'of people only where tenant is "acme"',
      'people  orders (https://orders.example) with read pay for at most 300 s, through gateway',
      '    by agent (policies/0.yaml:3)',
      '    via actor of mesh: sub is "spiffe://example.org/agents/*"',
      '    confirmed at most 3600 s ago',
      '    pay confirmed by "mfa", at most 300 s ago',
      '    groups is a list that has "finance"',
      `    unless its client, of mesh, ${ROGUE}`,
      `    unless its actor, of mesh, ${ROGUE}`,
      `    unless who acted before, of mesh, ${ROGUE}`,
    ]);
    expect(exits).toEqual([0]);
  });

  it('says of a client that acts that it does, and of a target that somebody must', async () => {
    const { out } = await runProgram(['who-can', 'ledger', '--config', config]);
    expect(out).toEqual([
      'ledger names somebody who acts',
      'self  ledger (https://ledger.example) for at most 300 s, through orders',
      '    by hop (policies/0.yaml:9)',
      '    via the client, which acts',
      '    aud is "https://orders.example"',
      '    sub is "people:*"',
    ]);
  });
});

describe('exchequer can', () => {
  it('says what a person can have by their own tokens, and by ours about them', async () => {
    const { out, exits } = await runProgram(['can', 'people:alice', '--config', config]);
    expect(out.filter((line) => !line.includes('unless'))).toEqual([
      'if  orders (https://orders.example) with read pay for at most 300 s, through gateway',
      '    by agent (policies/0.yaml:3)',
      '    via actor of mesh: sub is "spiffe://example.org/agents/*"',
      '    confirmed at most 3600 s ago',
      '    pay confirmed by "mfa", at most 300 s ago',
      '    if groups is a list that has "finance"',
      'if  ledger (https://ledger.example) for at most 300 s, through orders',
      '    by hop (policies/0.yaml:9)',
      '    via the client, which acts',
      '    if aud is "https://orders.example"',
    ]);
    expect(exits).toEqual([0]);
  });
});

describe('exchequer diff OLD NEW', () => {
  const changes = async (from: string, to: string) => {
    const other = await place(RULES.replace(from, to));
    const { out, exits } = await runProgram(['diff', config, other]);
    return { out: out.filter((line) => /^\S/.test(line)).map((line) => line.slice(0, 20)), exits };
  };
  const gained = ['gains  people  order'];
  const lost = ['loses  people  order'];

  it.each([
    ['a narrower actor', 'agents/*', 'agents/reader', lost],
    ['a wider actor', 'agents/*', '**', gained],
    ['a confirmation that is dropped', '    confirm: { maxAge: 1h }\n', '', gained],
    ['a confirmation that lasts longer', 'maxAge: 1h', 'maxAge: 2h', gained],
    ['a stronger confirmation', 'maxAge: 1h', 'maxAge: 1h, acr: [mfa]', lost],
    [
      'a client that acts instead',
      'actor: { trust: mesh, sub: "spiffe://example.org/agents/*" }',
      'actor: client',
      [...gained, ...lost],
    ],
  ])('shows %s', async (_, from, to, out) => {
    // An ID of a whole trust domain does not load: the wider actor is everybody below a first segment.
    const wider = to === '**' ? ['agents/*', 'agents/**'] : [from, to];
    expect(await changes(wider[0] ?? '', wider[1] ?? '')).toEqual({ out, exits: [1] });
  });

  it('finds nothing where nothing changed', async () => {
    expect(await changes('name: hop', 'name: next')).toEqual({ out: ['nobody gains or lose'], exits: [0] });
  });
});
