// AWS roles by presigned requests (A-165, CVE-2020-16250, CVE-2022-2385): what is taken for one, what is sent for it, and everything that
// is refused before anybody is asked. The STS of these tests computes signatures by itself, over TLS.

import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AWS_IDENTITY_BYTES_MAX, AWS_IDENTITY_MS } from '../../src/core/limits-outside.ts';
import { AWS_REQUEST_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import type { SourceSettings } from '../../src/verifiers/kind.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE, NOW } from '../support/sources.ts';
import { HOST, openStsScene, ROLE_ID, type StsScene, signed, WORKER } from '../support/sts-scene.ts';
import type { Presigning } from '../support/sts-server.ts';

let scene: StsScene;
beforeEach(async () => {
  scene = await openStsScene();
});
afterEach(() => scene[Symbol.asyncDispose]());

describe('a presigned GetCallerIdentity request', () => {
  it('proves the role that signed it, by account and id', async () => {
    const text = signed();
    const result = await scene.present(text);
    if (!result.ok) throw new Error(JSON.stringify(result.refusal));
    const { claims, proof, ...principal } = result.value;
    expect(principal).toEqual({
      source: 'aws',
      kind: 'aws-caller-identity',
      issuer: 'https://sts.amazonaws.com',
      subject: ROLE_ID,
      name: `aws:account:111122223333:role_id:${ROLE_ID}`,
    });
    expect({ ...claims }).toEqual({
      iss: 'https://sts.amazonaws.com',
      sub: ROLE_ID,
      account: '111122223333',
      arn: WORKER.identity.Arn,
      role: 'order-worker',
      role_id: ROLE_ID,
      session: 'i-0abc',
      partition: 'aws',
    });
    const signature = text.slice(text.indexOf('X-Amz-Signature=') + 16);
    expect(proof).toMatchObject({
      sha256: hash('sha256', signature),
      jti: `sha256:${hash('sha256', signature)}`,
      expiresAt: NOW + 55,
      replay: 'once-per-target',
      presenter: 'self',
      tell: 'caller',
      audience: AUDIENCE,
    });
  });

  it('A-165 is sent with our value of the header and nothing else of the caller', async () => {
    const text = signed();
    expect(await scene.verdict(text)).toBe('proved');
    expect(scene.sts.asked).toHaveLength(1);
    expect(scene.sts.asked[0]).toEqual({
      url: text,
      bytesMax: AWS_IDENTITY_BYTES_MAX,
      deadlineMs: AWS_IDENTITY_MS,
      accept: 'application/json',
      signedAudience: AUDIENCE,
      refusals: true,
    });
    expect(scene.sts.seen[0]?.method).toBe('GET');
    const { host: _host, ...headers } = scene.sts.seen[0]?.headers ?? {};
    expect(headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'exchequer',
      connection: 'close',
      'x-exchequer-audience': AUDIENCE,
    });
  });

  it('A-165 that was signed for another broker is refused by STS, and taken by the other', async () => {
    const theirs = signed({ audience: 'https://other.example' });
    expect(await scene.verdict(theirs)).toBe('review_refused not_authenticated');
    expect(scene.sts.seen).toHaveLength(1);
    expect(await scene.verdict(theirs, await scene.verifierOf({ audience: 'https://other.example' }))).toBe('proved');
    expect(await scene.verdict(signed())).toBe('proved');
  });

  it('whose bytes were changed after it was signed is refused by STS', async () => {
    expect(await scene.verdict(signed().replace('Expires=60', 'Expires=61'))).toBe('review_refused not_authenticated');
    const signature = signed().replace(/[0-9a-f]{64}$/, 'a'.repeat(64));
    expect(await scene.verdict(signature)).toBe('review_refused not_authenticated');
    expect(scene.sts.seen).toHaveLength(2);
  });

  it('is one request in whatever order its parameters stand, and is spent once for each target', async () => {
    const [base = '', query = ''] = signed().split('?');
    const turned = `${base}?${query.split('&').reverse().join('&')}`;
    const both = [await scene.present(signed()), await scene.present(turned)];
    expect(both.map((one) => one.ok && one.value.proof.jti)).toEqual([
      expect.stringMatching(/^sha256:/),
      expect.anything(),
    ]);
    expect(both[0]?.ok && both[0].value.proof.jti).toBe(both[1]?.ok && both[1].value.proof.jti);
  });
});

