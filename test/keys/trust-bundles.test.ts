// SPIFFE bundles: rows SB-02 to SB-04, SB-08, SJ-03, SJ-04, SJ-10.

import type { JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { BUNDLE_REFRESH_SECONDS_MAX, BUNDLE_REFRESH_SECONDS_MIN } from '../../src/core/limits-outside.ts';
import { readTrustBundle } from '../../src/keys/trust-bundles.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { publicJwk } from './public-jwk.ts';

let good: JWK;
let other: JWK;
beforeAll(async () => {
  const [one, two] = await Promise.all([publicJwk('ES256', 'one'), publicJwk('ES256', 'two')]);
  // Bundles state `use` and `kid`, and no `alg`.
  const { alg: _one, ...first } = one;
  const { alg: _two, ...second } = two;
  good = { ...first, use: 'jwt-svid' };
  other = second;
});

const DEMANDS = { trustDomain: 'a.example', algorithms: SPIFFE.algorithms };
const readText = async (text: string) => {
  const read = await readTrustBundle(text, DEMANDS);
  return read.ok ? read.bundle : read.problem;
};
const read = async (keys: unknown[], members: object = {}) => {
  const bundle = await readText(JSON.stringify({ keys, ...members }));
  if (typeof bundle === 'string') throw new Error(bundle);
  return bundle;
};
const named = async (keys: unknown[]) => {
  const { keys: taken, ignored } = await read(keys);
  return { kids: taken.map(({ kid }) => kid), ignored };
};

describe('a SPIFFE bundle', () => {
  it('needs nothing but `keys` (SB-08), and its keys are imported although jose knows no such use', async () => {
    const bundle = await read([good]);
    expect(bundle).toMatchObject({ keys: [{ kid: 'one', alg: 'ES256' }], ignored: [] });
    expect(bundle).not.toHaveProperty('sequence');
    expect(bundle).not.toHaveProperty('refreshHintSeconds');
  });

  it.each([
    ['JWT-SVID', {}],
    ['X509-SVID', {}],
    ['sig', { foreign: true }],
    ['wit-svid', { foreign: true }],
    [undefined, {}],
  ])('proves nothing by a key of the use %s, and still by the one beside it (SB-04, SJ-10)', async (use, whose) => {
    const ignored = [{ index: 0, why: 'has a use other than jwt-svid', ...whose }];
    expect(await named([{ ...other, use }, good])).toEqual({ kids: ['one'], ignored });
  });

  it('leaves the certificates of the trust domain alone (SJ-10)', async () => {
    const certificate = (await mintServerCertificate(['unused.example'])).ca;
    const x5c = [certificate.replaceAll(/-----[A-Z ]+-----|\s/g, '')];
    expect(await named([{ ...other, use: 'x509-svid', x5c }, good])).toEqual({ kids: ['one'], ignored: [] });
  });

  it('takes no key without kid (SJ-10), nor one of an unknown type (SB-04)', async () => {
    const { kid: _kid, ...nameless } = good;
    expect(await named([nameless, { ...good, kid: 'x', kty: 'XYZ' }, good])).toEqual({
      kids: ['one'],
      ignored: [
        { index: 0, why: 'has no kid' },
        { index: 1, why: 'has an unknown kty' },
      ],
    });
  });

  it('binds an RSA key to the closed list of SPIFFE, since bundles state no algorithm (SJ-03)', async () => {
    const { alg: _alg, ...rsa } = await publicJwk('RS256', 'rsa');
    const bundle = await read([{ ...rsa, use: 'jwt-svid' }]);
    expect(bundle.keys.map(({ alg }) => alg)).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  });

  it('may be empty, or hold nothing usable: then nobody can prove anything (SB-03)', async () => {
    expect(await read([])).toEqual({ keys: [], authorities: [], ignored: [] });
    const ignored = [{ index: 0, why: 'has no x5c' }];
    expect(await read([{ ...other, use: 'x509-svid' }])).toEqual({ keys: [], authorities: [], ignored });
  });

  it('is nothing without `keys` (SB-03)', async () => {
    expect(await readText('{"spiffe_sequence":1}')).toBe('has no array `keys`');
  });

  it('tells its sequence, and its refresh hint within our limits (SB-02, F-16)', async () => {
    const hint = async (seconds: unknown) => {
      const bundle = await read([good], { spiffe_sequence: 7, spiffe_refresh_hint: seconds });
      return [bundle.sequence, bundle.refreshHintSeconds];
    };
    expect(await hint(600)).toEqual([7n, 600]);
    expect(await hint(1)).toEqual([7n, BUNDLE_REFRESH_SECONDS_MIN]);
    expect(await hint(1e12)).toEqual([7n, BUNDLE_REFRESH_SECONDS_MAX]);
    for (const nonsense of [0, -5, 1.5, '600', null]) expect(await hint(nonsense)).toEqual([7n, undefined]);
  });
});
