// Credentials of AWS roles: what STS is asked for, what of its answers is taken, and what is refused before or after it was asked. STS is a
// stand-in that trusts our published keys alone.

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Issued } from '../../src/core/ports.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE, type IssuedTokenType, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { rfc3339 } from '../../src/parsing/instant.ts';
import { type AwsWorld, hourFrom, openAwsWorld, ROLE } from '../support/aws-world.ts';
import {
  ANOTHER_ROLE,
  longerBy,
  type Misbehaviour,
  REGION_DISABLED,
  THROTTLED,
  WITHOUT_SESSION_TOKEN,
} from '../support/fake-aws.ts';
import { issuedBy } from '../support/issued.ts';

const TAGS = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity';
const POLICY = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };

let world: AwsWorld;
beforeAll(async () => {
  world = await openAwsWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => {
  world.aws.misbehave = undefined;
  world.aws.roles.clear();
  vi.unstubAllEnvs();
});

/** The assertion that STS was sent last. */
const asserted = () => world.aws.asked.at(-1)?.get('WebIdentityToken') ?? '';

describe('the question to STS', () => {
  it('CA-02 CA-03 CX-01 has an assertion with these claims, and no others', async () => {
    const order = hourFrom();
    expect(await world.ended(order)).toBe('granted');
    expect(decodeProtectedHeader(asserted())).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k' });
    expect(decodeJwt(asserted())).toEqual({
      iss: world.issuer,
      aud: `${world.issuer}/targets/payments`,
      sub: 'target:payments',
      iat: order.issuedAt,
      nbf: order.issuedAt - 30,
      exp: order.issuedAt + 300,
      jti: order.id,
    });
  });

  it('CA-05 has these parameters, and is not signed', async () => {
    await world.ended(hourFrom());
    expect(Object.fromEntries(world.aws.asked.at(-1) ?? [])).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: ROLE,
      RoleSessionName: 'github+repository_id+74+environment+production',
      WebIdentityToken: asserted(),
      DurationSeconds: '3600',
    });
    expect(world.aws.seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('A-158 has nothing of the caller but what is proved: the role is the target’s', async () => {
    await world.ended(hourFrom());
    expect(world.session()).toMatchObject({
      arn: 'arn:aws:sts::111122223333:assumed-role/payments-api/github+repository_id+74+environment+production',
      account: '111122223333',
      tags: {},
      sourceIdentity: undefined,
      policy: undefined,
      policyArns: [],
    });
  });

  it('CA-05 asks for as long as was ordered, and for no longer', async () => {
    const { issuedAt } = hourFrom();
    await world.ended(hourFrom({ issuedAt, expiresAt: issuedAt + 900 }));
    expect(world.session().seconds).toBe(900);
    expect(await world.ended(hourFrom({ issuedAt, expiresAt: issuedAt + 7_200 }))).toBe(
      'cloud_refused ValidationError',
    );
    world.aws.roles.set(ROLE, { secondsMax: 7_200 });
    expect(await world.ended(hourFrom({ issuedAt, expiresAt: issuedAt + 7_200 }))).toBe('granted');
  });

  it('A-166 A-169 goes where the target says, without credentials, whatever the environment of the broker says', async () => {
    const env = {
      AWS_ENDPOINT_URL: 'https://evil.example',
      AWS_ENDPOINT_URL_STS: 'https://evil.example',
      AWS_ACCESS_KEY_ID: 'AKIAAMBIENT',
      AWS_SECRET_ACCESS_KEY: 'ambient',
      AWS_SESSION_TOKEN: 'ambient',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'https://evil.example/credentials',
      AWS_REGION: 'us-gov-west-1',
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_USE_DUALSTACK_ENDPOINT: 'true',
      AWS_CONFIG_FILE: '/nonexistent/config',
      AWS_PROFILE: 'nonexistent',
      AWS_MAX_ATTEMPTS: '9',
      AWS_SDK_UA_APP_ID: 'ambient',
    };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const before = world.aws.asked.length;
    expect(await world.ended(hourFrom())).toBe('granted');
    expect(world.aws.asked.length).toBe(before + 1);
    const seen = world.aws.seen.at(-1);
    expect(seen?.headers.host).toBe(`localhost:${world.aws.port}`);
    expect(JSON.stringify(seen?.rawHeaders)).not.toMatch(/ambient|authorization|x-amz-security-token/i);
  });
});

describe('the answer of STS', () => {
  it('becomes credentials as `credential_process` writes them', async () => {
    const issued = await issuedBy(world.issuerOf(), hourFrom());
    const { accessKeyId, secretAccessKey, sessionToken, endsAt } = world.session();
    expect(JSON.parse(issued.token)).toEqual({
      Version: 1,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: rfc3339(endsAt),
      AccountId: '111122223333',
    });
    expect(issued).toMatchObject({
      tokenType: 'N_A',
      issuedTokenType: AWS_CREDENTIALS_TOKEN_TYPE,
      expiresAt: endsAt,
      cloud: { session: { principal: world.session().arn, id: accessKeyId, subject: 'target:payments' } },
    });
    expect([...world.secrets.values()].at(-1)).toContain(secretAccessKey);
  });

  it.each<[string, Misbehaviour, string]>([
    ['A-162 ends later than was ordered', longerBy(60), 'cloud_refused ends_late'],
    ['A-162 has ended already', longerBy(-3_700), 'cloud_refused ended'],
    ['A-160 is of another role', ANOTHER_ROLE, 'cloud_refused another_session'],
    [
      'has another audience',
      { rewrite: (xml) => xml.replace('<Audience>', '<Audience>x') },
      'cloud_refused another_session',
    ],
    ['A-164 has no session token', WITHOUT_SESSION_TOKEN, 'cloud_refused incomplete'],
    [
      'A-164 has an empty secret',
      { rewrite: (xml) => xml.replace(/(?<=<SecretAccessKey>)[^<]*/, '') },
      'cloud_refused incomplete',
    ],
    [
      'A-164 has a secret of two lines',
      { rewrite: (xml) => xml.replace('<SecretAccessKey>', '<SecretAccessKey>a&#10;b') },
      'cloud_refused incomplete',
    ],
    [
      'A-164 has no end',
      { rewrite: (xml) => xml.replace(/<Expiration>[^<]*<.Expiration>/, '') },
      'cloud_refused incomplete',
    ],
    ['A-164 is empty', 'empty', 'cloud_refused incomplete'],
    ['A-164 F-51 is a refusal in 200', 'refuse in 200', 'cloud_refused incomplete'],
    ['A-164 is JSON', 'json', 'cloud_refused unreadable'],
    ['F-51 is cut off', 'truncate', 'cloud_refused unreadable'],
    ['F-51 breaks off', 'reset', 'cloud_refused network'],
    ['F-51 does not come', 'hang', 'cloud_refused timeout'],
  ])('is not taken where it %s, and nothing of it is remembered', async (_, misbehaviour, said) => {
    world.secrets.clear();
    world.aws.misbehave = misbehaviour;
    expect(await world.ended(hourFrom())).toBe(said);
    expect(world.secrets.size).toBe(0);
  });

  it('may end a little later than was ordered: its clock runs from when it is asked', async () => {
    world.aws.misbehave = longerBy(20);
    expect(await world.ended(hourFrom())).toBe('granted');
  });

  it.each<[string, Misbehaviour, object]>([
    ['says Throttling', THROTTLED, { problem: 'Throttling', again: 'busy' }],
    [
      'says 429 and when',
      { status: 429, code: 'TooMany', retryAfter: '7' },
      { problem: 'TooMany', again: 'busy', retryAfterSeconds: 7 },
    ],
    [
      'says 503 in words of a proxy',
      { status: 503, text: '<html>busy</html>', retryAfter: '3' },
      { problem: 'status_503', again: 'busy', retryAfterSeconds: 3 },
    ],
    ['says 500', { status: 500, code: 'InternalFailure' }, { problem: 'InternalFailure', again: 'failed' }],
    [
      'could not fetch our keys',
      { status: 400, code: 'IDPCommunicationError' },
      { problem: 'IDPCommunicationError', again: 'failed' },
    ],
    [
      'says something that is no code',
      { status: 400, code: 'eyJhbGciOi.J9' },
      { problem: 'unreadable', again: 'failed' },
    ],
    [
      'CA-08 F-52 says AccessDenied',
      { status: 403, code: 'AccessDenied' },
      { problem: 'AccessDenied', again: 'never' },
    ],
    [
      'CA-08 F-52 says that the assertion is over',
      { status: 400, code: 'ExpiredTokenException' },
      { problem: 'ExpiredTokenException', again: 'never' },
    ],
    [
      'CA-08 rejects a claim',
      { status: 403, code: 'IDPRejectedClaim' },
      { problem: 'IDPRejectedClaim', again: 'never' },
    ],
    [
      'CA-08 takes no such identity',
      { status: 400, code: 'InvalidIdentityToken' },
      { problem: 'InvalidIdentityToken', again: 'never' },
    ],
    ['CA-08 F-52 has the region turned off', REGION_DISABLED, { problem: 'RegionDisabledException', again: 'never' }],
    [
      'CA-08 F-52 finds the policies too large',
      { status: 400, code: 'PackedPolicyTooLarge' },
      { problem: 'PackedPolicyTooLarge', again: 'never' },
    ],
    [
      'CA-08 reads no policy',
      { status: 400, code: 'MalformedPolicyDocument' },
      { problem: 'MalformedPolicyDocument', again: 'never' },
    ],
  ])('goes on as its code alone where it %s', async (_, misbehaviour, attempt) => {
    world.aws.misbehave = misbehaviour;
    await world.ended(hourFrom());
    expect(world.attempts.at(-1)).toEqual({ ok: false, ...attempt });
  });

  it('CX-04 is another one for each question', async () => {
    const [one, two] = [await issuedBy(world.issuerOf(), hourFrom()), await issuedBy(world.issuerOf(), hourFrom())];
    expect(one.token).not.toBe(two.token);
  });
});

describe('what is read back', () => {
  it('A-51 A-160 is the assumed role without the path, the audience and the subject', async () => {
    const issuer = world.issuerOf();
    const order = hourFrom();
    const issued = await issuedBy(issuer, order);
    expect(issuer.read(issued)).toEqual({
      principal: world.session().arn,
      audience: `${world.issuer}/targets/payments`,
      subject: 'target:payments',
    });
    expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(order)));
  });

  it.each<[string, (issued: Issued) => Issued]>([
    ['other credentials than were given', (issued) => ({ ...issued, token: issued.token.replace('ASIA', 'AKIA') })],
    ['another end', (issued) => ({ ...issued, expiresAt: issued.expiresAt + 1 })],
  ])('A-51 cannot be %s', async (_, change) => {
    const issuer = world.issuerOf();
    const issued = await issuedBy(issuer, hourFrom());
    expect(() => issuer.read(change(issued))).toThrow('the credentials are not written as they were given');
  });
});

