// The credential bundle of SPIFFE Filesystem Delivery §2.1: a key and its chain in one text. Every bad one has the good one beside it.

import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { readIdentity } from '../../../src/adapters/cli/credential-bundle.ts';
import { splitCredentialPem } from '../../../src/parsing/credential-pem.ts';
import { openSpiffeAuthority, type SpiffeAuthority, type X509Svid } from '../../support/spiffe-authority.ts';

let authority: SpiffeAuthority;
let svid: X509Svid;
beforeAll(async () => {
  authority = await openSpiffeAuthority('prod.example');
  svid = await authority.mintSvid('/web', { intermediate: true });
});

describe('a credential bundle', () => {
  it('is the identity of its leaf, whichever of key and chain comes first', () => {
    for (const text of [svid.key + svid.cert, svid.cert + svid.key, (svid.key + svid.cert).replaceAll('\n', '\r\n')]) {
      const read = readIdentity(text);
      expect(read).toMatchObject({ ok: true, spiffeId: 'spiffe://prod.example/web' });
      if (!read.ok) continue;
      expect(read.tls.key.replaceAll('\r', '').trim()).toBe(svid.key.trim());
      expect(read.tls.certificate.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    }
  });

  it('takes the older labels of keys', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    expect(splitCredentialPem(`${sec1}${svid.cert}`)).toEqual({
      certificates: expect.not.stringContaining('PRIVATE'),
      keys: [sec1.trim()],
    });
    // Read, and then not the leaf's.
    expect(readIdentity(sec1 + svid.cert)).toEqual({
      ok: false,
      problem: 'has the private key of another certificate than the first',
    });
  });

  it.each([
    ['no key', () => svid.cert, 'has no private key'],
    ['no certificate', () => svid.key, 'has no certificate'],
    ['two keys', () => svid.key + svid.key + svid.cert, 'has more than one private key'],
    [
      'a key that is none',
      () => `${svid.key.replace(/MI\w{20}/, 'AAAA')}${svid.cert}`,
      'has a private key that cannot be read',
    ],
    [
      'a key without its end',
      () => svid.key.replace(/-----END.*/, '') + svid.cert,
      'has a private key at line 1; it takes certificates only',
    ],
    [
      'something else',
      () => `${svid.key}${svid.cert}-----BEGIN X509 CRL-----\n`,
      expect.stringMatching(/^has X509 CRL at line \d+/),
    ],
  ])('with %s is none, and nothing of the key is said', (_title, text, problem) => {
    const read = readIdentity(text());
    expect(read).toEqual({ ok: false, problem });
    for (const line of svid.key.split('\n').slice(1, -2)) expect(JSON.stringify(read)).not.toContain(line);
  });

  it('SX-02 whose leaf is no workload is none, and the section says why', async () => {
    const bare = await authority.mintSvid('/web', { uris: ['spiffe://prod.example'] });
    expect(readIdentity(bare.key + bare.cert)).toEqual({
      ok: false,
      problem:
        'cannot be used: the SPIFFE ID of the leaf has no path: it names a trust domain and no workload (X509-SVID §5.2)',
    });
  });

  // Once a pattern over the whole text, which looked for each end up to the last byte: 3.4 s.
  it('that begins a key nine thousand times, and ends none, is read in one pass', () => {
    const text = '-----BEGIN PRIVATE KEY-----\n'.repeat(9_000);
    const started = performance.now();
    expect(splitCredentialPem(text).keys).toEqual([]);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
