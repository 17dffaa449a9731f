// SPIFFE-ID and JWT-SVID, rows SI and SJ, asked of a whole broker with three running trust domains. X.509 entries of their
// bundles are there and serve nobody here.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { KEYS_TRIED_MAX } from '../../src/core/limits-outside.ts';
import { refused } from '../support/attack.ts';
import { POLICIES } from '../support/broker.ts';
import { b64, createForge, type Json, setOf } from '../support/forge.ts';
import { defined, type Proving, startProving } from './proving.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;
const SVID = { use: 'jwt-svid' };

/** A bundle's keys: its own, and entries that must verify nothing. */
const OWN = createForge('ES256', 'own', SVID);
const LOGIN = createForge('ES256', 'ec');
const IDLE = {
  x509: createForge('ES256', 'x509', { use: 'x509-svid' }),
  wit: createForge('ES256', 'wit', { use: 'wit-svid' }),
  signing: createForge('ES256', 'signing', { use: 'sig' }),
  silent: createForge('ES256', 'silent'),
  nameless: createForge('ES384', 'nameless', { ...SVID, kid: undefined }),
} as const;
const OTHERS = Object.fromEntries(
  ['td-a.example', 'td-b.example'].map((domain) => [domain, createForge('ES256', 'shared', SVID)]),
);

/** One key more than are tried for a token without `kid`. */
const CROWD = Array.from({ length: KEYS_TRIED_MAX + 1 }, (_, index) => createForge('ES256', `crowd-${index}`, SVID));

const RULES = `
rules:
  - { name: vectors, subject: { trust: vectors, sub: "spiffe://trustdomain/path/**" }, allow: { ledger: all } }
  - { name: a, subject: { trust: td-a, sub: spiffe://td-a.example/w }, allow: { ledger: all } }
  - { name: b, subject: { trust: td-b, sub: spiffe://td-b.example/w }, allow: { ledger: all } }
`;

let proving: Proving;
let closed: readonly PlatformKey[];
beforeAll(async () => {
  closed = await Promise.all(ALGORITHMS.map((alg) => createPlatformKey(alg, 'jwt-svid')));
  proving = await startProving(
    [
      'vectors: { kind: spiffe, trustDomain: trustdomain, bundle: { file: ./vectors.json } }',
      'td-a: { kind: spiffe, trustDomain: td-a.example, bundle: { file: ./td-a.json } }',
      'td-b: { kind: spiffe, trustDomain: td-b.example, bundle: { file: ./td-b.json } }',
      'crowd: { kind: spiffe, trustDomain: crowd.example, bundle: { file: ./crowd.json } }',
      'closed: { kind: spiffe, trustDomain: closed.example, bundle: { file: ./closed.json } }',
    ],
    {
      files: {
        'mesh.json': JSON.stringify({
          keys: [...Object.values(IDLE), OWN].map(({ jwk }) => jwk),
          spiffe_sequence: 7,
          spiffe_refresh_hint: 300,
        }),
        'vectors.json': setOf(OWN.jwk),
        'td-a.json': setOf(OTHERS['td-a.example']?.jwk ?? {}),
        'td-b.json': setOf(OTHERS['td-b.example']?.jwk ?? {}),
        'crowd.json': setOf(...CROWD.map(({ jwk }) => jwk)),
        'closed.json': setOf(...closed.map(({ jwk }) => jwk as Json)),
        'login.json': setOf(LOGIN.jwk),
      },
      policies: { ...POLICIES, 'spiffe.yaml': RULES },
    },
  );
});
afterAll(() => proving.stop());

const ID = 'spiffe://prod.example/ns/payments/sa/api';
const claims = (sub: unknown, more: Json = {}): Json =>
  defined({ sub, ...proving.times(), aud: [proving.broker.issuer], ...more });
const svid = (sub: unknown, more: Json = {}, header: Json = {}): string => OWN.token(claims(sub, more), header);
const prove = (token: string) => proving.prove(token);

