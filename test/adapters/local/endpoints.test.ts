// What the local helper answers SDKs byte for byte, and what it never does without the secret or the header of a cloud: over its socket, with a
// broker that is scripted answer by answer.

import { describe, expect, it } from 'vitest';
import { AWS, away, awsAnswer, bearerAnswer, NOW, refused } from '../../support/local-broker.ts';
import { CLIENT, ENTRA, openHelper, VAULT, VAULT_QUERY } from '../../support/local-helper.ts';

describe('the endpoint of AWS container credentials', () => {
  it('answers what SDKs read, and asked the broker for credentials of AWS', async () => {
    await using helper = await openHelper();
    expect(helper.first).toEqual([
      { target: 'role', answer: 'served' },
      { target: 'admin', answer: 'refused', sentence: 'invalid_target: rule payments-aws (decision 01J)' },
      { target: 'lake', answer: 'served' },
      { target: 'vault', answer: 'served' },
    ]);
    const { status, headers, text } = await helper.aws();
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'application/json', 'no-store']);
    expect(JSON.parse(text)).toEqual({ ...AWS, Expiration: new Date((NOW + 1_800) * 1_000).toISOString() });
    expect(helper.asked[0]).toEqual({
      target: 'role',
      requestedTokenType: 'urn:exchequer:params:oauth:token-type:aws-credentials',
    });
    expect(helper.variables.AWS_CONTAINER_CREDENTIALS_FULL_URI).toBe(
      `http://127.0.0.1:${helper.port}/aws/credentials/role`,
    );
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['another one', 'x'.repeat(43)],
    ['one with a scheme', 'Bearer '],
    ['Azure’s', 'azure'],
  ])('tells nothing without its secret: %s', async (_title, shown) => {
    await using helper = await openHelper();
    const secret = helper.variables.AWS_CONTAINER_AUTHORIZATION_TOKEN ?? '';
    const authorization =
      shown === 'azure' ? helper.variables.IDENTITY_HEADER : shown === 'Bearer ' ? `Bearer ${secret}` : shown;
    for (const path of ['/aws/credentials/role', '/aws/credentials/admin', '/aws/credentials/nobody']) {
      const answer = await helper.call(path, { headers: authorization === undefined ? {} : { authorization } });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        401,
        { Code: 'Unauthorized', Message: 'the Authorization of this request is not the secret of this helper' },
      ]);
    }
    expect((await helper.aws()).status).toBe(200);
  });

  it('answers a refusal with the broker’s sentence, what is away with 503, and no other target', async () => {
    await using helper = await openHelper({ answers: { role: away } });
    const { status, text } = await helper.aws('/aws/credentials/admin');
    expect([status, JSON.parse(text)]).toEqual([
      403,
      { Code: 'AccessDenied', Message: 'invalid_target: rule payments-aws (decision 01J)' },
    ]);
    const gone = await helper.aws();
    expect([gone.status, JSON.parse(gone.text).Code, gone.headers['retry-after']]).toEqual([
      503,
      'ServiceUnavailable',
      '1',
    ]);
    expect((await helper.aws('/aws/credentials/lake')).status).toBe(404);
    expect((await helper.aws('/aws/credentials/role/')).status).toBe(404);
    expect((await helper.aws('/aws/credentials/%72ole')).status).toBe(404);
  });

  it.each([
    [
      'credentials of no cloud',
      bearerAnswer('canary', 300),
      'the broker gave no AWS credentials: is the target a role of AWS?',
    ],
    [
      'a part of them',
      awsAnswer(NOW + 900, { SessionToken: null }),
      'the broker gave AWS credentials that cannot be read',
    ],
    [
      'an end that is no time',
      awsAnswer(NOW + 900, { Expiration: 'soon' }),
      'the broker gave AWS credentials that cannot be read',
    ],
    [
      'an end that is over',
      awsAnswer(NOW - 1),
      'what the broker gave has ended already: the clocks of this machine and the broker differ',
    ],
  ])('A-164 gives out nothing where the broker gave %s', async (_title, answer, sentence) => {
    await using helper = await openHelper({ answers: { role: answer } });
    expect(JSON.parse((await helper.aws()).text)).toEqual({ Code: 'ServiceUnavailable', Message: sentence });
  });
});

