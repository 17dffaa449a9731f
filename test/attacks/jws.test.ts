// Attacks on signatures and JOSE headers, sent over TLS. Each differs in one thing from the control, which is
// granted by the same broker; depth is proved by the verifiers' contract and the readers' own tests.

import { constants, createHash, createHmac, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX, KID_BYTES_MAX } from '../../src/core/limits.ts';
import { openTrap, refused } from '../support/attack.ts';
import { b64, createForge, type Forge, type Json, rsaBlock, SHA256_INFO } from '../support/forge.ts';
import { type Arena, startArena } from './arena.ts';

const KEYS = {
  stranger: createForge('ES256', 'ec'),
  edwards: createForge('EdDSA', 'edwards'),
  koblitz: createForge('ES256K', 'koblitz'),
  short: createForge('RS256short', 'short'),
  pinned: createForge('RS256', 'pinned', { alg: 'RS256' }),
  pss: createForge('RS256', 'pss', { alg: 'PS256' }),
  forEncryption: createForge('ES256', 'for-encryption', { use: 'enc' }),
  forSigning: createForge('ES256', 'for-signing', { key_ops: ['sign'] }),
  certificates: createForge('ES256', 'certificates', { use: 'x509-svid' }),
  twice: createForge('ES256', 'twice'),
  twiceForged: createForge('ES256', 'twice'),
  offCurve: createForge('ES256', 'off-curve', { y: b64(Buffer.alloc(32, 7)) }),
  unit: createForge('RS256', 'unit', { e: 'AQ' }),
} as const;
const LEAKED = createForge('ES256', 'leaked');
const leaked = { ...LEAKED.privateKey.export({ format: 'jwk' }), kid: 'leaked' };
const symmetric = { kty: 'oct', kid: 'symmetric', k: b64('0123456789abcdef0123456789abcdef'), alg: 'HS256' };

let arena: Arena;
beforeAll(async () => {
  const { stranger: _unknown, ...published } = KEYS;
  arena = await startArena([...Object.values(published).map(({ jwk }) => jwk), leaked, symmetric]);
});
afterAll(() => arena.stop());

type Forged = readonly [title: string, token: () => string, reason: string];
const MALFORMED = 'credential_malformed';

/** An HMAC under a key that anybody can read. */
const hmac =
  (key: string | Buffer) =>
  (input: string): Uint8Array =>
    createHmac('sha256', key).update(input).digest();
const headed = (header: Json, signer: Forge = arena.ec) => signer.token(arena.claims(), header);
const signed = (signature: (input: string) => Uint8Array, signer: Forge = arena.ec) =>
  signer.token(arena.claims(), {}, signature);
const without = (token: string, from: RegExp, to = '') => token.replace(from, to);

describe('the controls', () => {
  it.each<[string, () => string]>([
    ['ES256', () => arena.ec.token(arena.claims())],
    ['RS256', () => arena.rsa.token(arena.claims())],
    ['ES384', () => arena.p384.token(arena.claims())],
    ['RS256 under a key that names it', () => KEYS.pinned.token(arena.claims())],
    ['a JWT-SVID', () => arena.mesh.token(arena.svid())],
    ['a token that is spent', () => arena.once.token(arena.onceClaims())],
    ['A-17 PS256 with a salt as long as its digest', () => pss(32)],
    ['A-9 no kid: the keys of the issuer are tried', () => headed({ kid: undefined })],
    ['A-5 headers without meaning', () => headed({ x5t: 'AAAA', foo: 1 })],
  ])('grant %s', async (_title, token) => {
    expect(await arena.exchange(token())).toBe('200');
  });
});

