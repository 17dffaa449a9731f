// POST /aws/sts at a real listener: what AssumeRoleWithWebIdentity hands over, what is refused and under which code, and what is answered byte
// for byte.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREDENTIAL_BYTES_MAX } from '../../../src/core/limits.ts';
import type { Outcome } from '../../../src/core/operation.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { element } from '../../support/aws-facade.ts';
import { ALL_REFUSALS } from '../../support/every-refusal.ts';
import { DECISION, type Got, grantedCredentials, type Harness, refused, send, startListener } from './harness.ts';

let harness: Harness;
/** What the exchange comes to, instead of what was understood. */
let outcome: Outcome | undefined;
beforeAll(async () => {
  harness = await startListener({}, () => outcome);
});
afterAll(() => harness.listener.close(0));

const ROLE = 'arn:aws:iam::111122223333:role/path/payments-api';
const FORM: Readonly<Record<string, string>> = {
  Action: 'AssumeRoleWithWebIdentity',
  Version: '2011-06-15',
  RoleArn: ROLE,
  RoleSessionName: 'aws-sdk-js-session-1795298135663',
  WebIdentityToken: 'a.b.c',
};
/** An empty text removes a parameter. */
const bodyOf = (changes: Record<string, string> = {}): string =>
  new URLSearchParams(Object.entries({ ...FORM, ...changes }).filter(([, value]) => value !== '')).toString();
const post = (body: string, path = '/aws/sts', headers: Record<string, string> = {}): Promise<Got> =>
  send(harness, { path, body, headers });
/** `400 ValidationError parameter_malformed Policy` */
async function refusal(answer: Promise<Got>): Promise<string> {
  const { status, body } = await answer;
  const request = harness.seen.at(-1)?.request;
  const no: Refusal | undefined = request && !request.ok ? request.refusal : undefined;
  const parameter = no && 'parameter' in no ? ` ${no.parameter}` : '';
  return `${status} ${element(body, 'Code')} ${no?.reason}${parameter}`;
}
async function understood(answer: Promise<Got>): Promise<object> {
  expect((await answer).status).toBe(200);
  const request = harness.seen.at(-1)?.request;
  return request?.ok ? request.value : {};
}

const jwt = (claims: object): string => {
  const [header, payload] = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return `${header}.${payload}.c2ln`;
};