interface Vectors {
  readonly ids: Readonly<Record<string, readonly [string | null, string | null]>>;
  readonly notIds: readonly string[];
}
const VECTORS: Vectors = JSON.parse(readFileSync(new URL('../vectors/spiffe-id.json', import.meta.url), 'utf8'));

describe('SPIFFE IDs as the sub of a token', () => {
  it.each([
    ['SI-01', 'spiffe:///x'],
    ['SI-01', 'spiffe://prod.example/x?y'],
    ['SI-01', 'spiffe://prod.example/x#'],
    ['SI-02', 'spiffe://u@prod.example/x'],
    ['SI-02', 'spiffe://prod.example:443/x'],
    ['SI-02', 'spiffe://Prod.example/x'],
    ['SI-02', 'spiffe://pro%64.example/x'],
    ['SI-02', 'spiffe://[::1]/x'],
    ['SI-02', 'spiffe://prod\u00e9.example/x'],
    ...['//b', '/', '/./b', '/../b', '/%2Fb', '/a b', '/a+b', '/a~b', '/a@b', '/a:b'].map((path) => [
      'SI-03',
      `spiffe://prod.example/a${path}`,
    ]),
    ['SI-05', 'spiffe://PROD.EXAMPLE/ns/payments/sa/api'],
  ])('%s refuses %s', async (_id, sub) => expect(await prove(svid(sub))).toBe(refused('claim_invalid')));

  it('SI-01 to SI-03 refuse every text of the libraries that is no ID, and SI-05 those in upper case', async () => {
    const texts = VECTORS.notIds.filter((text) => Buffer.byteLength(text) <= 4_096);
    expect(texts.length).toBeGreaterThan(400);
    // A token without `iss` belongs to nobody unless its `sub` names a trust domain.
    const routed = texts.filter((text) => text.startsWith('spiffe://')).length;
    expect(await proving.tally(texts.map((text) => svid(text)))).toEqual({
      claim_invalid: routed,
      claim_missing: texts.length - routed,
    });
  }, 30_000);

  it.each([
    'SPIFFE://prod.example/ns/payments/sa/api',
    'Spiffe://prod.example/x',
    'spiffe:/prod.example/x',
    'wimse://a/b',
  ])('SI-01, SI-05 an issuer cannot speak of %s', async (sub) => {
    const iss = 'https://login.example';
    expect(await prove(LOGIN.token(claims(sub, { iss })))).toBe(refused('subject_reserved'));
    expect(await prove(LOGIN.token(claims('worker-1', { iss })))).toBe('login:worker-1'); // the control
  });

  it('SI-06 prove every ID of the libraries under its own bytes, or know that its trust domain is not ours', async () => {
    const ids = Object.keys(VECTORS.ids);
    expect(ids.length).toBeGreaterThan(100);
    const verdicts: Record<string, number> = {};
    for (const id of ids) {
      const verdict = await prove(svid(id));
      const kind = verdict === id ? 'itself' : verdict;
      verdicts[kind] = (verdicts[kind] ?? 0) + 1;
      const ours = id.startsWith('spiffe://trustdomain/') && id.length <= 2_048;
      const rootOnly = id === 'spiffe://trustdomain';
      expect(verdict, id).toBe(ours ? id : refused(rootOnly ? 'claim_invalid' : 'issuer_unknown'));
    }
    expect(verdicts.itself).toBeGreaterThan(60);
  }, 30_000);

  it('SI-02 an address or a name of underscores is a trust domain like any other', async () => {
    for (const domain of ['1.2.3.4', 'a_b', 'a-b.c'])
      expect(await prove(svid(`spiffe://${domain}/x`))).toBe(refused('issuer_unknown'));
  });

  it('SI-03 takes a segment of three dots', async () => {
    expect(await prove(svid('spiffe://prod.example/...'))).toBe('spiffe://prod.example/...');
  });

  it('SI-04 takes 2048 bytes and refuses one more; a trust domain of 255 and refuses 256', async () => {
    const path = (bytes: number) => `spiffe://prod.example/${'a'.repeat(bytes - 'spiffe://prod.example/'.length)}`;
    expect(await prove(svid(path(2_048)))).toBe(path(2_048));
    expect(await prove(svid(path(2_049)))).toBe(refused('claim_invalid'));
    expect(await prove(svid(`spiffe://${'a'.repeat(255)}/x`))).toBe(refused('issuer_unknown'));
    expect(await prove(svid(`spiffe://${'a'.repeat(256)}/x`))).toBe(refused('claim_invalid'));
  });

  it('SI-05 two paths that differ in case are two workloads', async () => {
    expect(await proving.ask(svid(ID))).toBe('granted');
    expect(await proving.ask(svid(ID.replace('/ns/payments', '/NS/payments')))).toMatch(/no_rule$/);
    expect(await prove(svid(ID.replace('api', 'API')))).toBe(ID.replace('api', 'API'));
  });
});

