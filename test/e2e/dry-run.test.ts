// POST /decide at a running broker, attacks first: it never issues, never spends what it only looks at, lets no assertion be shown
// again, and tells a caller nothing that POST /token would not.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPullRequestTarget, githubPush } from '../../src/adapters/cli/demo/platforms.ts';
import { BODY_BYTES_MAX } from '../../src/core/limits.ts';
import { type Answer, formOf, JWT_TYPE, mint, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';

type Form = Readonly<Record<string, string>>;
const FORM_HEADERS = { 'content-type': 'application/x-www-form-urlencoded' };
const ID = /[0-9A-HJKMNP-TV-Z]{26}/;

describe('POST /decide', () => {
  let broker: ClientBroker;
  beforeAll(async () => {
    broker = await startClientBroker();
  });
  afterAll(() => broker.stop());

  const post = (path: string, form: Form, headers: Record<string, string> = {}): Promise<Answer> =>
    broker.call({ method: 'POST', path, headers: { ...FORM_HEADERS, ...headers } }, formOf(form));
  const exchangeForm = (subject_token: string, audience = 'deploy', more: Form = {}): Form => ({
    ...{ grant_type: TOKEN_EXCHANGE, subject_token_type: JWT_TYPE, subject_token, audience },
    ...more,
  });
  const push = (change: object = {}) =>
    mint(broker, 'github', { ...githubPush(broker.issuer, broker.now()), ...change });
  const metrics = async () => (await fetch(`http://127.0.0.1:${broker.observePort}/metrics`)).text();

  it('says what would be granted and nothing more, with no token in it', async () => {
    const answer = await post('/decide', exchangeForm(await broker.workerToken(), 'https://api.example/ledger'));
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toEqual({
      decision: expect.stringMatching(ID),
      granted: true,
      // Asked by its address, it is not told the target's name: a token would not hold it either.
      target: 'https://api.example/ledger',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      expires_in: 300,
      scope: 'postings:read',
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' });
    expect(answer.text).not.toContain('eyJ');
  });

  it('is recorded before it is answered, as a dry run with its rule, and with no jti', async () => {
    const answer = await post('/decide', exchangeForm(await push()));
    const record = broker.lastRecord();
    expect(record).toMatchObject({ decision: answer.body.decision, dryRun: true, outcome: 'granted' });
    expect(record).toMatchObject({ rule: 'github-deploy', target: 'deploy', asked: { targets: ['deploy'] } });
    expect(Object.keys(record)).not.toEqual(expect.arrayContaining(['jti']));
    expect(Object.keys(record)).not.toEqual(expect.arrayContaining(['exp']));
  });

  it('A-52 does not spend the subject: a single-use token is exchanged afterwards, and once', async () => {
    const token = await push();
    for (let time = 0; time < 3; time += 1) expect((await post('/decide', exchangeForm(token))).status).toBe(200);
    expect((await post('/token', exchangeForm(token))).status).toBe(200);
    expect((await post('/token', exchangeForm(token))).status).toBe(400);
    expect(broker.lastRecord()).toMatchObject({ reason: 'replayed' });
    // Whether it has been spent is not asked: the answer is about the rules.
    expect((await post('/decide', exchangeForm(token))).status).toBe(200);
  });

  it('JA-08 spends a client assertion: shown at /decide, it cannot be shown again at /token, nor the reverse', async () => {
    const asking = (assertion: string): Form => ({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      audience: 'ledger',
    });
    for (const [first, second] of [
      ['/decide', '/token'],
      ['/token', '/decide'],
      ['/decide', '/decide'],
    ] as const) {
      const assertion = await broker.assertion('signer', { jti: `${first}-${second}` });
      expect((await post(first, asking(assertion))).status, `${first} first`).toBe(200);
      const again = await post(second, asking(assertion));
      expect([again.status, again.body.error]).toEqual([400, 'invalid_client']);
      expect(broker.lastRecord()).toMatchObject({ reason: 'replayed', evidence: { role: 'client' } });
    }
  });

  it('authenticates clients as /token does, and refuses a wrong secret with the same challenge', async () => {
    const basic = (secret: string) => ({
      authorization: `Basic ${Buffer.from(`litellm:${secret}`).toString('base64')}`,
    });
    const form: Form = { grant_type: 'client_credentials', audience: 'ledger' };
    expect((await post('/decide', form, basic(SECRETS.litellm))).body).toMatchObject({ granted: true });
    expect(broker.lastRecord()).toMatchObject({ dryRun: true, client: { id: 'litellm' } });
    const wrong = await post('/decide', form, basic('x'));
    expect([wrong.status, wrong.headers['www-authenticate']]).toEqual([401, 'Basic realm="exchequer"']);
  });

  const refusals: readonly (readonly [string, () => Promise<Form>])[] = [
    ['a wrong branch, whose caller may know why', async () => exchangeForm(await push({ ref: 'refs/heads/dev' }))],
    ['a token of nobody', async () => exchangeForm(await push({ iss: 'https://nobody.example' }))],
    ['a forged signature', async () => exchangeForm(`${(await push()).slice(0, -8)}AAAAAAAA`)],
    ['an expired token', async () => exchangeForm(await push({ exp: broker.now() - 60, iat: broker.now() - 360 }))],
    [
      'pull_request_target',
      async () => exchangeForm(await mint(broker, 'github', githubPullRequestTarget(broker.issuer, broker.now()))),
    ],
    ['a denied actor', async () => exchangeForm(await push({ actor: 'mallory' }))],
    ['an unknown target', async () => exchangeForm(await push(), 'nowhere')],
    ['a target that is not allowed', async () => exchangeForm(await push(), 'ledger')],
    [
      'a scope that is not allowed',
      async () => exchangeForm(await broker.workerToken(), 'ledger', { scope: 'postings:burn' }),
    ],
    ['a token that only clients present', async () => exchangeForm(await broker.appToken(), 'mcp')],
    ['another grant', async () => ({ grant_type: 'password' })],
    ['an actor token', async () => exchangeForm(await push(), 'deploy', { actor_token: 'x.y.z' })],
    ['no subject token', async () => ({ grant_type: TOKEN_EXCHANGE, subject_token_type: JWT_TYPE })],
    [
      'a jwt-bearer assertion of nobody',
      async () => ({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await push({ sub: 'x', iss: 'https://nobody.example' }),
      }),
    ],
  ];
  it.each(refusals)('refuses %s byte for byte as /token does, but for the decision id', async (_title, form) => {
    const sent = await form();
    const [decided, exchanged] = [await post('/decide', sent), await post('/token', sent)];
    const text = (answer: Answer) => answer.text.replace(ID, 'ID');
    expect(exchanged.status).toBeGreaterThanOrEqual(400);
    expect([decided.status, text(decided)]).toEqual([exchanged.status, text(exchanged)]);
    const volatile = ['date', 'content-length'];
    const headers = (answer: Answer) => Object.entries(answer.headers).filter(([name]) => !volatile.includes(name));
    expect(headers(decided)).toEqual(headers(exchanged));
    const [record, other] = broker.records().slice(-2);
    expect([record?.dryRun, other?.dryRun]).toEqual([true, undefined]);
    expect([record?.reason, record?.evidence]).toEqual([other?.reason, other?.evidence]);
  });

  it.each([
    ['GET', { method: 'GET', path: '/decide' }, '', 405, 'method_not_allowed'],
    [
      'JSON',
      { method: 'POST', path: '/decide', headers: { 'content-type': 'application/json' } },
      '{}',
      415,
      'media_type_unsupported',
    ],
    [
      'no media type at all',
      { method: 'POST', path: '/decide', headers: { 'content-type': 'x' } },
      'a=b',
      415,
      'media_type_unsupported',
    ],
    ['a query', { method: 'POST', path: '/decide?scope=x', headers: FORM_HEADERS }, 'a=b', 400, 'query_forbidden'],
    [
      'an oversize body',
      { method: 'POST', path: '/decide', headers: FORM_HEADERS },
      'a'.repeat(BODY_BYTES_MAX + 1),
      413,
      'body_too_large',
    ],
    [
      'a compressed body',
      { method: 'POST', path: '/decide', headers: { ...FORM_HEADERS, 'content-encoding': 'gzip' } },
      'x',
      400,
      'body_malformed',
    ],
  ] as const)('A-177 refuses %s and records it', async (_title, options, body, status, reason) => {
    const answer = await broker.call(options, body);
    expect([answer.status, String(answer.body.error_description)]).toEqual([status, expect.stringMatching(ID)]);
    expect(broker.lastRecord()).toMatchObject({ dryRun: true, outcome: 'refused', reason });
  });

  it('A-178 exists under its exact path only, and in no metadata', async () => {
    for (const path of ['/decide/', '/DECIDE', '//decide', '/decide%2f', '/x/decide'])
      expect((await broker.call({ method: 'POST', path, headers: FORM_HEADERS }, 'a=b')).status, path).toBe(404);
    const metadata = await broker.call({ path: '/.well-known/oauth-authorization-server' });
    expect(metadata.text).not.toContain('decide');
  });

  it('counts as no exchange, and as no preview, in the metrics', async () => {
    const before = await metrics();
    const counted = (text: string, name: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    await post('/decide', exchangeForm(await broker.workerToken(), 'ledger'));
    await post('/decide', exchangeForm(await push(), 'nowhere'));
    const after = await metrics();
    for (const name of ['exchequer_exchanges_total', 'exchequer_exchange_duration_seconds_count'])
      expect(counted(after, name)).toBe(counted(before, name));
    expect(counted(after, 'exchequer_dry_runs_total')).toBe(counted(before, 'exchequer_dry_runs_total') + 2);
    await post('/token', exchangeForm(await broker.workerToken(), 'ledger'));
    expect(counted(await metrics(), 'exchequer_exchanges_total')).toBe(
      counted(before, 'exchequer_exchanges_total') + 1,
    );
  });
});
