// The X.509 side of trust bundles: rows SB-01, SB-04 to SB-07, SX-10, SX-11, attacks; JSON, maps of bundles, and PEM.

import { describe, expect, it } from 'vitest';
import { sharedAuthorities } from '../../src/keys/shared-authorities.ts';
import { readBundleFile, readTrustBundle } from '../../src/keys/trust-bundles.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { openSpiffeAuthority } from '../support/spiffe-authority.ts';

const DEMANDS = { trustDomain: 'a.example', algorithms: SPIFFE.algorithms };
const [one, two] = await Promise.all([openSpiffeAuthority('a.example'), openSpiffeAuthority('a.example')]);
const entryOf = (authority: typeof one) => JSON.parse(authority.bundleJson()).keys[0];
const [first, second] = [entryOf(one), entryOf(two)];
const jwtEntry = JSON.parse(one.bundleJson()).keys[1];

const readFile = async (text: string) => {
  const read = await readBundleFile(text, DEMANDS);
  return read.ok ? read.bundle : read.problem;
};
/** The authorities by their base64, and what was ignored. */
async function told(text: string) {
  const bundle = await readFile(text);
  if (typeof bundle === 'string') return bundle;
  const authorities = bundle.authorities.map(({ der }) => Buffer.from(der).toString('base64'));
  return { authorities, ignored: bundle.ignored };
}
const json = (...keys: unknown[]) => told(JSON.stringify({ keys }));
const [certificate] = first.x5c;
const [elsewhere] = second.x5c;

describe('the authorities of a bundle', () => {
  it('are the certificates of its x509-svid entries, each of them alone, beside the keys of its JWT-SVIDs (SX-10)', async () => {
    const bundle = await readFile(JSON.stringify({ keys: [first, jwtEntry, second] }));
    expect(bundle).toMatchObject({ keys: [{ kid: jwtEntry.kid }], authorities: [{}, {}], ignored: [] });
    expect(await json(first, jwtEntry, second)).toEqual({ authorities: [certificate, elsewhere], ignored: [] });
  });

  it('never include the second certificate of an entry (SX-11, A-93)', async () => {
    expect(await json({ ...first, x5c: [certificate, elsewhere] })).toEqual({
      authorities: [certificate],
      ignored: [],
    });
  });

  it.each<[string, object, string]>([
    ['without x5c', { x5c: undefined }, 'has no x5c'],
    ['with an empty x5c', { x5c: [] }, 'has an x5c that does not begin with base64'],
    ['with an x5c that is text', { x5c: certificate }, 'has an x5c that does not begin with base64'],
    ['with base64url', { x5c: [`${certificate.slice(0, -4)}-_==`] }, 'has an x5c that does not begin with base64'],
    [
      'with broken lines',
      { x5c: [`${certificate.slice(0, 64)}\n${certificate.slice(64)}`] },
      'has an x5c that does not begin with base64',
    ],
    ['with half a certificate', { x5c: [certificate.slice(0, 64)] }, 'holds a certificate that cannot be read (der)'],
    ['of an unknown kty', { kty: 'XYZ' }, 'has an unknown kty'],
    ['without kty', { kty: undefined }, 'has an unknown kty'],
    ['that publishes its private key', { d: 'AA' }, 'publishes the private member d: whoever read it can forge'],
    ['of the use X509-SVID', { use: 'X509-SVID' }, 'has a use other than jwt-svid'],
    ['without use', { use: undefined }, 'has a use other than jwt-svid'],
  ])('lack an entry %s, and only that one, and it is listed (SX-11, SB-04, A-94)', async (_title, members, why) => {
    expect(await json({ ...first, ...members }, second)).toEqual({
      authorities: [elsewhere],
      ignored: [{ index: 0, why }],
    });
  });

  it('are none where no entry has any: the trust domain has no X.509-SVIDs (SX-11)', async () => {
    expect(await json(jwtEntry)).toEqual({ authorities: [], ignored: [] });
  });

  it('count once where they stand twice', async () => {
    expect(await json(first, first)).toEqual({ authorities: [certificate], ignored: [] });
  });
});

