// Bundle endpoints through the caches and the real outbound client, over TLS on loopback: rows SF-04, SF-08, SF-09, SX-09, attacks A-78
// and A-97. Time is the real clock, moved by hand past the cooldown; nothing here waits for it.

import { afterEach, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import type { BundleOrigin } from '../../src/core/outside.ts';
import type { KeyCaches } from '../../src/keys/key-caches.ts';
import { createKeyCaches } from '../../src/keys/key-caches.ts';
import { createOwnKeys } from '../../src/keys/own-keys.ts';
import type { KeysEvent } from '../../src/keys/status.ts';
import { SILENT_WORKLOAD_API } from '../../src/keys/workload-bundles.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { openSpiffeAuthority, type SpiffeAuthority, type X509Svid } from '../support/spiffe-authority.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';

const BOOTSTRAP = '/config/bootstrap.json';
const CA = '/config/ca.crt';
const ID = 'spiffe://a.example/bundle';
const opened: KeyCaches[] = [];

afterEach(() => {
  for (const caches of opened.splice(0)) caches.retain(new Set());
});

type Endpoint = Extract<BundleOrigin, { from: 'bundle_endpoint' }>;

const endpointAt = (server: TlsServer, changes: Partial<Endpoint> = {}): Endpoint => ({
  from: 'bundle_endpoint',
  trustDomain: 'a.example',
  url: server.url,
  profile: { name: 'https_spiffe', endpointId: ID, bootstrap: BOOTSTRAP },
  privateNetwork: false,
  ...changes,
});

/** An endpoint that serves whatever `bundle` gives, under this SVID. */
const serve = (svid: X509Svid, bundle: () => string) =>
  openTlsServer((_request, response) => response.end(bundle()), { certificate: { ...svid, ca: '' } });
const present = ({ server }: TlsServer, { cert, key }: X509Svid) => server.setSecureContext({ cert, key });

/** A source with this origin, opened among these others. */
async function open(origin: BundleOrigin, files: Record<string, string>, others: readonly BundleOrigin[] = []) {
  let extraMs = 0;
  let waiting = Promise.withResolvers<KeysEvent>();
  let own: string | undefined;
  const events: [string, KeysEvent][] = [];
  const caches = createKeyCaches({
    ownKeys: createOwnKeys(),
    outbound: createOutbound({ permitLoopback: true }),
    clock: {
      nowSeconds: () => Date.now() / 1000,
      elapsedMs: () => performance.now() + extraMs,
    },
    randomBytes: (count) => new Uint8Array(count),
    workloadApi: () => SILENT_WORKLOAD_API,
    identity: () => undefined,
    onEvent(digest, event) {
      events.push([digest, event]);
      if (own === undefined || digest === own) waiting.resolve(event);
    },
  });
  opened.push(caches);
  const bundles = new Map([origin, ...others].map((one) => [one.trustDomain, one]));
  const result = await caches.open(origin, {
    algorithms: SPIFFE.algorithms,
    files: new Map(Object.entries(files)),
    bundles,
  });
  if (!result.ok) throw new Error(result.problem);
  own = result.opened.digest;
  return {
    keys: result.opened.keys,
    /** How the first fetch ended. */
    first: async () => events.find(([digest]) => digest === own)?.[1] ?? waiting.promise,
    /** Causes one more fetch, and tells how it ended. */
    async again() {
      extraMs += 10_000;
      waiting = Promise.withResolvers();
      await result.opened.keys.find({ alg: 'ES256', kid: 'unknown' });
      return waiting.promise;
    },
    authorities() {
      const { found } = result.opened.authorities.current();
      return found === 'unavailable' ? found : found.map(({ der }) => Buffer.from(der).toString('base64'));
    },
  };
}

const rootsOf = (authority: SpiffeAuthority) => authority.rootDers().map((der) => Buffer.from(der).toString('base64'));
const refused = (problem: string) =>
  expect.objectContaining({ kind: 'fetch_failed', problem: `bundle: tls (${problem})` });
const OTHER_ID = 'its certificate is of another SPIFFE ID than endpointId';

describe('https_spiffe', () => {
  it('takes the bundle from the workload with the configured ID, whatever its host name (SF-04, SF-09)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    await using server = await serve(await authority.mintSvid('/bundle'), authority.bundleJson);
    const source = await open(endpointAt(server), { [BOOTSTRAP]: authority.bundleJson() });
    expect(await source.first()).toMatchObject({ kind: 'fetched', keys: 1 });
    expect(source.authorities()).toEqual(rootsOf(authority));
    expect(server.seen).toHaveLength(1);
  });

  it('takes a bootstrap in PEM, and an SVID below an intermediate authority (SF-09)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    const svid = await authority.mintSvid('/bundle', { intermediate: true });
    await using server = await serve(svid, authority.bundleJson);
    const source = await open(endpointAt(server), { [BOOTSTRAP]: authority.bundlePem() });
    expect(await source.first()).toMatchObject({ kind: 'fetched' });
  });

  const past = new Date(Date.now() - 1_000);
  const hostile: [string, string, (ours: SpiffeAuthority, other: SpiffeAuthority) => Promise<X509Svid>][] = [
    ['another workload of the trust domain', OTHER_ID, (ours) => ours.mintSvid('/other')],
    ['the same path of another trust domain', OTHER_ID, (_ours, other) => other.mintSvid('/bundle')],
    [
      'another trust domain that claims the ID (A-78, SX-09)',
      'its certificate: issuer_unknown',
      (_ours, other) => other.mintSvid('/bundle', { uris: [ID] }),
    ],
    [
      'somebody who signed it himself',
      'its certificate: issuer_unknown',
      (ours) => ours.mintSvid('/bundle', { selfSigned: true }),
    ],
    ['an SVID that has expired', 'its certificate: expired', (ours) => ours.mintSvid('/bundle', { notAfter: past })],
    [
      'an SVID that may not serve',
      'its certificate: extended_key_usage',
      (ours) => ours.mintSvid('/bundle', { purposes: ['client'] }),
    ],
    [
      'an SVID of two IDs',
      'its certificate: uri_several',
      (ours) => ours.mintSvid('/bundle', { uris: [ID, `${ID}/two`] }),
    ],
    [
      'a certificate for its host name alone',
      'its certificate: uri_missing',
      (ours) => ours.mintSvid('/bundle', { uris: [], dnsNames: ['localhost'] }),
    ],
  ];

  it.each(hostile)('refuses %s before it is asked anything (SF-09, A-97)', async (_title, problem, mint) => {
    const [ours, other] = await Promise.all([openSpiffeAuthority('a.example'), openSpiffeAuthority('b.example')]);
    await using server = await serve(await mint(ours, other), ours.bundleJson);
    const source = await open(endpointAt(server), { [BOOTSTRAP]: ours.bundleJson() });
    expect(await source.first()).toEqual(refused(problem));
    expect(source.authorities()).toBe('unavailable');
    expect(server.seen).toHaveLength(0);
    present(server, await ours.mintSvid('/bundle'));
    expect(await source.again()).toMatchObject({ kind: 'fetched' });
    expect(source.authorities()).toEqual(rootsOf(ours));
  });

  it('picks up a rotated root, and no longer takes the one before it, bootstrap or not (SF-09, F-16)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    const old = await authority.mintSvid('/bundle');
    await using server = await serve(old, authority.bundleJson);
    const source = await open(endpointAt(server), { [BOOTSTRAP]: authority.bundleJson() });
    await source.first();
    await authority.rotate();
    // Announced under the old root, then served under the new one.
    expect(await source.again()).toMatchObject({ kind: 'fetched', changed: true, keys: 2 });
    const renewed = await authority.mintSvid('/bundle');
    present(server, renewed);
    authority.retire();
    expect(await source.again()).toMatchObject({ kind: 'fetched', changed: true, keys: 1 });
    expect(source.authorities()).toEqual(rootsOf(authority));
    present(server, old);
    // The old root has the name of the new one, and another key.
    expect(await source.again()).toEqual(refused('its certificate: signature_invalid'));
    present(server, renewed);
    expect(await source.again()).toMatchObject({ kind: 'fetched' });
  });

  it('does not know a root that was never announced to it (SF-09)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    const bootstrap = authority.bundleJson();
    await authority.rotate();
    await using server = await serve(await authority.mintSvid('/bundle'), authority.bundleJson);
    const source = await open(endpointAt(server), { [BOOTSTRAP]: bootstrap });
    expect(await source.first()).toEqual(refused('its certificate: signature_invalid'));
  });

  it('proves an endpoint of another trust domain by the latest bundle of that one (SF-09, SF-02)', async () => {
    const [ours, theirs] = await Promise.all([openSpiffeAuthority('a.example'), openSpiffeAuthority('b.example')]);
    await using vouching = await serve(await theirs.mintSvid('/bundle'), theirs.bundleJson);
    await using server = await serve(await theirs.mintSvid('/federation'), ours.bundleJson);
    const voucher = endpointAt(vouching, {
      trustDomain: 'b.example',
      profile: { name: 'https_spiffe', endpointId: theirs.id('/bundle'), bootstrap: BOOTSTRAP },
    });
    const profile = { name: 'https_spiffe', endpointId: theirs.id('/federation') } as const;
    const source = await open(endpointAt(server, { profile }), { [BOOTSTRAP]: theirs.bundleJson() }, [voucher]);
    // Whichever fetch was first: the other bundle may not have been there yet.
    const first = await source.first();
    expect([
      refused('the bundle that must prove it is not known yet'),
      expect.objectContaining({ kind: 'fetched' }),
    ]).toContainEqual(first);
    if (first.kind === 'fetch_failed') expect(await source.again()).toMatchObject({ kind: 'fetched' });
    expect(source.authorities()).toEqual(rootsOf(ours));
    // Nothing of the voucher has become an authority of ours, and our own root proves no endpoint of theirs.
    present(server, await ours.mintSvid('/federation', { uris: [theirs.id('/federation')] }));
    expect(await source.again()).toEqual(refused('its certificate: issuer_unknown'));
  });

  it('follows no redirect but to itself, judged again, and remembers none (SF-08, SF-09, A-97)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    let location = '/moved';
    await using server = await openTlsServer(
      ({ url }, response) => {
        if (url === '/moved') response.end(authority.bundleJson());
        else response.writeHead(302, { location }).end();
      },
      { certificate: { ...(await authority.mintSvid('/bundle')), ca: '' } },
    );
    const source = await open(endpointAt(server), { [BOOTSTRAP]: authority.bundleJson() });
    expect(await source.first()).toMatchObject({ kind: 'fetched' });
    for (location of [`http://localhost:${server.port}/moved`, 'https://elsewhere.example/', 'file:///moved'])
      expect(await source.again()).toMatchObject({ problem: 'bundle: redirect (to another origin)' });
    expect(server.seen.map(({ url }) => url)).toEqual(['/', '/moved', '/', '/', '/']);
    expect(source.authorities()).toEqual(rootsOf(authority));
  });
});

