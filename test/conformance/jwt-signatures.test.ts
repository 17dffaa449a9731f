// RFC 8725 §3.4, row JB-03: signatures as cryptographic inputs, by the vectors of Wycheproof. Paddings and (r, s) pairs are minted
// anew onto tokens with real claims and sent to a broker; the rest sign texts that are no claims and are checked where
// signatures are checked, by verifiers/jose.ts over keys that keys/jwk-set.ts has read.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../src/core/outside.ts';
import { readKeySet } from '../../src/keys/jwk-set.ts';
import { createKeyIndex } from '../../src/keys/key-index.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { signedByOne } from '../../src/verifiers/jose.ts';
import { refused } from '../support/attack.ts';
import { POLICIES } from '../support/broker.ts';
import { createForge, type Forge, type Json, rsaBlock, SHA256_INFO, setOf } from '../support/forge.ts';
import { defined, type Proving, startProving } from './proving.ts';

interface Vectors {
  /** What an RSA signature opens to, by case: `{ff*N}` is N bytes of padding, `{hash}` the digest, `{a-b}` a part of it. */
  readonly rs256Blocks: Readonly<Record<string, string>>;
  readonly signatures: readonly {
    readonly key: Json;
    readonly cases: readonly {
      readonly input: string;
      readonly valid: Readonly<Record<string, string>>;
      readonly invalid: Readonly<Record<string, string>>;
    }[];
  }[];
}

const VECTORS: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/wycheproof-jws-signatures.json', import.meta.url), 'utf8'),
);

describe('signatures on tokens with real claims', () => {
  const rsa = createForge('RS256', 'rsa');
  const ec = createForge('ES256', 'ec');
  let proving: Proving;
  beforeAll(async () => {
    proving = await startProving(
      [
        'once: { kind: oidc, issuer: "https://once.example", subjects: workloads, presenter: self, tokens: [jwt], replay: once, jwks: { file: ./login.json } }',
      ],
      {
        files: { 'login.json': setOf(rsa.jwk, ec.jwk) },
        policies: {
          ...POLICIES,
          'once.yaml': 'rules: [{ name: once, subject: { trust: once, sub: worker-1 }, allow: { ledger: all } }]',
        },
      },
    );
  });
  afterAll(() => proving.stop());
  const signed = (forge: Forge, signature: (input: string) => Uint8Array, more: Json = {}): string =>
    forge.token(defined({ iss: 'https://login.example', sub: 'worker-1', ...proving.times(), ...more }), {}, signature);
  const block = (template: string) => rsaBlock(rsa, (digest) => filled(template, digest));

  it('JB-03 takes the one padding that the standard knows (the control)', async () => {
    const standard = `0001{ff*202}00${SHA256_INFO.toString('hex')}{hash}`;
    expect(await proving.ask(signed(rsa, block(standard)))).toBe('granted');
    expect(await proving.ask(signed(ec, ec.signature))).toBe('granted');
  });

  it('JB-03 refuses 213 other paddings, minted anew, each of which a lenient reader takes for the right digest', async () => {
    const blocks = Object.values(VECTORS.rs256Blocks);
    expect(blocks).toHaveLength(213);
    expect(blocks.every((template) => filled(template, Buffer.alloc(32)).length === 256)).toBe(true);
    const tokens = blocks.map((template) => signed(rsa, block(template)));
    expect(await proving.tally(tokens)).toEqual({ signature_invalid: 213 });
  });

  it('JB-03 refuses RSA signatures of any other length, and numbers that are not below the modulus', async () => {
    const modulus = Buffer.from(String(rsa.jwk.n), 'base64url');
    for (const change of [
      (bytes: Buffer) => Buffer.concat([Buffer.alloc(1), bytes]),
      (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]),
      (bytes: Buffer) => bytes.subarray(1),
      (bytes: Buffer) => bytes.subarray(0, -1),
      () => Buffer.alloc(256),
      () => modulus,
      () => Buffer.concat([Buffer.alloc(255), Buffer.from([1])]),
    ])
      expect(await proving.ask(signed(rsa, (input) => change(rsa.signature(input))))).toBe(
        refused('signature_invalid'),
      );
  });

  it('JB-03 refuses ES256 signatures of zero, one, the order and their neighbours, which need no key', async () => {
    const special = caseNamed('valid').invalid;
    const pairs = Object.entries(special).filter(([name]) => /rIs.*_sIs/.test(name));
    expect(pairs).toHaveLength(16);
    for (const [name, signature] of pairs)
      expect(await proving.ask(signed(ec, () => Buffer.from(signature, 'base64url'))), name).toBe(
        refused('signature_invalid'),
      );
  });

  it('JB-03 refuses a good ES256 signature in DER, with zeros before or behind, doubled or halved', async () => {
    const zero = Buffer.alloc(1);
    for (const change of [
      (r: Buffer, s: Buffer) => Buffer.concat([Buffer.from('3044022000', 'hex'), r, Buffer.from('0220', 'hex'), s]),
      (r: Buffer, s: Buffer) => Buffer.concat([zero, r, zero, s]),
      (r: Buffer, s: Buffer) => Buffer.concat([r, s, zero, zero]),
      (r: Buffer, s: Buffer) => Buffer.concat([r, s, r, s]),
      (r: Buffer) => r,
      (r: Buffer, s: Buffer) => Buffer.concat([s, r]),
    ]) {
      const signature = (input: string) => {
        const good = ec.signature(input);
        return change(good.subarray(0, 32), good.subarray(32));
      };
      expect(await proving.ask(signed(ec, signature))).toBe(refused('signature_invalid'));
    }
  });

  it('JB-03, A-26 takes the other of the two ES256 signatures that each token has, and spends both as one token', async () => {
    // (r, n - s) is as valid as (r, s), so nothing may hang on a token's text: `jti` is what is spent.
    const once = { iss: 'https://once.example', jti: 'malleable' };
    const tokens = [ec.signature, (input: string) => mirrored(ec.signature(input))].map((signature) =>
      signed(ec, signature, once),
    );
    expect(await proving.ask(tokens[1] ?? '')).toBe('granted');
    expect(await proving.ask(tokens[0] ?? '')).toBe(refused('replayed'));
  });
});