describe('AssumeRoleWithWebIdentity', () => {
  it('hands over the token, the role, and an hour where nothing is said', async () => {
    expect(await understood(post(bodyOf()))).toMatchObject({
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requestedTokenType: 'urn:exchequer:params:oauth:token-type:aws-credentials',
      subject: { text: 'a.b.c', tokenType: 'urn:ietf:params:oauth:token-type:jwt' },
      actor: undefined,
      ask: { targets: [ROLE], lifetimeSeconds: 3_600, session: undefined, scopes: undefined },
    });
    expect(harness.seen.at(-1)).toMatchObject({ transport: 'aws-sts' });
  });

  it.each([
    ['/aws/sts', [ROLE]],
    ['/aws/sts/', [ROLE]],
    ['/aws/sts/payments-aws', ['payments-aws', ROLE]],
    ['/aws/sts/payments-aws/', ['payments-aws', ROLE]],
  ])('at %s asks for every target that is named, in the path and by RoleArn', async (path, targets) => {
    expect(await understood(post(bodyOf(), path))).toMatchObject({ ask: { targets } });
  });

  it('takes the target of the path alone, and as boto3 writes the media type', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const asked = post(bodyOf({ RoleArn: '', RoleSessionName: '' }), '/aws/sts/payments-aws', headers);
    expect(await understood(asked)).toMatchObject({ ask: { targets: ['payments-aws'] } });
  });

  it.each(['a.b.c\n', ' a.b.c \r\n', '\ufeffa.b.c'])('leaves out the space around the token %j', async (text) => {
    expect(await understood(post(bodyOf({ WebIdentityToken: text })))).toMatchObject({ subject: { text: 'a.b.c' } });
  });

  it('hands over how long, and what narrows the session, as it was written (CA-05)', async () => {
    const policy = ` {"Version":"2012-10-17","Id":"\\u65e5${'ÿ'.repeat(1_994)}","Statement":[]}`;
    expect(policy).toHaveLength(2_048);
    const more = {
      DurationSeconds: '900',
      Policy: policy,
      'PolicyArns.member.2.arn': 'arn:aws:iam::aws:policy/B',
      'PolicyArns.member.1.arn': 'arn:aws:iam::aws:policy/A',
    };
    expect(await understood(post(bodyOf(more)))).toMatchObject({
      ask: {
        lifetimeSeconds: 900,
        session: { policy, policyArns: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'] },
      },
    });
  });

  it.each<[string, Record<string, string>]>([
    ['400 InvalidAction parameter_missing Action', { Action: '' }],
    ['400 InvalidAction parameter_unsupported Action', { Action: 'AssumeRole' }],
    ['400 InvalidAction parameter_unsupported Action', { Action: 'assumerolewithwebidentity' }],
    ['400 ValidationError parameter_missing Version', { Version: '' }],
    ['400 ValidationError parameter_unsupported Version', { Version: '2011-06-16' }],
    ['400 ValidationError parameter_missing RoleArn', { RoleArn: '' }],
    ['400 ValidationError parameter_malformed RoleArn', { RoleArn: 'a b' }],
    ['400 ValidationError parameter_malformed RoleArn', { RoleArn: `arn:${'a'.repeat(2_045)}` }],
    ['400 ValidationError parameter_missing WebIdentityToken', { WebIdentityToken: ' \n' }],
    ['400 ValidationError parameter_malformed WebIdentityToken', { WebIdentityToken: 'a b' }],
    ['400 ValidationError parameter_malformed WebIdentityToken', { WebIdentityToken: 'a\nb' }],
    ['400 ValidationError parameter_malformed WebIdentityToken', { WebIdentityToken: 'ä' }],
    [
      '400 ValidationError parameter_too_large WebIdentityToken',
      { WebIdentityToken: 'a'.repeat(CREDENTIAL_BYTES_MAX + 1) },
    ],
    ['400 ValidationError parameter_malformed RoleSessionName', { RoleSessionName: 'a' }],
    ['400 ValidationError parameter_malformed RoleSessionName', { RoleSessionName: 'a:b' }],
    ['400 ValidationError parameter_malformed RoleSessionName', { RoleSessionName: 'a'.repeat(65) }],
    ...['899', '43201', '0', '-900', '900.0', '9e2', '0x384', '0900', ' 900', '١٢٠٠', '99999999999999999999'].map(
      (DurationSeconds): [string, Record<string, string>] => [
        '400 ValidationError parameter_malformed DurationSeconds',
        { DurationSeconds },
      ],
    ),
    ['400 MalformedPolicyDocument parameter_malformed Policy', { Policy: '{' }],
    ['400 MalformedPolicyDocument parameter_malformed Policy', { Policy: '[]' }],
    ['400 MalformedPolicyDocument parameter_malformed Policy', { Policy: '{"a":1,"a":2}' }],
    // Characters that STS takes as JSON escapes alone.
    ['400 MalformedPolicyDocument parameter_malformed Policy', { Policy: '{"a":"日"}' }],
    ['400 MalformedPolicyDocument parameter_malformed Policy', { Policy: '{"a":"🔒"}' }],
    ['400 ValidationError parameter_too_large Policy', { Policy: `{"a":"${'🔒'.repeat(1_021)}"}` }],
    ['400 ValidationError parameter_too_large Policy', { Policy: `{"a":"${'x'.repeat(2_042)}"}` }],
    ['400 ValidationError parameter_malformed PolicyArns', { 'PolicyArns.member.2.arn': 'arn:aws:iam::aws:policy/B' }],
    ['400 ValidationError parameter_malformed PolicyArns', { 'PolicyArns.member.1.arn': 'policy/A' }],
    [
      '400 ValidationError parameter_unsupported PolicyArns',
      { 'PolicyArns.member.01.arn': 'arn:aws:iam::aws:policy/A' },
    ],
    ['400 ValidationError parameter_unsupported PolicyArns', { 'PolicyArns.1.arn': 'arn:aws:iam::aws:policy/A' }],
    ['400 ValidationError parameter_unsupported ProviderId', { ProviderId: 'www.amazon.com' }],
    ['400 ValidationError parameter_unsupported Tags', { 'Tags.member.1.Key': 'a' }],
    ['400 ValidationError parameter_unsupported roleArn', { roleArn: ROLE }],
    ['400 ValidationError parameter_unsupported ExternalId', { ExternalId: 'x' }],
  ])('says %s to %j', async (expected, changes) => {
    expect(await refusal(post(bodyOf(changes)))).toBe(expected);
  });

  it('takes ten managed policies, and no eleventh', async () => {
    const arns = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `PolicyArns.member.${index + 1}.arn`,
          `arn:aws:iam::aws:policy/${index}`,
        ]),
      );
    await understood(post(bodyOf(arns(10))));
    expect(await refusal(post(bodyOf(arns(11))))).toBe('400 ValidationError parameter_malformed PolicyArns');
  });

  it.each([
    ['400 ValidationError parameter_repeated RoleArn', `${bodyOf()}&RoleArn=other`],
    ['400 ValidationError parameter_repeated WebIdentityToken', `${bodyOf()}&WebIdentityToken=`],
    ['400 InvalidAction parameter_repeated Action', `${bodyOf()}&Action=GetCallerIdentity`],
    ['400 ValidationError body_malformed', `${bodyOf()}&a[b]=c`],
    ['400 ValidationError body_malformed', `${bodyOf()}&a=%zz`],
    ['400 InvalidAction parameter_missing Action', ''],
    ['413 ValidationError body_too_large', bodyOf({ WebIdentityToken: 'a'.repeat(140_000) })],
  ])('says %s to a form that is none', async (expected, body) => {
    expect(await refusal(post(body))).toBe(expected);
  });

  it.each([
    ['415 ValidationError media_type_unsupported', { 'content-type': 'application/json' }],
    ['400 ValidationError body_malformed', { 'content-encoding': 'gzip' }],
    ['400 ValidationError parameter_unsupported Authorization', { authorization: 'Bearer a.b.c' }],
    ['400 ValidationError parameter_unsupported DPoP', { dpop: 'a.b.c' }],
  ])('says %s where a header says something else', async (expected, headers) => {
    expect(await refusal(post(bodyOf(), '/aws/sts', headers))).toBe(expected);
  });

  it('takes nothing from the address, and no other method', async () => {
    expect(await refusal(post(bodyOf(), '/aws/sts?Action=GetCallerIdentity'))).toBe(
      '400 ValidationError query_forbidden',
    );
    const answer = await send(harness, { method: 'GET', path: '/aws/sts', body: '' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
    for (const path of ['/aws/sts//', '/aws/sts/Payments', '/aws/sts/a/b', '/aws/STS', '/aws/sts/%61'])
      expect((await post(bodyOf(), path)).status, path).toBe(404);
  });
});

