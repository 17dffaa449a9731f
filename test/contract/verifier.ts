// The contract that every kind of JWT source meets: the same hostile list, each attack beside the token that only lacks it.

import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Claims, createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { ACCESS_TOKEN_TYPE } from '../../src/core/request.ts';
import { parseJws } from '../../src/parsing/jws.ts';
import { AUDIENCE, NOW, type SOURCES, type SourceUnderTest, verdict } from '../support/sources.ts';

type Change = (claims: Claims) => Claims;
type HostileClaims = readonly [title: string, change: Change, reason: string];

const without =
  (name: string): Change =>
  ({ [name]: _gone, ...rest }) =>
    rest;
const having =
  (more: Claims): Change =>
  (claims) => ({ ...claims, ...more });

const HOSTILE_CLAIMS: readonly HostileClaims[] = [
  ['A-47 a token without exp', without('exp'), 'claim_missing'],
  ['A-48 an exp that is a text (JB-10)', having({ exp: String(NOW + 300) }), 'claim_invalid'],
  ['A-48 a negative exp', having({ exp: -1 }), 'claim_invalid'],
  ['A-48 an exp beyond the year 9999', having({ exp: 1e15 }), 'claim_invalid'],
  ['A-48 an exp of null', having({ exp: null }), 'claim_invalid'],
  ['A-49 a token that expired more than the leeway ago', having({ exp: NOW - 30, iat: NOW - 300 }), 'expired'],
  ['A-49 a token that is not valid yet', having({ nbf: NOW + 31 }), 'not_yet_valid'],
  ['A-49 a token issued in the future', having({ iat: NOW + 31, exp: NOW + 300 }), 'not_yet_valid'],
  ['A-50 a lifetime of ten years', having({ exp: NOW + 315_360_000 }), 'lifetime_too_long'],
  ['A-42 a token without aud', without('aud'), 'claim_missing'],
  ['A-42 an empty aud array', having({ aud: [] }), 'audience_mismatch'],
  ['A-42 an empty aud', having({ aud: '' }), 'audience_mismatch'],
  ['A-42 another aud', having({ aud: 'https://other.example' }), 'audience_mismatch'],
  ['A-42 an aud that begins like ours', having({ aud: `${AUDIENCE}2` }), 'audience_mismatch'],
  ['A-42 our aud with a trailing slash', having({ aud: `${AUDIENCE}/` }), 'audience_mismatch'],
  ['A-42 our aud in upper case', having({ aud: AUDIENCE.toUpperCase() }), 'audience_mismatch'],
  ['A-42 two values joined by a space', having({ aud: `${AUDIENCE} https://other.example` }), 'audience_mismatch'],
  ['A-42 a nested aud array', having({ aud: [[AUDIENCE]] }), 'claim_invalid'],
  ['A-42 a numeric aud', having({ aud: 5 }), 'claim_invalid'],
  ['A-43 our aud beside another', having({ aud: [AUDIENCE, 'https://evil.example'] }), 'audience_mismatch'],
  ['A-43 our aud twice', having({ aud: [AUDIENCE, AUDIENCE] }), 'audience_mismatch'],
  ['A-56 a token without sub', without('sub'), 'claim_missing'],
  ['A-56 an empty sub', having({ sub: '' }), 'claim_invalid'],
  ['A-56 a numeric sub', having({ sub: 7 }), 'claim_invalid'],
  ['A-56 a sub array', having({ sub: ['a'] }), 'claim_invalid'],
  ['A-56 a sub with a line break', having({ sub: 'a\nb' }), 'claim_invalid'],
  ['A-56 a sub of 2,049 bytes', having({ sub: 'a'.repeat(2_049) }), 'claim_invalid'],
  ['A-53 a numeric jti', having({ jti: 5 }), 'claim_invalid'],
  ['A-53 an empty jti', having({ jti: '' }), 'claim_invalid'],
  [
    'A-53 a jti of a megabyte is too large before it is a jti',
    having({ jti: 'j'.repeat(1_000_000) }),
    'credential_malformed',
  ],
  ['A-53 a jti of 257 bytes', having({ jti: 'j'.repeat(257) }), 'claim_invalid'],
  ['A-62 a token bound to what is no thumbprint, cnf.jkt', having({ cnf: { jkt: 'x' } }), 'claim_invalid'],
  ['A-62 a token bound to what is no thumbprint, cnf.x5t#S256', having({ cnf: { 'x5t#S256': 'x' } }), 'claim_invalid'],
  [
    'A-62 a token bound to a certificate and to a key',
    having({ cnf: { 'x5t#S256': 'x'.repeat(43), jkt: 'x' } }),
    'claim_unsupported',
  ],
  ['TX-43 a token with an act that is no actor', having({ act: 'a' }), 'claim_unsupported'],
  ['A-21 a logout token that is typed as an ID token', having({ events: {} }), 'claim_unsupported'],
  ['TX-45 a token with a may_act that names nobody', having({ may_act: {} }), 'claim_unsupported'],
  ['A-30 a claim nested 100 levels deep', having({ deep: nested(100) }), 'credential_malformed'],
];

