// Where a trust domain's bundle may come from, as it is written: rows SF-04 to SF-06, SF-09, SA-01. What loads has one origin, said in full.

import { describe, expect, it } from 'vitest';
import { spiffe } from '../../src/verifiers/jwt-svid.ts';

const URL = 'https://bundles.example/a';
const ID = 'spiffe://a.example/bundle';

/** The origin that these options give, or each problem with its place. */
function origin(options: object): unknown {
  const read = spiffe.options.safeParse({ trustDomain: 'a.example', ...options });
  if (read.success) return spiffe.keyOrigin(read.data);
  return read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}
const of = (more: object) => ({ trustDomain: 'a.example', ...more });
const endpoint = (more: object) => of({ from: 'bundle_endpoint', url: URL, privateNetwork: false, ...more });

describe('the origin of a bundle', () => {
  it('is a file', () => {
    expect(origin({ bundle: { file: '/a.json' } })).toEqual(of({ from: 'bundle', file: '/a.json' }));
  });

  it('is an endpoint that is proved by its name (SF-04)', () => {
    expect(origin({ bundle: { url: URL, profile: 'https_web' } })).toEqual(
      endpoint({ profile: { name: 'https_web' } }),
    );
    expect(
      origin({ bundle: { url: URL, profile: 'https_web', ca: '/ca.crt', maxStale: '1h' }, privateNetwork: true }),
    ).toEqual(
      endpoint({ profile: { name: 'https_web' }, ca: '/ca.crt', staleSecondsMax: 3_600, privateNetwork: true }),
    );
  });

  it('is an endpoint that is proved by its SVID, of its own trust domain or of another (SF-04, SF-09)', () => {
    const own = { profile: 'https_spiffe', endpointId: ID, bootstrap: '/boot.json' };
    expect(origin({ bundle: { url: URL, ...own } })).toEqual(
      endpoint({ profile: { name: 'https_spiffe', endpointId: ID, bootstrap: '/boot.json' } }),
    );
    const other = { profile: 'https_spiffe', endpointId: 'spiffe://b.example/x' };
    expect(origin({ bundle: { url: URL, ...other } })).toEqual(
      endpoint({ profile: { name: 'https_spiffe', endpointId: 'spiffe://b.example/x' } }),
    );
  });

  it('is a Workload API (SA-01)', () => {
    expect(origin({ workloadApi: 'unix:///run/spire/api.sock' })).toEqual(
      of({ from: 'workload_api', socket: 'unix:///run/spire/api.sock' }),
    );
  });

  it.each<[string, object, string]>([
    ['none', {}, 'bundle: is missing; or write `workloadApi`'],
    [
      'two',
      { bundle: { file: '/a.json' }, workloadApi: 'unix:///s' },
      'workloadApi: stands beside `bundle`: write one of them',
    ],
    [
      'a relative socket (SA-01)',
      { workloadApi: 'unix:s' },
      'workloadApi: must be unix:///absolute/path or tcp://<ip>:<port>',
    ],
  ])('is not %s', (_title, options, problem) => {
    expect(origin(options)).toEqual([problem]);
  });

  it.each([
    ['http://bundles.example/a', 'must begin with https://, in lower case'],
    ['https://user@bundles.example/a', 'must not have a user name or password'],
    ['https://user:secret@bundles.example/a', 'must not have a user name or password'],
    ['https://bundles.example/a#b', 'must not have a fragment'],
    ['//bundles.example/a', 'must begin with https://, in lower case'],
    ['file:///etc/bundle', 'must begin with https://, in lower case'],
  ])('is never fetched from %s (SF-06)', (url, problem) => {
    const read = spiffe.options.safeParse({ trustDomain: 'a.example', bundle: { url, profile: 'https_web' } });
    expect(JSON.stringify(read.error?.issues)).toContain(problem);
  });

  it('is an endpoint only with its profile (SF-05)', () => {
    const read = spiffe.options.safeParse({ trustDomain: 'a.example', bundle: { url: URL } });
    expect(JSON.stringify(read.error?.issues)).toContain('profile');
  });

  const spiffeProfile = { url: URL, profile: 'https_spiffe' };
  it.each<[string, object, string]>([
    [
      'an ID for https_web',
      { url: URL, profile: 'https_web', endpointId: ID },
      'bundle.endpointId: is for the profile https_spiffe',
    ],
    [
      'a bootstrap for https_web',
      { url: URL, profile: 'https_web', bootstrap: '/b' },
      'bundle.bootstrap: is for the profile https_spiffe',
    ],
    [
      'no ID for https_spiffe',
      spiffeProfile,
      'bundle.endpointId: is missing: the profile https_spiffe proves the endpoint by it',
    ],
    [
      'authorities of the Web for https_spiffe',
      { ...spiffeProfile, endpointId: ID, bootstrap: '/b', ca: '/ca' },
      'bundle.ca: is for the profile https_web',
    ],
    [
      'no bootstrap for an endpoint that serves its own trust domain',
      { ...spiffeProfile, endpointId: ID },
      'bundle.bootstrap: is missing: until it is fetched, nothing else proves an endpoint of its own trust domain',
    ],
    [
      'a bootstrap for an endpoint of another trust domain',
      { ...spiffeProfile, endpointId: 'spiffe://b.example/x', bootstrap: '/b' },
      'bundle.bootstrap: is for an endpoint of the same trust domain: the source of the other one proves this one',
    ],
  ])('may not have %s (SF-05, SF-09)', (_title, bundle, problem) => {
    expect(origin({ bundle })).toEqual([problem]);
  });

  it.each(['spiffe://a.example', 'spiffe://A.example/x', 'https://a.example/x', 'spiffe://a.example/x/'])(
    'names no workload by %s (SF-09)',
    (endpointId) => {
      const bundle = { ...spiffeProfile, endpointId, bootstrap: '/b' };
      const read = spiffe.options.safeParse({ trustDomain: 'a.example', bundle });
      expect(JSON.stringify(read.error?.issues)).toContain('must be the SPIFFE ID of a workload');
    },
  );
});
