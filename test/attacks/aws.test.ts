// Attacks on the endpoints that speak AWS's protocols, sent to a running broker beside a positive control: signed requests
// that are others, answers in other forms, and secrets that might be told.

import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import {
  type AwsKeys,
  askIdentity,
  assumption,
  type Changes,
  element,
  keysFor,
  SIGNED,
  sendForm,
  verdict,
  WHO_AM_I,
} from '../support/aws-facade.ts';
import { CLUSTER_ISSUER, mint } from '../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from '../support/cloud-broker.ts';
import { WITHOUT_SESSION_TOKEN } from '../support/fake-aws.ts';
import { dateOf } from '../support/sigv4.ts';

let clouds: CloudBroker;
let keys: AwsKeys;
beforeAll(async () => {
  clouds = await startCloudBroker();
  keys = await keysFor(clouds.broker, await podToken());
});
afterAll(() => clouds[Symbol.asyncDispose]());

const podToken = (more: object = {}): Promise<string> => {
  const { broker } = clouds;
  const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
  return mint(broker, 'cluster', { ...claims, ...more }, { typ: undefined });
};
const asked = async (changes: Changes = {}, by: Partial<AwsKeys> = {}): Promise<string> => {
  const answer = await askIdentity(clouds.broker, { ...keys, ...by }, changes);
  return answer.status === 200 ? '200' : verdict(clouds.broker, answer);
};

const NOT_SIGNED = '403 SignatureDoesNotMatch signature_invalid';
const INCOMPLETE = '400 IncompleteSignature credential_malformed';
const UNKNOWN = '403 InvalidClientTokenId key_unknown';
const extra = (name: string, value: string): Changes => ({
  headers: { [name]: value },
  signs: [...SIGNED, name].sort(),
});

