// The stand-in for AWS takes what AWS takes and refuses what AWS refuses: what other tests conclude from it rests on this.

import { Agent } from 'node:https';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsSession, type FakeAws, openFakeAws } from '../../support/fake-aws.ts';
import { openTlsServer, type TlsServer } from '../../support/tls-server.ts';

const ROLE = 'arn:aws:iam::111122223333:role/team/payments-api';
const TAGS = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity';

describe('the stand-in for AWS STS', () => {
  let aws: FakeAws;
  let issuer: TlsServer;
  let iss: string;
  let published: unknown;
  const keys: Record<string, { readonly privateKey: CryptoKey; readonly jwk: JWK }> = {};
  const aside: AsyncDisposable[] = [];

  beforeAll(async () => {
    for (const alg of ['RS256', 'ES384', 'PS256', 'EdDSA']) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      keys[alg] = { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg } };
    }
    issuer = await openTlsServer(({ url }, response) => {
      const discovery = { issuer: iss, jwks_uri: `${iss}/jwks` };
      response.end(JSON.stringify(url === '/jwks' ? published : discovery));
    });
    iss = `https://localhost:${issuer.port}`;
    published = { keys: Object.values(keys).map(({ jwk }) => jwk) };
    aws = await openFakeAws({ issuers: () => [{ issuer: iss, ca: issuer.ca }] });
    aside.push(aws, issuer);
  });
  afterAll(async () => {
    for (const one of aside) await one[Symbol.asyncDispose]();
  });

  const client = (of?: AwsSession) =>
    new STSClient({
      region: 'eu-west-1',
      endpoint: `https://localhost:${aws.port}`,
      maxAttempts: 1,
      requestHandler: { httpsAgent: new Agent({ ca: aws.ca }) },
      ...(of && { credentials: of }),
    });

  const seconds = () => Math.floor(Date.now() / 1_000);
  const token = (more: Record<string, unknown> = {}, alg = 'RS256'): Promise<string> => {
    const key = keys[alg];
    if (!key) throw new Error(alg);
    const claims = {
      iss,
      aud: `${iss}/targets/payments`,
      sub: 'target:payments',
      iat: seconds(),
      exp: seconds() + 300,
    };
    return new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg, kid: alg, typ: 'JWT' }).sign(key.privateKey);
  };
  /** `granted`, or the code. */
  const ended = async (jwt: string | Promise<string>, more: object = {}): Promise<string> => {
    const input = { RoleArn: ROLE, RoleSessionName: 'api', WebIdentityToken: await jwt, ...more };
    try {
      await client().send(new AssumeRoleWithWebIdentityCommand(input));
      return 'granted';
    } catch (error) {
      // The SDK renames what it knows; the code is as it was sent.
      return error instanceof Error && 'Code' in error ? String(error.Code) : 'thrown';
    }
  };
  const session = (): AwsSession => {
    const last = aws.sessions.at(-1);
    if (!last) throw new Error('no session');
    return last;
  };

  it.each(['RS256', 'ES384'])('takes %s', async (alg) => {
    expect(await ended(token({}, alg))).toBe('granted');
  });

  it.each(['PS256', 'EdDSA'])('CA-02 takes no %s', async (alg) => {
    expect(await ended(token({}, alg))).toBe('InvalidIdentityToken');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an issuer that nobody registered', { iss: 'https://other.example' }, 'InvalidIdentityToken'],
    ['an issuer with a slash more', { iss: 'slash' }, 'InvalidIdentityToken'],
    ['an audience of another target', { aud: 'https://other.example/targets/payments' }, 'AccessDenied'],
    ['two audiences', { aud: ['a', 'b'] }, 'InvalidIdentityToken'],
    ['azp in place of aud', { azp: 'somebody' }, 'AccessDenied'],
    ['a subject of another target', { sub: 'target:payments-two' }, 'AccessDenied'],
    ['a subject of three characters', { sub: 'abc' }, 'InvalidIdentityToken'],
    ['a subject of 256 characters', { sub: 'target:payments:'.padEnd(256, 'x') }, 'InvalidIdentityToken'],
    ['an end that is past', { exp: 1_800_000_000 - 1e9 }, 'ExpiredTokenException'],
    ['a stale beginning', { iat: 1_000_000_000 }, 'ExpiredTokenException'],
    ['a beginning ahead', { iat: 9_000_000_000, exp: 9_000_000_300 }, 'InvalidIdentityToken'],
    ['a fractional time', { iat: Date.now() / 1_000 + 0.5 }, 'InvalidIdentityToken'],
    ['tags that nobody permits', { [TAGS]: { principal_tags: { a: ['b'] } } }, 'AccessDenied'],
    ['a source identity that nobody permits', { [SOURCE_IDENTITY]: 'alice' }, 'AccessDenied'],
  ])('CA-03 CA-04 refuses %s', async (_, claims, code) => {
    const changed = claims.iss === 'slash' ? { iss: `${iss}/` } : claims;
    expect(await ended(token(changed))).toBe(code);
  });

  it('CA-03 refuses a signature of another key', async () => {
    const [head, , signature] = (await token()).split('.');
    const [, payload] = (await token({ sub: 'target:payments:x' })).split('.');
    expect(await ended([head, payload, signature].join('.'))).toBe('InvalidIdentityToken');
  });

  it.each<[string, object, string]>([
    ['899 seconds', { DurationSeconds: 899 }, 'ValidationError'],
    ['longer than the role', { DurationSeconds: 3_601 }, 'ValidationError'],
    ['a session name with a slash', { RoleSessionName: 'a/b' }, 'ValidationError'],
    ['a policy of 2049 characters', { Policy: '{}'.padEnd(2_049) }, 'ValidationError'],
    ['a policy with a character beyond ISO 8859-1', { Policy: '{"Statement":[],"Id":"日"}' }, 'ValidationError'],
    ['a policy that is none', { Policy: '{"Statement":[{"Effect":"Perhaps"}]}' }, 'MalformedPolicyDocument'],
  ])('CA-05 CA-08 refuses %s', async (_, more, code) => {
    expect(await ended(token(), more)).toBe(code);
  });

  it('CA-08 refuses what is too much when packed', async () => {
    aws.roles.set(ROLE, { tags: true });
    const noise = (index: number) =>
      Buffer.from(crypto.getRandomValues(new Uint8Array(90 + (index % 2)))).toString('hex');
    const principal_tags = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, [noise(index)]]));
    expect(await ended(token({ [TAGS]: { principal_tags } }))).toBe('PackedPolicyTooLarge');
    aws.roles.delete(ROLE);
  });

  it.each<[string, object]>([
    ['51 of them', { principal_tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ['v']])) }],
    ['a key of 129 characters', { principal_tags: { ['k'.repeat(129)]: ['v'] } }],
    ['a value of 257 characters', { principal_tags: { k: ['v'.repeat(257)] } }],
    ['a key of its own', { principal_tags: { 'aws:k': ['v'] } }],
    ['two keys but for case', { principal_tags: { k: ['v'], K: ['v'] } }],
    ['a transitive key that is no tag', { principal_tags: { k: ['v'] }, transitive_tag_keys: ['l'] }],
  ])('CA-06 refuses tags: %s', async (_, tags) => {
    aws.roles.set(ROLE, { tags: true });
    expect(await ended(token({ [TAGS]: tags }))).toBe('ValidationError');
    aws.roles.delete(ROLE);
  });

  it('remembers what it gave, and gives something else each time', async () => {
    aws.roles.set(ROLE, { tags: true, sourceIdentity: true, secondsMax: 7_200 });
    const tags = { principal_tags: { team: ['payments'] }, transitive_tag_keys: ['team'] };
    const jwt = token({ [TAGS]: tags, [SOURCE_IDENTITY]: 'alice' });
    expect(await ended(jwt, { DurationSeconds: 7_200 })).toBe('granted');
    expect(session()).toMatchObject({
      arn: 'arn:aws:sts::111122223333:assumed-role/payments-api/api',
      tags: { team: 'payments' },
      transitive: ['team'],
      sourceIdentity: 'alice',
      seconds: 7_200,
    });
    const { accessKeyId, sessionToken } = session();
    expect(await ended(jwt)).toBe('granted');
    expect([accessKeyId, sessionToken]).not.toContain(session().accessKeyId);
    expect([accessKeyId, sessionToken]).not.toContain(session().sessionToken);
    aws.roles.delete(ROLE);
  });

  it('tells whoever has credentials of it who they are, and nobody else', async () => {
    expect(await ended(token())).toBe('granted');
    const identity = await client(session()).send(new GetCallerIdentityCommand());
    expect(identity).toMatchObject({ Arn: session().arn, Account: '111122223333', UserId: session().roleId });
    const said = (of: AwsSession) => client(of).send(new GetCallerIdentityCommand());
    await expect(said({ ...session(), secretAccessKey: 'x' })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await expect(said({ ...session(), sessionToken: 'x' })).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });

  it('CA-01 CA-08 says that it cannot reach an issuer, and that one has no keys', async () => {
    const had = published;
    published = { keys: [] };
    expect(await ended(token())).toBe('InvalidIdentityToken');
    published = had;
    const gone = await openFakeAws({ issuers: () => [{ issuer: iss, ca: aws.ca }] });
    aside.push(gone);
    const before = aws;
    aws = gone;
    expect(await ended(token())).toBe('IDPCommunicationError');
    aws = before;
  });

  it('misbehaves as it is told, once or until further notice', async () => {
    aws.next.push({ status: 400, code: 'Throttling' }, { status: 503, code: 'ServiceUnavailable', retryAfter: '3' });
    expect([await ended(token()), await ended(token()), await ended(token())]).toEqual([
      'Throttling',
      'ServiceUnavailable',
      'granted',
    ]);
  });
});