const ALGORITHMS: readonly Forged[] = [
  ['A-1 alg none without a signature', () => `${b64({ alg: 'none' })}.${b64(arena.claims())}.`, MALFORMED],
  ['A-1 alg none with a signature', () => headed({ alg: 'none' }), 'algorithm_refused'],
  ['A-1 alg nOnE', () => headed({ alg: 'nOnE' }), 'algorithm_refused'],
  ['A-1 an empty alg', () => headed({ alg: '' }), MALFORMED],
  ['A-1 no alg', () => headed({ alg: undefined }), MALFORMED],
  ['A-1 an array of algs', () => headed({ alg: ['none', 'ES256'] }), MALFORMED],
  ['A-1 a signature stripped off', () => without(headed({}), /[^.]+$/), MALFORMED],
  [
    'A-2 HMAC with the PEM',
    () => hs256(arena.rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    'algorithm_refused',
  ],
  [
    'A-2 HMAC with the DER',
    () => hs256(arena.rsa.publicKey.export({ type: 'spki', format: 'der' })),
    'algorithm_refused',
  ],
  ['A-2 HMAC with the JWK', () => hs256(JSON.stringify(arena.rsa.jwk)), 'algorithm_refused'],
  ['A-2 HMAC with the modulus', () => hs256(String(arena.rsa.jwk.n)), 'algorithm_refused'],
  ['A-2 HMAC with nothing', () => hs256(''), 'algorithm_refused'],
  [
    'A-2 HMAC that calls itself RS256',
    () => signed(hmac(JSON.stringify(arena.rsa.jwk)), arena.rsa),
    'signature_invalid',
  ],
  ['A-3 ES384 with a P-256 key', () => headed({ alg: 'ES384' }), 'key_unknown'],
  ['A-3 PS256 with a key for RS256', () => headed({ alg: 'PS256' }, KEYS.pinned), 'key_unknown'],
  ['A-3 RS256 with an EC key', () => headed({ alg: 'RS256' }), 'key_unknown'],
  ['A-4 EdDSA with a published key', () => KEYS.edwards.token(arena.claims()), 'algorithm_refused'],
  ['A-4 ES256K with a published key', () => KEYS.koblitz.token(arena.claims()), 'algorithm_refused'],
  [
    'A-12 HS256 with a published symmetric key',
    () => hs256('0123456789abcdef0123456789abcdef', 'symmetric'),
    'algorithm_refused',
  ],
];
const hs256 = (key: string | Buffer, kid = 'rsa') => arena.rsa.token(arena.claims(), { alg: 'HS256', kid }, hmac(key));

const KEY_CHOICE: readonly Forged[] = [
  ['A-5 an embedded jwk', () => headed({ jwk: KEYS.stranger.jwk }, KEYS.stranger), 'header_refused'],
  ['A-7 an x5c', () => headed({ x5c: ['MIIB'] }, KEYS.stranger), 'header_refused'],
  ['A-8 a numeric kid', () => headed({ kid: 5 }), MALFORMED],
  ['A-8 a kid that is an object', () => headed({ kid: { ec: 1 } }), MALFORMED],
  ['A-8 a kid that is an array', () => headed({ kid: ['ec'] }), MALFORMED],
  ['A-8 a null kid', () => headed({ kid: null }), MALFORMED],
  ['A-8 an empty kid', () => headed({ kid: '' }), MALFORMED],
  ['A-8 a kid of __proto__', () => headed({ kid: '__proto__' }), 'key_unknown'],
  ['A-8 a kid of constructor', () => headed({ kid: 'constructor' }), 'key_unknown'],
  ['A-8 a kid of a path', () => headed({ kid: '../../../../etc/passwd' }), 'key_unknown'],
  ['A-8 a kid of SQL', () => headed({ kid: "' OR 1=1; --" }), 'key_unknown'],
  ['A-8 a kid of 257 characters', () => headed({ kid: 'k'.repeat(KID_BYTES_MAX + 1) }), MALFORMED],
  ['A-8 a kid of 10 kB', () => headed({ kid: 'k'.repeat(10_000) }), MALFORMED],
  ['A-8 a kid with a line break', () => headed({ kid: 'ec\n{"outcome":"granted"}' }), MALFORMED],
  ['A-8 a kid in another script', () => headed({ kid: 'еc' }), MALFORMED],
  ['A-9 no kid, and a key of nobody', () => headed({ kid: undefined }, KEYS.stranger), 'signature_invalid'],
  ['A-10 a key of another issuer under a kid of both', () => headed({}, arena.once), 'signature_invalid'],
  ['A-11 a kid that two keys claim', () => headed({}, KEYS.twice), 'key_unknown'],
  ['A-11 a kid that two keys claim, the other', () => headed({}, KEYS.twiceForged), 'key_unknown'],
  ['A-12 a key whose private half is published', () => headed({}, LEAKED), 'key_unknown'],
  ['A-13 an RSA key of 1,024 bits', () => headed({}, KEYS.short), 'key_unknown'],
  ['A-13 an RSA key with exponent 1', () => signed(unitSignature, KEYS.unit), 'key_unknown'],
  ['A-14 a point off its curve', () => headed({}, KEYS.offCurve), 'key_unknown'],
  ['A-18 a key for encryption', () => headed({}, KEYS.forEncryption), 'key_unknown'],
  ['A-18 a key without verify in key_ops', () => headed({}, KEYS.forSigning), 'key_unknown'],
  ['A-18 a key for certificates', () => headed({}, KEYS.certificates), 'key_unknown'],
];
/** Under exponent 1 the signature is the padded digest itself. */
const unitSignature = (input: string): Uint8Array => {
  const digest = createHash('sha256').update(input).digest();
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(202, 0xff), Buffer.alloc(1), SHA256_INFO, digest]);
};

