// Finding paths: what a verdict says, for which purpose it holds, and what the costliest input that anybody thought of costs.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { readChain } from '../../src/x509/chain.ts';
import { findPath } from '../../src/x509/path.ts';
import { judgeSvid, svidId } from '../../src/x509/svid.ts';
import { rsaKey } from '../vectors/x509/algorithms.ts';
import { dns, name, uri } from '../vectors/x509/encode.ts';
import {
  ALGORITHMS,
  authority,
  authorityKeyId,
  constraints,
  createMint,
  ID,
  type Key,
  makeKeys,
  NAMES,
  names,
  type Plan,
  purposes,
  subjectKeyId,
  time,
  usage,
} from '../vectors/x509/mint.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1000;
const KEYS = makeKeys();
const MINT = createMint(KEYS, NOW);

function certificateOf(der: Uint8Array): Certificate {
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.problem);
  return read.certificate;
}

const LEAF = certificateOf(MINT.leaf());
const MIDDLE = certificateOf(MINT.middle());
const ROOT = certificateOf(MINT.root());
const input = { leaf: LEAF, others: [MIDDLE], anchors: [ROOT], nowSeconds: NOW, purpose: 'client' } as const;

describe('findPath', () => {
  it('answers with the path, and with the time when all of it is valid, the anchor included', () => {
    const root = certificateOf(MINT.root({ notAfter: time(NOW + 10) }));
    const middle = certificateOf(MINT.middle({ notBefore: time(NOW - 5) }));
    expect(findPath({ ...input, others: [ROOT, middle, middle, LEAF], anchors: [root] })).toEqual({
      ok: true,
      path: [LEAF, middle, root],
      notBeforeSeconds: NOW - 5,
      notAfterSeconds: NOW + 10,
    });
  });

  it('ends at an anchor that is no root, and at the nearest one', () => {
    expect(findPath({ ...input, anchors: [ROOT, MIDDLE] })).toMatchObject({ ok: true, path: [LEAF, MIDDLE] });
  });

  it('lets an intermediate serve that was presented and is an anchor as well', () => {
    expect(findPath({ ...input, anchors: [MIDDLE] })).toMatchObject({ ok: true, path: [LEAF, MIDDLE] });
  });

  it('holds for the purpose that was asked for, on the leaf and above (SX-07)', () => {
    const server = certificateOf(MINT.leaf({ extensions: { purposes: purposes(1) } }));
    const problem = (leaf: Certificate, purpose: 'client' | 'server', middle = MIDDLE) => {
      const found = findPath({ ...input, leaf, purpose, others: [middle] });
      return found.ok ? 'found' : found.problem;
    };
    expect([problem(server, 'server'), problem(server, 'client')]).toEqual(['found', 'extended_key_usage']);
    const authority = certificateOf(MINT.middle({ extensions: { purposes: purposes(1) } }));
    expect([problem(LEAF, 'server', authority), problem(LEAF, 'client', authority)]).toEqual([
      'found',
      'issuer_extended_key_usage',
    ]);
  });

  it('takes a client that is no SVID, with no key usage and any names', () => {
    const leaf = certificateOf(MINT.leaf({ extensions: { usage: undefined, names: names(dns('client.example')) } }));
    expect(findPath({ ...input, leaf })).toMatchObject({ ok: true });
    expect(judgeSvid({ ...input, chain: [leaf, MIDDLE] })).toEqual({ ok: false, problem: 'uri_missing' });
  });

  it('takes no authority and no signer of certificates for a client', () => {
    const problem = (plan: Plan) => {
      const found = findPath({ ...input, leaf: certificateOf(MINT.leaf(plan)) });
      return found.ok ? 'found' : found.problem;
    };
    expect(problem({ extensions: { basic: authority(), usage: undefined } })).toBe('leaf_authority');
    expect(problem({ extensions: { usage: usage(0, 5) } })).toBe('leaf_signs');
    expect(problem({ extensions: { usage: usage(2) } })).toBe('key_usage');
    expect(problem({})).toBe('found');
  });

  it('says what ended the longest attempt, not the first', () => {
    const expired = certificateOf(MINT.root({ notAfter: time(NOW - 1) }));
    const stranger = certificateOf(MINT.middle({ spki: KEYS.other.spki }));
    expect(findPath({ ...input, others: [stranger, MIDDLE], anchors: [expired] })).toEqual({
      ok: false,
      problem: 'issuer_expired',
    });
  });
});

describe('judgeSvid', () => {
  it('answers with the ID, the leaf and the time when it holds', () => {
    const judged = judgeSvid({ ...input, chain: [LEAF, MIDDLE] });
    expect(judged).toMatchObject({ ok: true, leaf: LEAF, notBeforeSeconds: NOW - 60, notAfterSeconds: NOW + 3_600 });
    expect(judged.ok && judged.id.text).toBe(ID);
  });

  it('proves a workload by the authorities of its own domain only, though all names are the same (SX-09, A-78)', () => {
    const domains = ['td.example', 'td-b.example'] as const;
    const mints = [MINT, createMint({ ...KEYS, root: KEYS.other, middle: KEYS.another }, NOW)] as const;
    const verdicts = mints.map((signer) =>
      domains.map((domain) => {
        const extensions = { names: names(uri(`spiffe://${domain}/workload`)) };
        const leaf = certificateOf(signer.leaf({ extensions }));
        const claimed = svidId(leaf);
        const own = claimed.ok && claimed.id.trustDomain === 'td.example' ? mints[0] : mints[1];
        const judged = judgeSvid({
          ...input,
          chain: [leaf, certificateOf(signer.middle()), certificateOf(signer.root())],
          anchors: [certificateOf(own.root())],
        });
        return judged.ok ? judged.id.text : judged.problem;
      }),
    );
    expect(verdicts).toEqual([
      ['spiffe://td.example/workload', 'signature_invalid'],
      ['signature_invalid', 'spiffe://td-b.example/workload'],
    ]);
  });
});

