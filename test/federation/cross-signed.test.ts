// Authorities that signed each other across trust domains, over mutual TLS: a certificate that another domain gave to an
// authority never helps SVIDs of the authority's own domain, and where it names what it is for, it helps no other either.

import { afterEach, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { name, uri } from '../vectors/x509/encode.ts';
import { constraints, createMint, makeKeys, NAMES, names, type Plan } from '../vectors/x509/mint.ts';
import { pem } from '../x509/presenter.ts';

const NOW = Math.floor(Date.now() / 1_000);
const KEYS = makeKeys();
/** The authority of td.example, and that of other.example with a root and an intermediate of its own. */
const TD = createMint(KEYS, NOW);
const OTHER_ROOT = name(['O', 'other.example'], ['CN', 'Root']);
const ROOTS = {
  td: TD.root(),
  other: TD.root({
    subject: OTHER_ROOT,
    issuer: OTHER_ROOT,
    spki: KEYS.other.spki,
    signer: KEYS.other,
    extensions: { names: names(uri('spiffe://other.example')) },
  }),
  /** Of td.example as well, by a key that signed nothing here. */
  next: TD.root({ spki: KEYS.another.spki, signer: KEYS.another, subject: NAMES.leaf, issuer: NAMES.leaf }),
};
/** The root of td.example, as other.example signed it. */
const crossSigned = (extensions: Plan['extensions'] = {}): Buffer =>
  TD.root({ issuer: OTHER_ROOT, signer: KEYS.other, extensions });
const leafOf = (domain: string): Buffer =>
  TD.leaf({ extensions: { names: names(uri(`spiffe://${domain}/ns/a/sa/b`)) } });
const KEY = String(KEYS.leaf.privateKey.export({ format: 'pem', type: 'pkcs8' }));

let broker: TestBroker;
afterEach(() => broker.stop());

async function start(td: readonly Buffer[]): Promise<void> {
  const source = (of: string, domain: string): string =>
    `  ${of}: { kind: spiffe, trustDomain: ${domain}, bundle: { file: ./${of}.pem } }\n`;
  const rule = (of: string, domain: string): string =>
    `  - { name: ${of}, subject: { trust: ${of}, sub: "spiffe://${domain}/ns/a/sa/b" }, allow: { ledger: all } }\n`;
  broker = await startTestBroker({
    config: (yaml) =>
      yaml.replace('targets:\n', `${source('td', 'td.example')}${source('other', 'other.example')}targets:\n`),
    files: { 'td.pem': td.map(pem).join(''), 'other.pem': pem(ROOTS.other) },
    policies: { 'domains.yaml': `rules:\n${rule('td', 'td.example')}${rule('other', 'other.example')}` },
  });
}

/** How a chain with the ID of a domain ends: `granted`, or what its record says is wrong. */
async function ended(domain: string, chain: readonly Buffer[]): Promise<unknown> {
  const caller = broker.as({ cert: chain.map(pem).join(''), key: KEY });
  const form = { grant_type: 'client_credentials', client_id: `spiffe://${domain}/ns/a/sa/b`, audience: 'ledger' };
  const { status } = await caller.token(form).finally(caller.close);
  if (status === 200) return 'granted';
  const { evidence } = broker.records().at(-1) ?? {};
  return (evidence as { problem?: unknown } | undefined)?.problem;
}

describe('a root that another trust domain has signed', () => {
  it('A-78, SX-09 proves SVIDs of its own domain by its own bundle, and by that of the other not at all', async () => {
    await start([ROOTS.td]);
    const chain = [leafOf('td.example'), TD.middle(), crossSigned()];
    expect(await ended('td.example', chain)).toBe('granted');
    broker.write('td.pem', pem(ROOTS.next));
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    // Pooled with the roots of the other domain, this chain would still end in one of them.
    expect(await ended('td.example', chain)).toBe('issuer_unknown');
  });

  it('A-79 proves nobody of the other domain where its certificate permits its own alone', async () => {
    await start([ROOTS.td]);
    const own = constraints({ permitted: [uri('td.example')] });
    const others = constraints({ permitted: [uri('other.example')] });
    const middle = TD.middle({ extensions: { names: undefined } });
    const chain = (cross: Buffer) => [leafOf('other.example'), middle, cross];
    expect(await ended('other.example', chain(crossSigned({ constraints: own })))).toBe('name_constraints');
    // What the other domain has signed for itself is its own affair (X509-SVID §3.2).
    expect(await ended('other.example', chain(crossSigned({ constraints: others })))).toBe('granted');
    expect(await ended('other.example', [leafOf('other.example'), TD.middle()])).toBe('issuer_unknown');
  });

  it('A-79 stays within its constraints also where the constrained certificate is an authority of the bundle', async () => {
    const own = TD.root({ extensions: { constraints: constraints({ permitted: [uri('td.example')] }) } });
    const elsewhere = TD.root({ extensions: { constraints: constraints({ permitted: [uri('other.example')] }) } });
    await start([own]);
    expect(await ended('td.example', [leafOf('td.example'), TD.middle()])).toBe('granted');
    broker.write('td.pem', pem(elsewhere));
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    expect(await ended('td.example', [leafOf('td.example'), TD.middle()])).toBe('name_constraints');
  });
});
