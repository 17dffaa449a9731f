// Attacks on JWT-SVIDs against a broker that knows two trust domains, sent over TLS. The form of SPIFFE IDs
// is proved by test/parsing/spiffe-id.test.ts.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refused } from '../support/attack.ts';
import { createForge, type Json, setOf } from '../support/forge.ts';
import { type Arena, startArena } from './arena.ts';

const other = createForge('ES256', 'other', { use: 'jwt-svid' });
const certificates = createForge('ES256', 'certificates', { use: 'x509-svid' });
const useless = createForge('ES256', 'useless');
/** The kid of the first domain's key, on another key. */
const namesake = createForge('ES256', 'mesh', { use: 'jwt-svid' });

const RULES = `
rules:
  - name: other-ledger
    subject: { trust: other, sub: spiffe://other.example/ns/payments/sa/api }
    allow: { ledger: all }
`;

let arena: Arena;
beforeAll(async () => {
  arena = await startArena([], {
    config: (yaml) =>
      yaml.replace(
        'targets:\n',
        '  other: { kind: spiffe, trustDomain: other.example, bundle: { file: ./other.json } }\ntargets:\n',
      ),
    policies: { 'other.yaml': RULES },
    files: { 'other.json': setOf(other.jwk, namesake.jwk, certificates.jwk, useless.jwk) },
  });
});
afterAll(() => arena.stop());

const OTHER_ID = 'spiffe://other.example/ns/payments/sa/api';
const svid = (id: string, more: Json = {}) => arena.svid({ sub: id, ...more });
const MESH_ID = 'spiffe://prod.example/ns/payments/sa/api';

describe('the controls', () => {
  it('A-104 SVIDs of both trust domains are granted, although their keys say jwt-svid', async () => {
    expect(await arena.exchange(arena.mesh.token(svid(MESH_ID)))).toBe('200');
    expect(await arena.exchange(other.token(svid(OTHER_ID)))).toBe('200');
  });

  it('A-103 an SVID without kid is verified by the keys of its domain', async () => {
    expect(await arena.exchange(arena.mesh.token(svid(MESH_ID), { kid: undefined }))).toBe('200');
    expect(await arena.exchange(other.token(svid(MESH_ID), { kid: undefined }))).toBe(refused('signature_invalid'));
  });
});

describe('attacks on trust domains', () => {
  it.each<readonly [string, () => string, string]>([
    ["A-99 a key of the other domain, under that domain's kid", () => other.token(svid(MESH_ID)), 'key_unknown'],
    [
      'A-99 a key of the other domain, under our kid',
      () => other.token(svid(MESH_ID), { kid: 'mesh' }),
      'signature_invalid',
    ],
    ['A-99 a domain that nobody configured', () => other.token(svid('spiffe://third.example/a')), 'issuer_unknown'],
    ['A-99 a key that has our kid in the other domain', () => namesake.token(svid(MESH_ID)), 'signature_invalid'],
    [
      'A-100 iss of the domain that signed',
      () => other.token(svid(MESH_ID, { iss: 'spiffe://other.example' })),
      'key_unknown',
    ],
    [
      'A-100 iss of a plain issuer that signed',
      () => arena.ec.token(svid(MESH_ID, { iss: 'https://login.example' })),
      'key_unknown',
    ],
    [
      'A-100 iss of a plain issuer, no SPIFFE ID',
      () => arena.mesh.token(svid('worker-1', { iss: 'https://login.example' })),
      'key_unknown',
    ],
    ['A-102 a key for certificates of the same bundle', () => certificates.token(svid(OTHER_ID)), 'key_unknown'],
    ['A-102 a key of no stated use', () => useless.token(svid(OTHER_ID)), 'key_unknown'],
    ['A-102 a WIT-SVID', () => other.token(svid(OTHER_ID), { typ: 'wit+jwt' }), 'typ_refused'],
    ['A-102 an access token', () => other.token(svid(OTHER_ID), { typ: 'at+jwt' }), 'typ_refused'],
    ['A-85 a port', () => other.token(svid('spiffe://other.example:443/ns/payments/sa/api')), 'claim_invalid'],
    ['A-85 dot segments', () => other.token(svid('spiffe://other.example/ns/x/../payments/sa/api')), 'claim_invalid'],
    [
      'A-86 a trust domain in another case',
      () => other.token(svid('spiffe://OTHER.example/ns/payments/sa/api')),
      'claim_invalid',
    ],
    ['A-86 a path in another case', () => other.token(svid('spiffe://other.example/ns/payments/sa/API')), 'no_rule'],
    ['A-88 a trust domain alone', () => other.token(svid('spiffe://other.example')), 'claim_invalid'],
    ['A-85 an encoded letter', () => other.token(svid('spiffe://other.example/ns/payments/sa/%61pi')), 'claim_invalid'],
    ['A-42 another audience', () => other.token(svid(OTHER_ID, { aud: ['https://x.example'] })), 'audience_mismatch'],
    [
      'A-43 a second audience',
      () => other.token(svid(OTHER_ID, { aud: [arena.broker.issuer, 'x'] })),
      'audience_mismatch',
    ],
  ])('%s', async (_title, token, reason) => {
    expect(await arena.exchange(token())).toBe(refused(reason));
  });

  it.each(['access_token', 'id_token', 'saml2', 'x509-svid'])(
    'A-101 the caller chooses no other profile: %s',
    async (type) => {
      const subject_token_type = `urn:ietf:params:oauth:token-type:${type}`;
      const reason = type.endsWith('_token') ? 'token_type_refused' : 'token_type_unsupported';
      expect(await arena.exchange(other.token(svid(OTHER_ID)), { subject_token_type })).toBe(refused(reason));
      expect(await arena.exchange(other.token(svid(OTHER_ID)))).toBe('200');
    },
  );
});