describe('https_web', () => {
  const web = { name: 'https_web' } as const;

  it('takes the bundle from the host that its certificate names (SF-04)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    await using server = await openTlsServer((_request, response) => response.end(authority.bundleJson()));
    const source = await open(endpointAt(server, { profile: web, ca: CA }), { [CA]: server.ca });
    expect(await source.first()).toMatchObject({ kind: 'fetched', keys: 1 });
    expect(source.authorities()).toEqual(rootsOf(authority));
  });

  it.each<[string, string, (authority: SpiffeAuthority) => Promise<{ cert: string; key: string; ca: string }>]>([
    ['of another host', 'ERR_TLS_CERT_ALTNAME_INVALID', () => mintServerCertificate(['bundles.example'])],
    [
      'with an SVID instead of a name',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      async (authority) => ({ ...(await authority.mintSvid('/bundle')), ca: authority.bundlePem() }),
    ],
  ])('refuses a server %s (SF-08)', async (_title, code, mint) => {
    const authority = await openSpiffeAuthority('a.example');
    const certificate = await mint(authority);
    await using server = await openTlsServer((_request, response) => response.end(authority.bundleJson()), {
      certificate,
    });
    const source = await open(endpointAt(server, { profile: web, ca: CA }), { [CA]: certificate.ca });
    expect(await source.first()).toEqual(refused(code));
    expect(server.seen).toHaveLength(0);
  });

  it("refuses an authority that neither the system nor `ca` knows, the bundle's own included (SF-08)", async () => {
    const authority = await openSpiffeAuthority('a.example');
    const svid = await authority.mintSvid('/bundle', { dnsNames: ['localhost'] });
    await using server = await serve(svid, authority.bundleJson);
    const source = await open(endpointAt(server, { profile: web }), {});
    expect(await source.first()).toMatchObject({
      problem: expect.stringMatching(/^bundle: tls \((UNABLE|SELF|DEPTH)/),
    });
  });

  it('follows no redirect to another origin, and asks the configured URL the next time (SF-08, A-97)', async () => {
    const authority = await openSpiffeAuthority('a.example');
    let location: string | undefined = 'https://elsewhere.example/';
    await using server = await openTlsServer((_request, response) => {
      if (location === undefined) response.end(authority.bundleJson());
      else response.writeHead(307, { location }).end();
    });
    const source = await open(endpointAt(server, { profile: web, ca: CA }), { [CA]: server.ca });
    expect(await source.first()).toMatchObject({ problem: 'bundle: redirect (to another origin)' });
    location = `http://localhost:${server.port}/`;
    expect(await source.again()).toMatchObject({ problem: 'bundle: redirect (to another origin)' });
    location = undefined;
    expect(await source.again()).toMatchObject({ kind: 'fetched' });
    expect(server.seen.map(({ url }) => url)).toEqual(['/', '/', '/']);
  });
});