describe('JWT-SVIDs and their trust domains', () => {
  it('SI-07, SJ-06 an SVID is proved by the keys of its own trust domain, whatever kid and iss say', async () => {
    const domains = Object.keys(OTHERS);
    for (const signer of domains)
      for (const domain of domains)
        for (const iss of [undefined, `spiffe://${signer}`, `spiffe://${domain}`, 'https://login.example'])
          for (const kid of ['shared', undefined]) {
            // Both bundles know the `kid`, so a key is found each time: only the right domain's verifies.
            const token = OTHERS[signer]?.token(claims(`spiffe://${domain}/w`, { iss }), { kid }) ?? '';
            const expected = signer === domain ? 'granted' : refused('signature_invalid');
            expect(await proving.ask(token), `${signer} signs ${domain}, iss ${iss}, kid ${kid}`).toBe(expected);
          }
  });

  it('SJ-06 refuses an ID of no configured trust domain, also below or above one', async () => {
    for (const domain of ['example', 'sub.prod.example', 'prod.example.', 'prod.example.evil.example', 'other.example'])
      expect(await prove(svid(`spiffe://${domain}/w`)), domain).toBe(refused('issuer_unknown'));
  });

  it('SJ-06 an issuer whose keys are trusted cannot prove an ID, and a trust domain cannot prove its subjects', async () => {
    const iss = 'https://login.example';
    expect(await prove(LOGIN.token(claims(ID, { iss })))).toBe(refused('key_unknown'));
    expect(await prove(LOGIN.token(claims(ID, { iss }), { kid: 'own' }))).toBe(refused('signature_invalid'));
    expect(await prove(svid('worker-1', { iss: 'spiffe://prod.example' }))).toBe(refused('issuer_unknown'));
    expect(await prove(svid('worker-1', { iss }))).toBe(refused('key_unknown'));
  });
});

