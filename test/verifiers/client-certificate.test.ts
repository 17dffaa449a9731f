// tls_client_auth, and SPIFFE IDs as the names of clients: which certificate is which client, and which is nobody's.

import { beforeAll, describe, expect, it } from 'vitest';
import { isSpiffePattern, matchesSpiffe } from '../../src/verifiers/client-kind.ts';
import {
  type ClientsUnderTest,
  certificateOf,
  chainOf,
  createClientsUnderTest,
  MINT,
  presented,
  svidOf,
  verdictOf,
} from '../support/clients.ts';
import { NOW } from '../support/sources.ts';
import { dns, email, uri } from '../vectors/x509/encode.ts';
import { createMint, makeKeys, names, purposes, time } from '../vectors/x509/mint.ts';
import { type Plans, present } from '../vectors/x509/vector.ts';

const URI = 'https://edge.example/client';
const OTHERS = createMint(makeKeys(), NOW);
const withNames = (...general: readonly Buffer[]): Plans => ({ leaf: { extensions: { names: names(...general) } } });
/** The same plan by an authority that is trusted elsewhere. */
const byAnother = (plans: Plans) => presented(present(OTHERS, plans).chain);

let world: ClientsUnderTest;
beforeAll(async () => {
  const authorities = [certificateOf(MINT.root())];
  world = await createClientsUnderTest({
    host: { by: 'certificate', authorities, name: { dns: 'Edge.example' } },
    elsewhere: { by: 'certificate', authorities: [certificateOf(OTHERS.root())], name: { uri: URI } },
    tree: { by: 'spiffe', pattern: 'spiffe://td.example/ns/**' },
    agents: { by: 'spiffe', pattern: 'spiffe://td.example/ns/agents/*' },
  });
});
const edge = (certificates: ReturnType<typeof chainOf>, now = NOW) =>
  verdictOf(world, { id: 'edge', certificates }, { now });
const host = (...general: readonly Buffer[]) =>
  verdictOf(world, { id: 'host', certificates: chainOf(withNames(...general)) });

describe('a client by its certificate', () => {
  it.each([
    ['its one URI name', [uri(URI)], 'tls_client_auth'],
    ['another beside it', [uri('https://x.example'), uri(URI)], 'tls_client_auth'],
    ['a longer one', [uri(`${URI}/x`)], 'certificate: other_identity'],
    ['another case', [uri(URI.toUpperCase())], 'certificate: other_identity'],
    ['the same text as another form of name', [dns(URI), email(URI)], 'certificate: other_identity'],
    ['a SPIFFE ID', [uri('spiffe://td.example/edge')], 'certificate: other_identity'],
    ['no name at all', undefined, 'certificate: other_identity'],
  ])('MT-02 is who has %s', async (_what, general, expected) => {
    const plans = general ? withNames(...general) : { leaf: { extensions: { names: undefined } } };
    expect(await edge(chainOf(plans))).toBe(expected);
  });

  it.each([
    ['its DNS name', [dns('edge.example')], 'tls_client_auth'],
    ['its DNS name in another case', [dns('EDGE.EXAMPLE')], 'tls_client_auth'],
    ['two DNS names', [dns('a.example'), dns('edge.example')], 'tls_client_auth'],
    ['a wildcard that would cover it', [dns('*.example')], 'certificate: other_identity'],
    ['a name below it', [dns('a.edge.example')], 'certificate: other_identity'],
    ['a final dot', [dns('edge.example.')], 'certificate: other_identity'],
    ['the same text as a URI', [uri('https://edge.example')], 'certificate: other_identity'],
  ])('MT-02 is who has %s', async (_what, general, expected) => {
    expect(await host(...general)).toBe(expected);
  });

  it('MT-08 a certificate of another authority with the same name is nobody, and each authority counts for its own client', async () => {
    const good = withNames(uri(URI));
    expect(await edge(chainOf(good))).toBe('tls_client_auth');
    expect(await edge(byAnother(good))).toBe('certificate_refused signature_invalid');
    expect(await verdictOf(world, { id: 'elsewhere', certificates: byAnother(good) })).toBe('tls_client_auth');
    expect(await verdictOf(world, { id: 'elsewhere', certificates: chainOf(good) })).toBe(
      'certificate_refused signature_invalid',
    );
  });

  it('MT-02 the path may go through an authority that was presented, and not without it', async () => {
    const good = withNames(uri(URI));
    expect(await edge(chainOf(good))).toBe('tls_client_auth');
    expect(await edge(chainOf({ ...good, chain: ({ leaf }) => [leaf] }))).toBe('certificate_refused issuer_unknown');
  });

  it('MT-02 is judged at the second of the request, on one living connection', async () => {
    const certificates = chainOf({ leaf: { notAfter: time(NOW + 10), extensions: { names: names(uri(URI)) } } });
    expect(await edge(certificates, NOW + 10)).toBe('tls_client_auth');
    expect(await edge(certificates, NOW + 11)).toBe('certificate_refused expired');
    expect(await edge(certificates, NOW)).toBe('tls_client_auth');
  });

  it('MT-02 a certificate for servers alone authenticates no client', async () => {
    const forUse = (extended: Buffer) =>
      chainOf({ leaf: { extensions: { names: names(uri(URI)), purposes: extended } } });
    expect(await edge(forUse(purposes(1)))).toBe('certificate_refused extended_key_usage');
    expect(await edge(forUse(purposes(2)))).toBe('tls_client_auth');
  });

  it('the verdict kept for one client is not that of another on the same connection', async () => {
    const certificates = byAnother(withNames(uri(URI)));
    for (const [id, expected] of [
      ['elsewhere', 'tls_client_auth'],
      ['edge', 'certificate_refused signature_invalid'],
      ['elsewhere', 'tls_client_auth'],
    ] as const)
      expect(await verdictOf(world, { id, certificates })).toBe(expected);
  });
});