describe('the metadata server of Google', () => {
  it.each([
    ['/', 'application/text', 'computeMetadata/\n'],
    ['/computeMetadata/v1/', 'application/text', 'instance/\nproject/\nuniverse/\n'],
    ['/computeMetadata/v1/instance', 'application/text', 'service-accounts/\n'],
    ['/computeMetadata/v1/project/project-id', 'application/text', 'example-data'],
    ['/computeMetadata/v1/project/numeric-project-id', 'application/text', '42'],
    ['/computeMetadata/v1/universe/universe-domain', 'application/text', 'googleapis.com'],
    [
      '/computeMetadata/v1/instance/service-accounts/',
      'application/text',
      'default/\nlake@example-data.iam.gserviceaccount.com/\n',
    ],
    [
      '/computeMetadata/v1/instance/service-accounts/default/email',
      'application/text',
      'lake@example-data.iam.gserviceaccount.com',
    ],
    ['/computeMetadata/v1/instance/service-accounts/default/aliases', 'application/text', 'default\n'],
    [
      '/computeMetadata/v1/instance/service-accounts/default/scopes',
      'application/text',
      'https://www.googleapis.com/auth/cloud-platform\n',
    ],
    [
      '/computeMetadata/v1/instance/service-accounts/default/?recursive=true',
      'application/json',
      '{"aliases":["default"],"email":"lake@example-data.iam.gserviceaccount.com","scopes":["https://www.googleapis.com/auth/cloud-platform"]}',
    ],
    [
      '/computeMetadata/v1/instance/service-accounts/default/token?scopes=a,b',
      'application/json',
      '{"access_token":"ya29.canary","expires_in":1800,"token_type":"Bearer"}',
    ],
    [
      '/computeMetadata/v1/instance/service-accounts/lake@example-data.iam.gserviceaccount.com/token',
      'application/json',
      '{"access_token":"ya29.canary","expires_in":1800,"token_type":"Bearer"}',
    ],
    [
      '/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=https://ledger.example',
      'application/text',
      'identity-canary',
    ],
  ])('answers %s', async (path, type, text) => {
    await using helper = await openHelper();
    const answer = await helper.google(path);
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, type, text]);
    expect(answer.headers['metadata-flavor']).toBe('Google');
  });

  it.each([
    ['none', {}],
    ['another one', { 'metadata-flavor': 'Amazon' }],
    ['another case', { 'metadata-flavor': 'google' }],
    ['two', { 'metadata-flavor': ['Google', 'Google'] }],
  ])('demands its header on every request: %s', async (_title, headers) => {
    await using helper = await openHelper();
    for (const path of [
      '/',
      '/computeMetadata/v1/instance/service-accounts/default/token',
      '/computeMetadata/nothing',
    ]) {
      const answer = await helper.call(path, { headers });
      expect([answer.status, answer.text, answer.headers['metadata-flavor']]).toEqual([
        403,
        'Missing required header "Metadata-Flavor": "Google".\n',
        'Google',
      ]);
    }
  });

  it.each([
    '/computeMetadata',
    '/computeMetadata/v1beta1/instance/service-accounts/default/token',
    '/computeMetadata/v1//instance/service-accounts/default/token',
    '/computeMetadata/v1/instance/service-accounts/default/token/',
    '/computeMetadata/v1/instance/service-accounts/other@example-data.iam.gserviceaccount.com/token',
    '/computeMetadata/v1/instance/service-accounts/default/%74oken',
    '/computeMetadata/v1/instance/service-accounts/../service-accounts/default/token',
    '/computeMetadata/v1/instance/service-accounts/default/key',
    '/computeMetadata/v1/instance/attributes/kube-env',
    '/computeMetadata/v1/instance/?recursive=true',
  ])('A-178 has nothing at %s', async (path) => {
    await using helper = await openHelper();
    const answer = await helper.google(path);
    // The first is a folder, and holds no secret.
    expect([answer.status, answer.text.includes('canary')]).toEqual([path === '/computeMetadata' ? 200 : 404, false]);
  });

  it('says why there is no token: 403 with the sentence, 503 where the broker is away', async () => {
    const path = '/computeMetadata/v1/instance/service-accounts/default/token';
    await using helper = await openHelper({ answers: { lake: refused('invalid_target: rule lake (decision 01J)') } });
    expect(await helper.google(path)).toMatchObject({
      status: 403,
      text: 'invalid_target: rule lake (decision 01J)\n',
    });
    helper.answers.lake = away;
    await helper.time.pass(5);
    // The pause differs each time.
    const headers = { 'retry-after': expect.stringMatching(/^[12]$/) };
    expect(await helper.google(path)).toMatchObject({ status: 503, headers });
  });

  it('gives identity tokens for audiences of targets alone, and asks for one of each', async () => {
    const path = '/computeMetadata/v1/instance/service-accounts/default/identity';
    await using helper = await openHelper();
    helper.asked.length = 0;
    const own = `${path}?audience=https://ledger.example`;
    expect([(await helper.google(own)).text, (await helper.google(own)).text]).toEqual([
      'identity-canary',
      'identity-canary',
    ]);
    expect(helper.asked).toEqual([{ target: 'https://ledger.example' }]);
    expect(await helper.google(`${path}?audience=https://nobody.example`)).toMatchObject({
      status: 404,
      text: 'invalid_target\n',
    });
    for (const query of ['', '?audience=', '?audience=a&audience=b'])
      expect(await helper.google(`${path}${query}`)).toMatchObject({
        status: 400,
        text: 'non-empty audience parameter required\n',
      });
  });
});