describe('an assertion that is delivered', () => {
  const options = { deliver: 'assertion', lifetime: '15m', session: { tags: true, sourceIdentity: true } };

  it('CX-01 is what AWS would have been sent; the cloud is not asked', async () => {
    const before = world.aws.asked.length;
    const issuer = world.issuerOf(options);
    const order = hourFrom({ issuedTokenType: JWT_TOKEN_TYPE });
    const issued = await issuedBy(issuer, order);
    expect(issued).toMatchObject({
      tokenType: 'N_A',
      issuedTokenType: JWT_TOKEN_TYPE,
      expiresAt: order.issuedAt + 300,
    });
    expect(decodeJwt(issued.token)).toMatchObject({
      sub: 'target:payments',
      [SOURCE_IDENTITY]: 'github+repository_id+74+environment+production',
      [TAGS]: { principal_tags: { subject: ['github:repository_id:74:environment:production'] } },
    });
    expect(issued.cloud?.session).toEqual({
      principal: ROLE,
      audience: `${world.issuer}/targets/payments`,
      subject: 'target:payments',
    });
    expect(world.aws.asked.length).toBe(before);
    expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(order)));
  });

  it('A-51 shows every claim to the recheck', async () => {
    const issuer = world.issuerOf(options);
    const order = hourFrom({ issuedTokenType: JWT_TOKEN_TYPE });
    const issued = await issuedBy(issuer, order);
    const other = await issuedBy(issuer, hourFrom({ ...order, id: '01JCX5YYYYYYYYYYYYYYYYYYYY' }));
    expect(JSON.stringify(issuer.read({ ...issued, token: other.token }))).not.toBe(
      JSON.stringify(issuer.expect(order)),
    );
    expect(() => issuer.read({ ...issued, token: 'a.b' })).toThrow('the assertion is no signed token');
  });
});

