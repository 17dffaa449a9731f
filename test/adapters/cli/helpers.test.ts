// The credential helpers against a broker that is scripted answer by answer: what stands on stdout, on stderr and in the exit code, as the
// programs that run them read it. The programs themselves are in test/e2e/helpers.
import { describe, expect, it } from 'vitest';
import { registerAws } from '../../../src/adapters/cli/helpers/aws.ts';
import { registerAzure } from '../../../src/adapters/cli/helpers/azure.ts';
import { registerDocker } from '../../../src/adapters/cli/helpers/docker.ts';
import { registerGcp } from '../../../src/adapters/cli/helpers/gcp.ts';
import { registerGit } from '../../../src/adapters/cli/helpers/git.ts';
import { registerKube } from '../../../src/adapters/cli/helpers/kube.ts';
import { HELPER_INPUT_BYTES_MAX } from '../../../src/core/limits-outside.ts';
import type { OutboundAnswer } from '../../../src/core/outside.ts';
import {
  ISSUER,
  JWT,
  json,
  NOW,
  refusal,
  runScripted as run,
  TOKEN,
  type TokenWorld,
} from '../../support/scripted-token.ts';

const ENV = { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true' };
const SENTENCE = 'invalid_target: no rule lets it. 01JCX500000000000000000000';
const REFUSED = refusal(400, {
  error: 'invalid_target',
  error_description: 'no rule lets it. 01JCX500000000000000000000',
});
const at = (answer: OutboundAnswer, more: Partial<TokenWorld> = {}): TokenWorld => ({
  answers: { [`${ISSUER}/token`]: answer },
  ...more,
  env: { ...ENV, ...more.env },
});
/** Somewhere with two places: `token` says on stderr which it took. */
const AWAY: TokenWorld = {
  env: { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true', EXCHEQUER_BROKER: 'https://gone.example' },
};
/** Credentials of a role, or an assertion, are refused by the broker then: no server may be shown them. */
const A_TOKEN = { requested_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `${encode({ alg: 'RS256' })}.${encode(claims)}.c2lnbmF0dXJl`;

describe('aws credential-process', () => {
  const CREDENTIALS = {
    Version: 1,
    AccessKeyId: 'ASIA',
    SecretAccessKey: 'secret',
    SessionToken: 'session',
    Expiration: '2027-01-15T08:00:00Z',
    AccountId: '111122223333',
  };
  const credentials = (change: object) => json({ access_token: JSON.stringify({ ...CREDENTIALS, ...change }) });
  const process = (world: TokenWorld) => run(registerAws, ['aws', 'credential-process', 'payments'], world);

  it('asks for credentials of AWS, and prints them as the broker made them', async () => {
    const said = await process(at(credentials({})));
    expect(said).toMatchObject({ out: [JSON.stringify(CREDENTIALS)], err: [], exits: [0] });
    expect(said.forms[0]).toMatchObject({
      audience: 'payments',
      requested_token_type: 'urn:exchequer:params:oauth:token-type:aws-credentials',
    });
  });

  it.each([
    { Version: '1' },
    { AccessKeyId: undefined },
    { SecretAccessKey: 7 },
    { SessionToken: undefined },
    { Expiration: undefined },
  ])('prints nothing that is not that: %j', async (change) => {
    const err = ['the broker gave no credentials of AWS'];
    expect(await process(at(credentials(change)))).toMatchObject({ out: [], err, exits: [3] });
    expect(await process(at(TOKEN))).toMatchObject({ out: [], err, exits: [3] });
  });

  it('ends with the sentence of a refusal (1), or with why nobody answered (3)', async () => {
    expect(await process(at(REFUSED))).toMatchObject({ out: [], err: [SENTENCE], exits: [1] });
    expect(await process(AWAY)).toMatchObject({ out: [], exits: [3] });
    expect(await process({ env: { EXCHEQUER_BROKER: '' } })).toMatchObject({ out: [], exits: [2] });
  });
});

describe('gcp executable', () => {
  const executable = async (line: readonly string[], world: TokenWorld) => {
    const said = await run(registerGcp, ['gcp', 'executable', ...line], world);
    // Google's libraries read both streams as one, and only where the exit is 0.
    expect(said).toMatchObject({ err: [], exits: [0] });
    expect(said.out).toHaveLength(1);
    return { response: JSON.parse(said.out.join()), forms: said.forms };
  };
  const ASSERTION = jwt({ exp: NOW + 300 });
  const assertion = json({ access_token: ASSERTION, token_type: 'N_A', expires_in: 300 });

  it('gives our assertion for a target, with its end, as the type that the file asks for', async () => {
    const env = { GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE: 'urn:ietf:params:oauth:token-type:id_token' };
    const { response, forms } = await executable(['warehouse'], at(assertion, { env }));
    const expected = { version: 1, success: true, id_token: ASSERTION, expiration_time: NOW + 300 };
    expect(response).toEqual({ ...expected, token_type: env.GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE });
    expect(forms).toEqual([expect.objectContaining({ audience: 'warehouse', subject_token: JWT })]);
    const plain = await executable(['warehouse'], at(assertion));
    expect(plain.response.token_type).toBe('urn:ietf:params:oauth:token-type:jwt');
  });

  it('gives the credential of where it runs without one, and asks the broker nothing', async () => {
    const mine = jwt({ aud: ISSUER, exp: NOW + 60 });
    const { response, forms } = await executable([], { env: { GITLAB_CI: 'true', EXCHEQUER_ID_TOKEN: mine } });
    expect(response).toMatchObject({ success: true, id_token: mine, expiration_time: NOW + 60 });
    expect(forms).toEqual([]);
    const aws = await executable(['--from', 'aws'], { env: { AWS_REGION: 'eu-west-1' } });
    expect(aws.response).toEqual({
      version: 1,
      success: false,
      code: 'unavailable',
      message: 'what proves this workload is no JWT: Google takes no other',
    });
  });

  it('has an error in the same words: the code of a refusal and its sentence, or that nobody answered', async () => {
    expect((await executable(['warehouse'], at(REFUSED))).response).toEqual({
      version: 1,
      success: false,
      code: 'invalid_target',
      message: SENTENCE,
    });
    for (const world of [AWAY, {}, { env: { EXCHEQUER_BROKER: '' } }])
      expect((await executable(['warehouse'], world)).response).toMatchObject({ success: false, code: 'unavailable' });
    expect((await executable(['warehouse'], at(TOKEN))).response).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('it needs `deliver: assertion`'),
    });
  });
});

describe('azure', () => {
  const azure = (line: readonly string[], world: TokenWorld) => run(registerAzure, ['azure', 'vault', ...line], world);
  const token = jwt({ tid: 'tenant' });
  const answer = json({ access_token: token, token_type: 'Bearer', expires_in: 3_600 });
  const AZ = ['--', 'account', 'get-access-token', '--output', 'json', '--resource'];

  it('prints an access token as `az account get-access-token` does', async () => {
    const said = await azure([], at(answer));
    expect(said).toMatchObject({ err: [], exits: [0] });
    const printed = JSON.parse(said.out.join());
    expect(printed).toMatchObject({
      accessToken: token,
      tenant: 'tenant',
      tokenType: 'Bearer',
      expires_on: NOW + 3_600,
    });
    expect(printed.expiresOn).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.000000$/);
    expect(new Date(printed.expiresOn).getTime()).toBe((NOW + 3_600) * 1_000);
    expect(said.forms[0]).toMatchObject(A_TOKEN);
    const opaque = await azure([], at(json({ access_token: 'opaque', expires_in: 5 })));
    expect(JSON.parse(opaque.out.join())).not.toHaveProperty('tenant');
    expect(await azure([], at(json({ access_token: token })))).toMatchObject({ out: [], exits: [3] });
  });

  it('stands in for `az` where that is asked for this very resource, and for nothing else', async () => {
    const mine = ['--for', 'https://vault.azure.net', ...AZ];
    for (const asked of ['https://vault.azure.net', 'https://vault.azure.net/', 'https://vault.azure.net/.default'])
      expect(await azure([...mine, asked], at(answer))).toMatchObject({ err: [], exits: [0] });
    const scoped = [...mine.slice(0, -1), '--scope=https://vault.azure.net/.default'];
    expect(await azure(scoped, at(answer))).toMatchObject({ exits: [0] });
    const other = await azure([...mine, 'https://management.azure.com'], at(answer));
    const err = ['this target is for https://vault.azure.net, and not for https://management.azure.com'];
    expect(other).toMatchObject({ out: [], err, exits: [2], sent: [] });
    const login = await azure(['--', 'login'], at(answer));
    expect(login).toMatchObject({
      out: [],
      err: ['exchequer stands in for `az account get-access-token` alone, not for: az login'],
      exits: [2],
    });
  });

  it('ends with the sentence of a refusal (1)', async () => {
    expect(await azure([], at(REFUSED))).toMatchObject({ out: [], err: [SENTENCE], exits: [1] });
  });
});

