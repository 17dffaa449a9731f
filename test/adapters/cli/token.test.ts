// `exchequer token` against a broker and a platform that are scripted answer by answer: where credentials are looked for and in which
// order, what is sent, what is said, and what is never said. Whole brokers are in test/e2e/token.test.ts.

import { describe, expect, it } from 'vitest';
import {
  EXCHANGE_RETRIES_MAX,
  EXCHANGE_RETRY_SECONDS_MAX,
  TOKEN_ATTEMPTS_MAX,
} from '../../../src/core/limits-outside.ts';
import type { OutboundAnswer } from '../../../src/core/outside.ts';
import {
  GITHUB,
  ISSUER,
  JWT,
  json,
  jwtFor,
  METADATA_URL,
  refusal,
  runToken as run,
  TOKEN,
  type TokenWorld as World,
} from '../../support/scripted-token.ts';

describe('the credential of where it runs', () => {
  const ENV = { EXCHEQUER_ID_TOKEN: JWT };
  const DEFAULT_FILE = '/var/run/secrets/exchequer/token';
  const everywhere: World = {
    env: {
      ...GITHUB,
      ...ENV,
      GITLAB_CI: 'true',
      CIRCLECI: 'true',
      BUILDKITE: 'true',
      SPIFFE_ENDPOINT_SOCKET: 'unix:///a',
    },
    files: { [DEFAULT_FILE]: JWT },
    answers: { 'https://github.example/': json({ value: JWT }) },
  };

  it('is the first of the documented order, and the others are named', async () => {
    const said = await run(['ledger'], { ...everywhere, env: { ...everywhere.env, SPIFFE_CREDENTIAL_FOLDER: '/f' } });
    expect(said).toMatchObject({ out: ['issued-token'], exits: [0] });
    expect(said.err).toEqual([
      'from github; also here: gitlab, circleci, buildkite, kubernetes, spiffe-socket, spiffe-folder (--from chooses another)',
    ]);
  });

  it.each([
    ['gitlab', { GITLAB_CI: 'true', ...ENV }],
    ['gitlab', { GITLAB_CI: 'true', HTTPS___STS_EXAMPLE_TENANT_ID_TOKEN: JWT }],
    ['circleci', { CIRCLECI: 'true', ...ENV }],
    ['circleci', { CIRCLECI: 'true', CIRCLE_OIDC_TOKEN_V2: JWT }],
    ['buildkite', { BUILDKITE: 'true', BUILDKITE_OIDC_TOKEN: JWT }],
    ['kubernetes', { EXCHEQUER_TOKEN_FILE: '/mnt/token' }],
    ['spiffe-socket', { SPIFFE_ENDPOINT_SOCKET: 'unix:///a' }],
    ['env:MINE', { MINE: JWT }],
    ['file:/mnt/token', {}],
  ])('of %s alone is sent as a subject token, without a word', async (from, env) => {
    const files = { '/mnt/token': `${JWT}\n` };
    for (const line of from.includes(':') ? [['--from', from]] : [[], ['--from', from]]) {
      const said = await run(['ledger', '--scope', 'a b', ...line], { env, files });
      expect(said).toMatchObject({ out: ['issued-token'], err: [], exits: [0] });
      expect(said.forms).toEqual([
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: JWT,
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          audience: 'ledger',
          scope: 'a b',
        },
      ]);
    }
  });

  it.each([
    ['GitHub, the permission', { GITHUB_ACTIONS: 'true' }, 'permissions: { id-token: write }'],
    ['GitHub, half of it', { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://x' }, 'permissions: { id-token: write }'],
    ['GitLab, the keyword', { GITLAB_CI: 'true' }, `id_tokens: { EXCHEQUER_ID_TOKEN: { aud: ${ISSUER} } }`],
    ['CircleCI, the command', { CIRCLECI: 'true' }, `circleci run oidc get --claims '{"aud":"${ISSUER}"}'`],
    ['Buildkite, the command', { BUILDKITE: 'true' }, `buildkite-agent oidc request-token --audience ${ISSUER}`],
  ])(
    'of a job that has none: says what is missing (%s), and never takes the machine’s instead',
    async (_t, env, mend) => {
      const said = await run(['ledger'], {
        env: { ...env, SPIFFE_ENDPOINT_SOCKET: 'unix:///a' },
        files: { [DEFAULT_FILE]: JWT },
      });
      expect(said).toMatchObject({ out: [], sent: [], exits: [3] });
      expect(said.err).toEqual([expect.stringContaining(mend)]);
      expect(said.err.join()).toContain('(also here: kubernetes, spiffe-socket; --from chooses it)');
      expect(await run(['ledger', '--from', 'kubernetes'], { env, files: { [DEFAULT_FILE]: JWT } })).toMatchObject({
        exits: [0],
      });
    },
  );

  it('is not the API server’s token of a pod, unless that file is named', async () => {
    const file = '/var/run/secrets/kubernetes.io/serviceaccount/token';
    const files = { [file]: JWT };
    expect(await run(['ledger'], { files })).toMatchObject({ sent: [], exits: [3] });
    expect(await run(['ledger', '--from', `file:${file}`], { files })).toMatchObject({ exits: [0] });
  });

  it.each([
    ['that is not here', ['--from', 'spiffe-folder'], {}, 3, 'SPIFFE_CREDENTIAL_FOLDER is not set'],
    ['in a variable that is empty', ['--from', 'env:MINE'], { MINE: '' }, 3, 'MINE is not set'],
    ['in a file that is not there', ['--from', 'file:/nowhere'], {}, 3, '/nowhere: ENOENT'],
    ['in a folder without one', [], { SPIFFE_CREDENTIAL_FOLDER: '/f' }, 3, '/f has no credential-bundle'],
    ['of no place that there is', ['--from', 'gihtub'], {}, 2, '--from must be one of github, gitlab'],
  ])('%s: says so', async (_title, line, env, exit, words) => {
    const said = await run(['ledger', ...line], { env });
    expect([said.exits, said.forms, said.err]).toEqual([[exit], [], [expect.stringContaining(words)]]);
  });

  it('that is no JWT is sent nowhere: a mistaken file stays on the machine', async () => {
    const said = await run(['ledger', '--from', 'file:/key'], { files: { '/key': '-----BEGIN PRIVATE KEY-----' } });
    expect(said).toMatchObject({
      forms: [],
      exits: [3],
      err: ['file: /key holds no JWT (not_compact); nothing was sent'],
    });
  });
});

describe('GitHub', () => {
  const down: OutboundAnswer = { ok: false, problem: 'status', detail: '503' };
  const ask = (answers: readonly OutboundAnswer[]) =>
    run(['ledger'], { env: GITHUB, answers: { 'https://github.example/': answers } });

  it('is asked with its bearer for the audience of the broker, after the broker was found', async () => {
    const said = await ask([json({ value: JWT })]);
    expect(said.sent.map(({ url, bearer }) => [url, bearer])).toEqual([
      [METADATA_URL, undefined],
      [`https://github.example/t?v=2&audience=${encodeURIComponent(ISSUER)}`, 'runner'],
      [`${ISSUER}/token`, undefined],
    ]);
  });

  it('is asked again while it fails in passing, at growing intervals, and not for ever', async () => {
    const said = await ask([down, { ok: false, problem: 'timeout', detail: '' }, json({ value: JWT })]);
    expect([said.exits, said.waits]).toEqual([[0], [250, 500]]);
    const never = await ask([down]);
    expect([never.exits, never.waits.length]).toEqual([[3], TOKEN_ATTEMPTS_MAX - 1]);
    expect(never.err).toEqual(['github: GitHub gives no ID token: status (503)']);
  });

  it('that says no, or nothing of use, is believed at once', async () => {
    const no = await ask([{ ok: false, problem: 'status', detail: '403' }]);
    expect([no.exits, no.waits, no.forms]).toEqual([[3], [], []]);
    expect((await ask([json({ count: 1 })])).err).toEqual(["github: GitHub's answer has no token"]);
    expect((await ask([json({ value: 'no token' })])).exits).toEqual([3]);
  });
});

describe('the broker', () => {
  const here = { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true' };
  const ask = (answers: World['answers'] = {}, line: readonly string[] = []) =>
    run(['ledger', ...line], { env: here, answers });

  it.each([
    [
      'of another issuer',
      json({ issuer: 'https://sts.example', token_endpoint: `${ISSUER}/token` }),
      'is the metadata of https://sts.example',
    ],
    ['without one', json({ token_endpoint: `${ISSUER}/token` }), 'is the metadata of nobody'],
    ['that is none', json([]), 'no metadata'],
    [
      'that sends tokens elsewhere',
      json({ issuer: ISSUER, token_endpoint: 'https://evil.example/token' }),
      'is not at https://sts.example',
    ],
    [
      'that sends tokens in the clear',
      json({ issuer: ISSUER, token_endpoint: 'http://sts.example/token' }),
      'is not at https://sts.example',
    ],
    ['that cannot be had', { ok: false, problem: 'tls', detail: 'UNTRUSTED' } as const, 'tls (UNTRUSTED)'],
  ])('whose metadata is %s gets no credential (exit 3)', async (_title, metadata, words) => {
    const said = await ask({ [METADATA_URL]: metadata });
    expect([said.exits, said.forms, said.err]).toEqual([[3], [], [expect.stringContaining(words)]]);
  });

  it.each([
    'http://sts.example',
    'https://u@sts.example',
    'https://sts.example/?a',
    'sts.example',
    'https://sts.example#x',
  ])('is named by its issuer: %s is usage', async (issuer) => {
    expect(await ask({}, ['--broker', issuer])).toMatchObject({ exits: [2], sent: [], out: [] });
  });

  it('must be named', async () => {
    const said = await run(['ledger'], { env: { ...here, EXCHEQUER_BROKER: '' } });
    expect([said.exits, said.err]).toEqual([[2], [expect.stringContaining('EXCHEQUER_BROKER')]]);
  });

  it('is proved by the authorities of --ca instead of the system’s, and may be on a private network', async () => {
    const files = { '/ca.pem': 'PEM' };
    const said = await run(['ledger', '--ca', '/ca.pem'], { env: here, files });
    expect(said.sent.map(({ ca, privateNetwork }) => [ca, privateNetwork])).toEqual([
      ['PEM', true],
      ['PEM', true],
    ]);
    expect(await run(['ledger'], { env: { ...here, EXCHEQUER_CA: '/gone' } })).toMatchObject({ exits: [3], sent: [] });
  });

  it.each([
    ['no authority was named', [], "; --ca names the authority of the broker's certificate"],
    ['another was', ['--ca', '/ca.pem'], "; what --ca names is not the authority of the broker's certificate"],
  ])('whose certificate nobody vouches for is told where %s', async (_, line, hint) => {
    const failing = (detail: string) =>
      run(['ledger', ...line], {
        env: here,
        files: { '/ca.pem': 'PEM' },
        answers: { [METADATA_URL]: { ok: false, problem: 'tls', detail } as const },
      });
    const said = await failing('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(said.err).toEqual([`${METADATA_URL}: tls (UNABLE_TO_VERIFY_LEAF_SIGNATURE)${hint}`]);
    const other = await failing('CERT_HAS_EXPIRED'); // the control
    expect(other.err).toEqual([`${METADATA_URL}: tls (CERT_HAS_EXPIRED)`]);
  });

  it('gives a token: alone on stdout, or its whole answer in ASCII', async () => {
    expect(await ask()).toMatchObject({ out: ['issued-token'], exits: [0] });
    const said = await ask({ [`${ISSUER}/token`]: json({ access_token: 'issued-token', note: '\u009b2J' }) }, [
      '--json',
    ]);
    expect(said.out).toEqual(['{"access_token":"issued-token","note":"\\u009b2J"}']);
  });

  it('that gives something else as a token gave none (exit 3)', async () => {
    for (const access_token of [undefined, 1, '', 'a\nb', 'a b']) {
      const said = await ask({ [`${ISSUER}/token`]: json({ access_token }) });
      expect([said.exits, said.out]).toEqual([[3], []]);
    }
  });

  it('that refuses is repeated in printable ASCII (exit 1)', async () => {
    const body = { error: 'invalid_target', error_description: 'no rule lets you\u001b[2J have ledger. Ask.' };
    expect(await ask({ [`${ISSUER}/token`]: refusal(400, body) })).toMatchObject({
      exits: [1],
      out: [],
      err: ['invalid_target: no rule lets you?[2J have ledger. Ask.'],
    });
    expect(await ask({ [`${ISSUER}/token`]: refusal(401, { error: 'invalid_client' }) })).toMatchObject({
      exits: [1],
      err: ['invalid_client'],
    });
  });

  it('that refuses a token of another audience: the mend is said, the audience is not', async () => {
    const refused = { [`${ISSUER}/token`]: refusal(400, { error: 'invalid_request' }) };
    const said = await run(['ledger'], {
      env: { CIRCLECI: 'true', CIRCLE_OIDC_TOKEN_V2: jwtFor('org-id') },
      answers: refused,
    });
    expect(said.err).toEqual(['invalid_request', expect.stringContaining('circleci run oidc get')]);
    expect(said.err.join()).not.toContain('org-id');
    expect((await ask(refused)).err).toEqual(['invalid_request']);
    expect(
      (await run(['ledger'], { env: { ...here, EXCHEQUER_ID_TOKEN: jwtFor([ISSUER]) }, answers: refused })).err,
    ).toEqual(['invalid_request']);
  });

  it('that is busy is asked again when it says, twice at most, and not if that is long (exit 3)', async () => {
    const busy = (seconds?: number) => refusal(503, { error: 'temporarily_unavailable' }, seconds);
    const soon = await ask({ [`${ISSUER}/token`]: [busy(2), busy(), TOKEN] });
    expect([soon.exits, soon.waits]).toEqual([[0], [2_000, 1_000]]);
    const never = await ask({ [`${ISSUER}/token`]: busy(1) });
    expect([never.exits, never.waits.length]).toEqual([[3], EXCHANGE_RETRIES_MAX]);
    expect(never.err).toEqual([`${ISSUER}/token: 503 temporarily_unavailable`]);
    const late = await ask({ [`${ISSUER}/token`]: busy(EXCHANGE_RETRY_SECONDS_MAX + 1) });
    expect([late.exits, late.waits]).toEqual([[3], []]);
  });

  it('that fails, or is behind something that answers for it, said nothing (exit 3)', async () => {
    for (const answer of [
      refusal(500, { error: 'server_error' }),
      refusal(404, '<html>'),
      refusal(403, '{}'),
      { ok: false, problem: 'network', detail: 'ECONNRESET' } as const,
    ])
      expect(await ask({ [`${ISSUER}/token`]: answer })).toMatchObject({ exits: [3], out: [], waits: [] });
  });
});

describe('the identity that AWS gives', () => {
  const AWS = { AWS_REGION: 'eu-west-1' };
  const LAMBDA = { ...AWS, AWS_LAMBDA_FUNCTION_NAME: 'orders' };
  const signedFor = `https://sts.eu-west-1.amazonaws.com/?for=${encodeURIComponent(ISSUER)}`;

  it.each([
    ['in a function', LAMBDA, []],
    ['in a task', { ...AWS, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x' }, []],
    ['in a pod', { ...AWS, AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1' }, []],
    ['on an instance, where it is named', AWS, ['--from', 'aws']],
    ['of the default region', { AWS_DEFAULT_REGION: 'eu-west-1' }, ['--from', 'aws']],
  ])('%s is sent as a signed request for the broker', async (_, env, line) => {
    const said = await run(['ledger', ...line], { env });
    expect(said.forms).toMatchObject([
      { subject_token: signedFor, subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request' },
    ]);
    expect(said).toMatchObject({ out: ['issued-token'], exits: [0] });
  });

  it('is the last place: a job there speaks as the job', async () => {
    const said = await run(['ledger'], { env: { ...LAMBDA, GITLAB_CI: 'true', EXCHEQUER_ID_TOKEN: JWT } });
    expect(said.forms).toMatchObject([{ subject_token: JWT }]);
    expect(said.err.join()).toContain('also here: aws');
  });

  it.each([
    ['without a region', { AWS_LAMBDA_FUNCTION_NAME: 'orders' }, 'aws: AWS_REGION is not set'],
    ['without credentials', { ...LAMBDA, AWS_REGION: 'eu-north-1' }, 'AWS gives no identity: CredentialsProviderError'],
  ])('%s could not be found out', async (_, env, message) => {
    const said = await run(['ledger'], { env });
    expect(said.exits).toEqual([3]);
    expect(said.err.join()).toContain(message);
    expect(said.forms).toEqual([]);
  });
});
