// Revocations by operators against a whole broker: they end what was issued so far and nothing that is issued later, in every hop; blocks and
// revocations outlive the process; and under load nothing leaves against one that has been answered.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import { ACCESS_TOKEN_TYPE } from '../../src/core/request.ts';
import { formOf, mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import {
  ASSISTANT,
  type DelegationBroker,
  type HOPS,
  LITELLM,
  ONE_API,
  RESEARCHER,
  startDelegationBroker,
  TWO_API,
} from '../support/delegation-broker.ts';
import { operatorOf } from '../support/operator.ts';
import { runProgram } from '../support/program.ts';

const WHY = ['--why', 'leaked into a build log'] as const;

/** Alice by the assistant, then by the first service, then by the second: the tokens of three hops. */
async function threeHops(broker: DelegationBroker, agent = ASSISTANT) {
  const one = await broker.acted(await broker.staffToken(), await broker.svid(agent));
  const two = await goesOn(broker, one.token, 'two');
  const three = await goesOn(broker, two.token, 'three');
  expect([one.said, two.said, three.said]).toEqual(['granted', 'granted', 'granted']);
  return { one, two, three };
}

const goesOn = (broker: DelegationBroker, token: string, target: keyof typeof HOPS) =>
  broker.ask(target === 'three' ? TWO_API : ONE_API, {
    subject_token: token,
    subject_token_type: ACCESS_TOKEN_TYPE,
    audience: target,
  });
const WITHDRAWN = 'invalid_request withdrawn';

describe('a revocation', () => {
  let broker: DelegationBroker;
  let operator: ReturnType<typeof operatorOf>;
  beforeAll(async () => {
    broker = await startDelegationBroker();
    operator = operatorOf(broker);
  }, 30_000);
  afterAll(() => broker?.stop());
  const later = (seconds = 2) => {
    broker.clock.offsetSeconds += seconds;
  };

  it('of a token ends it, and neither what was made of it nor another one', async () => {
    const { one, two } = await threeHops(broker);
    const { out, err, exit } = await operator('revoke', 'token', String(one.claims.jti), ...WHY);
    expect([exit, out]).toEqual([
      0,
      [expect.stringMatching(/^revoked token {2}[\w-]{22} {2}[0-9A-Z]{26} {2}until 20\S+Z$/)],
    ]);
    expect(err[0]).toBe('what was made of it goes on: `revoke chain` ends that too');
    expect((await goesOn(broker, one.token, 'two')).said).toBe(WITHDRAWN);
    expect((await goesOn(broker, two.token, 'three')).said).toBe('granted');
    expect((await threeHops(broker)).three.said).toBe('granted');
  });

  it('of a chain ends everything that was made of the token, by its handle too (keycloak#51633, zeroid#50)', async () => {
    const [first, other] = [await threeHops(broker), await threeHops(broker)];
    await operator('revoke', 'chain', String(first.one.claims.jti), ...WHY);
    expect((await goesOn(broker, first.two.token, 'three')).said).toBe(WITHDRAWN);
    expect((await goesOn(broker, other.two.token, 'three')).said).toBe('granted');
    // The first of `lineage` is what came in: the person's own token.
    const [root] = other.two.claims.lineage as string[];
    expect((await operator('revoke', 'chain', String(root), ...WHY)).exit).toBe(0);
    expect((await goesOn(broker, other.one.token, 'two')).said).toBe(WITHDRAWN);
    expect((await goesOn(broker, other.two.token, 'three')).said).toBe(WITHDRAWN);
  });

  it('of a token that is piped in ends it, and never shows or records it', async () => {
    const { one, two } = await threeHops(broker);
    const verb = ['revoke', 'chain', '-', ...WHY, '--control', join(broker.folder, 'run', 'control.sock')];
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...verb], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdin.end(`${one.token}\n`);
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect((await goesOn(broker, two.token, 'three')).said).toBe(WITHDRAWN);
    const told = said + JSON.stringify(broker.records()) + broker.logged();
    for (const part of one.token.split('.').slice(1)) expect(told).not.toContain(part);
    const argued = await operator('revoke', 'token', one.token, ...WHY);
    expect([argued.exit, argued.err.join().includes(one.token.slice(0, 20))]).toEqual([2, false]);
  });

  it.each([
    ['subject', 'staff:alice', 'about it'],
    ['actor', ASSISTANT, 'in which it acts'],
    ['client', 'litellm', 'that it asked for'],
  ])('of the %s ends what was issued by now, and says that new exchanges stay possible', async (what, of, ended) => {
    const { one } = await threeHops(broker);
    const staff = await broker.staffToken();
    const { err, exit } = await operator('revoke', what, of, ...WHY);
    expect(exit).toBe(0);
    expect(err.join('\n')).toContain(`ended: everything ${ended} that was issued by now`);
    expect(err.join('\n')).toContain(
      `new exchanges stay possible, with credentials of its own from now on: \`exchequer block ${of}\``,
    );
    expect((await goesOn(broker, one.token, 'two')).said).toBe(WITHDRAWN);
    later();
    // What came in before is ended where it is the person's.
    const before = await broker.acted(staff, await broker.svid(ASSISTANT));
    expect(before.said).toBe(what === 'subject' ? WITHDRAWN : 'granted');
    const { three } = await threeHops(broker);
    expect(three.said).toBe('granted');
    if (what === 'actor') expect((await threeHops(broker, RESEARCHER)).three.said).toBe('granted');
    later();
  });

  it('by a client at /revoke is told by `explain` too, from the broker and from its trail', async () => {
    const { one } = await threeHops(broker);
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...LITELLM.headers };
    const { status } = await broker.call(
      { method: 'POST', path: '/revoke', headers: form },
      formOf({ token: one.token }),
    );
    expect(status).toBe(200);
    const { said, record } = await goesOn(broker, one.token, 'two');
    expect(said).toBe(WITHDRAWN);
    const explain = ['explain', '--decision', String(record.decision)];
    expect((await operator(...explain)).out.at(-1)).toMatch(
      /revoke chain [\w-]{22}, since 20\S+Z: its client asked to revoke it/,
    );
    const trail = await operator(...explain, '--from', join(broker.folder, 'audit.jsonl'));
    expect(trail.out.at(-1)).toMatch(`revoke chain ${one.claims.jti}, since 20`);
  });

  it('twice says so, and ends nothing more', async () => {
    const { one } = await threeHops(broker);
    const revoke = () => operator('revoke', 'chain', String(one.claims.jti), ...WHY);
    const [first, second] = [await revoke(), await revoke()];
    const id = first.out[0]?.split('  ')[2];
    expect(second.out[0]).toMatch(
      new RegExp(`^already revoked chain .*${id}.*since 20\\S+Z: leaked into a build log$`),
    );
    expect([second.exit, broker.lastRecord()]).toMatchObject([
      0,
      { event: 'revoke', what: 'chain', id, already: true },
    ]);
  });

  it('of a key is the theft drill: what it signed is dead here, and it is on record who did it and why', async () => {
    const { one } = await threeHops(broker);
    const { kid } = JSON.parse(Buffer.from(one.token.split('.')[0] ?? '', 'base64url').toString());
    const { out, err, exit } = await operator('revoke', 'key', kid, '--why', 'a backup was stolen', '--json');
    expect([exit, JSON.parse(out.join(''))]).toMatchObject([0, { revoked: { kid } }]);
    expect(err).toEqual([]);
    expect((await goesOn(broker, one.token, 'two')).said).toBe('invalid_request key_unknown');
    expect((await threeHops(broker)).three.said).toBe('granted');
    const records = broker.records().filter(({ event }) => event === 'revoke');
    expect(records.at(-1)).toMatchObject({
      what: 'key',
      of: kid,
      why: 'a backup was stolen',
      by: expect.stringContaining('uid'),
    });
    expect(await operator('revoke', 'key', 'no-such-key', ...WHY)).toMatchObject({
      err: ['there is no such key'],
      exit: 3,
    });
  });

  it('"action by user via agent for client at date" is one question, of every hop', async () => {
    const { one, three } = await threeHops(broker, RESEARCHER);
    const trail = join(broker.folder, 'audit.jsonl');
    const said = await operatorless(
      'audit',
      'query',
      trail,
      '--subject',
      'staff:alice',
      '--actor',
      RESEARCHER,
      '--jti',
      String(one.claims.jti),
    );
    expect(said.out).toEqual([
      expect.stringMatching(
        `^one \\[read\\] by staff:alice via ${RESEARCHER} for litellm at 20\\S+Z: granted by agents-for-people  ${one.claims.jti}$`,
      ),
      expect.stringMatching(
        `^two \\[read\\] by staff:alice via clients:one-api, before it ${RESEARCHER} for one-api at `,
      ),
      expect.stringMatching(
        `^three \\[read\\] by staff:alice via clients:two-api, before it one-api, before it ${RESEARCHER} for two-api at .* ${three.claims.jti}$`,
      ),
    ]);
    const nobody = await operatorless('audit', 'query', trail, '--subject', 'staff:alice', '--actor', 'clients:hard');
    expect([nobody.out, nobody.exits]).toEqual([[], [1]]);
    const services = await operatorless(
      'audit',
      'query',
      trail,
      '--actor',
      'clients:one-api',
      '--jti',
      String(one.claims.jti),
    );
    expect(services.out).toHaveLength(2);
  });
});

