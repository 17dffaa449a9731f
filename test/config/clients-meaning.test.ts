// What only the whole configuration shows to be wrong about a client, by the code of start, reload and `check`.

import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { offlineReach, readConfiguration } from '../../src/compose-configuration.ts';
import { placeExample } from '../support/examples.ts';

const CONFIGURATION = (clients: string) => `issuer: https://sts.example
listen: { address: 127.0.0.1:8443, tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: 127.0.0.1:9464 }
control: { socket: ./control.sock }
trust:
  mesh: { kind: spiffe, trustDomain: td.example, bundle: { file: ./bundle.json } }
  people: { kind: oidc, issuer: https://login.example, audience: https://mcp.example, subjects: people, tokens: [jwt], jwks: { file: ./people.json } }
clients:
  ${clients}
targets:
  ledger: { kind: token, audience: https://api.example/ledger }
policies: [./policies]
store: { directory: ./state }
keys: { directory: ./keys }
audit: { to: stdout }
`;
const RULE = (client: string) =>
  `rules: [{ name: a, subject: { trust: mesh, sub: spiffe://td.example/a }, client: ${client}, allow: [ledger] }]`;
const WORLD = {
  clock: { nowSeconds: () => 1_790_000_000, elapsedMs: () => 0 },
  randomBytes: (count: number) => new Uint8Array(count),
  env: { SHA: 'ab'.repeat(32) },
  version: 'test',
  log: { write: () => undefined },
};

async function problems(clients: string, client = 'app'): Promise<readonly string[]> {
  const file = await placeExample(CONFIGURATION(clients), [RULE(client)]);
  writeFileSync(join(dirname(file), 'broken.pem'), 'no certificate');
  try {
    const read = await readConfiguration(WORLD, file, offlineReach(WORLD));
    return read.ok ? [] : read.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

describe('a client', () => {
  it('may have a secret that ends, which loads as the instant that the schema made of its day', async () => {
    // The schema was once run a second time over what it had made, and the day that had become a number ended the start.
    const secret = `$${'{SHA}'}`;
    expect(await problems(`app: { secret: { sha256: "${secret}", until: 2027-11-30 } }`)).toEqual([]);
    expect(await problems(`app: { secret: [{ sha256: "${secret}", until: 2027-11-30 }, "${secret}"] }`)).toEqual([]);
  });

  it.each([
    'app: { spiffe: spiffe://td.example/app, presents: [https://mcp.example, https://sts.example] }',
    'app: { certificate: { ca: ./edge.crt, dns: edge.example }, presents: [https://api.example/ledger] }',
    'app: { jwks: { file: ./app.json } }',
    'app: { secret: "$SHA" }',
    'app: { secret: "$SHA", introspects: [ledger] }',
  ])('loads as %s', async (written) => {
    expect(await problems(written.replace('$SHA', `$${'{SHA}'}`))).toEqual([]);
  });

  it.each([
    [
      'app: { spiffe: spiffe://other.example/app }',
      '9 clients.app.spiffe: no trust source has the trust domain of spiffe://other.example/app',
    ],
    [
      'app: { spiffe: spiffe://td.example.evil/app/** }',
      '9 clients.app.spiffe: no trust source has the trust domain of spiffe://td.example.evil/app/**',
    ],
    [
      'app: { spiffe: spiffe://td.example/app, presents: [https://mcp.example, https://mcp.exampel] }',
      '9 clients.app.presents[1]: https://mcp.exampel is the audience of no trust source and no target',
    ],
    ['app: { certificate: { ca: ./broken.pem, dns: edge.example } }', '9 clients.app.certificate.ca: the file'],
    ['app: { jwks: { file: ./broken.pem } }', '9 clients.app.jwks: '],
    [
      'app: { spiffe: spiffe://td.example/app, introspects: [ledger, legder] }',
      '9 clients.app.introspects[1]: legder is no target; did you mean ledger?',
    ],
    [
      'app: { spiffe: spiffe://td.example/app, introspects: ["https://api.example/ledger"] }',
      '9 clients.app.introspects[0]: https://api.example/ledger is no target',
    ],
  ])('MT-08 with %s does not load', async (written, problem) => {
    const found = await problems(written);
    expect(found, found.join('\n')).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  it('that a rule names and nobody registered does not load, nor does a rule about clients where there are none', async () => {
    const app = 'app: { spiffe: spiffe://td.example/app }';
    expect(await problems(app, 'ap')).toEqual(['1 rules[0].client: ap is no client; did you mean app?']);
    expect(await problems(app)).toEqual([]);
  });
});

// A rule for tokens of people, and a client that is not registered for them, loaded without a word: every request was `client_not_presenter`.
describe('a client that a rule names', () => {
  const AUDIENCES = { people: 'https://mcp.example', self: 'https://api.example/ledger' };
  const warnings = async (presents: string, subject: string): Promise<readonly string[]> => {
    const configuration = CONFIGURATION(`app: { spiffe: spiffe://td.example/app, presents: [${presents}] }`);
    const rule = `rules: [{ name: a, subject: ${subject}, actor: client, client: app, allow: [ledger] }]`;
    const file = await placeExample(configuration.replace('clients:', '  self: {}\nclients:'), [rule]);
    try {
      const read = await readConfiguration(WORLD, file, offlineReach(WORLD));
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      return read.configuration.warnings.map(({ path, message }) => `${path}: ${message}`);
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  };
  const SELF = '{ trust: self, self: { aud: https://api.example/ledger, sub: "people:alice" } }';
  const lacks = (audience: string) =>
    `clients.app.presents: lacks "${audience}": rule a (policies/0.yaml:1) is about tokens for it, which this client may not present`;

  it.each([
    ['people', '{ trust: people, sub: alice }', AUDIENCES.people, AUDIENCES.self],
    ['our own tokens', SELF, AUDIENCES.self, AUDIENCES.people],
  ])('is warned of where it presents no token of %s', async (_, subject, audience, other) => {
    expect(await warnings('', subject)).toEqual([lacks(audience)]);
    expect(await warnings(other, subject)).toEqual([lacks(audience)]);
    expect(await warnings(`${other}, ${audience}`, subject)).toEqual([]);
  });

  it('needs no registration for what workloads present themselves', async () => {
    expect(await warnings('', '{ trust: mesh, sub: spiffe://td.example/a }')).toEqual([]);
  });
});