describe('the endpoint of managed identities', () => {
  it('answers what SDKs read, for the resource of the token', async () => {
    await using helper = await openHelper();
    for (const resource of [VAULT, `${VAULT}/`]) {
      const answer = await helper.azure(`api-version=2019-08-01&resource=${encodeURIComponent(resource)}`);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        200,
        {
          access_token: ENTRA,
          expires_on: String(NOW + 3_599),
          resource,
          token_type: 'Bearer',
          client_id: CLIENT,
        },
      ]);
    }
  });

  it.each([
    [
      'another resource',
      'api-version=2019-08-01&resource=https://graph.microsoft.com',
      'invalid_resource',
      `no target here is for https://graph.microsoft.com; there are: ${VAULT} (vault)`,
    ],
    ['no resource', 'api-version=2019-08-01', 'invalid_request', 'resource is missing'],
    [
      'another version',
      `api-version=2017-09-01&resource=${VAULT}`,
      'invalid_request',
      'api-version must be 2019-08-01',
    ],
    ['two resources', `${VAULT_QUERY}&resource=x`, 'invalid_request', 'a parameter stands twice'],
    [
      'another identity',
      `${VAULT_QUERY}&client_id=22222222-2222-4333-8444-555555555555`,
      'invalid_client',
      'the target here is another identity than the client_id that is asked for',
    ],
    [
      'an object',
      `${VAULT_QUERY}&object_id=x`,
      'invalid_request',
      'object_id is not served here: leave it out, or use client_id',
    ],
  ])('gives no token for %s', async (_title, query, error, error_description) => {
    await using helper = await openHelper();
    const answer = await helper.azure(query);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([400, { error, error_description }]);
    expect((await helper.azure(`${VAULT_QUERY}&client_id=${CLIENT}`)).status).toBe(200);
  });

  it('tells nothing without its secret', async () => {
    await using helper = await openHelper();
    for (const shown of ['', 'x'.repeat(43), helper.variables.AWS_CONTAINER_AUTHORIZATION_TOKEN])
      expect(await helper.azure(VAULT_QUERY, { 'x-identity-header': shown })).toMatchObject({
        status: 401,
        text: '{"error":"unauthorized_client","error_description":"the X-IDENTITY-HEADER of this request is not the secret of this helper"}',
      });
    expect((await helper.call(`/msi/token?${VAULT_QUERY}`)).status).toBe(401);
  });

  it('has a target for each resource, as the operator says or the broker does', async () => {
    await using helper = await openHelper({
      answers: {
        graph: bearerAnswer('opaque', 600),
        storage: bearerAnswer('other', 600, { scope: 'https://storage.azure.com/.default' }),
      },
      order: {
        aws: [],
        google: undefined,
        azure: [
          { target: 'graph', resource: 'https://graph.microsoft.com' },
          { target: 'storage', resource: undefined },
        ],
      },
    });
    const of = async (resource: string) =>
      JSON.parse((await helper.azure(`api-version=2019-08-01&resource=${resource}`)).text);
    expect(await of('https://graph.microsoft.com')).toMatchObject({ access_token: 'opaque' });
    expect(await of('https://storage.azure.com')).toMatchObject({ access_token: 'other' });
    expect(await of(VAULT)).toMatchObject({ error: 'invalid_resource' });
  });

  it('says why there is no token', async () => {
    await using helper = await openHelper({ answers: { vault: refused('invalid_target: rule vault (decision 01J)') } });
    const answer = await helper.azure(VAULT_QUERY);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      403,
      { error: 'access_denied', error_description: 'invalid_target: rule vault (decision 01J)' },
    ]);
  });
});
