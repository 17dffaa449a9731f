// Replicas are equal: what one broker issues, spends, blocks and revokes is so at every other, by one directory of signing keys and one
// Redis; and one that is cut off from Redis stops by itself. Against two whole brokers.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { githubPush } from '../../src/adapters/cli/demo/platforms.ts';
import { verifyTrail } from '../../src/audit/chain.ts';
import { SIGNING_KEY_TICK_MS } from '../../src/core/limits.ts';
import { FEED_SILENT_MS } from '../../src/core/limits-delegation.ts';
import { JWT_TYPE, mint, startTestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import { createDpopClient } from '../support/dpop-client.ts';
import { type Fleet, isReady, startFleet } from '../support/fleet.ts';
import { operatorOf } from '../support/operator.ts';
import { audienceOf, type OwnTokenBroker, tokenIn } from '../support/own-token-broker.ts';
import { describeWithRedis } from '../support/redis-server.ts';
import { spawnVerb } from '../support/served.ts';

const WHY = ['--why', 'a test'] as const;
const PATIENT = { timeout: 10_000, interval: 20 };

describeWithRedis('two brokers with one issuer, one directory of signing keys and one Redis', () => {
  let fleet: Fleet;
  let a: OwnTokenBroker;
  let b: OwnTokenBroker;
  beforeAll(async () => {
    fleet = await startFleet();
    ({ a, b } = fleet);
  }, 30_000);
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  const setOf = async (broker: OwnTokenBroker): Promise<JSONWebKeySet> =>
    JSON.parse((await broker.call({ path: '/.well-known/jwks.json' })).text);
  const isActive = async (broker: OwnTokenBroker, token: string) => (await broker.introspect(token)).body.active;
  const verifies = async (broker: OwnTokenBroker, token: string) =>
    jwtVerify(token, createLocalJWKSet(await setOf(broker)), { issuer: a.issuer, audience: audienceOf('one') }).then(
      () => true,
      () => false,
    );
  /** A token of alice's, by litellm. */
  const begin = async (broker: OwnTokenBroker) => broker.begin({ subject_token: await a.staffToken() });
  const kidOf = (token: string) => String(decodeProtectedHeader(token).kid);
  const svid = (name: string) => a.mesh.signJwt(`/ns/payments/sa/${name}`, a.issuer, a.now());
  /** How a request ended: its status and the reason on record. */
  const ended = async (broker: OwnTokenBroker, answer: ReturnType<OwnTokenBroker['exchange']>) => {
    const { status } = await answer;
    const { reason, evidence } = broker.lastRecord();
    const { problem } = (evidence ?? {}) as { problem?: string };
    return status === 200 ? 'granted' : `${status} ${problem ?? reason}`;
  };

  it('publish one set of keys and one issuer', async () => {
    expect(await setOf(b)).toEqual(await setOf(a));
    expect((await setOf(a)).keys).toHaveLength(4);
    const path = '/.well-known/oauth-authorization-server';
    expect((await b.call({ path })).body).toEqual((await a.call({ path })).body);
  });

  it('take each other’s tokens: introspected, verified by the other’s keys, and exchanged again', async () => {
    for (const [issuing, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const token = await begin(issuing);
      expect((await other.introspect(token)).body).toMatchObject({ active: true, sub: 'staff:alice', iss: a.issuer });
      expect(await verifies(other, token)).toBe(true);
      const next = await other.goOn('one', token);
      expect((await issuing.introspect(tokenIn(next))).body).toMatchObject({ active: true, aud: audienceOf('two') });
    }
  });

  it('A-52 take a credential that can be spent once from one of them, in turn and at once', async () => {
    const job = () => mint(a, 'github', githubPush(a.issuer, a.now()));
    const deploy = { audience: 'deploy' };
    const spent = await job();
    expect(await ended(a, a.exchange(spent, deploy))).toBe('granted');
    const first = a.lastRecord().decision;
    expect(await ended(b, b.exchange(spent, deploy))).toBe('400 replayed');
    expect(b.lastRecord()).toMatchObject({ evidence: { spentBy: first } });
    for (let round = 0; round < 5; round += 1) {
      const raced = await job();
      const answers = await Promise.all([a, b, a, b].map((one) => one.exchange(raced, deploy)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
    }
  });

  it('A-154 take a DPoP proof from one of them, and each other’s nonces', async () => {
    const worker = async () => ({
      grant_type: TOKEN_EXCHANGE,
      subject_token: await a.workerToken(),
      subject_token_type: JWT_TYPE,
      audience: 'ledger',
    });
    // Proofs are made for the address of both, and sent to one of them.
    const here = createDpopClient(a, a);
    const there = createDpopClient(a, b, here.key);
    expect((await here.send(await worker())).body.error).toBe('use_dpop_nonce');
    const nonce = here.nonce();
    const proof = there.proof({ nonce });
    expect(await ended(a, a.token(await worker(), { dpop: proof }))).toBe('granted');
    expect(await ended(b, there.send(await worker(), proof))).toBe('400 dpop_proof_replayed');
    // The nonce was no hindrance: a proof of its own passes with it.
    expect(await ended(b, there.send(await worker(), there.proof({ nonce })))).toBe('granted');
    const raced = here.proof();
    const form = await worker();
    const answers = await Promise.all([a, b, a, b].map((one) => one.token(form, { dpop: raced })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
  });

  it('refuse alike whom one of them blocked, once it has answered: under load, nothing leaves the other after that', async () => {
    const token = await svid('api');
    const answers: { readonly sent: number; readonly status: number }[] = [];
    const load = { going: true };
    const worker = async () => {
      while (load.going) {
        const sent = performance.now();
        answers.push({ sent, status: (await b.exchange(token)).status });
      }
    };
    const workers = Array.from({ length: 8 }, worker);
    await expect.poll(() => answers.filter(({ status }) => status === 200).length, PATIENT).toBeGreaterThan(20);
    const { exit } = await operatorOf(a)('block', 'spiffe://prod.example/ns/payments/sa/api', ...WHY);
    const answered = performance.now();
    await expect.poll(() => answers.filter(({ sent }) => sent > answered).length, PATIENT).toBeGreaterThan(50);
    load.going = false;
    await Promise.all(workers);
    expect(exit).toBe(0);
    expect(answers.filter(({ sent, status }) => sent > answered && status === 200)).toEqual([]);
    expect(await ended(b, b.exchange(token))).toBe('400 withdrawn');
    expect(await ended(b, b.exchange(await svid('job')))).toBe('granted');
    await operatorOf(b)('unblock', 'spiffe://prod.example/ns/payments/sa/api');
    expect(await ended(a, a.exchange(token))).toBe('granted');
  });

  it('end a chain at both, whichever its client told (RFC 7009)', async () => {
    const [tokens, others] = [await a.chain(), await a.chain()];
    const everywhere = async (chain: readonly string[]) =>
      new Set(await Promise.all([a, b].flatMap((one) => chain.map((token) => isActive(one, token)))));
    expect(await everywhere([...tokens, ...others])).toEqual(new Set([true]));
    expect((await b.revoke(tokens[0] ?? '')).status).toBe(200);
    expect(await everywhere(tokens)).toEqual(new Set([false]));
    expect(await everywhere(others)).toEqual(new Set([true]));
    expect((await a.goOn('one', tokens[0] ?? '')).status).toBe(400);
  });

  it('rotate together: a second after a command at one, both sign with the same next key, and old tokens stay good', async () => {
    const before = await begin(a);
    expect(await operatorOf(a)('keys', 'rotate')).toMatchObject({ exit: 0 });
    const commanded = performance.now();
    const after = await begin(a);
    expect(kidOf(after)).not.toBe(kidOf(before));
    // What B does not know yet is a key that it has published already.
    for (const token of [before, after]) expect(await isActive(b, token)).toBe(true);
    await expect.poll(async () => kidOf(await begin(b)), PATIENT).toBe(kidOf(after));
    // A look each second, and what a busy machine takes for it.
    expect(performance.now() - commanded).toBeLessThan(2.5 * SIGNING_KEY_TICK_MS);
    expect(await setOf(b)).toEqual(await setOf(a));
  });

  it('drop a stolen key together: once `keys revoke` has answered at one, what it signed is dead at both', async () => {
    const stolen = await begin(b);
    expect([await isActive(a, stolen), await isActive(b, stolen)]).toEqual([true, true]);
    const { exit, err } = await operatorOf(a)('keys', 'revoke', kidOf(stolen));
    expect([exit, err[0]]).toEqual([0, expect.stringContaining('is out of the published set')]);
    expect([await isActive(b, stolen), await isActive(a, stolen)]).toEqual([false, false]);
    expect([await verifies(b, stolen), await verifies(a, stolen)]).toEqual([false, false]);
    expect(await ended(b, b.goOn('one', stolen))).toBe('400 key_unknown');
    const fresh = await begin(b);
    expect(kidOf(fresh)).not.toBe(kidOf(stolen));
    expect([await isActive(a, fresh), await verifies(a, fresh)]).toEqual([true, true]);
    await expect.poll(() => setOf(b), PATIENT).toEqual(await setOf(a));
    expect(a.records().findLast(({ event }) => event === 'revoke')).toMatchObject({
      what: 'key',
      of: kidOf(stolen),
      unreached: [],
    });
  });

  it('go on without one that is cut off from Redis: it stops within a second, is named, and comes back knowing', async () => {
    const token = await svid('web');
    expect(await ended(b, b.exchange(token))).toBe('granted');
    fleet.network.be('deaf');
    const cut = performance.now();
    await expect.poll(async () => (await b.exchange(token)).status, PATIENT).toBe(503);
    const stoppedMs = performance.now() - cut;
    expect(stoppedMs).toBeLessThan(FEED_SILENT_MS + 500);
    expect(b.lastRecord()).toMatchObject({ outcome: 'refused', reason: 'store_unavailable' });
    expect([await isReady(a), await isReady(b)]).toEqual([true, false]);
    // Nobody is told that a token is good, either.
    const own = await begin(a);
    expect([(await b.introspect(own)).status, await isActive(a, own)]).toEqual([503, true]);

    const { exit, out, err } = await operatorOf(a)('block', 'spiffe://prod.example/ns/payments/sa/web', ...WHY);
    expect([exit, out.length]).toEqual([3, 1]);
    expect(err.join('\n')).toMatch(/not confirmed by \S+: it has stopped, or issues nothing/);
    expect(a.records().findLast(({ event }) => event === 'block')).toMatchObject({ unreachedCount: 1 });
    expect([await ended(a, a.exchange(token)), (await b.exchange(token)).status]).toEqual(['400 withdrawn', 503]);
    expect(await ended(a, a.exchange(await svid('job')))).toBe('granted');

    fleet.network.be('open');
    const answers: string[] = [];
    const back = async () => {
      answers.push(await ended(b, b.exchange(token)));
      return answers.at(-1);
    };
    await expect.poll(back, PATIENT).toBe('400 withdrawn');
    expect(answers).not.toContain('granted');
    expect(await ended(b, b.exchange(await svid('job')))).toBe('granted');
  });

  // One that did not start held on to Redis, and its process never ended.
  it('share keys with no broker that has a store of its own: whichever comes second does not start, and exits', async () => {
    const sharing = (directory: string) => ({
      config: (yaml: string) =>
        yaml
          .replace('keys: { directory: ./keys }', `keys: { directory: ${directory} }`)
          .replace(
            'store: { directory: ./store }',
            `store: { redis: { url: "redis://127.0.0.1:${fleet.network.port}" } }`,
          ),
    });
    await expect(
      startTestBroker({ config: (yaml) => yaml.replace('directory: ./keys', `directory: ${fleet.keysDirectory}`) }),
    ).rejects.toThrow('another process uses this directory');

    const folder = mkdtempSync(join(tmpdir(), 'exchequer-test-'));
    const alone = await startTestBroker();
    try {
      const second = startTestBroker({ folder, ...sharing(join(alone.folder, 'keys')) });
      await expect(second).rejects.toThrow('another process uses this directory');
      const served = spawnVerb(['serve', '--config', join(folder, 'exchequer.yaml')]);
      expect([await served.ended, served.stderr()]).toEqual([3, expect.stringContaining('another process uses')]);
    } finally {
      await alone.stop();
      rmSync(folder, { recursive: true });
    }
  }, 20_000);

  it('leave a trail each, on a chain of its own, that the one audit key verifies', async () => {
    const key = readFileSync(join(fleet.keysDirectory, 'audit-key.pub.pem'), 'utf8');
    const chains = [];
    for (const { folder } of [a, b]) {
      const lines = readFileSync(join(folder, 'audit.jsonl'), 'utf8').split('\n').slice(0, -1);
      const report = await verifyTrail(lines, key);
      expect(report).toMatchObject({ intact: true, problems: [] });
      chains.push(...report.chains.map(({ id }) => id));
    }
    expect(new Set(chains).size).toBe(2);
  });
});
