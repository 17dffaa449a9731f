// Every credential against every registered client: each passes for exactly one, and every confusion has its own problem.

import { beforeAll, describe, expect, it } from 'vitest';
import type { PresentedClient } from '../../src/core/client.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import {
  basic,
  type ClientsUnderTest,
  chainOf,
  createClientsUnderTest,
  JWT_BEARER,
  JWT_SPIFFE,
  REGISTERED,
  SECRETS,
  svidOf,
  verdictOf,
  verdictOfItself,
  WORKLOAD,
} from '../support/clients.ts';
import { NOW } from '../support/sources.ts';
import { uri } from '../vectors/x509/encode.ts';
import { names } from '../vectors/x509/mint.ts';

const GATEWAY = 'spiffe://td.example/gateway';
const EDGE = 'https://edge.example/client';
const edgeChain = () => chainOf({ leaf: { extensions: { names: names(uri(EDGE)) } } });

let world: ClientsUnderTest;
beforeAll(async () => {
  world = await createClientsUnderTest();
});

type Credential = Partial<PresentedClient>;
/** Each credential, as somebody would present it for the client of this id. */
const CREDENTIALS: Readonly<Record<string, (id: string) => Promise<Credential> | Credential>> = {
  nothing: (id) => ({ id }),
  'the secret of shop, by Basic': (id) => ({ authorization: basic(id, SECRETS.shop) }),
  'the secret of shop, in the body': (id) => ({ id, secret: SECRETS.shop }),
  'an assertion by the key of signer': async (id) => ({
    id,
    assertionType: JWT_BEARER,
    assertion: await world.signer.sign(world.assertion(id)),
  }),
  'a JWT-SVID of the gateway': async (id) => ({
    id,
    assertionType: JWT_SPIFFE,
    assertion: await world.jwtSvid(GATEWAY),
  }),
  'an X.509-SVID of the gateway': (id) => ({ id, certificates: svidOf(GATEWAY) }),
  'the certificate of edge': (id) => ({ id, certificates: edgeChain() }),
};