const P256_ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const zeros = Buffer.alloc(32);
const SIGNATURES: readonly Forged[] = [
  ['A-15 r and s of zero', () => signed(() => Buffer.concat([zeros, zeros])), 'signature_invalid'],
  ['A-15 r and s of the order', () => signed(() => Buffer.concat([P256_ORDER, P256_ORDER])), 'signature_invalid'],
  [
    'A-15 r of one, s of the order',
    () => signed(() => Buffer.concat([zeros.fill(1, 31), P256_ORDER])),
    'signature_invalid',
  ],
  ['A-15 a signature in DER', () => signed((input) => der(arena.ec.signature(input))), 'signature_invalid'],
  [
    'A-15 a byte too many',
    () => signed((input) => Buffer.concat([arena.ec.signature(input), Buffer.of(0)])),
    'signature_invalid',
  ],
  ['A-15 a byte too few', () => signed((input) => arena.ec.signature(input).subarray(0, 63)), 'signature_invalid'],
  [
    'A-16 padding cut short, with bytes behind the digest',
    () => rsa((digest, bytes) => behind(digest, bytes)),
    'signature_invalid',
  ],
  [
    'A-16 a digest without its NULL',
    () => rsa(block(Buffer.from('302f300b0609608648016503040201' + '0420', 'hex'))),
    'signature_invalid',
  ],
  ['A-16 a digest without its wrapping', () => rsa(block(Buffer.alloc(0))), 'signature_invalid'],
  ['A-16 block type 2', () => rsa(block(SHA256_INFO, 2)), 'signature_invalid'],
  ['A-17 an RS256 signature as PS256', () => headed({ alg: 'PS256' }, arena.rsa), 'key_unknown'],
  ['A-17 PSS without salt', () => pss(0), 'signature_invalid'],
  ['A-17 PSS with a salt of 20 bytes', () => pss(20), 'signature_invalid'],
  ['A-17 PSS with the longest salt', () => pss(222), 'signature_invalid'],
  ['A-26 unused bits set at the end', () => trailingBits(headed({})), MALFORMED],
  [
    'A-32 one byte of a signature changed',
    () => signed((input) => flip(arena.ec.signature(input))),
    'signature_invalid',
  ],
  ['A-32 a payload under the signature of another', () => swapPayload(), 'signature_invalid'],
];
const rsa = (make: Parameters<typeof rsaBlock>[1]) => signed(rsaBlock(arena.rsa, make), arena.rsa);
const pss = (saltLength: number): string => {
  const key = { key: KEYS.pss.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  return KEYS.pss.token(arena.claims(), { alg: 'PS256' }, (input) => sign('sha256', Buffer.from(input), key));
};
const block =
  (info: Buffer, type = 1) =>
  (digest: Buffer, bytes: number): Buffer => {
    const tail = Buffer.concat([Buffer.of(0), info, digest]);
    return Buffer.concat([Buffer.of(0, type), Buffer.alloc(bytes - 2 - tail.length, 0xff), tail]);
  };
const behind = (digest: Buffer, bytes: number): Buffer => {
  const head = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(8, 0xff), Buffer.of(0), SHA256_INFO, digest]);
  return Buffer.concat([head, Buffer.alloc(bytes - head.length)]);
};
const flip = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of((bytes[0] ?? 0) ^ 1), bytes.subarray(1)]);
function der(raw: Buffer): Buffer {
  const integer = (part: Buffer) => Buffer.concat([Buffer.of(2, 33, 0), part]);
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}
function trailingBits(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? 'A') + 1];
}
function swapPayload(): string {
  const [header, , signature] = headed({}).split('.');
  return `${header}.${b64(arena.claims({ sub: 'worker-2' }))}.${signature}`;
}