describe('kube', () => {
  const info = (cluster: object | undefined, apiVersion = 'client.authentication.k8s.io/v1') =>
    JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { interactive: false, cluster } });
  const kube = (line: readonly string[], text: string | undefined, answer = TOKEN) =>
    run(registerKube, ['kube', ...line], at(answer, { env: text === undefined ? {} : { KUBERNETES_EXEC_INFO: text } }));

  it.each([
    [['prod'], undefined, 'prod'],
    [[], info({ server: 'https://a', config: { audience: 'https://prod.example' } }), 'https://prod.example'],
    [[], info({ config: { target: 'prod', audience: 'other' } }), 'prod'],
    [['argued'], info({ config: { target: 'prod' } }), 'argued'],
  ])('with %j and %s asks for %s', async (line, text, target) => {
    const said = await kube(line, text);
    expect(said).toMatchObject({ err: [], exits: [0] });
    expect(said.forms[0]).toMatchObject({ ...A_TOKEN, audience: target });
    expect(JSON.parse(said.out.join())).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'issued-token', expirationTimestamp: '2027-01-15T08:05:00Z' },
    });
  });

  it('answers in the version that it was asked in', async () => {
    const version = 'client.authentication.k8s.io/v1beta1';
    const said = await kube(['prod'], info(undefined, version), json({ access_token: 't' }));
    expect(JSON.parse(said.out.join())).toEqual({
      apiVersion: version,
      kind: 'ExecCredential',
      status: { token: 't' },
    });
  });

  it.each([
    ['no target', info({ config: {} }), 'which target: '],
    ['no cluster', info(undefined), 'which target: '],
    ['a target that is no text', info({ config: { target: ['prod'] } }), 'which target: '],
    [
      'another version',
      info({ config: { target: 'p' } }, 'client.authentication.k8s.io/v1alpha1'),
      'KUBERNETES_EXEC_INFO is of',
    ],
    ['no JSON', '{', 'KUBERNETES_EXEC_INFO is no JSON object'],
  ])('with %s asks nobody (2)', async (_, text, problem) => {
    const said = await kube([], text);
    expect(said).toMatchObject({ out: [], err: [expect.stringContaining(problem)], exits: [2], sent: [] });
  });

  it('ends with the sentence of a refusal (1)', async () => {
    expect(await kube(['prod'], undefined, REFUSED)).toMatchObject({ out: [], err: [SENTENCE], exits: [1] });
  });
});

