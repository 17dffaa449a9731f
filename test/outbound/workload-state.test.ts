// What messages of the Workload API change (SPIFFE Workload API §4.4, §5, §6; SA-03, SA-05), each bad one named by its defect and
// beside the good one that it is made of.

import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  KEY_SET_BYTES_MAX,
  WORKLOAD_BUNDLES_MAX,
  WORKLOAD_CERTIFICATES_MAX,
  WORKLOAD_CHAIN_MAX,
  WORKLOAD_SVIDS_MAX,
} from '../../src/core/limits-outside.ts';
import { createWorkloadState } from '../../src/outbound/workload-state.ts';
import { type Authority, createAuthority, type MintedSvid } from '../support/workload-authority.ts';

const DOMAIN = 'prod.acme.example';
const PARTNER = 'prod.partner.example';
const END = 1_800_003_600;
const JWKS = '{"keys":[]}';
const text = (value: string) => Buffer.from(value);

let authority: Authority;
let partner: Authority;
let svid: MintedSvid;
let other: MintedSvid;

beforeAll(async () => {
  authority = await createAuthority(DOMAIN);
  partner = await createAuthority(PARTNER);
  svid = await authority.mint('/broker', END);
  other = await authority.mint('/other', END);
});

/** A state that has heard one SVID and the bundles of both domains, and counts what its listener was told. */
function heard() {
  const state = createWorkloadState();
  const svids = (list: readonly MintedSvid[], federated_bundles: Record<string, Uint8Array> = {}) =>
    state.take.FetchX509SVID({ svids: list, federated_bundles });
  const x509 = (bundles: Record<string, Uint8Array>) => state.take.FetchX509Bundles({ bundles });
  const jwt = (bundles: Record<string, Uint8Array>) => state.take.FetchJWTBundles({ bundles });
  svids([svid]);
  x509({ [`spiffe://${DOMAIN}`]: authority.der, [`spiffe://${PARTNER}`]: partner.der });
  jwt({ [`spiffe://${DOMAIN}`]: text(JWKS), [`spiffe://${PARTNER}`]: text(JWKS) });
  const told = { times: 0 };
  const end = state.onChange(() => {
    told.times += 1;
  });
  return { state, svids, x509, jwt, told, end };
}

const domains = (map: ReadonlyMap<string, unknown> | undefined) => map && [...map.keys()].sort();