/** Changes to a good request, after it was signed or before. Nothing of these goes outward. */
const MALFORMED: readonly (readonly [title: string, text: () => string, problem: string])[] = [
  ['http', () => signed().replace('https', 'http'), 'request_url'],
  ['upper-case scheme', () => signed().replace('https', 'HTTPS'), 'request_url'],
  ['a user in the URL', () => signed().replace('https://', 'https://sts.evil.example@'), 'request_url'],
  ['a port', () => signed().replace('.com/', '.com:443/'), 'request_url'],
  ['a path', () => signed().replace('.com/?', '.com/x?'), 'request_url'],
  ['a second slash', () => signed().replace('.com/?', '.com//?'), 'request_url'],
  ['no slash', () => signed().replace('.com/?', '.com?'), 'request_url'],
  ['a fragment', () => `${signed()}#x`, 'request_url'],
  ['a backslash', () => signed().replace('.com/?', '.com\\?'), 'request_url'],
  ['an upper-case host', () => signed().replace('sts.eu', 'STS.eu'), 'request_url'],
  ['no query', () => `https://${HOST}/?`, 'request_url'],
  ['a token', () => 'eyJhbGciOiJub25lIn0.e30.', 'request_url'],
  ['4,097 bytes', () => signed({ parameters: { 'X-Amz-Security-Token': 'a'.repeat(4_097) } }), 'too_large'],
  ['CVE-2020-16250 another host', () => signed({ host: 'sts.evil.example' }), 'request_host'],
  ['a host that begins like ours', () => signed({ host: `${HOST}.evil.example` }), 'request_host'],
  ['a host with a final dot', () => signed({ host: `${HOST}.` }), 'request_host'],
  [
    'a region that is not listed',
    () => signed({ host: 'sts.us-east-1.amazonaws.com', region: 'us-east-1' }),
    'request_host',
  ],
  ['a bucket of this name', () => signed({ host: 'sts.s3-eu-west-1.amazonaws.com' }), 'request_host'],
  [
    'the global host where it is not listed',
    () => signed({ host: 'sts.amazonaws.com', region: 'us-east-1' }),
    'request_host',
  ],
  ['an endpoint for FIPS', () => signed({ host: 'sts-fips.us-east-1.amazonaws.com' }), 'request_host'],
  ['loopback', () => signed({ host: '127.0.0.1' }), 'request_host'],
  ['CVE-2022-2385 an action twice', () => `${signed()}&Action=GetCallerIdentity`, 'request_parameter'],
  ['CVE-2022-2385 an action in another case', () => `${signed()}&action=GetCallerIdentity`, 'request_parameter'],
  [
    'CVE-2022-2385 a lower-case signature name',
    () => signed().replace('X-Amz-Signature', 'x-amz-signature'),
    'request_parameter',
  ],
  ['an encoded name', () => signed().replace('Action=', '%41ction='), 'request_parameter'],
  ['a parameter of nobody', () => signed({ parameters: { 'X-Amz-Content-Sha256': 'x' } }), 'request_parameter'],
  ['no session token', () => signed({ parameters: { 'X-Amz-Security-Token': undefined } }), 'request_parameter'],
  ['no signature', () => signed().replace(/&X-Amz-Signature=.*$/, ''), 'request_parameter'],
  ['an empty value', () => signed().replace(/Signature=.*$/, 'Signature='), 'request_parameter'],
  ['a name without a value', () => signed().replace('Action=', 'Action'), 'request_parameter'],
  ['an empty pair', () => `${signed()}&`, 'request_parameter'],
  ['a semicolon between pairs', () => signed().replace('&Version', ';Version'), 'request_parameter'],
  ['a plus for a space', () => signed().replace('EXAMPLE%2F', 'EXAMPLE+'), 'request_parameter'],
  ['lower-case percent-encoding', () => signed().replace('%2F', '%2f'), 'request_parameter'],
  ['a letter that needed no encoding', () => signed().replace('GetCaller', '%47etCaller'), 'request_parameter'],
  [
    'a line break in a value',
    () => signed().replace('GetCallerIdentity', 'GetCallerIdentity%0D%0A'),
    'request_parameter',
  ],
  [
    'a signature in upper case',
    () => signed().replace(/[0-9a-f]{64}$/, (hex) => hex.toUpperCase().replace(/^./, 'A')),
    'request_parameter',
  ],
  ['a signature of 63 digits', () => signed().slice(0, -1), 'request_parameter'],
  ['another action', () => signed({ parameters: { Action: 'AssumeRole' } }), 'request_action'],
  ['another version', () => signed({ parameters: { Version: '2011-06-14' } }), 'request_action'],
  [
    'another algorithm',
    () => signed({ parameters: { 'X-Amz-Algorithm': 'AWS4-ECDSA-P256-SHA256' } }),
    'request_algorithm',
  ],
  ['L39 no signed header of ours', () => signed({ headers: {} }), 'request_signed_headers'],
  ["another broker's header", () => signed({ headers: { 'x-k8s-aws-id': AUDIENCE } }), 'request_signed_headers'],
  [
    'a header more',
    () => signed({ headers: { 'x-exchequer-audience': AUDIENCE, 'x-amz-date': 'x' } }),
    'request_signed_headers',
  ],
  [
    'long-term credentials',
    () => signed({ caller: { ...WORKER, accessKeyId: 'AKIAEXAMPLEEXAMPLE12' } }),
    'request_credential',
  ],
  ['a scope of another service', () => signed().replace('%2Fsts%2F', '%2Fs3%2F'), 'request_credential'],
  ['a scope of another region', () => signed({ region: 'us-east-1' }), 'request_credential'],
  ['a scope of another day', () => signed().replace('2F20260921', '2F20260920'), 'request_credential'],
  ['a day that is none', () => signed().replaceAll('20260921', '20260931'), 'request_time'],
  ['a date with a fraction', () => signed({ parameters: { 'X-Amz-Date': '20260921T143455.5Z' } }), 'request_time'],
  ['an expiry of zero', () => signed({ parameters: { 'X-Amz-Expires': '0' } }), 'request_time'],
  ['an expiry in hex', () => signed({ parameters: { 'X-Amz-Expires': '0x3c' } }), 'request_time'],
];