describe('git', () => {
  const OURS = ['--target', 'code', '--host', 'git.example', '--host', 'git.example:8443'];
  const git = (operation: string, input: string | undefined, more: Partial<TokenWorld> = {}, answer = TOKEN) =>
    run(registerGit, ['git', ...OURS, operation], at(answer, { ...more, ...(input === undefined ? {} : { input }) }));
  const PASSWORD = ['username=x-access-token', 'password=issued-token', `password_expiry_utc=${NOW + 300}`];

  it.each(['git.example', 'git.example:8443', 'GIT.example'])(
    'answers for %s with a password and its end',
    async (host) => {
      const said = await git('get', `protocol=https\nhost=${host}\npath=a.git\n\n`);
      expect(said).toMatchObject({ out: PASSWORD, err: [], exits: [0] });
      expect(said.forms[0]).toMatchObject({ ...A_TOKEN, audience: 'code' });
    },
  );

  it.each([
    'protocol=http\nhost=git.example\n',
    'protocol=https\nhost=other.example\n',
    'protocol=https\nhost=git.example:444\n',
    'protocol=https\nhost=git.example.evil.example\n',
    'protocol=https\nhost=git.example\nhost=evil.example\n',
    'protocol=https\n\nhost=git.example\n',
    'host=git.example\n',
    '',
  ])('says nothing, and asks nobody, for %j', async (input) => {
    expect(await git('get', input)).toMatchObject({ out: [], err: [], exits: [0], sent: [] });
  });

  it.each(['store', 'erase', 'capability'])('does nothing for %s', async (operation) => {
    const said = await git(operation, 'protocol=https\nhost=git.example\nusername=a\npassword=b\n');
    expect(said).toMatchObject({ out: [], err: [], exits: [0], sent: [] });
  });

  it('gives a bearer token where git knows them and the server wants nothing else', async () => {
    const bearer = [
      'capability[]=authtype',
      'authtype=Bearer',
      'credential=issued-token',
      'ephemeral=1',
      `password_expiry_utc=${NOW + 300}`,
    ];
    const asked = 'protocol=https\nhost=git.example\n';
    const [able, wants] = ['capability[]=authtype\ncapability[]=state\n', 'wwwauth[]=Bearer realm="git"\n'];
    expect((await git('get', able + asked + wants)).out).toEqual(bearer);
    expect((await git('get', asked + wants)).out).toEqual(PASSWORD);
    expect((await git('get', able + asked)).out).toEqual(PASSWORD);
    expect((await git('get', `${able}${asked}${wants}wwwauth[]=Basic realm="git"\n`)).out).toEqual(PASSWORD);
    expect((await git('get', `${able}capability[]=\n${asked}${wants}`)).out).toEqual(PASSWORD);
  });

  it('tells git to stop where it is refused (1) or nobody answers (3): nobody is prompted in a job', async () => {
    const ours = 'protocol=https\nhost=git.example\n';
    expect(await git('get', ours, {}, REFUSED)).toMatchObject({ out: ['quit=1'], err: [SENTENCE], exits: [1] });
    expect(await git('get', ours, AWAY)).toMatchObject({ out: ['quit=1'], exits: [3] });
    const long = await git('get', undefined);
    expect(long).toMatchObject({ exits: [3], err: [`git said more than ${HELPER_INPUT_BYTES_MAX} bytes`], out: [] });
  });
});