describe('signatures on texts, checked where signatures are checked', () => {
  const verdicts = VECTORS.signatures.flatMap(({ key, cases }) =>
    cases.flatMap(({ input, valid, invalid }) => [
      ...Object.entries(valid).map(([name, signature]) => ({ name, key, input, signature, expected: true })),
      ...Object.entries(invalid).map(([name, signature]) => ({ name, key, input, signature, expected: false })),
    ]),
  );

  it.each(verdicts)('JB-03 $name', async ({ key, input, signature, expected }) => {
    const set = await readKeySet(setOf(key), { use: 'sig', algorithms: OIDC.algorithms });
    const index = createKeyIndex(set.ok ? set.keys : []);
    const alg = String(JSON.parse(Buffer.from(input.split('.')[0] ?? '', 'base64url').toString()).alg);
    expect(index.size).toBe(1);
    const keys = index.find({ alg: alg as SignatureAlgorithm, kid: undefined });
    const jws = {
      text: `${input}.${signature}`,
      header: {},
      alg,
      kid: undefined,
      typ: undefined,
      claims: {},
      signingInput: input,
      signature: Buffer.from(signature, 'base64url'),
    };
    expect(await signedByOne(jws, keys)).toBe(expected);
  });

  it('JB-03 holds both verdicts of every algorithm that Wycheproof has', () => {
    const seen = new Set(verdicts.map(({ key, expected }) => `${key.alg} ${expected}`));
    for (const alg of ['ES256', 'RS256', 'PS256', 'PS384', 'PS512']) {
      expect(seen).toContain(`${alg} true`);
      expect(seen).toContain(`${alg} false`);
    }
  });
});

function caseNamed(part: string): Vectors['signatures'][number]['cases'][number] {
  const cases = VECTORS.signatures.flatMap((group) => group.cases);
  const found = cases.find(({ valid }) => Object.keys(valid).some((name) => name.endsWith(` ${part}`)));
  if (!found) throw new Error(`no case of ${part}`);
  return found;
}

/** The block that a template stands for, with this digest in it; `{!a-b}` is a part of the digest with one bit changed in each byte. */
function filled(template: string, digest: Buffer): Buffer {
  const hex = template
    .replace(/\{ff\*(\d+)\}/, (_all, count: string) => 'ff'.repeat(Number(count)))
    .replace('{hash}', digest.toString('hex'))
    .replaceAll(/\{(!?)(\d+)-(\d+)\}/g, (_all, not: string, from: string, to: string) => {
      const part = Buffer.from(digest.subarray(Number(from), Number(to)));
      return (not ? part.map((byte) => byte ^ 1) : part).toString('hex');
    });
  return Buffer.from(hex, 'hex');
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** (r, n - s) for (r, s), on P-256. */
function mirrored(signature: Buffer): Buffer {
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  const other = (ORDER - s).toString(16).padStart(64, '0');
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')]);
}