describe('what is no presigned GetCallerIdentity request for us', () => {
  it.each(MALFORMED)('A-165 with %s is refused, and nobody is asked', async (_title, text, problem) => {
    expect(await scene.verdict(text())).toBe(`credential_malformed ${problem}`);
    expect(scene.sts.asked).toEqual([]);
    expect(await scene.verdict(signed())).toBe('proved');
  });

  it.each<readonly [string, Partial<Presigning>, Partial<SourceSettings>, string]>([
    ['lives 901 seconds', { expiresSeconds: 901 }, {}, 'lifetime_too_long'],
    ['was signed 31 seconds ahead', { signedAtSeconds: NOW + 31 }, {}, 'not_yet_valid'],
    ['expired 30 seconds ago', { signedAtSeconds: NOW - 90 }, {}, 'expired'],
    ['is older than maxAge', { signedAtSeconds: NOW - 91, expiresSeconds: 900 }, { maxAgeSeconds: 60 }, 'too_old'],
  ])('that %s is refused by our own clock, and nobody is asked', async (_title, more, settings, reason) => {
    expect(await scene.verdict(signed(more), await scene.verifierOf(settings))).toBe(reason);
    expect(scene.sts.asked).toEqual([]);
    const good = { signedAtSeconds: NOW - 60, expiresSeconds: 900 };
    expect(await scene.verdict(signed(good), await scene.verifierOf(settings))).toBe('proved');
  });

  it('is a token sent as a request, a request sent as a token, and a request where no source takes one', async () => {
    const asToken = await scene.present(signed(), undefined, JWT_TOKEN_TYPE);
    expect(!asToken.ok && asToken.refusal).toMatchObject({ reason: 'credential_malformed', problem: 'not_compact' });
    const none = createVerifiers([], AUDIENCE);
    const result = await none.verify({ text: signed(), tokenType: AWS_REQUEST_TOKEN_TYPE }, 'subject', NOW);
    expect(!result.ok && result.refusal.reason).toBe('token_type_refused');
    const jwt = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"iss":"https://sts.amazonaws.com"}').toString('base64url')}.c2ln`;
    const forged = await scene.present(jwt, undefined, JWT_TOKEN_TYPE);
    expect(!forged.ok && forged.refusal).toMatchObject({ reason: 'token_type_refused', source: 'aws' });
    expect(scene.sts.asked).toEqual([]);
  });
});