describe('the form of JWT-SVIDs', () => {
  it('SJ-01 is compact only: no JSON serialisation, no JWE', async () => {
    const token = svid(ID);
    const [protectedHeader, payload, signature] = token.split('.');
    for (const other of [
      JSON.stringify({ payload, protected: protectedHeader, signature }),
      JSON.stringify({ payload, signatures: [{ protected: protectedHeader, signature }] }),
      `${b64({ alg: 'dir', enc: 'A128GCM' })}..${token}`,
    ])
      expect(await prove(other)).toBe(refused('credential_malformed'));
    expect(await prove(token)).toBe(ID);
  });

  it.each<Json>([
    { jku: 'https://prod.example/keys' },
    { x5c: ['MIIB'] },
    { x5t: 'AAAA' },
    { 'x5t#S256': 'AAAA' },
    { crit: ['exp'], exp: 1 },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { iss: 'spiffe://prod.example' },
    { other: 1 },
  ])('SJ-02 refuses the header member of %j', async (header) =>
    expect(await prove(svid(ID, {}, header))).toBe(refused('header_refused')),
  );

  it.each(ALGORITHMS)('SJ-03 takes %s', async (alg) => {
    const key = closed.find((one) => one.alg === alg);
    const id = `spiffe://closed.example/${alg}`;
    expect(await prove((await key?.sign({ ...claims(id) })) ?? '')).toBe(id);
  });

  it.each(['EdDSA', 'HS256', 'HS384', 'HS512', 'none', 'ES256K', 'PS1', 'rs256'])('SJ-03 refuses %s', async (alg) => {
    expect(await prove(svid(ID, {}, { alg }))).toBe(refused('algorithm_refused'));
  });

  it('SJ-04 takes an SVID without kid, tries the keys of its domain, and stops after eight', async () => {
    const nameless = { kid: undefined };
    expect(await prove(svid(ID, {}, nameless))).toBe(ID);
    const crowd = 'spiffe://crowd.example/w';
    const verdicts = await Promise.all(CROWD.map((key) => proving.broker.exchange(key.token(claims(crowd), nameless))));
    // What is proved is told which rule is missing; the ninth key is not even tried, but found by its name.
    const proved = verdicts.map(({ body }) => /^no rule/.test(String(body.error_description)));
    expect(proved).toEqual([...Array(KEYS_TRIED_MAX).fill(true), false]);
    expect(await prove(CROWD.at(-1)?.token(claims(crowd)) ?? '')).toBe(crowd);
    expect(await prove(IDLE.x509.token(claims(crowd), nameless))).toBe(refused('signature_invalid'));
  });

  it.each([undefined, 'JWT', 'JOSE'])('SJ-05 takes typ %s', async (typ) => {
    expect(await prove(svid(ID, {}, { typ }))).toBe(ID);
  });

  it.each(['at+jwt', 'wit+jwt', 'dpop+jwt', 'jwt', 'jose', 'application/jwt', ''])(
    'SJ-05 refuses typ %j',
    async (typ) => {
      expect(await prove(svid(ID, {}, { typ }))).toBe(refused('typ_refused'));
    },
  );

  it('SJ-07 needs our audience, as its only value', async () => {
    const { issuer } = proving.broker;
    expect(await prove(svid(ID, { aud: undefined }))).toBe(refused('claim_missing'));
    for (const aud of [[], '', ['https://other.example'], [issuer, 'https://other.example'], `${issuer}/`])
      expect(await prove(svid(ID, { aud })), String(aud)).toBe(refused('audience_mismatch'));
    for (const aud of [issuer, [issuer]]) expect(await prove(svid(ID, { aud }))).toBe(ID);
  });

  it('SJ-08 needs an exp that is not past', async () => {
    const now = proving.broker.now();
    expect(await prove(svid(ID, { exp: undefined }))).toBe(refused('claim_missing'));
    expect(await prove(svid(ID, { exp: now - 40, iat: undefined }))).toBe(refused('expired'));
    expect(await prove(svid(ID, { iat: undefined }))).toBe(ID);
  });

  it('SJ-09 needs no jti, and one that is there is not spent', async () => {
    for (const jti of [undefined, 'one']) {
      const token = svid(ID, { jti });
      expect([await proving.ask(token), await proving.ask(token)]).toEqual(['granted', 'granted']);
    }
  });

  it.each([
    ['an X.509 authority', IDLE.x509, {}],
    ['a WIT-SVID authority', IDLE.wit, {}],
    ['a key of use sig', IDLE.signing, {}],
    ['a key without use', IDLE.silent, {}],
    ['a key without kid', IDLE.nameless, {}],
    ['a key without kid, asked for without one', IDLE.nameless, { kid: undefined }],
  ] as const)('SJ-10 %s of the bundle verifies nothing', async (_title, forge, header) => {
    expect(await prove(forge.token(claims(ID), header))).toBe(refused('key_unknown'));
  });

  it('SJ-10 nor does one sign under the kid of another', async () => {
    expect(await prove(IDLE.x509.token(claims(ID), { kid: 'own' }))).toBe(refused('signature_invalid'));
  });

  it.each(['spiffe://prod.example', 'spiffe://prod.example/'])(
    'SJ-11 refuses %s: a workload has a path',
    async (sub) => {
      expect(await prove(svid(sub))).toBe(refused('claim_invalid'));
    },
  );
});