describe('our identity', () => {
  it('is the first X.509-SVID of the last message (SA-03)', () => {
    const { state, svids, told } = heard();
    expect(state.identity()).toMatchObject({ spiffeId: `spiffe://${DOMAIN}/broker`, expiresAtSeconds: END });
    expect(svids([other, svid])).toEqual([]);
    expect(state.identity()?.spiffeId).toBe(`spiffe://${DOMAIN}/other`);
    expect(told.times).toBe(1);
  });

  it('is taken back by a message without any (SA-03)', () => {
    const { state, svids, told } = heard();
    expect(svids([])).toEqual([]);
    expect(state.identity()).toBeUndefined();
    expect(told.times).toBe(1);
  });

  it('has the whole chain in PEM, and ends with the first certificate that ends', async () => {
    const { state, svids } = heard();
    const short = await authority.mint('/broker', END - 60);
    svids([{ ...svid, x509_svid: Buffer.concat([svid.x509_svid, short.x509_svid]) }]);
    expect(state.identity()?.tls.certificate.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(state.identity()?.expiresAtSeconds).toBe(END - 60);
  });

  const damaged: readonly (readonly [string, string, (good: MintedSvid) => Partial<MintedSvid>])[] = [
    ['no SPIFFE ID', 'without the SPIFFE ID of a workload', () => ({ spiffe_id: '' })],
    ['the ID of a trust domain', 'without the SPIFFE ID of a workload', () => ({ spiffe_id: `spiffe://${DOMAIN}` })],
    ['an ID in upper case', 'without the SPIFFE ID of a workload', () => ({ spiffe_id: 'SPIFFE://a.example/b' })],
    ['no certificate', 'whose chain cannot be read', () => ({ x509_svid: Buffer.alloc(0) })],
    [
      'bytes that are no certificate',
      'whose chain cannot be read',
      () => ({ x509_svid: Buffer.from('3003020101', 'hex') }),
    ],
    [
      'bytes behind the chain',
      'whose chain cannot be read',
      (good) => ({ x509_svid: Buffer.concat([good.x509_svid, text('x')]) }),
    ],
    ['a chain in PEM', 'whose chain cannot be read', () => ({ x509_svid: text('-----BEGIN CERTIFICATE-----') })],
    [
      'a chain that is too long',
      'whose chain cannot be read',
      (good) => ({
        x509_svid: Buffer.concat(Array.from({ length: WORKLOAD_CHAIN_MAX + 1 }, () => good.x509_svid)),
      }),
    ],
    ['no key', 'whose private key cannot be read', () => ({ x509_svid_key: Buffer.alloc(0) })],
    [
      'an encrypted key',
      'whose private key cannot be read',
      () => ({
        x509_svid_key: generateKeyPairSync('ec', {
          namedCurve: 'P-256',
          publicKeyEncoding: { type: 'spki', format: 'der' },
          privateKeyEncoding: { type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' },
        }).privateKey,
      }),
    ],
    [
      'the key of another',
      'with the private key of another certificate',
      () => ({ x509_svid_key: other.x509_svid_key }),
    ],
    ['the ID of another', 'with the certificate of another SPIFFE ID', () => ({ spiffe_id: other.spiffe_id })],
  ];

  it.each(damaged)(
    'stays as it was where the first X.509-SVID has %s, even with a good one behind it',
    (_d, problem, damage) => {
      const { state, svids, told } = heard();
      const before = state.identity();
      expect(svids([{ ...svid, ...damage(svid) }, other])).toEqual([`an X.509-SVID ${problem}`]);
      expect(state.identity()).toBe(before);
      expect(told.times).toBe(0);
      expect(svids([other])).toEqual([]);
      expect(state.identity()?.spiffeId).toBe(other.spiffe_id);
    },
  );

  it('stays as it was where there are too many X.509-SVIDs', () => {
    const { state, svids } = heard();
    const many = (count: number) => Array.from({ length: count }, () => other);
    expect(svids(many(WORKLOAD_SVIDS_MAX + 1))).toEqual([`more than ${WORKLOAD_SVIDS_MAX} X.509-SVIDs`]);
    expect(state.identity()?.spiffeId).toBe(svid.spiffe_id);
    expect(svids(many(WORKLOAD_SVIDS_MAX))).toEqual([]);
    expect(state.identity()?.spiffeId).toBe(other.spiffe_id);
  });

  it('is the same object while the same is said again, and nobody is told', () => {
    const { state, svids, told } = heard();
    const before = state.identity();
    svids([svid]);
    expect(state.identity()).toBe(before);
    expect(told.times).toBe(0);
  });
});

describe('bundles', () => {
  it('are those of the last message: what is absent from it has been taken back (SA-03)', () => {
    const { state, x509, jwt, told } = heard();
    expect(domains(state.x509Bundles())).toEqual([DOMAIN, PARTNER]);
    x509({ [`spiffe://${DOMAIN}`]: authority.der });
    expect(domains(state.x509Bundles())).toEqual([DOMAIN]);
    jwt({ [`spiffe://${PARTNER}`]: text(JWKS) });
    expect(domains(state.jwtBundles())).toEqual([PARTNER]);
    expect(told.times).toBe(2);
    x509({});
    jwt({});
    expect([domains(state.x509Bundles()), domains(state.jwtBundles())]).toEqual([[], []]);
  });

  it('are not known before the first message, and stay unknown where nothing was given that could be taken back', () => {
    const state = createWorkloadState();
    expect([state.x509Bundles(), state.jwtBundles()]).toEqual([undefined, undefined]);
    state.takeBack('FetchX509Bundles');
    state.takeBack('FetchJWTBundles');
    expect([state.x509Bundles(), state.jwtBundles()]).toEqual([undefined, undefined]);
  });

  it('of X.509 and JWT are apart: neither stream says anything for the other (SA-05)', () => {
    const state = createWorkloadState();
    state.take.FetchX509Bundles({ bundles: { [`spiffe://${DOMAIN}`]: authority.der } });
    expect(state.jwtBundles()).toBeUndefined();
    state.take.FetchJWTBundles({ bundles: { [`spiffe://${PARTNER}`]: text(JWKS) } });
    expect(domains(state.x509Bundles())).toEqual([DOMAIN]);
    expect(domains(state.jwtBundles())).toEqual([PARTNER]);
  });

  it('hold every certificate of a rotation, and the same array while nothing changes', async () => {
    const { state, x509, told } = heard();
    const next = await createAuthority(DOMAIN);
    const both = Buffer.concat([authority.der, next.der]);
    x509({ [`spiffe://${DOMAIN}`]: both, [`spiffe://${PARTNER}`]: partner.der });
    const before = state.x509Bundles();
    expect(before?.get(DOMAIN)).toEqual([new Uint8Array(authority.der), new Uint8Array(next.der)]);
    x509({ [`spiffe://${PARTNER}`]: partner.der, [`spiffe://${DOMAIN}`]: both });
    expect(state.x509Bundles()).toBe(before);
    expect(told.times).toBe(1);
    x509({ [`spiffe://${DOMAIN}`]: next.der, [`spiffe://${PARTNER}`]: partner.der });
    expect(state.x509Bundles()?.get(DOMAIN)).toEqual([new Uint8Array(next.der)]);
    expect(state.x509Bundles()?.get(PARTNER)).toBe(before?.get(PARTNER));
  });

  it('may be named by the bare trust domain, as by older servers', () => {
    const { state, x509, jwt } = heard();
    expect(x509({ [DOMAIN]: authority.der })).toEqual([]);
    expect(jwt({ [DOMAIN]: text(JWKS) })).toEqual([]);
    expect([domains(state.x509Bundles()), domains(state.jwtBundles())]).toEqual([[DOMAIN], [DOMAIN]]);
  });

  it.each([
    '',
    'spiffe://',
    `spiffe://${DOMAIN}/`,
    `spiffe://${DOMAIN}/broker`,
    'Prod.acme.example',
    'https://a.example',
    'a b',
  ])('of %j, which is no trust domain, are left out and reported', (key) => {
    const { state, x509 } = heard();
    expect(x509({ [key]: partner.der, [`spiffe://${DOMAIN}`]: authority.der })).toEqual([
      'a bundle of something that is no trust domain',
    ]);
    expect(domains(state.x509Bundles())).toEqual([DOMAIN]);
  });

  it('that cannot be read leave their own domain as it was, and change the others', () => {
    const { state, x509, jwt } = heard();
    const before = state.x509Bundles()?.get(PARTNER);
    const broken = Buffer.concat([partner.der, text('x')]);
    expect(x509({ [`spiffe://${PARTNER}`]: broken, 'spiffe://new.example': broken })).toEqual([
      'a bundle that cannot be read',
    ]);
    expect(domains(state.x509Bundles())).toEqual([PARTNER]);
    expect(state.x509Bundles()?.get(PARTNER)).toBe(before);
    expect(jwt({ [`spiffe://${PARTNER}`]: text('{"keys":[') })).toEqual(['a bundle that cannot be read']);
    expect(domains(state.jwtBundles())).toEqual([PARTNER]);
  });

  it.each([
    ['that is no object', text('[]')],
    ['that is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['with a member twice', text('{"keys":[],"keys":[]}')],
    ['that is too large', text(`{"keys":[]}${' '.repeat(KEY_SET_BYTES_MAX)}`)],
  ])('in JWK form %s are reported, and the former one stays', (_defect, bytes) => {
    const { state, jwt } = heard();
    expect(jwt({ [`spiffe://${DOMAIN}`]: bytes })).toEqual(['a bundle that cannot be read']);
    expect(state.jwtBundles()?.get(DOMAIN)).toBe(JWKS);
  });

  it('that are empty are none', () => {
    const { state, x509, jwt } = heard();
    expect(x509({ [`spiffe://${DOMAIN}`]: Buffer.alloc(0) })).toEqual([]);
    expect(jwt({ [`spiffe://${DOMAIN}`]: Buffer.alloc(0) })).toEqual([]);
    expect([domains(state.x509Bundles()), domains(state.jwtBundles())]).toEqual([[], []]);
  });

  it('named in both spellings are of neither: the domain stays as it was', async () => {
    const { state, x509 } = heard();
    const forged = await createAuthority(DOMAIN);
    const before = state.x509Bundles()?.get(DOMAIN);
    expect(x509({ [DOMAIN]: forged.der, [`spiffe://${DOMAIN}`]: authority.der })).toEqual([
      'two bundles of one trust domain',
    ]);
    expect(state.x509Bundles()?.get(DOMAIN)).toBe(before);
  });

  it('of too many trust domains change nothing', () => {
    const { state, jwt } = heard();
    const before = state.jwtBundles();
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}.example`, text(JWKS)]));
    expect(jwt(many(WORKLOAD_BUNDLES_MAX + 1))).toEqual([`bundles of more than ${WORKLOAD_BUNDLES_MAX} trust domains`]);
    expect(state.jwtBundles()).toBe(before);
    expect(jwt(many(WORKLOAD_BUNDLES_MAX))).toEqual([]);
    expect(state.jwtBundles()?.size).toBe(WORKLOAD_BUNDLES_MAX);
  });

  it('with too many certificates cannot be read', () => {
    const { x509 } = heard();
    const many = Buffer.concat(Array.from({ length: WORKLOAD_CERTIFICATES_MAX + 1 }, () => authority.der));
    expect(x509({ [DOMAIN]: many })).toEqual(['a bundle that cannot be read']);
    expect(x509({ [DOMAIN]: many.subarray(authority.der.length) })).toEqual([]);
  });

  it('keep `__proto__` a name like any other', () => {
    const { state, jwt } = heard();
    expect(jwt(JSON.parse('{"__proto__":1}', (key, value) => (key === '__proto__' ? text(JWKS) : value)))).toEqual([]);
    expect(domains(state.jwtBundles())).toEqual(['__proto__']);
  });
});

describe('an agent without a stream of X.509 bundles', () => {
  it('gives them beside the X.509-SVIDs, own and federated, from the moment it says so', () => {
    const { state, svids, told } = heard();
    svids([svid], { [`spiffe://${PARTNER}`]: partner.der });
    state.take.FetchX509Bundles({ bundles: {} });
    expect(domains(state.x509Bundles())).toEqual([]);
    const before = told.times;
    state.doWithout('FetchX509Bundles');
    expect(told.times).toBe(before + 1);
    expect(domains(state.x509Bundles())).toEqual([DOMAIN, PARTNER]);
    svids([svid]);
    expect(domains(state.x509Bundles())).toEqual([DOMAIN]);
    state.takeBack('FetchX509SVID');
    expect([domains(state.x509Bundles()), state.identity()]).toEqual([[], undefined]);
  });

  it('has the own bundle of a domain before a federated one of the same name', () => {
    const { state, svids } = heard();
    state.doWithout('FetchX509Bundles');
    svids([svid], { [`spiffe://${DOMAIN}`]: partner.der });
    expect(state.x509Bundles()?.get(DOMAIN)).toEqual([new Uint8Array(authority.der)]);
  });

  it('has the bundle of the first of several X.509-SVIDs of a domain, and those of the others', async () => {
    const { state, svids } = heard();
    state.doWithout('FetchX509Bundles');
    const elsewhere = await partner.mint('/broker', END);
    expect(svids([svid, { ...other, bundle: partner.der }, elsewhere])).toEqual([]);
    expect(state.x509Bundles()?.get(DOMAIN)).toEqual([new Uint8Array(authority.der)]);
    expect(state.x509Bundles()?.get(PARTNER)).toEqual([new Uint8Array(partner.der)]);
  });

  it('has nothing else in place of the other streams', () => {
    const { state, told } = heard();
    state.doWithout('FetchJWTBundles');
    state.doWithout('FetchX509SVID');
    expect(told.times).toBe(0);
    expect(domains(state.jwtBundles())).toEqual([DOMAIN, PARTNER]);
  });
});

describe('a listener', () => {
  it('is not told any more once it has ended that, and ends only its own', () => {
    const { state, svids, told, end } = heard();
    let others = 0;
    state.onChange(() => {
      others += 1;
    });
    svids([other]);
    end();
    end();
    svids([svid]);
    expect([told.times, others]).toEqual([1, 2]);
  });

  it('sees the new state when it is called', () => {
    const { state, svids } = heard();
    let seen: string | undefined;
    state.onChange(() => {
      seen = state.identity()?.spiffeId;
    });
    svids([other]);
    expect(seen).toBe(other.spiffe_id);
  });
});
