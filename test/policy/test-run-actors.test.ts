// Tests of a policy for people and who acts for them, as `check` runs them: by a whole configuration, whose verifiers read `act`, `may_act`
// and scopes from the claims as they do from tokens.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkTools } from '../../src/compose-check.ts';
import { placeExample } from '../support/examples.ts';
import { NOW } from '../support/policy.ts';

const CONFIG = `issuer: https://sts.example
listen: { address: "0.0.0.0:8443", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:9464" }
control: { socket: ./control.sock }
trust:
  github: { kind: github, require: { repository_owner_id: 65 } }
  eks: { kind: kubernetes, issuer: https://cluster.example, jwks: { file: ./eks.json } }
  mesh: { kind: spiffe, trustDomain: example.org, bundle: { file: ./bundle.json } }
  people:
    kind: oidc
    issuer: https://login.example
    audience: https://mcp.example
    subjects: people
    tokens: [access_token]
    pins: [groups]
    require: { tenant: acme }
  self: {}
clients:
  gateway: { spiffe: spiffe://example.org/gateway, presents: [https://mcp.example] }
  orders: { spiffe: spiffe://example.org/orders, presents: [https://orders.example] }
targets:
  orders: { kind: token, audience: https://orders.example, scopes: { read: {}, pay: { confirm: { acr: [mfa], maxAge: 5m } } }, defaultScopes: [read] }
  ledger: { kind: token, audience: https://ledger.example, scopes: { read: {}, write: {} }, defaultScopes: [read] }
policies: [./policies]
store: { directory: ./state }
keys: { directory: ./keys }
audit: { to: stdout }
`;
const RULES = `rules:
  - name: agent
    subject: { trust: people, claims: { groups: { has: finance } } }
    actor: { trust: mesh, sub: spiffe://example.org/agent }
    client: gateway
    allow: { orders: all }
  - name: hop
    subject: { trust: self, self: { aud: https://orders.example, sub: "people:*" } }
    actor: client
    client: orders
    accept: { every-subject: "a test" }
    allow: { ledger: all }
  - { name: never, anyone: { trust: mesh, sub: spiffe://example.org/rogue }, deny: all }
  - { name: never-lab, anyone: { trust: eks, kubernetes: { namespace: lab } }, deny: all }
  - { name: never-fork, anyone: { trust: github, github: { repository_id: 666 } }, deny: all }
tests:
`;
const world = {
  clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
  randomBytes: (count: number) => new Uint8Array(count),
  env: {},
};

const ALICE = 'trust: people, claims: { sub: alice, tenant: acme, groups: [finance]';
const PERSON = `as: { ${ALICE} } }`;
const AGENT = 'actor: { trust: mesh, claims: { sub: spiffe://example.org/agent } }';
const OWN = (more: string) =>
  `as: { trust: self, claims: { aud: https://orders.example, sub: "people:alice", client_id: gateway, jti: j, scope: read, origin: { iss: https://login.example, sub: alice }${more} } }`;
const act = (id: string) => `{ iss: spiffe://example.org, sub: spiffe://example.org/${id} }`;

