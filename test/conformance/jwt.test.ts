// RFC 8725, rows JB, asked of a whole broker: each token differs in one thing from one that is granted. The signature layer, by
// the vectors of Wycheproof, is in jwt-signatures.test.ts; which kind of token each source takes, in token-kinds.test.ts.

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refused } from '../support/attack.ts';
import { b64, createForge, type Forge, type Json, setOf } from '../support/forge.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';
import { defined, type Proving, startProving } from './proving.ts';

const LOGIN = 'https://login.example';
const SECOND = 'https://second.example';

/** `login` publishes all of these but `foreign`; `second` publishes `foreign` alone, under the `kid` of `ec`. */
const KEYS = {
  ec: createForge('ES256', 'ec'),
  rsa: createForge('RS256', 'rsa'),
  stated: createForge('RS256', 'stated', { alg: 'RS256' }),
  forPs: createForge('RS256', 'for-ps', { alg: 'PS256' }),
  short: createForge('RS256short', 'short'),
  foreign: createForge('ES256', 'ec'),
} as const;

let proving: Proving;
beforeAll(async () => {
  const { foreign, ...own } = KEYS;
  proving = await startProving(
    [
      `second: { kind: oidc, issuer: ${SECOND}, subjects: workloads, presenter: self, tokens: [jwt], jwks: { file: ./second.json } }`,
      'aged: { kind: oidc, issuer: "https://aged.example", subjects: workloads, presenter: self, tokens: [jwt], maxAge: 2m, jwks: { file: ./login.json } }',
      'many: { kind: oidc, issuer: "https://many.example", subjects: workloads, presenter: self, tokens: [jwt], otherAudiences: allow, jwks: { file: ./login.json } }',
    ],
    {
      files: {
        'login.json': setOf(...Object.values(own).map(({ jwk }) => jwk)),
        'second.json': setOf(foreign.jwk),
      },
      // Only the refusal of the header keeps the broker from a server on loopback.
      world: { permitLoopback: true },
    },
  );
});
afterAll(() => proving.stop());

const claims = (more: Json = {}): Json => defined({ iss: LOGIN, sub: 'worker-1', ...proving.times(), ...more });
const headed = (header: Json, forge: Forge = KEYS.ec): string => forge.token(claims(), header);
const ask = (token: string) => proving.ask(token);

describe('algorithms and keys', () => {
  it.each([
    ['ES256', KEYS.ec],
    ['RS256', KEYS.rsa],
    ['RS256 by a key that states it', KEYS.stated],
  ] as const)('JB-01 takes %s (the control of what follows)', async (_title, forge) => {
    expect(await ask(forge.token(claims()))).toBe('granted');
  });

  it.each([
    'none',
    'None',
    'nOnE',
    'NONE',
    'HS256',
    'HS512',
    'EdDSA',
    'ES256K',
    'es256',
    'RSA-OAEP',
    'PBES2-HS256+A128KW',
  ])('JB-01 refuses the algorithm %s by name, case-sensitively', async (alg) =>
    expect(await ask(headed({ alg }))).toBe(refused('algorithm_refused')),
  );

  it.each(['RS256', 'PS256', 'ES384', 'ES512'])(
    'JB-01 an ES256 key is no key for %s, although the source takes that algorithm',
    async (alg) => expect(await ask(headed({ alg }))).toBe(refused('key_unknown')),
  );

  it('JB-01 refuses an HMAC under the public key, in each form in which it is known', async () => {
    const { jwk, publicKey } = KEYS.rsa;
    for (const secret of [JSON.stringify(jwk), publicKey.export({ type: 'spki', format: 'pem' }), String(jwk.n), '']) {
      const mac = (input: string) => createHmac('sha256', secret).update(input).digest();
      expect(await ask(KEYS.rsa.token(claims(), { alg: 'HS256' }, mac))).toBe(refused('algorithm_refused'));
    }
  });

  it('JB-02 refuses RSA of 1024 bits, although its issuer publishes the key', async () => {
    expect(await ask(KEYS.short.token(claims()))).toBe(refused('key_unknown'));
  });

  it.each([
    ['RS256 by a key for PS256', KEYS.forPs, 'RS256'],
    ['PS256 by a key for RS256', KEYS.stated, 'PS256'],
    ['PS256 by a key that states nothing', KEYS.rsa, 'PS256'],
  ] as const)('JB-02 never mixes paddings: %s', async (_title, forge, alg) => {
    expect(await ask(forge.token(claims(), { alg }))).toBe(refused('key_unknown'));
  });

  it('JB-04 refuses a token of one issuer signed by another, under the own kid of either and under a shared one', async () => {
    expect(await ask(KEYS.foreign.token(claims({ iss: SECOND })))).toMatch(/no_rule$/); // the control: proved
    expect(await ask(KEYS.foreign.token(claims()))).toBe(refused('signature_invalid'));
    expect(await ask(KEYS.ec.token(claims({ iss: SECOND })))).toBe(refused('signature_invalid'));
    expect(await ask(KEYS.rsa.token(claims({ iss: SECOND })))).toBe(refused('key_unknown'));
    expect(await ask(KEYS.foreign.token(claims(), { kid: undefined }))).toBe(refused('signature_invalid'));
  });
});