const SVID_HEADERS: readonly Forged[] = [
  ['A-19 an unknown critical header', () => headed({ crit: ['x'], x: 1 }), 'header_refused'],
  ['A-19 an empty crit', () => headed({ crit: [] }), 'header_refused'],
  ['A-19 b64 false', () => headed({ crit: ['b64'], b64: false }), 'header_refused'],
  ['A-20 zip', () => headed({ zip: 'DEF' }), 'header_refused'],
  ['A-20 any other header on a JWT-SVID', () => arena.mesh.token(arena.svid(), { x5t: 'AAAA' }), 'header_refused'],
  ['A-21 a DPoP proof', () => headed({ typ: 'dpop+jwt' }), 'typ_refused'],
  ['A-21 a logout token', () => headed({ typ: 'logout+jwt' }), 'typ_refused'],
  ['A-21 an access token as a JWT-SVID', () => arena.mesh.token(arena.svid(), { typ: 'at+jwt' }), 'typ_refused'],
  ['A-21 a typ that is no text', () => headed({ typ: ['JWT'] }), MALFORMED],
  ['A-33 a nested token', () => headed({ cty: 'JWT' }), 'header_refused'],
];

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const claimsText = (): string => JSON.stringify(arena.claims());
const payload = (text: string | Uint8Array) => arena.ec.token(text);
const FORMS: readonly Forged[] = [
  ['A-23 a JWE', () => `${b64({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`, MALFORMED],
  [
    'A-23 a JWE of two thousand million rounds',
    () => `${b64({ alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31 - 1 })}.AAAA.AAAA.AAAA.AAAA`,
    MALFORMED,
  ],
  ['A-24 sixty thousand dots', () => '.'.repeat(60_000), MALFORMED],
  ['A-24 sixty thousand segments', () => 'A.'.repeat(30_000), MALFORMED],
  ['A-25 padding', () => `${headed({})}==`, MALFORMED],
  ['A-25 the other base64 alphabet', () => without(headed({}), /[-_]?$/, '+'), MALFORMED],
  ['A-25 an encoded dot', () => without(headed({}), /\./, '%2E'), MALFORMED],
  ['A-27 alg twice', () => arena.ec.token(arena.claims(), '{"alg":"none","alg":"ES256","kid":"ec"}'), MALFORMED],
  ['A-28 sub twice', () => payload(claimsText().replace('{', '{"sub":"worker-2",')), MALFORMED],
  ['A-28 aud twice, spelled with an escape', () => payload(claimsText().replace('{', '{"\\u0061ud":"x",')), MALFORMED],
  ['A-29 a payload of null', () => payload('null'), MALFORMED],
  ['A-29 a payload that is an array', () => payload(`[${claimsText()}]`), MALFORMED],
  ['A-29 a byte order mark', () => payload(`\ufeff${claimsText()}`), MALFORMED],
  [
    'A-29 bytes that are no UTF-8',
    () => payload(Buffer.from(claimsText().replace('worker-1', 'worker-\xff'), 'latin1')),
    MALFORMED,
  ],
  ['A-29 half a character', () => payload(claimsText().replace('worker-1', '\\ud800')), MALFORMED],
  ['A-29 a NUL in sub', () => payload(claimsText().replace('worker-1', 'worker-1\\u0000')), 'claim_invalid'],
  ['A-30 ten thousand arrays in a claim', () => payload(claimsText().replace('{', `{"x":${deep(10_000)},`)), MALFORMED],
  [
    'A-30 a nested header',
    () => arena.ec.token(arena.claims(), `{"alg":"ES256","kid":"ec","x":${deep(500)}}`),
    MALFORMED,
  ],
  [
    'A-31 a flattened JSON serialisation',
    () =>
      JSON.stringify({
        payload: b64(claimsText()),
        protected: b64({ alg: 'ES256' }),
        header: { alg: 'none' },
        signature: '',
      }),
    MALFORMED,
  ],
];