/** What each becomes for shop, bank, signer, elder, edge, gateway, and for an id that nobody registered. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  nothing: [...Array.from({ length: 6 }, () => 'none: credential_missing'), 'nobody'],
  'the secret of shop, by Basic': [
    'client_secret_basic',
    'basic: secret_wrong',
    ...Array.from({ length: 4 }, () => 'basic: other_method'),
    'basic: unregistered',
  ],
  'the secret of shop, in the body': [
    'client_secret_post',
    'post: secret_wrong',
    ...Array.from({ length: 4 }, () => 'post: other_method'),
    'post: unregistered',
  ],
  'an assertion by the key of signer': [
    'assertion: other_method',
    'assertion: other_method',
    'private_key_jwt',
    'key_unknown',
    'assertion: other_method',
    'assertion: other_method',
    'assertion: unregistered',
  ],
  'a JWT-SVID of the gateway': [
    ...Array.from({ length: 5 }, () => 'assertion: other_method'),
    'spiffe_jwt',
    'assertion: unregistered',
  ],
  'an X.509-SVID of the gateway': [
    ...Array.from({ length: 4 }, () => 'certificate: other_method'),
    'certificate: other_identity',
    'spiffe_x509',
    'nobody',
  ],
  'the certificate of edge': [
    ...Array.from({ length: 4 }, () => 'certificate: other_method'),
    'tls_client_auth',
    'certificate_refused spiffe_id',
    'nobody',
  ],
};

describe('a registered client has exactly one method', () => {
  it.each(Object.entries(CREDENTIALS))('JA-09, A-150 %s serves one client and no other', async (what, present) => {
    const got: string[] = [];
    for (const id of [...Object.keys(REGISTERED), 'stranger']) got.push(await verdictOf(world, await present(id)));
    expect(got).toEqual(EXPECTED[what]);
  });

  it('OA-02, JA-09 takes at most one credential, however good each is', async () => {
    const basicOfShop = { authorization: basic('shop', SECRETS.shop) };
    const post = { id: 'shop', secret: SECRETS.shop };
    const assertion = await CREDENTIALS['an assertion by the key of signer']?.('signer');
    expect(await verdictOf(world, { ...basicOfShop, ...post })).toBe('basic: several_methods');
    expect(await verdictOf(world, { ...basicOfShop, ...assertion })).toBe('basic: several_methods');
    expect(await verdictOf(world, { ...post, ...assertion, id: 'signer' })).toBe('assertion: several_methods');
    expect(await verdictOf(world, { ...post, assertionType: JWT_BEARER })).toBe('assertion: several_methods');
    expect(await verdictOf(world, { ...post, attested: true })).toBe('attestation: several_methods');
    for (const one of [basicOfShop, post, assertion]) expect(await verdictOf(world, one ?? {})).not.toContain(':');
  });

  it('A-150 a certificate beside another credential authenticates nobody: it serves binding only', async () => {
    const certificates = svidOf(GATEWAY);
    expect(await verdictOf(world, { id: 'shop', secret: SECRETS.shop, certificates })).toBe('client_secret_post');
    expect(await verdictOf(world, { id: 'gateway', secret: 'wrong', certificates })).toBe('post: other_method');
    expect(
      await verdictOf(world, {
        ...(await CREDENTIALS['a JWT-SVID of the gateway']?.('gateway')),
        certificates: svidOf(WORKLOAD),
      }),
    ).toBe('spiffe_jwt');
  });

  it('SC-04 attestation-based authentication is refused, whatever it attests', async () => {
    expect(await verdictOf(world, { id: 'gateway', attested: true })).toBe('attestation: unsupported');
    expect(await verdictOf(world, { attested: true, certificates: svidOf(GATEWAY) })).toBe('attestation: unsupported');
    expect(await verdictOf(world, { id: 'gateway', certificates: svidOf(GATEWAY) })).toBe('spiffe_x509');
  });

  it.each([
    ['a Basic header without anything', { authorization: 'Basic' }, 'basic: unsupported'],
    ['a Basic header that is no base64', { authorization: 'Basic ***' }, 'basic: malformed'],
    ['a bearer token in place of Basic', { authorization: 'Bearer abc' }, 'basic: unsupported'],
    ['Basic without a secret', { authorization: basic('shop', '') }, 'basic: secret_wrong'],
    ['Basic without an id', { authorization: basic('', SECRETS.shop) }, 'basic: unregistered'],
    [
      'Basic under another client_id',
      { authorization: basic('shop', SECRETS.shop), id: 'bank' },
      'basic: client_id_differs',
    ],
    [
      'Basic under its own client_id',
      { authorization: basic('shop', SECRETS.shop), id: 'shop' },
      'client_secret_basic',
    ],
    ['a secret without client_id', { secret: SECRETS.shop }, 'post: client_id_missing'],
    ['a type without an assertion', { id: 'signer', assertionType: JWT_BEARER }, 'assertion: malformed'],
    ['an assertion without a type', { id: 'signer', assertion: 'a.b.c' }, 'assertion: malformed'],
    [
      'a type that nobody knows',
      { id: 'signer', assertion: 'a.b.c', assertionType: 'urn:x' },
      'assertion: unsupported',
    ],
    [
      'a SAML assertion',
      { id: 'signer', assertion: 'PHNhbWw', assertionType: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
      'assertion: unsupported',
    ],
    ['nothing at all', {}, 'nobody'],
  ])('%s', async (_what, credential: Credential, expected) => {
    expect(await verdictOf(world, credential)).toBe(expected);
  });
});

describe('a SPIFFE workload without registration', () => {
  it('MT-01, SC-03 is itself for client_credentials, by its own id and certificate', async () => {
    const certificates = svidOf(WORKLOAD);
    expect(await verdictOfItself(world, { id: WORKLOAD, certificates })).toBe('spiffe_x509');
    expect(await verdictOfItself(world, { certificates })).toBe('certificate: client_id_missing');
    expect(await verdictOfItself(world, { id: WORKLOAD })).toBe('none: credential_missing');
    expect(await verdictOfItself(world, { id: GATEWAY, certificates })).toBe('certificate: client_id_differs');
    expect(await verdictOfItself(world, { id: 'stranger', certificates })).toBe('none: unregistered');
    expect(await verdictOfItself(world, {})).toBe('none: client_id_missing');
  });

  it('SC-01 is itself by a JWT-SVID only together with client_id', async () => {
    const credential = { assertionType: JWT_SPIFFE, assertion: await world.jwtSvid(WORKLOAD) };
    expect(await verdictOfItself(world, { id: WORKLOAD, ...credential })).toBe('spiffe_jwt');
    expect(await verdictOfItself(world, credential)).toBe('assertion: client_id_missing');
    expect(await verdictOfItself(world, { id: GATEWAY, ...credential })).toBe('assertion: client_id_differs');
  });

  it('is nobody in a token exchange: there its SVID is the subject', async () => {
    expect(await verdictOf(world, { id: WORKLOAD, certificates: svidOf(WORKLOAD) })).toBe('nobody');
    const assertion = await world.jwtSvid(WORKLOAD);
    expect(await verdictOf(world, { id: WORKLOAD, assertionType: JWT_SPIFFE, assertion })).toBe(
      'assertion: unregistered',
    );
  });

  it('keeps its own name where it is registered under another: client_id says as whom it asks', async () => {
    const certificates = svidOf(GATEWAY);
    expect(await verdictOfItself(world, { id: GATEWAY, certificates })).toBe('spiffe_x509');
    const [registered, itself] = await Promise.all(
      ['gateway', GATEWAY].map((id) =>
        world.clients.authenticate({ ...NO_CLIENT, id, certificates }, 'client_credentials', NOW),
      ),
    );
    expect([registered?.ok && registered.value?.id, itself?.ok && itself.value?.id]).toEqual(['gateway', GATEWAY]);
  });
});