async function run(...tests: readonly string[]): Promise<readonly string[]> {
  const file = await placeExample(CONFIG, [`${RULES}${tests.map((test) => `  - { name: t, ${test} }\n`).join('')}`]);
  try {
    const { problems } = await checkTools(world).check(file);
    return problems.map(({ message }) => message.replace(/^t: /, ''));
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

describe('tests for people', () => {
  it('hold for whom a rule names, acted for by whom it names, and for nobody else', async () => {
    expect(
      await run(
        `${PERSON}, ${AGENT}, client: gateway, ask: orders, expect: agent`,
        `${PERSON}, client: gateway, ask: orders, expect: no rule`,
        `${PERSON}, ${AGENT}, client: orders, ask: orders, expect: no rule`,
        `${PERSON}, ${AGENT.replace('agent', 'other')}, client: gateway, ask: orders, expect: no rule`,
        `${PERSON}, ${AGENT.replace('agent', 'rogue')}, client: gateway, ask: orders, expect: no rule`,
        `${PERSON.replace('acme', 'other')}, ${AGENT}, client: gateway, ask: orders, expect: no rule`,
      ),
    ).toEqual([]);
  });

  it('say of who acts what the rule lacks', async () => {
    expect(
      await run(
        `${PERSON}, client: gateway, ask: orders, expect: agent`,
        `${PERSON}, ${AGENT.replace('agent', 'other')}, client: gateway, ask: orders, expect: agent`,
        `${PERSON}, ${AGENT.replace('mesh', 'mash')}, client: gateway, ask: orders, expect: no rule`,
        `${PERSON}, actor: { ${ALICE} } }, client: gateway, ask: orders, expect: agent`,
      ),
    ).toEqual([
      'expected agent, got no rule (no_rule; nearest agent: actor was absent, must be an actor token)',
      'expected agent, got no rule (no_rule; nearest agent: actor sub was "spiffe://example.org/other", must be "spiffe://example.org/agent")',
      'actor: mash is no trust source',
      'expected agent, got no rule (actor_is_subject)',
    ]);
  });

  it('expect confirm where only that is missing, by how long ago the person authenticated', async () => {
    const asked = (claims: string, authenticated: string) =>
      `as: { ${ALICE}${claims} }${authenticated} }, ${AGENT}, client: gateway, ask: orders, scope: pay`;
    expect(
      await run(
        `${asked(', acr: mfa', ', authenticated: 5m')}, expect: agent`,
        `${asked(', acr: mfa', ', authenticated: 6m')}, expect: confirm`,
        `${asked(', acr: pwd', ', authenticated: 1m')}, expect: confirm`,
        `${asked('', '')}, expect: confirm`,
      ),
    ).toEqual([]);
    expect(await run(`${asked(', acr: mfa', ', authenticated: 6m')}, expect: agent`)).toEqual([
      'expected agent, got confirm (confirmation_wanted; nearest agent: auth_time was "360 s ago", must be at most 300 s ago)',
    ]);
  });
});

describe('tests for our own tokens', () => {
  const ask = 'client: orders, ask: ledger';

  it('read who acted, and what the scopes are at most, from the claims', async () => {
    expect(
      await run(
        `${OWN('')}, ${ask}, expect: hop`,
        `${OWN(`, act: ${act('agent')}`)}, ${ask}, expect: hop`,
        `${OWN(`, act: ${act('agent')}`)}, ${ask}, scope: write, expect: no rule`,
        `${OWN(`, act: ${act('rogue')}`)}, ${ask}, expect: deny`,
        `${OWN(`, act: { iss: spiffe://example.org, sub: spiffe://example.org/agent, act: ${act('rogue')} }`)}, ${ask}, expect: deny`,
      ),
    ).toEqual([]);
  });

  it('A-142 find pods and jobs in a chain by what their names tell', async () => {
    const pod = (sub: string) => OWN(`, act: { iss: https://cluster.example, sub: "system:serviceaccount:${sub}" }`);
    const job = (id: string) => {
      const named = `sub_id: { format: opaque, id: "github:repository_id:${id}:ref:refs/heads/main" }`;
      return OWN(
        `, act: { iss: https://token.actions.githubusercontent.com, sub: "repo:a/b:ref:refs/heads/main", ${named} }`,
      );
    };
    const issued = (sub: string) => OWN(`, act: { iss: https://sts.example, sub: "${sub}" }`);
    expect(
      await run(
        `${pod('lab:agent')}, ${ask}, expect: deny`,
        `${pod('shop:agent')}, ${ask}, expect: hop`,
        `${job('666')}, ${ask}, expect: deny`,
        `${job('74')}, ${ask}, expect: hop`,
        `${issued('eks:system:serviceaccount:lab:agent')}, ${ask}, expect: deny`,
        `${issued('eks:system:serviceaccount:shop:agent')}, ${ask}, expect: hop`,
      ),
    ).toEqual([]);
  });

  it('A-147 TX-45 do not hold where nobody may act so, or where the claims are no token', async () => {
    expect(
      await run(
        `${OWN(`, act: { iss: spiffe://example.org, sub: spiffe://example.org/agent, act: ${act('orders')} }`)}, ${ask}, expect: hop`,
        `${OWN(`, act: ${act('orders')}`)}, ${ask}, expect: hop`,
        `${OWN(', act: {}')}, ${ask}, expect: hop`,
        `as: { ${ALICE}, may_act: { sub: somebody } } }, ${AGENT}, client: gateway, ask: orders, expect: agent`,
        `as: { ${ALICE}, may_act: ${act('agent')} } }, ${AGENT}, client: gateway, ask: orders, expect: agent`,
      ),
    ).toEqual([
      'expected hop, got no rule (actor_repeated)',
      'expected hop, got no rule (claim_invalid: act)',
      'expected agent, got no rule (may_act_unmet)',
    ]);
  });
});