describe.each([
  ['algorithms', ALGORITHMS],
  ['the choice of a key', KEY_CHOICE],
  ['signatures', SIGNATURES],
  ['headers', SVID_HEADERS],
  ['forms', FORMS],
])('attacks on %s are refused and recorded', (_group, attacks) => {
  it.each(attacks)('%s', async (_title, token, reason) => {
    expect(await arena.exchange(token())).toBe(refused(reason));
  });
});

describe('attacks that need more than one look', () => {
  it('A-6 a jku or x5u is refused, and nobody connects to where it points', async () => {
    const trap = await openTrap();
    for (const member of ['jku', 'x5u'])
      expect(await arena.exchange(headed({ [member]: trap.url }, KEYS.stranger))).toBe(refused('header_refused'));
    expect(trap.connections()).toBe(0);
    trap.close();
  });

  it('A-22 an ID token is no access token, and an access token is one', async () => {
    const type = (name: string) => ({ subject_token_type: `urn:ietf:params:oauth:token-type:${name}` });
    expect(await arena.exchange(headed({}), type('access_token'))).toBe(refused('typ_refused'));
    expect(await arena.exchange(headed({ typ: 'at+jwt' }), type('id_token'))).toBe(refused('typ_refused'));
    expect(await arena.exchange(arena.mesh.token(arena.svid()), type('id_token'))).toBe(refused('token_type_refused'));
    expect(await arena.exchange(headed({ typ: 'at+jwt' }), type('access_token'))).toBe('200');
    expect(await arena.exchange(headed({}), type('id_token'))).toBe('200');
  });

  it('A-24 a megabyte of dots is too large before it is a token', async () => {
    expect('.'.repeat(1_000_000).length).toBeGreaterThan(BODY_BYTES_MAX);
    expect(await arena.exchange('.'.repeat(1_000_000))).toBe('413 invalid_request body_too_large');
  });

  it.each([' ', '\t', '\r\n', '\n', '\u00a0', '\0'])('A-25 %j in a token makes it no token', async (blank) => {
    const token = headed({});
    for (const text of [`${token}${blank}`, token.replace('.', `${blank}.`)])
      expect(await arena.exchange(text)).toBe(refused('parameter_malformed'));
  });

  it('A-26 the other signature of the same token (r, N - s) does not spend it a second time', async () => {
    const token = arena.once.token(arena.onceClaims());
    const [header, body, signature = ''] = token.split('.');
    const raw = Buffer.from(signature, 'base64url');
    const order = BigInt(`0x${P256_ORDER.toString('hex')}`);
    const s = (order - BigInt(`0x${raw.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0');
    const twin = `${header}.${body}.${b64(Buffer.concat([raw.subarray(0, 32), Buffer.from(s, 'hex')]))}`;
    expect(await arena.exchange(token)).toBe('200');
    expect(await arena.exchange(twin)).toBe(refused('replayed'));
  });

  it('A-29 claims named like the members of every object are inert', async () => {
    const text = claimsText().replace('{', '{"__proto__":{"sub":"worker-1"},"constructor":1,"toString":"x",');
    expect(await arena.exchange(payload(text))).toBe('200');
    expect(await arena.exchange(payload(text.replace('"sub":"worker-1","aud"', '"aud"')))).toBe(
      refused('claim_missing'),
    );
  });

  it('A-30 a broker that read ten thousand nestings answers at once', async () => {
    const token = payload(claimsText().replace('{', `{"x":${deep(20_000)},`));
    const before = process.cpuUsage();
    expect(await arena.exchange(token)).toBe(refused(MALFORMED));
    const { user, system } = process.cpuUsage(before);
    // One request with its TLS, its record and the test's own work; a quadratic reader would need seconds.
    expect(user + system).toBeLessThan(500_000);
  });

  it('A-32 a token that was accepted a moment ago is refused once its signature is another', async () => {
    const token = headed({});
    expect(await arena.exchange(token)).toBe('200');
    const [header, body, signature = ''] = token.split('.');
    const changed = b64(flip(Buffer.from(signature, 'base64url')));
    expect(await arena.exchange(`${header}.${body}.${changed}`)).toBe(refused('signature_invalid'));
    expect(await arena.exchange(token)).toBe('200');
  });
});