describe('what is withdrawn', () => {
  it('F-38 outlives the process, with its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'exchequer-test-'));
    try {
      let broker = await startTestBroker({ folder });
      const operator = operatorOf({ folder });
      const svid = (name: string) =>
        mint(broker, 'mesh', jwtSvid(`spiffe://prod.example/ns/payments/sa/${name}`, broker.issuer, broker.now()));
      const said = async (name: string) => {
        const { status } = await broker.exchange(await svid(name));
        return status === 200 ? 'granted' : broker.records().at(-1)?.reason;
      };
      await operator('block', 'spiffe://prod.example/ns/payments/sa/api', ...WHY);
      await operator('block', 'spiffe://prod.example/ns/payments/sa/job', '--for', '1h', ...WHY);
      await operator('revoke', 'subject', 'spiffe://prod.example/ns/payments/sa/web', ...WHY);
      const before = (await operator('blocks')).out;
      expect(before).toHaveLength(4);
      await broker.stop();
      broker = await startTestBroker({ folder });
      expect((await operator('blocks')).out).toEqual(before);
      expect([await said('api'), await said('job'), await said('other')]).toEqual([
        'withdrawn',
        'withdrawn',
        'granted',
      ]);
      broker.clock.offsetSeconds = 3_601;
      expect([await said('api'), await said('job'), await said('web')]).toEqual(['withdrawn', 'granted', 'granted']);
      await broker.stop();
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 30_000);

  it('under load: once a block or a revocation has answered, nothing leaves against it', async () => {
    const broker = await startTestBroker();
    try {
      await underLoad(broker);
    } finally {
      await broker.stop();
    }
  }, 60_000);
});

const API = 'spiffe://prod.example/ns/payments/sa/api';
/** An answer may lie in the client's own buffers for as long while the loop is busy. */
const IN_BUFFERS_MS = 250;

async function underLoad(broker: TestBroker): Promise<void> {
  const operator = operatorOf(broker);
  const fresh = () => mint(broker, 'mesh', jwtSvid(API, broker.issuer, broker.now()));
  const answers: { sent: number; answered: number; status: number }[] = [];
  const load = { going: true, token: await fresh() };
  const worker = async () => {
    while (load.going) {
      const sent = performance.now();
      const { status } = await broker.exchange(load.token);
      answers.push({ sent, answered: performance.now(), status });
    }
  };
  const workers = Array.from({ length: 32 }, worker);
  const granted = () => expect.poll(() => answers.at(-1)?.status, { timeout: 10_000 }).toBe(200);
  const windows: { from: number; until: number }[] = [];
  const watch = async () => {
    const from = performance.now();
    await expect.poll(() => answers.filter(({ sent }) => sent > from).length, { timeout: 10_000 }).toBeGreaterThan(100);
    windows.push({ from, until: performance.now() });
  };
  for (let round = 0; round < 4; round += 1) {
    await granted();
    expect((await operator('block', API, '--why', 'load')).exit).toBe(0);
    await watch();
    expect((await operator('unblock', API)).exit).toBe(0);
    await granted();
    expect((await operator('revoke', 'subject', API, '--why', 'load')).exit).toBe(0);
    await watch();
    broker.clock.offsetSeconds += 2;
    load.token = await fresh();
  }
  load.going = false;
  await Promise.all(workers);
  const inside = answers.filter(({ sent, answered }) =>
    windows.some(({ from, until }) => (sent > from || answered > from + IN_BUFFERS_MS) && answered < until),
  );
  expect(inside.length).toBeGreaterThan(500);
  expect(inside.filter(({ status }) => status === 200)).toEqual([]);
  expect(grantedAgainst(broker.records())).toBe(0);
}

/** By the order of the trail: what was granted between a withdrawal's record, which follows its answer's condition, and its end. */
function grantedAgainst(records: readonly Readonly<Record<string, unknown>>[]): number {
  let blocked = false;
  let against = 0;
  for (const { event, outcome } of records) {
    if (event === 'block') blocked = true;
    if (event === 'unblock') blocked = false;
    if (blocked && event === 'exchange' && outcome === 'granted') against += 1;
  }
  expect(records.filter(({ event }) => event === 'block').length).toBe(4);
  return against;
}

/** Without a broker. */
const operatorless = (...verb: readonly string[]) => runProgram(verb);