describe('a client by a SPIFFE ID', () => {
  it.each([
    ['gateway', 'spiffe://td.example/gateway', 'spiffe_x509'],
    ['gateway', 'spiffe://td.example/gateway/x', 'certificate: other_identity'],
    ['gateway', 'spiffe://td.example/gatewa', 'certificate: other_identity'],
    ['agents', 'spiffe://td.example/ns/agents/a', 'spiffe_x509'],
    ['agents', 'spiffe://td.example/ns/agents/a/b', 'certificate: other_identity'],
    ['agents', 'spiffe://td.example/ns/agents', 'certificate: other_identity'],
    ['agents', 'spiffe://td.example/ns/agentsx/a', 'certificate: other_identity'],
    ['tree', 'spiffe://td.example/ns/a', 'spiffe_x509'],
    ['tree', 'spiffe://td.example/ns/a/b/c', 'spiffe_x509'],
    ['tree', 'spiffe://td.example/ns', 'certificate: other_identity'],
    ['tree', 'spiffe://td.example/nsx/a', 'certificate: other_identity'],
    ['tree', 'spiffe://other.example/ns/a', 'issuer_unknown'],
  ])('SC-05 %s: %s', async (id, workload, expected) => {
    expect(await verdictOf(world, { id, certificates: svidOf(workload) })).toBe(expected);
  });

  it('SC-05 a pattern stands for whole segments, below an exact first one', () => {
    expect(['spiffe://td/a', 'spiffe://td/a/*', 'spiffe://td/a/b/**'].filter((one) => !isSpiffePattern(one))).toEqual(
      [],
    );
    const bad = [
      ...['spiffe://td', 'spiffe://td/', 'spiffe://td/*', 'spiffe://td/**', 'spiffe://*/a', 'spiffe://td/*/a'],
      ...[
        'spiffe://td/a*',
        'spiffe://td/a/b*',
        'spiffe://td/a/***',
        'spiffe://td/a/*/b',
        'spiffe://td/a/**/b',
        '*',
        '',
      ],
      ...['spiffe://TD/a', 'spiffe://td/a/../b', 'spiffe://td/a?x', 'https://td/a', 'spiffe://td/a/', 'spiffe://td//a'],
    ];
    expect(bad.filter(isSpiffePattern)).toEqual([]);
  });

  it('SC-05 a pattern never matches what is no SPIFFE ID', () => {
    expect(matchesSpiffe('spiffe://td/a/**', 'spiffe://td/a/b')).toBe(true);
    const none = ['spiffe://td/a/', 'spiffe://td/a/../b', 'spiffe://td/a//b', 'spiffe://td/a/b?x', 'spiffe://td/a/*b'];
    expect(none.filter((id) => matchesSpiffe('spiffe://td/a/**', id))).toEqual([]);
  });
});