describe('the audience', () => {
  it.each([
    ['of another party of the same issuer', { aud: 'https://other.example' }, 'audience_mismatch'],
    ['that is absent', { aud: undefined }, 'claim_missing'],
    ['that is null', { aud: null }, 'claim_invalid'],
    ['that is an object', { aud: {} }, 'claim_invalid'],
    ['that is empty', { aud: [] }, 'audience_mismatch'],
  ])('JB-05 refuses an audience %s', async (_title, more, reason) => {
    expect(await ask(KEYS.ec.token(claims(more)))).toBe(refused(reason));
  });

  it('JB-05 refuses ours beside another, unless the source allows others; ours must still be there', async () => {
    const both = { aud: ['https://other.example', proving.broker.issuer] };
    expect(await ask(KEYS.ec.token(claims(both)))).toBe(refused('audience_mismatch'));
    const many = { iss: 'https://many.example' };
    expect(await ask(KEYS.ec.token(claims({ ...both, ...many })))).toMatch(/no_rule$/);
    expect(await ask(KEYS.ec.token(claims({ ...many, aud: ['https://other.example'] })))).toBe(
      refused('audience_mismatch'),
    );
  });
});

describe('the header', () => {
  let elsewhere: TlsServer;
  beforeAll(async () => {
    elsewhere = await openTlsServer((_request, response) => response.end(setOf(KEYS.foreign.jwk)));
  });
  afterAll(() => elsewhere[Symbol.asyncDispose]());

  it.each([
    '../../etc/passwd',
    '/dev/null',
    '__proto__',
    'constructor',
    "x' OR '1'='1",
    'https://localhost/keys',
    '$(id)',
    'EC',
    ' ec',
    'ES256 ec',
  ])('JB-06 the kid %j is a name that nobody has', async (kid) =>
    expect(await ask(headed({ kid }))).toBe(refused('key_unknown')),
  );

  it.each([0, null, ['ec'], { kid: 'ec' }, '', 'e\u0000c', 'x'.repeat(257)])('JB-06 the kid %j is none', async (kid) =>
    expect(await ask(headed({ kid }))).toBe(refused('credential_malformed')),
  );

  it('JB-06 refuses a key, or the address of one, in the header, and fetches nothing', async () => {
    for (const member of [
      { jwk: KEYS.foreign.jwk },
      { jku: elsewhere.url },
      { x5u: elsewhere.url },
      { x5c: ['MIIB'] },
    ]) {
      expect(await ask(headed(member, KEYS.foreign))).toBe(refused('header_refused'));
      expect(await ask(headed(member))).toBe(refused('header_refused')); // signed by the right key, too
    }
    expect(elsewhere.seen).toHaveLength(0);
  });

  it.each([
    ['an unknown critical member', { crit: ['x'], x: 1 }],
    ['an empty list of critical members', { crit: [] }],
    ['an unencoded payload', { crit: ['b64'], b64: false }],
    ['b64 that is not critical', { b64: false }],
  ])('JB-09 refuses %s', async (_title, header) => {
    expect(await ask(headed(header))).toBe(refused('header_refused'));
  });

  it('JB-09 refuses duplicate members in header and claims, also deeper and under escapes', async () => {
    const header = '{"alg":"ES256","kid":"ec","alg":"none"}';
    expect(await ask(KEYS.ec.token(claims(), header))).toBe(refused('credential_malformed'));
    const good = JSON.stringify(claims());
    for (const twice of ['"sub":"worker-2",', '"\\u0073ub":"worker-1",', '"deep":{"a":1,"a":2},'])
      expect(await ask(KEYS.ec.token(good.replace('{', `{${twice}`)))).toBe(refused('credential_malformed'));
    expect(await ask(KEYS.ec.token(good))).toBe('granted');
  });
});

