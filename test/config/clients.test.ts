// Clients in exchequer.yaml: exactly one method each, secrets by reference only and printed nowhere, ids that are no issued name, and
// every problem at its place.

import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { clientOptions } from '../../src/verifiers/client-options.ts';
import { BASE, FILES, filesOf, problems } from './folder.ts';
import { KINDS } from './kinds.ts';

const SHA = 'ab'.repeat(32);
const SECRET = 'hunter2-hunter2-hunter2';

function found(clients: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
  const referring = clients.replace(/\$(SHA|SECRET|NOT_SET|file:\/run\/s\.sha256)/g, '$${$1}');
  const text = `${BASE}clients:\n${referring}\n`;
  return problems(
    loadConfig({
      path: '/etc/x/exchequer.yaml',
      env: { SHA, ...env },
      kinds: { ...KINDS, client: { options: clientOptions } },
      files: filesOf({
        ...FILES,
        '/etc/x/keys.json': '{"keys":[]}',
        '/etc/x/ca.pem': 'PEM',
        '/run/s.sha256': `${SHA}\n`,
        '/etc/x/exchequer.yaml': text,
      }),
    }),
  );
}
/** Problems, where `$NAME` stands for a reference. Without the file and its position. */
const said = (clients: string, env: Readonly<Record<string, string>> = {}) =>
  found(clients, env).map((problem) => problem.replace(/^\S+ /, ''));

