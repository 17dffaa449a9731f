import { beforeAll, describe, expect, it } from 'vitest';
import { createPlatformKey, jwtSvid, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { spiffe } from '../../src/verifiers/jwt-svid.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE, NOW, partsOf, settingsOf } from '../support/sources.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;
const DOMAINS = ['a.example', 'b.example', 'c.example'] as const;

describe('JWT-SVIDs', () => {
  const keys = new Map<string, PlatformKey>();
  let verify: (text: string) => Promise<string>;

  beforeAll(async () => {
    const sources = await Promise.all(
      DOMAINS.map(async (trustDomain) => {
        const key = await createPlatformKey('ES256', 'jwt-svid');
        keys.set(trustDomain, key);
        const options = { trustDomain, bundle: { file: 'unused' }, privateNetwork: false };
        return spiffe.create(settingsOf(trustDomain.replace('.', '-')), options, await partsOf(key));
      }),
    );
    const verifiers = createVerifiers(sources, AUDIENCE);
    verify = async (text) => {
      const result = await verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, 'subject', NOW);
      return result.ok ? result.value.name : result.refusal.reason;
    };
  });

  const svid = (signer: string, id: string, more = {}, header = {}): Promise<string> =>
    (keys.get(signer) as PlatformKey).sign({ ...jwtSvid(id, AUDIENCE, NOW), ...more }, header);

  it('SJ-06, SI-07, A-99 proves an SVID by the keys of its own trust domain and by no other', async () => {
    for (const signer of DOMAINS)
      for (const claimed of DOMAINS) {
        const id = `spiffe://${claimed}/ns/payments/sa/api`;
        const expected = signer === claimed ? id : 'key_unknown';
        expect(await verify(await svid(signer, id)), `${signer} signs ${claimed}`).toBe(expected);
        const kid = keys.get(claimed)?.kid;
        const forged = signer === claimed ? id : 'signature_invalid';
        expect(await verify(await svid(signer, id, {}, { kid })), `${signer} signs ${claimed} under its kid`).toBe(
          forged,
        );
      }
  });

  it('SJ-06, A-100 ignores iss: it neither chooses keys nor refuses', async () => {
    const id = 'spiffe://a.example/w';
    expect(await verify(await svid('a.example', id, { iss: 'https://token.actions.githubusercontent.com' }))).toBe(id);
    expect(await verify(await svid('b.example', id, { iss: 'spiffe://b.example' }))).toBe('key_unknown');
  });

  it.each(ALGORITHMS)('SJ-03 takes %s', async (algorithm) => {
    const key = await createPlatformKey(algorithm, 'jwt-svid');
    const source = spiffe.create(
      settingsOf('mesh'),
      { trustDomain: 'd.example', bundle: { file: 'x' }, privateNetwork: false },
      await partsOf(key),
    );
    const text = await key.sign(jwtSvid('spiffe://d.example/w', AUDIENCE, NOW));
    const result = await createVerifiers([source], AUDIENCE).verify(
      { text, tokenType: JWT_TOKEN_TYPE },
      'subject',
      NOW,
    );
    expect(result.ok).toBe(true);
  });

  it.each([{ x5t: 'AAAA' }, { cty: 'JWT' }, { zip: 'DEF' }, { jku: 'https://a.example/keys' }, { other: 1 }])(
    'SJ-02 refuses the header member in %j, which JWT-SVID does not describe',
    async (header) =>
      expect(await verify(await svid('a.example', 'spiffe://a.example/w', {}, header))).toBe('header_refused'),
  );

  it.each([undefined, 'JWT', 'JOSE'])('SJ-05 takes typ %s', async (typ) => {
    expect(await verify(await svid('a.example', 'spiffe://a.example/w', {}, { typ }))).toBe('spiffe://a.example/w');
  });

  it.each(['at+jwt', 'wit+jwt', 'jwt', 'jose'])('SJ-05 refuses typ %s', async (typ) => {
    expect(await verify(await svid('a.example', 'spiffe://a.example/w', {}, { typ }))).toBe('typ_refused');
  });

  it('SJ-04, A-103 verifies an SVID without kid by trying the keys of its domain', async () => {
    expect(await verify(await svid('a.example', 'spiffe://a.example/w', {}, { kid: undefined }))).toBe(
      'spiffe://a.example/w',
    );
    expect(await verify(await svid('b.example', 'spiffe://a.example/w', {}, { kid: undefined }))).toBe(
      'signature_invalid',
    );
  });

  it('SJ-11 refuses a trust domain without a path', async () => {
    expect(await verify(await svid('a.example', 'spiffe://a.example'))).toBe('claim_invalid');
  });

  it.each(['SPIFFE://a.example/w', 'spiffe:/a.example/w', 'Spiffe://a.example/w', 'wimse://a.example/w'])(
    'SI-05 refuses %s: it is no SPIFFE ID, and no issuer owns it',
    async (id) => {
      expect(await verify(await svid('a.example', id))).toBe('claim_missing');
      expect(await verify(await svid('a.example', id, { iss: 'https://unknown.example' }))).toBe('issuer_unknown');
    },
  );

  it.each([
    'spiffe://A.example/w',
    'spiffe://a.example/w/',
    'spiffe://a.example//w',
    'spiffe://a.example/../w',
    'spiffe://a.example:443/w',
    'spiffe://a.example/%77',
    'spiffe://a.example/w?x',
    'spiffe://u@a.example/w',
  ])('SI-01 to SI-03, A-85 refuses the ID %s', async (id) =>
    expect(await verify(await svid('a.example', id))).toBe('claim_invalid'),
  );

  it('SJ-07 refuses a second audience', async () => {
    expect(await verify(await svid('a.example', 'spiffe://a.example/w', { aud: [AUDIENCE, 'other'] }))).toBe(
      'audience_mismatch',
    );
  });

  it('SC-02 wants our issuer alone of an assertion, whatever audiences its source takes of subjects', async () => {
    const key = await createPlatformKey('ES256', 'jwt-svid');
    const settings = settingsOf('mesh', { audience: 'https://mesh.example', otherAudiences: true });
    const options = { trustDomain: 'd.example', bundle: { file: 'x' }, privateNetwork: false };
    const verifiers = createVerifiers([spiffe.create(settings, options, await partsOf(key))], AUDIENCE);
    const judged = async (role: 'subject' | 'client', aud: readonly string[]) => {
      const text = await key.sign({ ...jwtSvid('spiffe://d.example/w', AUDIENCE, NOW), aud });
      const result = await verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, role, NOW);
      return result.ok ? 'proved' : result.refusal.reason;
    };
    expect(await judged('client', [AUDIENCE])).toBe('proved');
    expect(await judged('client', [AUDIENCE, 'https://mesh.example'])).toBe('audience_mismatch');
    expect(await judged('client', ['https://mesh.example'])).toBe('audience_mismatch');
    expect(await judged('subject', ['https://mesh.example', 'https://other.example'])).toBe('proved');
    expect(await judged('subject', [AUDIENCE])).toBe('audience_mismatch');
  });

  it('SJ-09 never asks for jti, and does not make it single-use', async () => {
    const text = await svid('a.example', 'spiffe://a.example/w', { jti: 'one' });
    expect([await verify(text), await verify(text)]).toEqual(['spiffe://a.example/w', 'spiffe://a.example/w']);
  });
});