describe('docker', () => {
  const REGISTRIES = 'registry.example=images  oauth2accesstoken@europe-docker.pkg.dev=google ';
  const docker = (line: readonly string[], input: string, answer = TOKEN) =>
    run(registerDocker, ['docker', ...line], at(answer, { input, env: { EXCHEQUER_REGISTRIES: REGISTRIES } }));

  it.each([
    ['registry.example\n', 'x-access-token', 'images'],
    ['https://registry.example/v2/', 'x-access-token', 'images'],
    ['europe-docker.pkg.dev', 'oauth2accesstoken', 'google'],
  ])('gives what its target gives for %j', async (server, username, target) => {
    const said = await docker(['get'], server);
    expect(said).toMatchObject({ err: [], exits: [0] });
    expect(JSON.parse(said.out.join())).toEqual({
      ServerURL: server.trim(),
      Username: username,
      Secret: 'issued-token',
    });
    expect(said.forms[0]).toMatchObject({ ...A_TOKEN, audience: target });
  });

  it.each([
    'other.example',
    'http://registry.example',
    'HTTP://registry.example',
    'registry.example:5000',
    'registry.example.evil.example',
    '',
  ])('has nothing for %j, in the words that clients look for', async (server) => {
    const said = await docker(['get'], server);
    expect(said).toMatchObject({ out: ['credentials not found in native keychain'], err: [], exits: [1], sent: [] });
  });

  it('--registry is counted instead of the variable', async () => {
    const said = await docker(['--registry', 'localhost:5000=local', 'get'], 'localhost:5000');
    expect(said.forms[0]).toMatchObject({ audience: 'local' });
    expect(await docker(['--registry', 'a=b', 'get'], 'registry.example')).toMatchObject({ exits: [1], sent: [] });
    for (const wrong of ['registry.example', '=x', 'a/b=c', 'a='])
      expect(await docker(['--registry', wrong, 'get'], 'registry.example')).toMatchObject({ exits: [2], sent: [] });
  });

  it('lists its registries with their users, keeps nothing, and says so to who would have it keep a password', async () => {
    const listed = await docker(['list'], '');
    expect(JSON.parse(listed.out.join())).toEqual({
      'registry.example': 'x-access-token',
      'europe-docker.pkg.dev': 'oauth2accesstoken',
    });
    expect(await docker(['erase'], 'registry.example')).toMatchObject({ out: [], err: [], exits: [0] });
    const kept = 'exchequer keeps no credentials: it asks for one whenever one is wanted';
    expect(await docker(['store'], '{}')).toMatchObject({ out: [kept], err: [kept], exits: [1] });
    expect(await docker(['keep'], '{}')).toMatchObject({ exits: [2] });
  });

  it('ends with the sentence of a refusal on both streams (1), as docker shows it', async () => {
    const said = await docker(['get'], 'registry.example', REFUSED);
    expect(said).toMatchObject({ out: [SENTENCE], err: [SENTENCE], exits: [1] });
  });
});