describe('a sequence', () => {
  it.each<[string, bigint | undefined]>([
    ['0', 0n],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['18446744073709551615', 18_446_744_073_709_551_615n],
    ['"9007199254740993"', 9_007_199_254_740_993n],
    ['18446744073709551616', undefined],
    ['-1', undefined],
    ['-9007199254740993', undefined],
    ['1.5', undefined],
    ['"1e3"', undefined],
    ['null', undefined],
  ])('%s is read with 64 bits, and nonsense is none (SB-01)', async (written, sequence) => {
    const bundle = await readFile(`{"keys":[],"spiffe_sequence":${written}}`);
    expect(typeof bundle === 'object' && bundle.sequence).toBe(sequence);
  });

  it('is the one member whose integers may be that large (SB-01)', async () => {
    const problem = 'is not acceptable JSON (number_range)';
    expect(await readFile('{"keys":[],"spiffe_refresh_hint":9007199254740993}')).toBe(problem);
    expect(await readFile('{"keys":[],"spiffe_sequence":1e400}')).toBe(problem);
  });
});

describe('a map of bundles', () => {
  const map = (bundles: object) => JSON.stringify({ trust_domains: bundles });

  it('gives the bundle of our trust domain and of no other (SB-05)', async () => {
    const both = map({ 'a.example': { keys: [first] }, 'b.example': { keys: [second] } });
    expect(await told(both)).toEqual({ authorities: [certificate], ignored: [] });
  });

  it.each([
    ['without it', map({ 'b.example': { keys: [first] } }), 'has no bundle of a.example'],
    ['where it is no object', map({ 'a.example': 7 }), 'has no bundle of a.example'],
    ['that is none', '{"trust_domains":[]}', 'has a `trust_domains` that is no object'],
    ['where it lacks keys', map({ 'a.example': {} }), 'has no array `keys`'],
  ])('%s is no bundle (SB-05)', async (_title, text, problem) => {
    expect(await readFile(text)).toBe(problem);
  });

  it('that names a trust domain twice is refused (SB-05)', async () => {
    const bundle = JSON.stringify({ keys: [first] });
    const other = JSON.stringify({ keys: [second] });
    expect(await readFile(`{"trust_domains":{"a.example":${bundle},"a.example":${other}}}`)).toBe(
      'is not acceptable JSON (duplicate_member)',
    );
    expect(await told(`{"trust_domains":{"a.example":${bundle},"b.example":${other}}}`)).toMatchObject({
      authorities: [certificate],
    });
  });

  it("is not refreshed by a bundle's own hint, and has its sequence (SB-06)", async () => {
    const bundle = await readFile(map({ 'a.example': { keys: [], spiffe_sequence: 7, spiffe_refresh_hint: 600 } }));
    expect(bundle).toEqual({ keys: [], authorities: [], ignored: [], sequence: 7n });
  });
});

describe('a bundle in PEM', () => {
  it('holds authorities and no keys of JWT-SVIDs, comments and all', async () => {
    const text = `# Example CA\n${one.bundlePem()}\n# Another\n${two.bundlePem()}`;
    expect(await readFile(text)).toMatchObject({ keys: [], ignored: [] });
    expect(await told(text)).toEqual({ authorities: [certificate, elsewhere], ignored: [] });
  });

  it('lists what is no certificate, and takes the others', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
    expect(await told(broken + two.bundlePem())).toEqual({
      authorities: [elsewhere],
      ignored: [{ index: 0, why: expect.stringContaining('holds a certificate that cannot be read') }],
    });
  });

  it('with a private key is refused, without a byte of it', async () => {
    const { key } = await one.mintSvid('/x');
    const problem = await readFile(one.bundlePem() + key);
    expect(problem).toMatch(/^has a private key at line \d+; it takes certificates only$/);
    expect(await told(one.bundlePem())).toMatchObject({ authorities: [certificate] });
  });

  it('is none behind an endpoint, which serves JSON (SF-01)', async () => {
    const read = await readTrustBundle(one.bundlePem(), DEMANDS);
    expect(read).toEqual({ ok: false, problem: 'is not acceptable JSON (syntax)' });
  });
});

describe('one root under two trust domains', () => {
  const authoritiesOf = async (text: string) => {
    const bundle = await readFile(text);
    return typeof bundle === 'object' ? bundle.authorities : [];
  };

  it('is told with both names (SB-07)', async () => {
    const [ours, theirs] = await Promise.all([authoritiesOf(one.bundlePem()), authoritiesOf(two.bundlePem())]);
    const shared = sharedAuthorities([
      { trustDomain: 'a.example', authorities: ours },
      { trustDomain: 'b.example', authorities: [...theirs, ...ours] },
      { trustDomain: 'c.example', authorities: [] },
    ]);
    expect(shared).toEqual([{ sha256: ours[0]?.sha256, trustDomains: ['a.example', 'b.example'] }]);
    expect(
      sharedAuthorities([
        { trustDomain: 'a.example', authorities: [...ours, ...ours] },
        { trustDomain: 'b.example', authorities: theirs },
      ]),
    ).toEqual([]);
  });
});