describe('A-165 GetCallerIdentity', () => {
  it.each<[string, Changes]>([
    ['as boto3 signs it', {}],
    ['with a slash behind the path, as the SDK for JavaScript writes it', { path: '/aws/sts/' }],
    ['at the address of a target', { path: '/aws/sts/payments-aws' }],
    ['with the hash of its body', extra('x-amz-content-sha256', hash('sha256', WHO_AM_I))],
    [
      'with further headers, signed and not',
      { ...extra('amz-sdk-request', 'attempt=1;  max=3'), sent: { headers: { 'x-amz-user-agent': 'a' } } },
    ],
    ['signed without the media type, as the SDK for PHP does', { signs: SIGNED.slice(1) }],
    ['signed in any region', { region: 'us-east-1' }],
    ['signed nearly five minutes ago', { seconds: Math.floor(Date.now() / 1_000) - 290 }],
  ])('is answered %s', async (_, changes) => {
    expect(await asked(changes)).toBe('200');
    expect(clouds.broker.records().at(-1)).toMatchObject({
      event: 'caller_identity',
      outcome: 'answered',
      transport: 'aws-sts',
      session: { id: keys.accessKeyId, principal: clouds.aws.sessions[0]?.arn },
    });
  });

  it('tells account, ARN and user id, as the cloud itself does', async () => {
    const { text, headers } = await askIdentity(clouds.broker, keys);
    const [session] = clouds.aws.sessions;
    expect(['Account', 'Arn', 'UserId'].map((name) => element(text, name))).toEqual([
      '111122223333',
      session?.arn,
      session?.roleId,
    ]);
    expect(headers['x-amzn-requestid']).toBe(element(text, 'RequestId'));
  });

  it.each<[string, string, Changes, Partial<AwsKeys>?]>([
    ['another secret', NOT_SIGNED, {}, { secretAccessKey: 'x'.repeat(40) }],
    ['another session token', UNKNOWN, {}, { sessionToken: 'another' }],
    ["another's access key", UNKNOWN, {}, { accessKeyId: 'ASIAEXAMPLEEXAMPLE12' }],
    ['a path that was not signed', NOT_SIGNED, { sent: { path: '/aws/sts/' } }],
    [
      'a header that was changed',
      NOT_SIGNED,
      { sent: { headers: { 'content-type': 'application/x-www-form-urlencoded' } } },
    ],
    [
      'a region that was not signed',
      NOT_SIGNED,
      { sent: { authorization: (text) => text.replace('eu-west-1', 'eu-west-2') } },
    ],
    [
      'a day that is not that of the date',
      INCOMPLETE,
      { sent: { authorization: (text) => text.replace(/\/\d{8}\//, '/20200101/') } },
    ],
    ['another service', INCOMPLETE, { sent: { authorization: (text) => text.replace('/sts/', '/s3/') } }],
    [
      'another algorithm',
      INCOMPLETE,
      { sent: { authorization: (text) => text.replace('HMAC-SHA256', 'ECDSA-P256-SHA256') } },
    ],
    ['a bearer token', INCOMPLETE, { sent: { authorization: () => 'Bearer eyJ' } }],
    ['a signature cut short', INCOMPLETE, { sent: { authorization: (text) => text.slice(0, -2) } }],
    [
      'a signature in capital letters',
      INCOMPLETE,
      { sent: { authorization: (text) => text.replace(/[0-9a-f]{64}$/, (hex) => `A${hex.slice(1)}`) } },
    ],
    [
      'a text behind the signature',
      INCOMPLETE,
      { sent: { authorization: (text) => `${text}, Signature=${'0'.repeat(64)}` } },
    ],
    ['two signatures', INCOMPLETE, { sent: { authorization: (text) => [text, text] } }],
    ['a host that was not signed', INCOMPLETE, { signs: ['content-type', 'x-amz-date', 'x-amz-security-token'] }],
    ['a date that was not signed', INCOMPLETE, { signs: ['content-type', 'host', 'x-amz-security-token'] }],
    ['a session token that was not signed', INCOMPLETE, { signs: ['content-type', 'host', 'x-amz-date'] }],
    [
      'a hash of the body that was not signed',
      INCOMPLETE,
      { headers: { 'x-amz-content-sha256': hash('sha256', WHO_AM_I) } },
    ],
    [
      'signed headers out of order',
      INCOMPLETE,
      { signs: ['host', 'content-type', 'x-amz-date', 'x-amz-security-token'] },
    ],
    ['a signed header twice in the list', INCOMPLETE, { signs: ['host', ...SIGNED].sort() }],
    ['a signed header that is not sent', INCOMPLETE, { signs: [...SIGNED, 'x-other'] }],
    ['the signature under itself', INCOMPLETE, { signs: ['authorization', ...SIGNED] }],
    [
      'the date sent twice',
      INCOMPLETE,
      { sent: { headers: { 'x-amz-date': ['20261121T230000Z', '20261121T230000Z'] } } },
    ],
    ['the session token sent twice', INCOMPLETE, { sent: { headers: { 'x-amz-security-token': ['a', 'b'] } } }],
    ['another host', '403 SignatureDoesNotMatch credential_malformed', { host: 'sts.amazonaws.com' }],
    [
      'the hash of another body',
      '403 SignatureDoesNotMatch credential_malformed',
      extra('x-amz-content-sha256', hash('sha256', 'x')),
    ],
    [
      'a body that is not signed at all',
      '403 SignatureDoesNotMatch credential_malformed',
      extra('x-amz-content-sha256', 'UNSIGNED-PAYLOAD'),
    ],
    [
      'a signature over five minutes old',
      '400 RequestExpired credential_malformed',
      { seconds: Math.floor(Date.now() / 1_000) - 310 },
    ],
    [
      'a signature of tomorrow',
      '400 RequestExpired credential_malformed',
      { seconds: Math.floor(Date.now() / 1_000) + 86_400 },
    ],
    ['a date that is none', '400 RequestExpired credential_malformed', { date: '20261341T990000Z' }],
    ['no signature', '403 MissingAuthenticationToken parameter_missing', { sent: { authorization: () => undefined } }],
    [
      'no session token',
      '403 MissingAuthenticationToken parameter_missing',
      { headers: { 'x-amz-security-token': undefined } },
    ],
    ['a parameter more', '400 ValidationError parameter_unsupported', { body: `${WHO_AM_I}&WebIdentityToken=a` }],
    [
      'the action twice',
      '400 InvalidAction parameter_repeated',
      { body: `${WHO_AM_I}&Action=AssumeRoleWithWebIdentity` },
    ],
    ['another version', '400 ValidationError parameter_unsupported', { body: WHO_AM_I.replace('2011', '2010') }],
    [
      'another action, signed',
      '400 InvalidAction parameter_unsupported',
      { body: WHO_AM_I.replace('GetCallerIdentity', 'GetSessionToken') },
    ],
    ['a role assumed, signed', '400 ValidationError parameter_unsupported', { body: assumption('a.b.c') }],
    [
      'its parameters in the address',
      '400 ValidationError query_forbidden',
      { sent: { path: `/aws/sts?${WHO_AM_I}`, body: '' } },
    ],
    [
      'GET',
      '405 ValidationError method_not_allowed',
      { sent: { method: 'GET', path: `/aws/sts?${WHO_AM_I}`, body: '' } },
    ],
  ])('refuses %s', async (_, expected, changes, by) => {
    expect(await asked({})).toBe('200');
    expect(await asked(changes, by)).toBe(expected);
  });

  it('refuses the body of one request under the signature of another', async () => {
    // The same parameters in another order: what they mean is the same, and the signature is not for it.
    const body = 'Version=2011-06-15&Action=GetCallerIdentity';
    expect(await asked({ sent: { body } })).toBe(NOT_SIGNED);
    expect(await asked({ body })).toBe('200');
  });

  it('tells of a session that has ended only whoever has its secret', async () => {
    const { broker } = clouds;
    // Another length is another session: the one of the other tests is kept for whoever asks for the same.
    const own = await keysFor(broker, await podToken(), { DurationSeconds: '1000' });
    broker.clock.offsetSeconds = 1_001;
    try {
      const date = dateOf(broker.now());
      expect(await asked({ date }, own)).toBe('403 ExpiredToken expired');
      expect(await asked({ date }, { ...own, secretAccessKey: 'x' })).toBe(NOT_SIGNED);
      broker.clock.offsetSeconds = 1_000 + 901;
      expect(await asked({ date: dateOf(broker.now()) }, own)).toBe(UNKNOWN);
    } finally {
      broker.clock.offsetSeconds = 0;
    }
  });
});

describe('the role that is asked for', () => {
  it.each([
    ['A-158 another target than the path names', '403 AccessDenied targets_differ', '/aws/sts/payments-aws', 'ledger'],
    ['A-160 its name in another account', '403 AccessDenied target_unknown', '/aws/sts', ROLE.replace('1111', '2222')],
    [
      'A-160 its name under another path',
      '403 AccessDenied target_unknown',
      '/aws/sts',
      ROLE.replace('role/', 'role/team/'),
    ],
    [
      'A-160 its name in other letters',
      '403 AccessDenied target_unknown',
      '/aws/sts',
      ROLE.replace('payments', 'Payments'),
    ],
    ['A-160 a pattern', '403 AccessDenied target_unknown', '/aws/sts', ROLE.replace('payments-api', '*')],
    ['A-158 a target that is no role', '403 AccessDenied target_not_allowed', '/aws/sts', 'ledger'],
  ])('is not given for %s', async (_, expected, path, RoleArn) => {
    const { broker } = clouds;
    expect(
      (await sendForm(broker, assumption(await podToken(), { RoleArn: ROLE }), '/aws/sts/payments-aws')).status,
    ).toBe(200);
    expect(verdict(broker, await sendForm(broker, assumption(await podToken(), { RoleArn }), path))).toBe(expected);
  });
});

describe('A-164 the form of an answer', () => {
  it('is XML, whatever the caller says that it accepts', async () => {
    const { broker } = clouds;
    const { text, headers, status } = await askIdentity(broker, keys, {
      sent: { headers: { accept: 'application/json' } },
    });
    expect([status, headers['content-type']]).toEqual([200, 'text/xml']);
    expect(text.startsWith('<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">')).toBe(true);
  });

  it("holds no markup of the caller's, and ends with the decision id", async () => {
    const { broker } = clouds;
    const injected = '</Message><Code>Success</Code>&amp;"\u2028';
    const answer = await sendForm(
      broker,
      assumption(await podToken(), { RoleArn: `r${injected.replace('\u2028', '')}` }),
    );
    expect(verdict(broker, answer)).toBe('403 AccessDenied target_unknown');
    for (const name of ['Message', 'Code', 'Error', 'RequestId'])
      expect(answer.text.split(`<${name}>`), name).toHaveLength(2);
    // It is told, since its source says `tell: caller`; but as a text.
    expect(element(answer.text, 'Message')).toMatch(/ [0-9A-HJKMNP-TV-Z]{26}$/);
    expect(answer.text).not.toContain(injected);
    expect(answer.headers['x-amzn-requestid']).toBe(element(answer.text, 'RequestId'));
  });

  it('is an error where the cloud said no in an answer of 200, and no credentials without a session token', async () => {
    const { broker, aws } = clouds;
    for (const [index, misbehaviour] of (
      ['refuse in 200', 'json', 'empty', WITHOUT_SESSION_TOKEN] as const
    ).entries()) {
      aws.misbehave = misbehaviour;
      // Nobody has asked for this length yet, so nothing is kept of it.
      const answer = await sendForm(broker, assumption(await podToken(), { DurationSeconds: String(901 + index) }));
      aws.misbehave = undefined;
      expect([misbehaviour, verdict(broker, answer)]).toEqual([
        misbehaviour,
        expect.stringMatching(/^(?:403 AccessDenied cloud_refused|503 ServiceUnavailable cloud_unavailable)$/),
      ]);
      expect(answer.text).not.toContain('SecretAccessKey');
    }
  });
});

describe('A-170 what is secret', () => {
  it('stands in no record, log or error of these paths: not the token, nor keys, nor a signature', async () => {
    const { broker, aws } = clouds;
    const good = await podToken();
    const bad = await podToken({ aud: ['https://other.example'] });
    const github = await mint(broker, 'github', githubPush('https://other.example', broker.now()));
    const canary = `${'canary-'.repeat(8)}end`;
    const given = await sendForm(broker, assumption(good));
    const answers = [
      await sendForm(broker, assumption(bad)),
      await sendForm(broker, assumption(github)),
      await sendForm(broker, assumption(good, { RoleArn: canary })),
      await sendForm(broker, assumption(good, { Policy: canary })),
      await sendForm(broker, assumption(canary)),
      await broker.call({ path: '/aws/credentials/payments-aws', headers: { authorization: bad } }),
      await broker.call({ path: '/aws/credentials/payments-aws', headers: { authorization: `Bearer ${good}` } }),
      await broker.call({ path: '/aws/credentials/another', headers: { authorization: good } }),
      await askIdentity(broker, { ...keys, secretAccessKey: canary }),
      await askIdentity(broker, { ...keys, sessionToken: canary }),
      await askIdentity(broker, keys, { sent: { authorization: (text) => `${text}${canary}` } }),
    ];
    expect(given.status).toBe(200);
    expect(answers.filter(({ status }) => status < 400)).toEqual([]);
    const told = answers.map(({ text }) => text).join('\n') + broker.logged() + JSON.stringify(broker.records());
    const secrets = [
      ...[good, bad, github].flatMap((token) => token.split('.').slice(1)),
      ...aws.sessions.flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
    ];
    expect(secrets.length).toBeGreaterThan(6);
    for (const secret of secrets) expect(told).not.toContain(secret);
    expect(answers.map(({ text }) => text).join('\n')).not.toContain(canary);
  });
});
