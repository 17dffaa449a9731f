// What the caches open and keep: bundles of every origin, who vouches for whose endpoint (SF-02, SF-09), and what a reload
// keeps. The outbound client is a fake that never answers.

import { describe, expect, it } from 'vitest';
import type { BundleOrigin, KeyOrigin } from '../../src/core/outside.ts';
import { createKeyCaches } from '../../src/keys/key-caches.ts';
import { createOwnKeys } from '../../src/keys/own-keys.ts';
import { SILENT_WORKLOAD_API } from '../../src/keys/workload-bundles.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { openSpiffeAuthority } from '../support/spiffe-authority.ts';

const authority = await openSpiffeAuthority('a.example');
const FILES = {
  '/a.json': authority.bundleJson(),
  '/a.pem': authority.bundlePem(),
  '/none.json': '{"keys":[]}',
  '/bad.json': 'no',
  '/jwks.json': '{"keys":[]}',
};

function open() {
  const sockets: string[] = [];
  const urls: string[] = [];
  const caches = createKeyCaches({
    ownKeys: createOwnKeys(),
    outbound: {
      request({ url }) {
        urls.push(url);
        return new Promise(() => undefined);
      },
    },
    clock: { nowSeconds: () => 1_790_000_000, elapsedMs: () => 0 },
    randomBytes: (count) => new Uint8Array(count),
    workloadApi(socket) {
      sockets.push(socket);
      return {
        ...SILENT_WORKLOAD_API,
        x509Bundles: () => new Map([['a.example', authority.rootDers()]]),
        jwtBundles: () => new Map(),
      };
    },
    identity: () => undefined,
    onEvent: () => undefined,
  });
  return {
    caches,
    sockets,
    urls,
    open: (origin: KeyOrigin, others: readonly BundleOrigin[] = [], files: Record<string, string> = FILES) =>
      caches.open(origin, {
        algorithms: SPIFFE.algorithms,
        files: new Map(Object.entries(files)),
        bundles: new Map(others.map((other) => [other.trustDomain, other])),
      }),
  };
}

const file = (path: string, trustDomain = 'a.example'): BundleOrigin => ({ from: 'bundle', trustDomain, file: path });
const endpoint = (trustDomain: string, endpointId: string, bootstrap?: string): BundleOrigin => ({
  from: 'bundle_endpoint',
  trustDomain,
  url: `https://${trustDomain}/bundle`,
  profile: { name: 'https_spiffe', endpointId, ...(bootstrap === undefined ? {} : { bootstrap }) },
  privateNetwork: false,
});
type Opened = Awaited<ReturnType<ReturnType<typeof open>['open']>>;
const told = (result: Opened) =>
  result.ok
    ? [result.opened.keys.status().keys, result.opened.authorities.current()]
    : [result.at.join('.'), result.problem];
const digest = (result: Opened) => result.ok && result.opened.digest;
const one = { found: [expect.objectContaining({ uriNames: ['spiffe://a.example'] })] };