/** The slowest of five answers, in milliseconds of this thread: what a loop is blocked for, whatever else the machine does. */
function slowest(answer: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage();
    answer();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.max(...times);
}

function read(ders: readonly Buffer[]): Certificate[] {
  return ders.map(certificateOf);
}

const BLOCKED_MS_MAX = 50;

describe('the costliest input (A-90)', () => {
  const judged = (leaf: Certificate, others: Certificate[], anchors = [ROOT]) =>
    judgeSvid({ ...input, chain: [leaf, ...others], anchors });
  const expectQuick = (leaf: Certificate, others: Certificate[], problem: string, anchors = [ROOT]) => {
    expect(judged(leaf, others, anchors)).toEqual({ ok: false, problem });
    expect(slowest(() => judged(leaf, others, anchors))).toBeLessThan(BLOCKED_MS_MAX);
  };

  it('a hundred issuers with one name and different keys end after so many signatures', () => {
    const others = Array.from({ length: 100 }, () => certificateOf(MINT.middle({ spki: curveKey('P-521') })));
    expectQuick(LEAF, others, 'path_too_costly');
  });

  it('the same with the slowest keys that are taken', () => {
    const sign = () => Buffer.concat([Buffer.alloc(1), Buffer.alloc(1_023, 0xa5)]);
    const leaf = certificateOf(MINT.leaf({ algorithm: { id: ALGORITHMS.rs512.id, sign } }));
    const slow = (index: number): Buffer => rsaKey(8_192, '7fffffff', `${index}.`);
    const others = Array.from({ length: 100 }, (_, index) => certificateOf(MINT.middle({ spki: slow(index) })));
    expectQuick(leaf, others, 'path_too_costly');
  });

  it('a hundred authorities of one name: the right one is found; on a slow curve, where a key identifier hints at it', () => {
    const others = (namedCurve: string): Certificate[] =>
      Array.from({ length: 99 }, () => certificateOf(MINT.root({ spki: curveKey(namedCurve) })));
    expect(judged(LEAF, [MIDDLE], [...others('P-256'), ROOT])).toMatchObject({ ok: true });
    const slow = others('P-384');
    expect(judged(LEAF, [MIDDLE], [...slow, ROOT])).toEqual({ ok: false, problem: 'path_too_costly' });
    const root = certificateOf(MINT.root({ extensions: { subjectKeyId: subjectKeyId('root') } }));
    const middle = certificateOf(MINT.middle({ extensions: { authorityKeyId: authorityKeyId('root') } }));
    expect(judged(LEAF, [middle], [...slow, root])).toMatchObject({ ok: true });
  });

  it('authorities that all signed each other end', () => {
    const keys = [KEYS.root, KEYS.middle, KEYS.other, KEYS.another, KEYS.p384, KEYS.p521];
    const names6 = keys.map((_, index) => name(['CN', `Ring ${index}`]));
    const ring = keys.flatMap((own, subject) =>
      keys.flatMap((signer, issuer) =>
        subject === issuer ? [] : [signedIn(names6[subject], names6[issuer], own, signer)],
      ),
    );
    const leaf = certificateOf(MINT.leaf({ issuer: names6[0] ?? NAMES.root, signer: KEYS.root }));
    expectQuick(leaf, read(ring), 'path_too_costly');
  });

  it('a thousand constraints over a thousand names, twice', () => {
    const hosts = Array.from({ length: 1_000 }, (_, index) => dns(`h${index}.td.example`));
    const others = Array.from({ length: 1_000 }, (_, index) => dns(`h${index}.other.example`));
    const leaf = certificateOf(MINT.leaf({ extensions: { names: names(uri(ID), ...hosts) } }));
    const middle = MINT.middle({ extensions: { constraints: constraints({ permitted: hosts, excluded: others }) } });
    expectQuick(leaf, [certificateOf(middle)], 'path_too_costly');
    expect(judged(leaf, [MIDDLE])).toMatchObject({ ok: true });
  });

  it('a thousand names, and 90 KiB of certificates, are read as quickly', () => {
    const hosts = Array.from({ length: 1_000 }, (_, index) => dns(`host-${index}.workloads.td.example`));
    const large = MINT.leaf({ extensions: { names: names(uri(ID), ...hosts) } });
    const others = Array.from({ length: 2 }, () => MINT.middle({ extensions: { names: names(...hosts) } }));
    const chain = [large, ...others, MINT.middle()];
    const answer = () => {
      const all = readChain(chain);
      return all.ok ? judgeSvid({ ...input, chain: all.chain }) : all;
    };
    expect(answer()).toMatchObject({ ok: true });
    expect(chain.reduce((sum, der) => sum + der.length, 0)).toBeGreaterThan(90 * 1_024);
    expect(slowest(answer)).toBeLessThan(BLOCKED_MS_MAX);
  });
});

const curveKey = (namedCurve: string): Buffer =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'der', type: 'spki' });

function signedIn(subject: Buffer | undefined, issuer: Buffer | undefined, own: Key, signer: Key): Buffer {
  return MINT.middle({ subject: subject ?? NAMES.root, issuer: issuer ?? NAMES.root, spki: own.spki, signer });
}