describe('a client in exchequer.yaml', () => {
  it.each([
    '{ spiffe: spiffe://td.example/a }',
    '{ spiffe: spiffe://td.example/a/** }',
    '{ jwks: { file: keys.json } }',
    '{ jwks: { url: https://app.example/keys, ca: ca.pem }, privateNetwork: true }',
    '{ jwks: { file: keys.json }, tokenEndpointAudience: allow, presents: [https://mcp.example] }',
    '{ certificate: { ca: ca.pem, uri: https://edge.example }, proof: required }',
    '{ certificate: { ca: ca.pem, dns: edge.example } }',
    '{ secret: "$SHA" }',
    '{ secret: "$file:/run/s.sha256" }',
    '{ secret: { sha256: "$SHA", until: 2027-11-30 } }',
    '{ secret: [{ sha256: "$SHA", until: 2027-11-30 }, "$file:/run/s.sha256"] }',
  ])('loads as %s', (written) => {
    expect(said(`  app: ${written}`)).toEqual([]);
  });

  it.each([
    ['{}', 'clients.app: needs exactly one of spiffe, jwks, certificate, secret'],
    ['{ presents: [x] }', 'clients.app: needs exactly one of spiffe, jwks, certificate, secret'],
    [
      '{ secret: "$SHA", spiffe: spiffe://td.example/a }',
      'clients.app: needs exactly one of spiffe, jwks, certificate, secret',
    ],
    [
      '{ jwks: { file: keys.json }, certificate: { ca: ca.pem, dns: edge.example } }',
      'clients.app: needs exactly one of spiffe, jwks, certificate, secret',
    ],
    ['{ secret: "$SHA", tokenEndpointAudience: allow }', 'clients.app.tokenEndpointAudience: is for clients with jwks'],
    ['{ secret: "$SHA", privateNetwork: true }', 'clients.app.privateNetwork: is for clients with a jwks url'],
    [
      '{ jwks: { file: keys.json }, privateNetwork: true }',
      'clients.app.privateNetwork: is for clients with a jwks url',
    ],
  ])('MT-02 with %s does not load: exactly one method, with its own options', (written, problem) => {
    expect(said(`  app: ${written}`)).toEqual([problem]);
  });

  it.each([
    ['{ certificate: { ca: ca.pem, uri: "https://a.example", dns: a.example } }', 'needs exactly one of uri and dns'],
    ['{ certificate: { ca: ca.pem } }', 'needs exactly one of uri and dns'],
    ['{ certificate: { ca: ca.pem, uri: "SPIFFE://td.example/a" } }', 'is a SPIFFE ID: write it under `spiffe`'],
    ['{ certificate: { ca: ca.pem, dns: "*.example" } }', 'must be a host name'],
    ['{ certificate: { dns: a.example } }', 'clients.app.certificate.ca'],
    ['{ certificate: { ca: none.pem, dns: a.example } }', 'the file cannot be read'],
    ['{ jwks: { file: none.json } }', 'the file cannot be read'],
    ['{ jwks: { url: "http://app.example/keys" } }', 'clients.app.jwks'],
    ['{ jwks: {} }', 'clients.app.jwks'],
    ['{ spiffe: spiffe://td.example }', 'must be a SPIFFE ID with a path'],
    ['{ spiffe: spiffe://td.example/* }', 'must be a SPIFFE ID with a path'],
    ['{ secret: "$SHA", presents: https://mcp.example }', 'clients.app.presents'],
    ['{ secret: "$SHA", presents: [""] }', 'clients.app.presents[0]'],
    ['{ secret: "$SHA", proof: optional }', 'clients.app.proof'],
    ['{ secret: "$SHA", introspects: ledger }', 'clients.app.introspects'],
    ['{ secret: "$SHA", introspects: [""] }', 'clients.app.introspects[0]'],
    ['{ secret: "$SHA", present: [x] }', 'clients.app.present: is not known here'],
    ['{ secret: [] }', 'clients.app.secret'],
    ['{ secret: ["$SHA", "$SHA", "$SHA"] }', 'at most two secrets: the old one and the new'],
    ['{ secret: { sha256: "$SHA", until: 2027-02-30 } }', 'is no day of the calendar'],
    ['{ secret: "$NOT_SET" }', 'clients.app.secret'],
  ])('with %s does not load', (written, problem) => {
    const all = said(`  app: ${written}`);
    expect(all, all.join('\n')).toHaveLength(1);
    expect(all[0]).toContain(problem);
  });

  it('OA-09 holds its secret by reference only, and no problem repeats what stands there', () => {
    const BY_REFERENCE = `must be a reference such as \${file:/run/secrets/name}: secrets do not stand in this file`;
    expect(said(`  app: { secret: ${SHA} }`)).toEqual([`clients.app.secret: ${BY_REFERENCE}`]);
    expect(said(`  app: { secret: { sha256: ${SHA} } }`)).toEqual([`clients.app.secret.sha256: ${BY_REFERENCE}`]);
    expect(said(`  app: { secret: ["\${SHA}", ${SHA}] }`)).toEqual([`clients.app.secret[1]: ${BY_REFERENCE}`]);
    for (const written of [
      SECRET,
      `"${SECRET}\${SHA}"`,
      `"$$\${${SECRET}}"`,
      `[${SECRET}]`,
      `{ sha256: ${SECRET} }`,
      `{ ${SECRET}: 1 }`,
    ])
      expect(found(`  app: { secret: ${written} }`).length, written).toBeGreaterThan(0);
    for (const written of [SECRET, `"${SECRET}\${SHA}"`, `[${SECRET}]`, `{ sha256: ${SECRET} }`])
      expect(found(`  app: { secret: ${written} }`).join('\n'), written).not.toContain('hunter2');
  });

  it('OA-09 that is the secret itself and not its SHA-256 is refused without being shown', () => {
    const all = said('  app: { secret: "$SECRET" }', { SECRET });
    expect(all).toEqual([
      'clients.app.secret: must be the SHA-256 of the secret, in hexadecimal, as `exchequer keys secret` prints it',
    ]);
    expect(said('  app: { secret: "$SECRET" }', { SECRET: SHA.toUpperCase() })).toHaveLength(1);
    expect(said('  app: { secret: "$SECRET" }', { SECRET: SHA })).toEqual([]);
  });

  it.each(['app', 'a.b_c~d-E', 'https://app.example/client?x=1', '7'])('may be called %s', (id) => {
    expect(said(`  "${id}": { secret: "\${SHA}" }`)).toEqual([]);
  });

  it.each([
    ...['clients:app', 'mesh:x', 'spiffe://td.example/a', 'http://app.example', 'urn:x', 'a b', 'a/b', 'ä', ''],
    ...['a+b', 'a%20b', 'https://', 'HTTPS://app.example', 'https://app.example/a b', 'x'.repeat(129)],
  ])('is not called %j: no id may be equal to a name that is issued', (id) => {
    expect(said(`  ${JSON.stringify(id)}: { secret: "\${SHA}" }`)).toHaveLength(1);
  });

  it('stands once, and its problems stand where it is', () => {
    expect(found('  app: { secret: "$SHA" }\n  app: { secret: "$SHA" }')).toHaveLength(1);
    const line = BASE.split('\n').length;
    expect(found('  good: { secret: "$SHA" }\n  app: { jwks: { fil: keys.json } }')[0]).toMatch(
      new RegExp(`^exchequer.yaml:${line + 2}:\\d+ clients.app.jwks`),
    );
    expect(found(`  app:\n    presents: [x]\n    secret: ${SHA}`)[0]).toMatch(
      new RegExp(`^exchequer.yaml:${line + 3}:\\d+ clients.app.secret`),
    );
  });
});