describe('the caches of keys', () => {
  it.each<[string, KeyOrigin, unknown[]]>([
    ['a bundle in JSON', file('/a.json'), [1, one]],
    ['a bundle in PEM', file('/a.pem'), [0, one]],
    ['an empty bundle (SB-03)', file('/none.json'), [0, { found: [] }]],
    ['the Workload API', { from: 'workload_api', trustDomain: 'a.example', socket: 'unix:///s' }, [0, one]],
    ['a JWK Set, which has no authorities', { from: 'file', file: '/jwks.json' }, [0, { found: [] }]],
    [
      'a bundle endpoint, which has not answered',
      endpoint('a.example', 'spiffe://a.example/b', '/a.pem'),
      [0, { found: 'unavailable', retryAfterSeconds: 1 }],
    ],
    ['a bundle that is none', file('/bad.json'), ['bundle', 'is not acceptable JSON (syntax)']],
    ['a file that was not read', file('/gone.json'), ['bundle', 'the file was not read']],
    ['a JWK Set that is none', { from: 'file', file: '/bad.json' }, ['jwks', 'is not acceptable JSON (syntax)']],
    [
      'a bootstrap that is none',
      endpoint('a.example', 'spiffe://a.example/b', '/bad.json'),
      ['bundle.bootstrap', 'is not acceptable JSON (syntax)'],
    ],
    [
      'a bootstrap without authorities',
      endpoint('a.example', 'spiffe://a.example/b', '/none.json'),
      ['bundle.bootstrap', 'has no X.509 authority to prove the endpoint by'],
    ],
  ])('open %s', async (_title, origin, expected) => {
    expect(told(await open().open(origin))).toEqual(expected);
  });

  it('ask the Workload API that the operator named', async () => {
    const { open: openIn, sockets } = open();
    await openIn({ from: 'workload_api', trustDomain: 'a.example', socket: 'unix:///run/spire.sock' });
    expect(sockets).toEqual(['unix:///run/spire.sock']);
  });

  it('keep what has not changed, and make anew what has', async () => {
    const { open: openIn, caches } = open();
    const origin = endpoint('a.example', 'spiffe://a.example/b', '/a.pem');
    const before = await openIn(origin);
    expect(await openIn(origin)).toEqual(before);
    const [again, bundle] = [digest(before), digest(await openIn(file('/a.json')))];
    expect(digest(await openIn(origin, [], { ...FILES, '/a.pem': authority.bundleJson() }))).not.toBe(again);
    expect(digest(await openIn(file('/a.json'), [], { ...FILES, '/a.json': '{"keys":[]}' }))).not.toBe(bundle);
    caches.retain(new Set());
    const reopened = await openIn(origin);
    expect([digest(reopened), reopened.ok && before.ok && reopened.opened === before.opened]).toEqual([again, false]);
    caches.retain(new Set());
  });
});

describe('an endpoint of another trust domain', () => {
  const ofB = endpoint('a.example', 'spiffe://b.example/bundles');

  it('waits for the bundle of that trust domain, which is that of the configured source (SF-09)', async () => {
    const { open: openIn, urls } = open();
    const voucher = endpoint('b.example', 'spiffe://b.example/own', '/a.pem');
    expect(await openIn(ofB, [ofB, voucher])).toMatchObject({ ok: true });
    expect(urls).toEqual(['https://b.example/bundle', 'https://a.example/bundle']);
    // And shares it with that source.
    await openIn(voucher, [ofB, voucher]);
    expect(urls).toHaveLength(2);
  });

  it('is another cache once somebody else vouches for it (SF-09)', async () => {
    const { open: openIn } = open();
    const [first, second] = [file('/a.json', 'b.example'), file('/a.pem', 'b.example')];
    const before = digest(await openIn(ofB, [ofB, first]));
    expect(digest(await openIn(ofB, [ofB, first]))).toBe(before);
    expect(digest(await openIn(ofB, [ofB, second]))).not.toBe(before);
  });

  it('has nobody to vouch for it without such a source, and nothing is fetched (SF-05, SF-09)', async () => {
    const { open: openIn, urls } = open();
    expect(told(await openIn(ofB, [ofB]))).toEqual([
      'bundle.endpointId',
      'no source has the trust domain b.example, whose bundle must prove the endpoint',
    ]);
    expect(urls).toEqual([]);
  });

  it('is no source to one that vouches for it in turn (SF-09)', async () => {
    const { open: openIn, urls } = open();
    const circle = [ofB, endpoint('b.example', 'spiffe://c.example/x'), endpoint('c.example', 'spiffe://a.example/y')];
    for (const origin of circle) {
      const [at, problem] = told(await openIn(origin, circle));
      expect(at).toBe('bundle.endpointId');
      expect(problem).toMatch(/: the endpoints of (.\.example(, )?){3} wait for each other$/);
    }
    expect(urls).toEqual([]);
  });

  it('is not proved by a bundle that does not load (SF-09)', async () => {
    expect(told(await open().open(ofB, [ofB, file('/bad.json', 'b.example')]))).toEqual([
      'bundle.endpointId',
      'the bundle of b.example, which must prove the endpoint, cannot be used: is not acceptable JSON (syntax)',
    ]);
  });
});