describe('the form', () => {
  const changed: readonly (readonly [string, (token: string) => string])[] = [
    ['a space inside', (token) => token.replace('.', '. ')],
    ['a line break inside', (token) => `${token.slice(0, 50)}\n${token.slice(50)}`],
    ['a line break behind', (token) => `${token}\r\n`],
    ['padding', (token) => `${token}==`],
    ['the other base64 alphabet', (token) => `${token.slice(0, -2)}+/`],
    ['an escaped dot', (token) => token.replace('.', '%2E')],
    ['no signature', (token) => token.slice(0, token.lastIndexOf('.') + 1)],
    ['two parts', (token) => token.slice(0, token.lastIndexOf('.'))],
    ['four parts', (token) => `${token}.AAAA`],
    ['a JWE', (token) => `${b64({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31 - 1 })}..${token}`],
    ['the flattened serialisation', (token) => serialised(token, (one) => one)],
    [
      'the general serialisation',
      (token) => serialised(token, ({ payload, ...one }) => ({ payload, signatures: [one] })),
    ],
    ['a JWE with its count in a header of three parts', (token) => token.replace(/\.[^.]*$/, '....')],
  ];

  it.each(changed)('JB-08 refuses %s', async (title, change) => {
    const token = KEYS.ec.token(claims());
    // White space is no character of the parameter, so that is said before anything is taken for a token.
    const reason = /space|line break/.test(title) ? 'parameter_malformed' : 'credential_malformed';
    expect(await ask(change(token))).toBe(refused(reason));
    expect(await ask(token)).toBe('granted');
  });

  it('JB-08 spends nothing on what a token asks for: counts and compressed texts are never obeyed', async () => {
    const bomb = { zip: 'DEF', p2c: 2 ** 31 - 1 };
    const before = process.cpuUsage();
    for (let time = 0; time < 20; time += 1) {
      expect(await ask(headed(bomb))).toBe(refused('header_refused'));
      expect(await ask(headed({ ...bomb, zip: undefined, alg: 'PBES2-HS256+A128KW' }))).toBe(
        refused('algorithm_refused'),
      );
    }
    const { user, system } = process.cpuUsage(before);
    // Two thousand million rounds take minutes; forty refusals in one process with their client take far under ten seconds.
    expect(user + system).toBeLessThan(10_000_000);
  });
});

function serialised(token: string, shape: (parts: Json) => Json): string {
  const [protectedHeader, payload, signature] = token.split('.');
  return JSON.stringify(shape({ protected: protectedHeader, payload, signature }));
}

describe('dates', () => {
  const at = (seconds: number) => proving.broker.now() + seconds;

  it.each<[string, () => Json, string]>([
    ['exp as a text', () => ({ exp: String(at(300)) }), 'claim_invalid'],
    ['exp of null', () => ({ exp: null }), 'claim_invalid'],
    ['exp of true', () => ({ exp: true }), 'claim_invalid'],
    ['exp as a list', () => ({ exp: [at(300)] }), 'claim_invalid'],
    ['nbf as a text', () => ({ nbf: '0' }), 'claim_invalid'],
    ['iat of null', () => ({ iat: null }), 'claim_invalid'],
    ['a negative exp', () => ({ exp: -1 }), 'claim_invalid'],
    ['exp of zero', () => ({ exp: 0 }), 'expired'],
    ['exp beyond the year 9999', () => ({ exp: 253_402_300_800 }), 'claim_invalid'],
    ['exp beyond 2^53', () => ({ exp: 2 ** 60 }), 'credential_malformed'],
    ['no exp', () => ({ exp: undefined }), 'claim_missing'],
    ['exp past the leeway', () => ({ exp: at(-31), iat: at(-300) }), 'expired'],
    ['nbf past the leeway', () => ({ nbf: at(120) }), 'not_yet_valid'],
    ['iat past the leeway', () => ({ iat: at(120) }), 'not_yet_valid'],
    ['ten years', () => ({ exp: at(315_360_000) }), 'lifetime_too_long'],
    ['ten years without iat', () => ({ exp: at(315_360_000), iat: undefined }), 'lifetime_too_long'],
    ['an iat of 1970', () => ({ iat: 0 }), 'lifetime_too_long'],
  ])('JB-10 refuses %s', async (_title, more, reason) => {
    expect(await ask(KEYS.ec.token(claims(more())))).toBe(refused(reason));
  });

  it.each(['1e999', '-1e999', 'NaN', 'Infinity', '0x7fffffff', '1790000000.'])(
    'JB-10 refuses exp of %s before it is a number',
    async (literal) => {
      const text = JSON.stringify(claims()).replace(/"exp":\d+/, `"exp":${literal}`);
      expect(await ask(KEYS.ec.token(text))).toBe(refused('credential_malformed'));
    },
  );

  it('JB-10 takes fractions of a second, and what is issued still ends in whole seconds before them', async () => {
    const answer = await proving.broker.exchange(KEYS.ec.token(claims({ exp: at(100) + 0.75, iat: at(0) - 0.25 })));
    expect(answer.status, answer.text).toBe(200);
    expect(Number.isInteger(answer.body.expires_in)).toBe(true);
    // The same second or, on a slow machine, some later; never the hundred and first.
    expect(answer.body.expires_in).toBeLessThanOrEqual(100);
    expect(answer.body.expires_in).toBeGreaterThan(50);
  });

  it('JB-10 refuses a token older than its source allows, or of an age that it does not say', async () => {
    const aged = (more: Json) => ask(KEYS.ec.token(claims({ iss: 'https://aged.example', ...more })));
    expect(await aged({ iat: at(-60) })).toMatch(/no_rule$/);
    expect(await aged({ iat: at(-160) })).toBe(refused('too_old'));
    expect(await aged({ iat: undefined })).toBe(refused('claim_missing'));
  });
});
