// A broker beside a cluster that nobody else reaches: a private authority, a token of ours, an API server that is asked about tokens.
// Rows KB-06 to KB-09, KB-11 and KB-13, fault F-18, asked of a whole broker; each verdict of a review is in verifiers/token-review.test.ts.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import type { Terminal } from '../../src/adapters/cli/terminal.ts';
import { createProgram } from '../../src/compose-cli.ts';
import { KEYS_COOLDOWN_SECONDS } from '../../src/core/limits-outside.ts';
import { refused } from '../support/attack.ts';
import { createForge, type Json, setOf } from '../support/forge.ts';
import { NO_PROGRAMS } from '../support/program.ts';
import { type ApiServer, openApiServer } from '../support/token-review-server.ts';
import { defined, type Proving, startProving } from './proving.ts';

const ISSUER = 'https://kubernetes.default.svc';
const CLUSTER = createForge('RS256', 'cluster');
const ROTATED = createForge('RS256', 'rotated');
const BEARER = 'first.broker.token';
const POD = 'api-5d9c7b6f4-abcde';
const UNAVAILABLE = (reason: string) => `503 temporarily_unavailable ${reason}`;
const RULES = `
rules:
  - { name: any, subject: { trust: east, kubernetes: { namespace: payments, serviceaccount: api } }, allow: { ledger: all } }
  - { name: one-node, subject: { trust: east, kubernetes: { namespace: payments, serviceaccount: agent, node: node-1.example } }, allow: { ledger: all } }
  - { name: one-pod, subject: { trust: east, kubernetes: { namespace: payments, serviceaccount: job, podUid: 49ad3572-b3dd-43a6-8d77-5858d3660275 } }, allow: { ledger: all } }
`;

