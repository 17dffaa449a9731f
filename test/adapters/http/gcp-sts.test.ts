// What the exchange is told of a request to Google's token endpoint, over real TLS: the bytes that unmodified clients send, and everything that
// is close to them and is refused.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_CLIENT } from '../../../src/core/client.ts';
import { BODY_BYTES_MAX, CREDENTIAL_BYTES_MAX, FORM_PARAMETERS_MAX } from '../../../src/core/limits.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import {
  ACCESS_TOKEN_TYPE,
  JWT_TOKEN_TYPE,
  TOKEN_EXCHANGE_GRANT,
  type TokenRequest,
} from '../../../src/core/request.ts';
import { GCLOUD_BASIC, GITHUB_ACTION, GOOGLE_FORM, PROVIDER } from '../../support/google-requests.ts';
import { type Got, type Harness, NONCE, send, startListener } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startListener();
});
afterAll(() => harness.listener.close(0));
beforeEach(() => {
  harness.seen.length = 0;
});

interface Sent {
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

const postForm = (changes: Record<string, string | undefined> = {}, { path = '/gcp/token/lake', headers }: Sent = {}) =>
  send(harness, {
    path,
    body: new URLSearchParams(present({ ...GOOGLE_FORM, ...changes })).toString(),
    ...(headers && { headers }),
  });

const postJson = (body: string | Uint8Array, { path = '/gcp/token/lake', headers }: Sent = {}) =>
  send(harness, { path, body, headers: { 'content-type': 'application/json', ...headers } });

const members = (changes: Record<string, unknown> = {}) => JSON.stringify({ ...GITHUB_ACTION, ...changes });

const present = (form: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** The one request that was understood. */
function understood(got: Got): TokenRequest {
  expect(harness.seen).toHaveLength(1);
  const request = harness.seen[0]?.request;
  if (!request?.ok) throw new Error(`refused: ${got.body}`);
  expect([got.status, harness.seen[0]?.transport]).toEqual([200, 'gcp-sts']);
  return request.value;
}

/** Why the one request was not. */
function refusal(got: Got): Refusal {
  expect(harness.seen).toHaveLength(1);
  const request = harness.seen[0]?.request;
  if (!request || request.ok) throw new Error('the request was understood');
  expect([got.status >= 400, harness.seen[0]?.transport]).toEqual([true, 'gcp-sts']);
  return request.refusal;
}

const UNDERSTOOD = {
  grantType: TOKEN_EXCHANGE_GRANT,
  requestedTokenType: ACCESS_TOKEN_TYPE,
  subject: { text: 'a.b.c', tokenType: JWT_TOKEN_TYPE },
  actor: undefined,
  proof: undefined,
  client: { ...NO_CLIENT, strangers: 'ignored' },
  ask: { targets: ['lake'], scopes: ['https://www.googleapis.com/auth/cloud-platform'] },
};

describe('a request that is understood', () => {
  it('CG-01 has the form of an SDK, whose audience is the provider and whose target stands in the path', async () => {
    const got = await postForm();
    expect(understood(got)).toEqual(UNDERSTOOD);
    expect(JSON.parse(got.body)).toEqual({
      access_token: 'issued.token.text',
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: 300,
    });
    expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  });

  it('may end its path in a slash, and may come as JSON of either spelling', async () => {
    expect(understood(await postForm({}, { path: '/gcp/token/lake/' }))).toEqual(UNDERSTOOD);
    harness.seen.length = 0;
    expect(understood(await postJson(members()))).toEqual(UNDERSTOOD);
    harness.seen.length = 0;
    expect(understood(await postJson(JSON.stringify(GOOGLE_FORM)))).toEqual(UNDERSTOOD);
    harness.seen.length = 0;
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(understood(await postJson(members(), { headers }))).toEqual(UNDERSTOOD);
  });

  it.each(['\n', '\r\n', ' \t\n'])('loses the space around its token: %j', async (space) => {
    expect(understood(await postForm({ subject_token: `${space}a.b.c${space}` })).subject).toEqual(UNDERSTOOD.subject);
    harness.seen.length = 0;
    const subjectToken = `a.b.c${space}`;
    expect(understood(await postJson(members({ subjectToken }))).subject).toEqual(UNDERSTOOD.subject);
  });

  it('names the target by its audience where the path names none', async () => {
    for (const [audience, target] of [
      ['lake', 'lake'],
      ['lake@example-data.iam.gserviceaccount.com', 'lake@example-data.iam.gserviceaccount.com'],
      // What google-github-actions/auth makes of `workload_identity_provider: lake`.
      ['//iam.googleapis.com/lake', 'lake'],
      ['//iam.googleapis.com/Lake', '//iam.googleapis.com/Lake'],
    ] as const) {
      harness.seen.length = 0;
      expect(understood(await postForm({ audience }, { path: '/gcp/token' })).ask.targets).toEqual([target]);
    }
  });

  it("A-167 never takes the provider's resource name for a target", async () => {
    expect(understood(await postForm({}, { path: '/gcp/token/' })).ask.targets).toEqual([PROVIDER]);
    harness.seen.length = 0;
    expect(understood(await postForm()).ask.targets).toEqual(['lake']);
  });

  it('A-167 compares every other audience with the target of the path', async () => {
    for (const [audience, second] of [
      ['ledger', 'ledger'],
      ['//iam.googleapis.com/ledger', 'ledger'],
      ['https://iam.googleapis.com/projects/1', 'https://iam.googleapis.com/projects/1'],
    ] as const) {
      harness.seen.length = 0;
      expect(understood(await postForm({ audience })).ask.targets).toEqual(['lake', second]);
    }
  });

  it('may spell the type of an ID token as documents of Google do', async () => {
    for (const spelled of ['id_token', 'id-token']) {
      harness.seen.length = 0;
      const got = await postForm({ subject_token_type: `urn:ietf:params:oauth:token-type:${spelled}` });
      expect(understood(got).subject?.tokenType).toBe('urn:ietf:params:oauth:token-type:id_token');
    }
  });

  it('may say who pays, plainly or encoded twice, as google-auth for Python does', async () => {
    const options = JSON.stringify({ userProject: '123' });
    for (const sent of [options, encodeURIComponent(options), '{}']) {
      harness.seen.length = 0;
      expect(understood(await postForm({ options: sent }))).toEqual(UNDERSTOOD);
    }
  });

  it('may carry the public client of gcloud, or any other, which the client registry judges', async () => {
    const { client } = understood(await postForm({}, { headers: { authorization: GCLOUD_BASIC } }));
    const id = '32555940559.apps.googleusercontent.com';
    expect(client).toEqual({ ...NO_CLIENT, id, authorization: GCLOUD_BASIC, strangers: 'ignored' });
    harness.seen.length = 0;
    const posted = await postForm({ client_id: 'x', client_secret: 'y' });
    expect(understood(posted).client).toEqual({ ...NO_CLIENT, id: 'x', secret: 'y', strangers: 'ignored' });
  });

  it('may hold what nobody knows, as a form may (TX-14)', async () => {
    expect(understood(await postForm({ foo: 'bar' }))).toEqual(UNDERSTOOD);
    harness.seen.length = 0;
    expect(understood(await postJson(members({ foo: 'bar', __proto__x: 'y' })))).toEqual(UNDERSTOOD);
  });

  it('is proved to have a key at the address of its own, and is told the newest nonce', async () => {
    const got = await postForm({}, { headers: { dpop: 'proof' } });
    expect(understood(got).proof).toEqual({ texts: ['proof'], htm: 'POST', htu: 'https://sts.example/gcp/token/lake' });
    expect(got.headers['dpop-nonce']).toBe(NONCE);
  });
});

const AWS_REQUEST = 'urn:ietf:params:aws:token-type:aws4_request';
const TYPE = 'urn:ietf:params:oauth:token-type';

describe('a request that asks for something else', () => {
  it.each([
    [
      { grant_type: 'client_credentials', subject_token: undefined, subject_token_type: undefined },
      'grant_type_unsupported',
    ],
    [{ grant_type: 'refresh_token' }, 'grant_type_unsupported'],
    [{ grant_type: undefined }, 'parameter_missing', 'grant_type'],
    [{ subject_token: undefined }, 'parameter_missing', 'subject_token'],
    [{ subject_token: ' \n' }, 'parameter_missing', 'subject_token'],
    [{ subject_token: 'a.b\n.c' }, 'parameter_malformed', 'subject_token'],
    [{ subject_token: '\u00a0a.b.c' }, 'parameter_malformed', 'subject_token'],
    [{ subject_token_type: undefined }, 'parameter_missing', 'subject_token_type'],
    [{ subject_token_type: `${TYPE}:saml2` }, 'token_type_unsupported', 'subject_token_type'],
    [{ subject_token_type: AWS_REQUEST }, 'token_type_unsupported', 'subject_token_type'],
    [{ requested_token_type: JWT_TOKEN_TYPE }, 'token_type_unsupported', 'requested_token_type'],
    [
      { requested_token_type: `${TYPE}:access_boundary_intermediary_token` },
      'token_type_unsupported',
      'requested_token_type',
    ],
    [{ options: 'userProject' }, 'parameter_malformed', 'options'],
    [{ options: '[]' }, 'parameter_malformed', 'options'],
    [{ options: '"x"' }, 'parameter_malformed', 'options'],
    [{ options: '%' }, 'parameter_malformed', 'options'],
    [{ options: '{"userProject":"1","userProject":"2"}' }, 'parameter_malformed', 'options'],
    // What narrows is never left out.
    [{ options: '{"accessBoundary":{}}' }, 'parameter_unsupported', 'options'],
    [
      { options: encodeURIComponent('{"userProject":"1","bindCertFingerprint":"x"}') },
      'parameter_unsupported',
      'options',
    ],
    [{ authorization_details: '[]' }, 'parameter_unsupported', 'authorization_details'],
    [{ actor_token_type: JWT_TOKEN_TYPE }, 'parameter_missing', 'actor_token'],
    [{ scope: 'a  b' }, 'scope_malformed'],
    [{ resource: 'lake' }, 'resource_malformed'],
  ] as const)('is refused: %j is %s %s', async (changes, reason, parameter?: string) => {
    expect(refusal(await postForm(changes))).toEqual({ reason, ...(parameter && { parameter }) });
  });

  it('is refused where it is too large, as a form is (TX-15)', async () => {
    const subject_token = 'a'.repeat(CREDENTIAL_BYTES_MAX + 1);
    expect(refusal(await postForm({ subject_token }))).toMatchObject({ reason: 'parameter_too_large' });
    harness.seen.length = 0;
    expect(refusal(await postForm({ options: ' '.repeat(5_000) }))).toMatchObject({
      parameter: 'options',
      bytesMax: 4_096,
    });
  });
});

const body = (problem: string) => ({ reason: 'body_malformed', problem });
const malformed = (parameter: string) => ({ reason: 'parameter_malformed', parameter });
const repeated = (parameter: string) => ({ reason: 'parameter_repeated', parameter });

describe('JSON that is no request', () => {
  it.each<[string, string | Uint8Array, object]>([
    ['nothing', '', body('not_json')],
    ['a form', new URLSearchParams(GOOGLE_FORM).toString(), body('not_json')],
    ['a list', `[${members()}]`, body('not_json')],
    ['a text', '"x"', body('not_json')],
    ['null', 'null', body('not_json')],
    ['a byte order mark', `\ufeff${members()}`, body('not_json')],
    ['text behind it', `${members()}{}`, body('not_json')],
    ['a comment', `${members()}//`, body('not_json')],
    ['a member twice', members().replace('{', '{"scope":"x",'), body('not_json')],
    ['a lone surrogate', members({ scope: 'x' }).replace('"x"', String.raw`"\ud800"`), body('not_json')],
    ['depth', members({ scope: 'x' }).replace('"x"', '['.repeat(200) + ']'.repeat(200)), body('not_json')],
    ['bytes that are no UTF-8', Buffer.from(members({ scope: '\u00e9' }), 'latin1'), body('not_utf8')],
    ['too many members', members(many(FORM_PARAMETERS_MAX)), body('too_many_parameters')],
    ['a bad name', members({ 'a b': 'x' }), body('bad_parameter_name')],
    ['an empty name', members({ '': 'x' }), body('bad_parameter_name')],
    ['a long name', members({ ['x'.repeat(65)]: 'x' }), body('bad_parameter_name')],
    ['a number', members({ scope: 1 }), malformed('scope')],
    ['null for a text', members({ subjectToken: null }), malformed('subject_token')],
    ['a list of targets', members({ audience: ['lake', 'ledger'] }), malformed('audience')],
    ['an object of options', members({ options: { userProject: '1' } }), malformed('options')],
    ['an unknown member that is no text', members({ foo: {} }), malformed('foo')],
    ['a NUL', members({ scope: 'a\0b' }), malformed('scope')],
    ['both spellings of a name', members({ subject_token: 'a.b.c' }), repeated('subject_token')],
    ['both spellings, one of them empty', members({ subject_token: '' }), repeated('subject_token')],
    [
      'what is not built, in camel case',
      members({ authorizationDetails: '[]' }),
      { reason: 'parameter_unsupported', parameter: 'authorization_details' },
    ],
  ])('is refused: %s', async (_what, sent, expected) => {
    expect(refusal(await postJson(sent))).toEqual(expected);
  });

  it('is refused by its size before it is read (A-175)', async () => {
    const got = await postJson(members({ subjectToken: 'a'.repeat(BODY_BYTES_MAX) }));
    expect(refusal(got)).toEqual({ reason: 'body_too_large', bytesMax: BODY_BYTES_MAX });
    expect(got.status).toBe(413);
  });

  it('is refused under any other media type (A-131), and everywhere else', async () => {
    for (const type of [
      'application/json; charset=utf-16',
      'application/json, text/plain',
      'text/json',
      'application/x-json',
    ]) {
      harness.seen.length = 0;
      const got = await postJson(members(), { headers: { 'content-type': type } });
      expect([got.status, refusal(got)]).toEqual([415, { reason: 'media_type_unsupported' }]);
    }
    harness.seen.length = 0;
    const elsewhere = await postJson(members(), { path: '/token' });
    expect([elsewhere.status, harness.seen[0]?.transport]).toEqual([415, 'oauth']);
  });
});

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index}`, 'y']));
}

it('A-164 is read as what its media type says, and as nothing else', async () => {
  const json = await send(harness, { path: '/gcp/token/lake', body: members() });
  expect(refusal(json)).toEqual(body('bad_parameter_name'));
  harness.seen.length = 0;
  const spelled = new URLSearchParams({ ...GITHUB_ACTION }).toString();
  expect(refusal(await send(harness, { path: '/gcp/token/lake', body: spelled }))).toEqual({
    reason: 'parameter_missing',
    parameter: 'grant_type',
  });
});

describe('the address', () => {
  it.each([
    '/gcp',
    '/gcp/token/Lake',
    '/gcp/token/lake/x',
    '/gcp/token//',
    '/gcp/token/lake//',
    '/GCP/token',
    '/gcp/token/l%61ke',
  ])('A-178 %s is nothing', async (path) => {
    expect((await postForm({}, { path })).status).toBe(404);
    expect(harness.seen).toHaveLength(0);
  });

  it('A-177 takes POST only, and nothing from its query', async () => {
    const got = await send(harness, { method: 'GET', path: '/gcp/token/lake' });
    expect([got.status, refusal(got)]).toEqual([405, { reason: 'method_not_allowed' }]);
    harness.seen.length = 0;
    expect(refusal(await postForm({}, { path: '/gcp/token/lake?audience=x' }))).toEqual({ reason: 'query_forbidden' });
  });
});