describe('what cannot be had from a target', () => {
  const ask = { targets: [], scopes: undefined, lifetimeSeconds: undefined };

  it('A-163 is a narrowing of the caller’s where the target narrows, or where nobody would narrow', () => {
    const session = { policy: JSON.stringify(POLICY), policyArns: [] };
    const said = (options: Record<string, unknown>) =>
      world.issuerOf(options).typeFor({ requestedTokenType: undefined, ask: { ...ask, session } });
    const refused = { ok: false, refusal: { reason: 'parameter_unsupported', parameter: 'Policy' } };
    expect(said({ policy: POLICY })).toEqual(refused);
    expect(said({ policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] })).toEqual(refused);
    expect(said({ deliver: 'assertion' })).toEqual(refused);
    expect(said({})).toEqual({ ok: true, value: AWS_CREDENTIALS_TOKEN_TYPE });
  });

  it('is another type than it gives', () => {
    const said = (requestedTokenType: IssuedTokenType, options: Record<string, unknown> = {}) =>
      world.issuerOf(options).typeFor({ requestedTokenType, ask });
    expect(said(JWT_TOKEN_TYPE)).toEqual({
      ok: false,
      refusal: { reason: 'token_type_unsupported', parameter: 'requested_token_type' },
    });
    expect(said(JWT_TOKEN_TYPE, { deliver: 'assertion' })).toEqual({ ok: true, value: JWT_TOKEN_TYPE });
  });
});