let api: ApiServer;
let elapsed: { extraMs: number };
const running: (() => PromiseLike<unknown>)[] = [];
beforeEach(async () => {
  elapsed = { extraMs: 0 };
  const now = () => Date.now() / 1_000;
  api = await openApiServer({ cluster: CLUSTER, issuers: [ISSUER], now, bearer: BEARER });
  running.push(() => api[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

/** A broker with the source `east`, whose options are these beside its issuer. */
async function brokerWith(options: string, files: Readonly<Record<string, string>> = {}): Promise<Proving> {
  const frozen = performance.now();
  const clock = { nowSeconds: () => Date.now() / 1_000, elapsedMs: () => frozen + elapsed.extraMs };
  const proving = await startProving([`east: { kind: kubernetes, issuer: "${ISSUER}", ${options} }`], {
    files: { 'api.crt': api.ca, 'broker.token': `${BEARER}\n`, 'east.json': setOf(CLUSTER.jwk), ...files },
    policies: { 'rules.yaml': RULES },
    world: { permitLoopback: true, clock },
  });
  running.push(() => proving.stop());
  return proving;
}

/** Where the API server is, as options say it. */
const at = (path = ''): string => `{ url: "${api.base}${path}", ca: ./api.crt, tokenFile: ./broker.token }`;

interface Pod {
  readonly name?: string;
  readonly own?: Json;
  readonly more?: Json;
  readonly forge?: typeof CLUSTER;
}

function mounted({ broker }: Proving, { name = 'api', own = {}, more = {}, forge = CLUSTER }: Pod = {}): string {
  const projected = kubernetesProjected(ISSUER, broker.issuer, broker.now());
  const kubernetes = projected['kubernetes.io'] as Json;
  const serviceaccount = { name, uid: 'f5720c1d-e152-4356-a897-11b07aff165d' };
  return forge.token({
    ...projected,
    sub: `system:serviceaccount:payments:${name}`,
    'kubernetes.io': defined({ ...kubernetes, serviceaccount, ...own }),
    ...more,
  });
}

/** The first fetch may end before there is anybody to tell; the next comes within a second. */
const logs = ({ broker }: Proving, text: string) =>
  expect.poll(() => broker.logged(), { timeout: 5_000 }).toContain(text);

describe('tokens that the API server is asked about', () => {
  it.each([
    ['beside keys', 'jwks: { file: ./east.json }'],
    ['instead of keys', 'jwks: none'],
  ])('KB-06 %s are refused from the moment that their pod is gone', async (_title, jwks) => {
    const proving = await brokerWith(`${jwks}, tokenReview: ${at()}`);
    const token = mounted(proving);
    expect(await proving.ask(token)).toBe('granted');
    api.deleted.add(POD);
    expect(await proving.ask(token)).toBe(refused('review_refused'));
    expect(proving.broker.records().at(-1)).toMatchObject({
      evidence: { role: 'subject', source: 'east', problem: 'not_authenticated' },
    });
  });

  it('KB-07 are matched by what the API server adds to them', async () => {
    const proving = await brokerWith(`jwks: { file: ./east.json }, tokenReview: ${at()}`);
    const old = { node: undefined }; // as before 1.30
    const agent = () => mounted(proving, { name: 'agent', own: old });
    expect(await proving.ask(agent())).toMatch(/no_rule$/);
    const nodeName = (name: string) => {
      api.twist = ({ user, ...status }) => ({
        ...status,
        user: { ...user, extra: { ...user.extra, 'authentication.kubernetes.io/node-name': [name] } },
      });
    };
    nodeName('node-1.example');
    expect(await proving.ask(agent())).toBe('granted');
    nodeName('node-2.example');
    expect(await proving.ask(agent())).toMatch(/no_rule$/);
    // What a token says already, the API server may only confirm.
    expect(await proving.ask(mounted(proving, { name: 'agent' }))).toBe(refused('review_refused'));
    nodeName('node-1.example');
    expect(await proving.ask(mounted(proving, { name: 'agent' }))).toBe('granted');
    expect(await proving.ask(mounted(proving, { name: 'job' }))).toBe('granted');
    const other = { pod: { name: POD, uid: 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6' } };
    expect(await proving.ask(mounted(proving, { name: 'job', own: other }))).toMatch(/no_rule$/);
  });

  it('F-18 are not spent by a failure that passes', async () => {
    const proving = await brokerWith(
      `replay: once, accept: { single-use-of-lasting-tokens: tested }, jwks: { file: ./east.json }, tokenReview: ${at()}`,
    );
    const token = mounted(proving);
    for (const failing of [503, 403, 'silent' as const, '<!doctype html>']) {
      api.failing = failing;
      const answer = await proving.broker.exchange(token);
      expect([answer.status, answer.body.error, answer.headers['retry-after']]).toEqual([
        503,
        'temporarily_unavailable',
        '1',
      ]);
    }
    api.failing = undefined;
    expect(await proving.ask(token)).toBe('granted');
    expect(await proving.ask(token)).toBe(refused('replayed'));
  });

  it('F-18 that cannot be asked about are told to the operator: each in its record, once a minute in the log', async () => {
    const proving = await brokerWith(`jwks: { file: ./east.json }, tokenReview: ${at()}`);
    const warnings = () =>
      proving.broker.logged().match(/"msg":"the API server, or AWS STS, could not be asked[^"]*"/g) ?? [];
    expect(await proving.ask(mounted(proving))).toBe('granted');
    expect(warnings()).toEqual([]);
    api.bearer = 'another';
    for (let asked = 0; asked < 3; asked += 1)
      expect(await proving.ask(mounted(proving))).toBe(UNAVAILABLE('review_unavailable'));
    expect(proving.broker.records().at(-1)).toMatchObject({
      reason: 'review_unavailable',
      evidence: { source: 'east', problem: 'status (401)' },
    });
    expect(warnings()).toHaveLength(1);
    elapsed.extraMs += 61_000;
    expect(await proving.ask(mounted(proving))).toBe(UNAVAILABLE('review_unavailable'));
    expect(warnings()).toHaveLength(2);
    expect(proving.broker.logged()).toContain('"problem":"status (401)","alsoSince":2');
    for (const secret of [BEARER, mounted(proving).slice(0, 40)])
      expect(proving.broker.logged() + JSON.stringify(proving.broker.records())).not.toContain(secret);
  });
});

describe('keys that only we are told', () => {
  it('KB-08, KB-09 are discovered at the API server with our token, and iss stays what the operator wrote', async () => {
    const proving = await brokerWith(`discovery: ${at()}`);
    expect(await proving.prove(mounted(proving))).toBe('east:system:serviceaccount:payments:api');
    expect(api.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/.well-known/openid-configuration', `Bearer ${BEARER}`],
      ['/openid/v1/jwks', `Bearer ${BEARER}`],
    ]);
    expect(await proving.prove(mounted(proving, { more: { iss: api.base } }))).toBe(refused('issuer_unknown'));
  });

  it('KB-08 are not had without our token, and the log says why', async () => {
    const open = `{ url: "${api.base}", ca: ./api.crt }`;
    const proving = await brokerWith(`discovery: ${open}`);
    expect(await proving.ask(mounted(proving))).toBe(UNAVAILABLE('keys_unavailable'));
    await logs(proving, '"problem":"discovery document: status (403)"');
  });

  it('KB-08, KB-11 are fetched with the token that the file holds now; without one nobody is asked, and the keys stay', async () => {
    const proving = await brokerWith(`jwks: ${at('/openid/v1/jwks')}`);
    expect(await proving.prove(mounted(proving))).toMatch(/^east:/);
    const before = proving.broker.broker;
    const next = async (token: string | undefined) => {
      elapsed.extraMs += (KEYS_COOLDOWN_SECONDS + 1) * 1_000;
      if (token === undefined) rmSync(join(proving.broker.folder, 'broker.token'));
      else proving.broker.write('broker.token', token);
      return proving.ask(mounted(proving, { forge: ROTATED }));
    };
    api.bearer = 'second.broker.token';
    expect(await next('second.broker.token')).toBe(refused('key_unknown'));
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${BEARER}`,
      'Bearer second.broker.token',
    ]);
    expect(await next(undefined)).toBe(UNAVAILABLE('keys_unavailable'));
    expect(proving.broker.logged()).toContain('"problem":"key set: the token file: ENOENT"');
    expect(await proving.prove(mounted(proving))).toMatch(/^east:/);
    expect(api.seen).toHaveLength(2);
    expect(await next('second.broker.token')).toBe(refused('key_unknown'));
    expect(proving.broker.broker).toBe(before);
  });

  it('KB-09 on the address that the API server advertises are not followed, and the log tells what to write instead', async () => {
    api.document = { jwks_uri: 'https://10.96.0.1:6443/openid/v1/jwks' };
    const proving = await brokerWith(`discovery: ${at()}`);
    expect(await proving.ask(mounted(proving))).toBe(UNAVAILABLE('keys_unavailable'));
    await logs(
      proving,
      'jwks_uri is on another origin; configure the URL of the key set, as it is reached from here, instead: `jwks: { url: ... }`',
    );
    const mended = await brokerWith(`jwks: ${at('/openid/v1/jwks')}`);
    expect(await mended.ask(mounted(mended))).toBe('granted');
  });
});

describe('a cluster that takes another issuer', () => {
  const OLD = 'https://old.cluster.example';
  const from = (proving: Proving, iss: string, pod: Pod = {}) => mounted(proving, { ...pod, more: { iss } });

  it('KB-10 has two for a while, under one name, one set of keys and one API server', async () => {
    const proving = await brokerWith(`otherIssuers: ["${OLD}"], discovery: ${at()}`);
    for (const iss of [ISSUER, OLD]) {
      expect(await proving.prove(from(proving, iss))).toBe('east:system:serviceaccount:payments:api');
      expect(proving.broker.records().at(-1)).toMatchObject({ outcome: 'granted', subject: { iss } });
    }
    for (const iss of [`${OLD}/`, 'https://third.example'])
      expect(await proving.ask(from(proving, iss))).toBe(refused('issuer_unknown'));
    expect(await proving.ask(from(proving, OLD, { forge: ROTATED }))).toBe(refused('key_unknown'));
  });

  it('KB-10 spends tokens of either issuer, each once', async () => {
    const proving = await brokerWith(
      `otherIssuers: ["${OLD}"], replay: once, accept: { single-use-of-lasting-tokens: tested }, jwks: { file: ./east.json }`,
    );
    for (const iss of [ISSUER, OLD]) {
      const token = from(proving, iss);
      expect(await proving.ask(token)).toBe('granted');
      expect(await proving.ask(token)).toBe(refused('replayed'));
    }
  });

  it('KB-10 cannot change its issuers under the same name while the broker runs', async () => {
    const proving = await brokerWith('jwks: { file: ./east.json }');
    const { broker } = proving;
    const file = join(broker.folder, 'exchequer.yaml');
    const before = readFileSync(file, 'utf8');
    broker.write('exchequer.yaml', before.replace('east: {', `east: { otherIssuers: ["${OLD}"],`));
    expect(await broker.broker.reload()).toMatchObject({
      ok: false,
      problems: [
        expect.stringContaining(
          `trust.east proves ${ISSUER} while the broker runs and cannot become ${ISSUER}, ${OLD}`,
        ),
      ],
    });
    expect(await proving.ask(from(proving, OLD))).toBe(refused('issuer_unknown'));
    broker.write('exchequer.yaml', before);
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
  });
});

describe('a key file that is older than the cluster', () => {
  const explain = async ({ broker }: Proving, words: readonly string[]) => {
    const out: string[] = [];
    let code: number | undefined;
    const terminal: Terminal = {
      out: (line) => void out.push(line),
      err: (line) => void out.push(line),
      env: {},
      exit(exit) {
        code = exit;
      },
    };
    const world = {
      clock: { nowSeconds: () => Date.now() / 1_000, elapsedMs: () => performance.now() },
      randomBytes: (count: number) => new Uint8Array(count),
      env: {},
      version: 'test',
      log: { write: () => undefined },
    };
    const config = join(broker.folder, 'exchequer.yaml');
    const program = createProgram(world, terminal, { onSignal: () => undefined, ...NO_PROGRAMS });
    await program.parseAsync(['explain', '--config', config, ...words], { from: 'user' });
    return { code, text: out.join('\n') };
  };

  it('KB-13 is named with what it has, what was asked for, and how to make it again', async () => {
    const proving = await brokerWith('jwks: { file: ./east.json }');
    const { broker } = proving;
    const file = join(broker.folder, 'east.json');
    const ask = (forge: typeof CLUSTER) => proving.ask(mounted(proving, { forge }));
    expect(await ask(CLUSTER)).toBe('granted');
    expect(broker.logged()).not.toContain('the key file lacks');

    for (let asked = 0; asked < 3; asked += 1) expect(await ask(ROTATED)).toBe(refused('key_unknown'));
    const lacking = { file, held: ['cluster'], alg: 'RS256', kid: 'rotated' };
    const record = broker.records().at(-1);
    expect(record).toMatchObject({ reason: 'key_unknown', evidence: { role: 'subject', source: 'east', lacking } });
    const lines = broker
      .logged()
      .split('\n')
      .filter((line) => line.includes('the key file lacks'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, source: 'east', lacking }]);

    const said = [
      `key       ${file} has no key "rotated" for RS256; it has cluster`,
      `mend      if the token is your cluster's: kubectl get --raw /openid/v1/jwks > ${file}.new && mv ${file}.new ${file}`,
    ];
    const decided = await explain(proving, ['--decision', String(record?.decision)]);
    expect(decided.code).toBe(1);
    for (const line of said) expect(decided.text).toContain(line);
    broker.write('token', mounted(proving, { forge: ROTATED }));
    const token = ['--token-file', join(broker.folder, 'token'), '--target', 'ledger'];
    const offline = await explain(proving, token);
    expect([offline.code, offline.text.includes('key_unknown')]).toEqual([1, true]);
    for (const line of said) expect(offline.text).toContain(line);

    // Exported again, the file has both keys: the same token is explained by rules, and granted.
    broker.write('east.json', setOf(CLUSTER.jwk, ROTATED.jwk));
    expect((await explain(proving, token)).text).toContain('allowed   ledger');
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    expect(await ask(ROTATED)).toBe('granted');
  });

  it('KB-13 shows no more of a kid than can be one', async () => {
    const proving = await brokerWith('jwks: { file: ./east.json }');
    const kid = 'k'.repeat(200);
    const token = CLUSTER.token(kubernetesProjected(ISSUER, proving.broker.issuer, proving.broker.now()), { kid });
    expect(await proving.ask(token)).toBe(refused('key_unknown'));
    expect(proving.broker.records().at(-1)).toMatchObject({ evidence: { lacking: { kid: 'k'.repeat(64) } } });
    const unnamed = CLUSTER.token(kubernetesProjected(ISSUER, proving.broker.issuer, proving.broker.now()), {
      kid: 'a\nb',
    });
    expect(await proving.ask(unnamed)).toBe(refused('credential_malformed'));
  });
});
