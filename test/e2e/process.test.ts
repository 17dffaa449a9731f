// What only a process shows: readiness, signals, kills, full disks, and state that survives them.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { githubPush, jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { type Served, serve, spawnVerb } from '../support/served.ts';

describe('a served broker', () => {
  let broker: TestBroker;
  let served: Served | undefined;
  const config = () => join(broker.folder, 'exchequer.yaml');

  /** The folder is written by a broker in this process, which is stopped before the served one starts on it. */
  beforeEach(async () => {
    broker = await startTestBroker();
    await broker.broker.stop('hand-over');
  });
  afterEach(async () => {
    served?.child.kill('SIGKILL');
    await served?.ended;
    rmSync(broker.folder, { recursive: true, force: true });
  });
  const svid = () =>
    mint(broker, 'mesh', jwtSvid('spiffe://prod.example/ns/payments/sa/api', broker.issuer, broker.now()));
  const job = () => mint(broker, 'github', githubPush(broker.issuer, broker.now()));
  const verify = () => {
    const trail = spawnVerb([
      'audit',
      'verify',
      join(broker.folder, 'audit.jsonl'),
      '--key',
      join(broker.folder, 'keys/audit-key.pub.pem'),
    ]);
    return trail.ended;
  };

  it('is ready in well under three seconds, and says where it listens', async () => {
    const started = performance.now();
    served = await serve(config());
    expect(performance.now() - started).toBeLessThan(3_000); // one second on an idle machine; tests share two cores
    expect(served.stderr()).toContain(`https://127.0.0.1:${broker.port} (public)`);
  });

  it('F-37 SIGTERM under load: everything accepted is answered, records are whole, exit code 0', async () => {
    served = await serve(config());
    const token = await svid();
    const outcomes: (number | string)[] = [];
    let going = true;
    const workers = Array.from({ length: 8 }, async () => {
      while (going) {
        const outcome = await broker.exchange(token).then(
          ({ status }) => status,
          (error: NodeJS.ErrnoException) => error.code ?? 'error',
        );
        outcomes.push(outcome);
        if (typeof outcome === 'string') return;
      }
    });
    await expect.poll(() => outcomes.length, { timeout: 10_000 }).toBeGreaterThan(200);
    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
    going = false;
    await Promise.all(workers);
    const granted = outcomes.filter((outcome) => outcome === 200).length;
    expect(new Set(outcomes.filter((outcome) => outcome !== 200))).toEqual(new Set(['ECONNREFUSED']));
    expect(broker.records().filter(({ outcome }) => outcome === 'granted')).toHaveLength(granted);
    expect(await verify()).toBe(0);
  });

  it('F-38, A-52 SIGKILL and start again: nothing spent is forgotten, old tokens verify, the chain continues', async () => {
    served = await serve(config());
    const token = await job();
    expect((await broker.exchange(token, { audience: 'deploy' })).status).toBe(200);
    const before = (await broker.call({ path: '/.well-known/jwks.json' })).text;
    served.child.kill('SIGKILL');
    await served.ended;

    served = await serve(config());
    expect((await broker.exchange(token, { audience: 'deploy' })).body.error).toBe('invalid_request');
    expect(broker.records().at(-1)).toMatchObject({ reason: 'replayed' });
    expect((await broker.exchange(await job(), { audience: 'deploy' })).status).toBe(200); // the control
    expect((await broker.call({ path: '/.well-known/jwks.json' })).text).toBe(before);
    expect(await verify()).toBe(0);
  });

  it('A-209, F-47 a full disk: no token is issued, the caller may retry, and it serves again when there is room', async () => {
    const size = Math.ceil(statSync(join(broker.folder, 'audit.jsonl')).size / 1024);
    // A limit on the size of files is what a full disk looks like to a process (EFBIG for ENOSPC), without needing one.
    served = await serve(config(), `trap '' XFSZ; ulimit -f ${size + 24}`);
    const token = await svid();
    const statuses: number[] = [];
    let last: Record<string, unknown> = {};
    for (let count = 0; count < 60; count += 1) {
      const { status, body } = await broker.exchange(token);
      statuses.push(status);
      last = body;
    }
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(statuses.at(-1)).toBe(503);
    expect(last.error).toBe('temporarily_unavailable');
    expect(last.access_token).toBeUndefined();
    const granted = broker.records().filter(({ outcome }) => outcome === 'granted').length;
    expect(granted).toBe(statuses.filter((status) => status === 200).length);
    const ready = await fetch(`http://127.0.0.1:${broker.observePort}/readyz`);
    expect(ready.status).toBe(503);
  });

  it('the second broker on one state directory refuses to start, and the first one goes on', async () => {
    served = await serve(config());
    // Half a line, as the first broker may just be writing it: not the second's to repair.
    appendFileSync(join(broker.folder, 'audit.jsonl'), '{"chain":"');
    const second = spawnVerb(['serve', '--config', config()]);
    expect(await second.ended).toBe(3);
    expect(second.stderr()).toContain('store.lock');
    expect(second.stderr()).not.toContain('in the middle of a line');
    expect((await broker.exchange(await svid())).status).toBe(200);
  });

  it.each(['listen', 'observe'])('ends where the address of `%s` is taken, and says which', async (name) => {
    // It used to print the error and live on, with what it had opened before.
    const taken = createServer().listen(name === 'listen' ? broker.port : broker.observePort, '127.0.0.1');
    await once(taken, 'listening');
    served = spawnVerb(['serve', '--config', config()]);
    const ended = await served.ended;
    taken.close();
    const port = name === 'listen' ? broker.port : broker.observePort;
    const said = `127.0.0.1:${port} is in use (another broker, or exchequer dev?); ${name}.address says where\n`;
    expect({ ended, said: served.stderr() }).toMatchObject({ ended: 3, said: expect.stringContaining(said) });
    expect(await verify()).toBe(0);
    served = await serve(config()); // the control
  });

  it('A-206 refuses to run with certificate checks switched off', async () => {
    const refused = spawnVerb(['serve', '--config', config()], { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(await refused.ended).toBe(2);
    expect(refused.stderr()).toContain('NODE_TLS_REJECT_UNAUTHORIZED');
  });

  it('check, explain, keys and audit work from the command line', async () => {
    served = await serve(config());
    const answer = await broker.exchange(await svid(), { audience: 'secret' });
    const decision = String(broker.records().at(-1)?.decision);
    expect(answer.status).toBe(400);
    const run = (...verb: readonly string[]) => {
      const main = join(import.meta.dirname, '../../src/main.ts');
      const env = { ...process.env, EXCHEQUER_CONFIG: config() };
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...verb], { env, encoding: 'utf8' });
      return `exit ${status}\n${stdout}${stderr}`;
    };
    expect(run('check')).toMatch(/^exit 0[\s\S]*loads/);
    expect(run('keys', 'list')).toMatch(/ES256[\s\S]*RS256/);
    expect(run('explain', '--decision', decision)).toMatch(/^exit 1[\s\S]*target_not_allowed/);
    expect(run('audit', 'tail')).toContain(decision);
    const known = new Set((await broker.call({ path: '/.well-known/jwks.json' })).text.match(/"kid":"[^"]+"/g));
    run('keys', 'rotate', '--algorithm', 'ES256');
    const after = (await broker.call({ path: '/.well-known/jwks.json' })).text.match(/"kid":"[^"]+"/g) ?? [];
    expect(after.filter((kid) => !known.has(kid))).toHaveLength(1);
    expect(readFileSync(join(broker.folder, 'audit.jsonl'), 'utf8')).toContain('"change":"retired"');
  });
});