type HostileHeader = readonly [title: string, header: Record<string, unknown>, reason: string];
const HOSTILE_HEADERS: readonly HostileHeader[] = [
  ['A-19 a critical header', { crit: ['x'], x: 1 }, 'header_refused'],
  ['A-20 a compressed payload', { zip: 'DEF' }, 'header_refused'],
  ['A-33 a nested token', { cty: 'JWT' }, 'header_refused'],
  ['A-33 a header of an encryption', { enc: 'A256GCM' }, 'header_refused'],
  ['A-6 a jku', { jku: 'https://127.0.0.1:1/' }, 'header_refused'],
  ['A-6 an x5u', { x5u: 'https://127.0.0.1:1/' }, 'header_refused'],
  ['A-7 an x5c', { x5c: ['AAAA'] }, 'header_refused'],
  ['A-21 a DPoP proof', { typ: 'dpop+jwt' }, 'typ_refused'],
  ['A-21 a logout token', { typ: 'logout+jwt' }, 'typ_refused'],
  ['A-102 a WIT-SVID', { typ: 'wit+jwt' }, 'typ_refused'],
  ['A-21 a typ in another case', { typ: 'jwt' }, 'typ_refused'],
  ['A-21 an access token sent as a plain jwt', { typ: 'at+jwt' }, 'typ_refused'],
  ['A-8 an unknown kid', { kid: 'unknown' }, 'key_unknown'],
  ['A-8 a numeric kid', { kid: 5 }, 'credential_malformed'],
  ['A-8 a kid of a path', { kid: '../../etc/passwd' }, 'key_unknown'],
  ['A-8 a kid named __proto__', { kid: '__proto__' }, 'key_unknown'],
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** What is first of all that the source foresees of a token; undefined where it cannot be read. */
function foreseen({ verifier }: SourceUnderTest, text: string): string | undefined {
  const parsed = parseJws(text);
  if (!parsed.ok) return 'credential_malformed';
  return verifier.foresee?.(parsed.jws.claims, parsed.jws, NOW).refusals[0]?.reason ?? 'nothing';
}

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Runs the list against one kind of these. */
export function verifierContract(kind: string, kinds: typeof SOURCES): void {
  describe(`the ${kind} verifier`, () => {
    let source: SourceUnderTest;
    let other: PlatformKey;
    const sign = (claims: Claims, header?: Record<string, unknown>) => source.key.sign(claims, header);

    beforeAll(async () => {
      const make = kinds[kind];
      if (!make) throw new Error(`no source of kind ${kind}`);
      source = await make();
      other = await createPlatformKey(source.key.alg);
    });

    it('proves a good token (the positive control of everything below)', async () => {
      expect(await verdict(source, await sign(source.claims()))).toBe('proved');
    });

    it.each(HOSTILE_CLAIMS)('refuses %s', async (_title, change, reason) => {
      const claims = change(source.claims());
      const text = await sign(claims);
      const expected = reasonFor(kind, claims, reason);
      expect(await verdict(source, text)).toBe(expected);
      // Where the token reaches the source at all, what it foresees is what it says.
      if (expected === reason) expect(foreseen(source, text)).toBe(reason);
    });

    it.each(HOSTILE_HEADERS)('refuses %s', async (_title, header, reason) => {
      const claims = source.claims();
      const text =
        'crit' in header || 'zip' in header ? await withHeader(source.key, claims, header) : await sign(claims, header);
      expect(await verdict(source, text)).toBe(reason);
      expect(foreseen(source, text)).toBe(reason === 'key_unknown' ? 'nothing' : reason);
    });

    it('foresees nothing against a good token, names whom it is of as its proof does, and when it ends', async () => {
      const text = await sign(source.claims());
      const proved = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
      if (!proved.ok) throw new Error(proved.refusal.reason);
      const { proof, ...principal } = proved.value;
      const parsed = parseJws(text);
      if (!parsed.ok) throw new Error(parsed.problem);
      const { jws } = parsed;
      const seen = source.verifier.foresee?.(jws.claims, jws, NOW);
      expect(seen).toEqual({ principal, refusals: [], endsAtSeconds: proof.expiresAt, presenter: proof.presenter });
      expect(source.verifier.foresee?.(jws.claims, undefined, NOW)).toEqual(seen);
    });

    it('foresees all that is wrong in the order of the checks, and a principal in spite of it', async () => {
      const claims = {
        ...source.claims(),
        aud: 'https://other.example',
        iat: NOW - 900,
        nbf: NOW - 900,
        exp: NOW - 600,
      };
      const parsed = parseJws(await sign(claims, { typ: 'logout+jwt' }));
      const seen = parsed.ok ? source.verifier.foresee?.(parsed.jws.claims, parsed.jws, NOW) : undefined;
      expect(seen?.refusals.map(({ reason }) => reason)).toEqual(['typ_refused', 'audience_mismatch', 'expired']);
      expect(seen?.principal?.subject).toBe(source.claims().sub);
    });

    it('judges claims alone by time only as far as they have one', () => {
      const { exp: _exp, ...claims } = source.claims();
      const reasons = (more: Claims) =>
        source.verifier
          .foresee?.({ ...claims, ...more } as JsonObject, undefined, NOW)
          .refusals.map(({ reason }) => reason);
      expect(reasons({})).toEqual([]);
      expect(reasons({ exp: NOW - 600, iat: NOW - 900 })).toEqual(['expired']);
      expect(reasons({ sub: undefined })?.[0]).toBe('claim_missing');
    });

    it('A-5 refuses an embedded key, and the key is not used', async () => {
      expect(await verdict(source, await other.sign(source.claims(), { jwk: other.jwk, kid: source.key.kid }))).toBe(
        'header_refused',
      );
    });

    it('JB-04 refuses a token signed by another key under our kid', async () => {
      expect(await verdict(source, await other.sign(source.claims(), { kid: source.key.kid }))).toBe(
        'signature_invalid',
      );
    });

    it.each(['none', 'None', 'NONE', 'nOnE', 'HS256', 'EdDSA', 'ES256K', ''])(
      'A-1, A-4 refuses alg %j',
      async (alg) => {
        const text = `${b64({ alg, kid: source.key.kid })}.${b64(source.claims())}.c2ln`;
        expect(await verdict(source, text)).toBe(alg === '' ? 'credential_malformed' : 'algorithm_refused');
      },
    );

    it('A-1 refuses a token whose signature was stripped', async () => {
      const [header, payload] = (await sign(source.claims())).split('.');
      expect(await verdict(source, `${header}.${payload}.`)).toBe('credential_malformed');
    });

    it('A-2 refuses an HMAC made with the public key', async () => {
      const input = `${b64({ alg: 'HS256', kid: source.key.kid })}.${b64(source.claims())}`;
      const mac = createHmac('sha256', JSON.stringify(source.key.jwk)).update(input).digest('base64url');
      expect(await verdict(source, `${input}.${mac}`)).toBe('algorithm_refused');
    });

    it('A-32 refuses a token after one byte of its signature changed, also right after it was accepted', async () => {
      const text = await sign(source.claims());
      expect(await verdict(source, text)).toBe('proved');
      const at = text.lastIndexOf('.') + 1;
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(await verdict(source, changed)).toBe('signature_invalid');
    });

    it.each([
      ['A-25 a space inside', (text: string) => text.replace('.', ' .')],
      ['A-25 a line break at the end', (text: string) => `${text}\n`],
      ['A-25 padding', (text: string) => `${text}=`],
      ['A-24 a fourth part', (text: string) => `${text}.AAAA`],
      ['A-23 five parts', (text: string) => `${text}.AAAA.AAAA`],
      ['A-31 a JSON serialisation', (text: string) => JSON.stringify({ payload: text.split('.')[1], signatures: [] })],
      ['A-29 an empty text', () => ''],
    ])('refuses %s', async (_title, change) => {
      expect(await verdict(source, change(await sign(source.claims())))).toBe('credential_malformed');
    });

    it('A-28 refuses a duplicate claim and a duplicate header member', async () => {
      const claims = JSON.stringify(source.claims()).replace('{', '{"sub":"other",');
      const twice = `${b64({ alg: source.key.alg, kid: source.key.kid })}.${Buffer.from(claims).toString('base64url')}.c2ln`;
      expect(await verdict(source, twice)).toBe('credential_malformed');
      const header = Buffer.from(`{"alg":"${source.key.alg}","alg":"none"}`).toString('base64url');
      expect(await verdict(source, `${header}.${b64(source.claims())}.c2ln`)).toBe('credential_malformed');
    });

    it('A-22 refuses a token type that the source does not take', async () => {
      const text = await sign(source.claims(), { typ: 'at+jwt' });
      expect(await verdict(source, text, ACCESS_TOKEN_TYPE)).toBe('token_type_refused');
      expect(await verdict(source, await sign(source.claims()), ACCESS_TOKEN_TYPE)).toBe('token_type_refused');
      expect(await verdict(source, await sign(source.claims()))).toBe('proved');
    });

    it('A-49 the leeway is thirty seconds in both directions, to the second', async () => {
      const past = await sign({ ...source.claims(), iat: NOW - 200, nbf: NOW - 200, exp: NOW - 29 });
      expect(await verdict(source, past)).toBe('proved');
      const ahead = await sign({ ...source.claims(), iat: NOW + 30, nbf: NOW + 30, exp: NOW + 200 });
      expect(await verdict(source, ahead)).toBe('proved');
    });

    // Of an SVID `iss` decides nothing; trust domains have a test of their own.
    if (kind === 'spiffe') return;
    it('A-35 refuses issuers that only look like the configured one', async () => {
      const iss = String(source.claims().iss);
      for (const twin of [
        `${iss}/`,
        iss.toUpperCase(),
        `${iss}#`,
        `${iss}?`,
        iss.replace('https', 'http'),
        `${iss} `,
        iss.replace('example', 'examp1e'),
      ])
        if (twin !== iss)
          expect(await verdict(source, await sign({ ...source.claims(), iss: twin })), twin).toBe('issuer_unknown');
      expect(await verdict(source, await sign({ ...source.claims(), iss: [iss] }))).toBe('claim_invalid');
      expect(await verdict(source, await sign(without('iss')(source.claims())))).toBe('claim_missing');
    });
  });
}

/** For SPIFFE, `sub` routes: without a SPIFFE ID there, and without `iss`, the token belongs to no source. */
function reasonFor(kind: string, claims: Claims, reason: string): string {
  // Plain issuers delegate: theirs is judged, and that of a platform is nobody's word.
  if (kind === 'oidc' && ('act' in claims || 'may_act' in claims)) return 'claim_invalid';
  return kind === 'spiffe' && !String(claims.sub).startsWith('spiffe://') ? 'claim_missing' : reason;
}

/** Signs with header members that jose refuses to write. */
async function withHeader(key: PlatformKey, claims: Claims, header: Record<string, unknown>): Promise<string> {
  const [, payload, signature] = (await key.sign(claims)).split('.');
  return `${b64({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })}.${payload}.${signature}`;
}