describe('the answer', () => {
  it('is the document that SDKs read, byte for byte', async () => {
    outcome = grantedCredentials({ packedPolicySize: 6 });
    const { status, headers, body } = await post(bodyOf());
    outcome = undefined;
    expect([status, headers['content-type'], headers['x-amzn-requestid'], headers['cache-control']]).toEqual([
      ...[200, 'text/xml', DECISION, 'no-store'],
    ]);
    expect(body).toBe(
      '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>' +
        '<SubjectFromWebIdentityToken>target:r</SubjectFromWebIdentityToken><Audience>https://sts.example/targets/r</Audience>' +
        '<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/R/s</Arn><AssumedRoleId>AROAEXAMPLE:s</AssumedRoleId></AssumedRoleUser>' +
        '<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>' +
        '<Expiration>2027-01-15T08:05:00Z</Expiration></Credentials><Provider>https://sts.example</Provider><PackedPolicySize>6</PackedPolicySize>' +
        `</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>${DECISION}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`,
    );
  });

  it('is an error document otherwise, the sentence of /token in it', async () => {
    outcome = refused({ reason: 'target_unknown' });
    const { status, headers, body } = await post(bodyOf());
    outcome = undefined;
    expect([status, headers['content-type']]).toEqual([403, 'text/xml']);
    expect(body).toBe(
      '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>' +
        `<Message>the target is unknown or not allowed; decision ${DECISION}</Message></Error><RequestId>${DECISION}</RequestId></ErrorResponse>`,
    );
  });

  it('is one for whatever is wrong with a credential, and for no rule: no code tells a stranger which issuers are trusted (TX-33)', async () => {
    const bodies = new Set<string>();
    for (const no of ALL_REFUSALS.filter((one) => 'role' in one || one.reason === 'no_rule')) {
      if (no.reason === 'expired') continue;
      outcome = refused(no);
      bodies.add((await post(bodyOf())).body);
    }
    // A token that says itself that it has ended is told so, whatever else it is refused for.
    const ended = jwt({ iss: 'https://anybody.example', exp: 1_799_999_000 });
    const running = jwt({ iss: 'https://anybody.example', exp: 1_800_000_100 });
    for (const reason of ['issuer_unknown', 'expired', 'signature_invalid'] as const) {
      outcome = refused({ role: 'subject', reason });
      expect(element((await post(bodyOf({ WebIdentityToken: ended }))).body, 'Code')).toBe('ExpiredTokenException');
    }
    outcome = refused({ role: 'subject', reason: 'issuer_unknown' });
    bodies.add((await post(bodyOf({ WebIdentityToken: running }))).body);
    outcome = undefined;
    expect([...bodies]).toEqual([expect.stringContaining('<Code>AccessDenied</Code>')]);
  });

  it('says 5xx, and when to come again, of what may pass later and of nothing else', async () => {
    for (const no of ALL_REFUSALS) {
      outcome = refused(no);
      const { status, headers, body } = await post(bodyOf());
      const passes = 'retryAfterSeconds' in no;
      expect([no.reason, status >= 500, headers['retry-after'], element(body, 'Type')]).toEqual([
        ...[no.reason, passes, passes ? String(no.retryAfterSeconds) : undefined, passes ? 'Receiver' : 'Sender'],
      ]);
    }
    outcome = { kind: 'failed', decision: DECISION };
    const { status, body } = await post(bodyOf());
    outcome = undefined;
    expect([status, element(body, 'Code'), element(body, 'Type')]).toEqual([500, 'InternalFailure', 'Receiver']);
  });
});
