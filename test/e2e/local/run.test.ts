// `exchequer run` as a process: what it passes on to the program it starts and what comes back, how it ends where it starts none, and that nothing
// of what it holds is said. And `sidecar`, for programs that others start.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callLocal } from '../../support/local-client.ts';
import { type LocalScene, script, startLocalScene } from '../../support/local-scene.ts';

const RUN = ['run', '--aws', 'payments-aws'];
const REFUSED =
  /^payments-aws: invalid_request: no rule lets cluster:system:serviceaccount:payments:web have payments-aws\. [0-9A-Z]{26}\n$/;
const SAY = 'console.log(JSON.stringify(process.env))';

let scene: LocalScene;
beforeAll(async () => {
  scene = await startLocalScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

describe('a program that run starts', () => {
  it.each([
    ['0', 'process.exit(0)', 0],
    ['7', 'process.exit(7)', 7],
    ['143 for SIGTERM, as a shell says it', 'process.kill(process.pid, "SIGTERM")', 143],
    ['137 for SIGKILL', 'process.kill(process.pid, "SIGKILL")', 137],
  ])('gives its status: %s', async (_title, text, status) => {
    expect(await scene.run([...RUN, ...script(text)])).toEqual({ status, out: '', err: '' });
  });

  it('has its streams, and its arguments as they are', async () => {
    const line = [...RUN, '--', 'sh', '-c', 'echo "$@"; echo said >&2', 'sh', '--aws', '--', '-x y'];
    expect(await scene.run(line)).toEqual({ status: 0, out: '--aws -- -x y\n', err: 'said\n' });
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR2'] as const)('gets the signal that we get: %s', async (signal) => {
    const program = script(
      `process.on('${signal}', () => { console.log('got it'); process.exit(5); }); setInterval(() => undefined, 1e6); console.log('up');`,
    );
    const running = scene.start([...RUN, ...program]);
    await running.until(({ out }) => out === 'up\n');
    running.kill(signal);
    expect(await running.ended).toEqual({ status: 5, out: 'up\ngot it\n', err: '' });
  });

  it('goes on as long as it likes after a signal', async () => {
    const program = script(
      `let times = 0; process.on('SIGTERM', () => { times += 1; console.log(times); if (times === 2) process.exit(0); }); setInterval(() => undefined, 1e6); console.log('up');`,
    );
    const running = scene.start([...RUN, ...program]);
    await running.until(({ out }) => out === 'up\n');
    running.kill('SIGTERM');
    await running.until(({ out }) => out === 'up\n1\n');
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ status: 0, out: 'up\n1\n2\n' });
  });

  it.each([
    ['that is not there', ['/nowhere/program'], 127, '/nowhere/program could not be started: ENOENT\n'],
    ['that is no program', [join(import.meta.dirname, 'run.test.ts')], 126, /could not be started: EACCES\n$/],
  ])('%s: says so as a shell does', async (_title, command, status, err) => {
    const ran = await scene.run([...RUN, '--', ...command]);
    expect([ran.status, ran.out]).toEqual([status, '']);
    expect(ran.err).toMatch(err);
  });

  it('has the variables of its SDKs, and of other clouds what it had', async () => {
    const ran = await scene.run([...RUN, ...script(SAY)], {
      GOOGLE_APPLICATION_CREDENTIALS: '/adc.json',
      AWS_REGION: 'eu-west-1',
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials',
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/var/run/token',
      HTTP_PROXY: 'http://proxy.example:3128',
      NO_PROXY: 'internal.example',
    });
    const env: Record<string, string> = JSON.parse(ran.out);
    expect(env).toMatchObject({
      GOOGLE_APPLICATION_CREDENTIALS: '/adc.json',
      AWS_REGION: 'eu-west-1',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      NO_PROXY: 'internal.example,127.0.0.1',
      no_proxy: 'internal.example,127.0.0.1',
    });
    expect(env.AWS_CONTAINER_CREDENTIALS_FULL_URI).toMatch(
      /^http:\/\/127\.0\.0\.1:[0-9]+\/aws\/credentials\/payments-aws$/,
    );
    expect(env.AWS_CONTAINER_AUTHORIZATION_TOKEN).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(Object.keys(env)).not.toContain('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
    expect(ran.err).toBe(
      'from kubernetes; also here: aws (--from chooses another)\nthe program does not get AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: they would win\n',
    );
  });

  it('leaves nothing behind that answers', async () => {
    const ran = await scene.run([...RUN, ...script('console.log(process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI)')]);
    const { port, pathname } = new URL(ran.out.trim());
    await expect(callLocal(Number(port), pathname)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a program that run does not start', () => {
  const never = ['--', 'sh', '-c', 'echo started'];

  it('for a refusal: the broker’s sentence, and exit 1', async () => {
    await scene.project('web');
    const ran = await scene.run([...RUN, ...never]).finally(() => scene.project());
    expect([ran.status, ran.out]).toEqual([1, '']);
    expect(ran.err).toMatch(REFUSED);
  });

  it('for a broker that is not there: exit 3', async () => {
    const ran = await scene.run([...RUN, ...never], { EXCHEQUER_BROKER: 'https://localhost:1' });
    expect([ran.status, ran.out]).toEqual([3, '']);
    expect(ran.err).toMatch(/^payments-aws: https:\/\/localhost:1\/\S+: network \(ECONNREFUSED\)\n$/);
  });
});

describe('a sidecar', () => {
  const env = () => readFileSync(join(scene.folder, 'sidecar.env'), 'utf8');
  const variable = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(env())?.[1] ?? '';
  const LINE = ['sidecar', '--aws', 'payments-aws'];
  const files = () => [
    '--variables',
    join(scene.folder, 'sidecar.env'),
    '--token-file',
    join(scene.folder, 'sidecar.token'),
  ];

  it('writes what others need into private files, serves, and keeps the secret when it starts again', async () => {
    const first = scene.start([...LINE, ...files()]);
    await first.until(({ err }) => err.endsWith('listening on loopback\n'));
    expect(variable('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')).toBe(join(scene.folder, 'sidecar.token'));
    const secret = readFileSync(join(scene.folder, 'sidecar.token'), 'utf8');
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    for (const name of ['sidecar.env', 'sidecar.token'])
      expect(statSync(join(scene.folder, name)).mode & 0o777).toBe(0o600);
    const { port, pathname } = new URL(variable('AWS_CONTAINER_CREDENTIALS_FULL_URI'));
    const answer = await callLocal(Number(port), pathname, { headers: { authorization: secret } });
    expect(JSON.parse(answer.text)).toMatchObject({ AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(await callLocal(Number(port), '/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ status: 0, out: '', err: 'listening on loopback\n' });

    const second = scene.start([...LINE, ...files(), '--port', port]);
    await second.until(({ err }) => err.endsWith('listening on loopback\n'));
    const again = await callLocal(Number(port), pathname, { headers: { authorization: secret } });
    expect(again.status).toBe(200);
    second.kill('SIGTERM');
    await second.ended;
  });

  it('takes no secret from a file that others may read', async () => {
    const file = join(scene.folder, 'open.env');
    writeFileSync(file, `AWS_CONTAINER_AUTHORIZATION_TOKEN=${'x'.repeat(43)}\n`, { mode: 0o644 });
    const ran = await scene.run([...LINE, '--variables', file]);
    expect([ran.status, ran.err]).toEqual([
      2,
      `${file}: must have mode 0600, has 0644; others may have read it, replace it\n`,
    ]);
  });

  it('waits for a broker that is away, and ends at a refusal', async () => {
    const file = join(scene.folder, 'waiting.env');
    const waiting = scene.start([...LINE, '--variables', file], { EXCHEQUER_BROKER: 'https://localhost:1' });
    await waiting.until(({ err }) => err.endsWith('listening on loopback\n'));
    const [, port = ''] = /127\.0\.0\.1:([0-9]+)/.exec(readFileSync(file, 'utf8')) ?? [];
    expect(await callLocal(Number(port), '/healthz')).toMatchObject({ status: 503 });
    waiting.kill('SIGTERM');
    expect(await waiting.ended).toMatchObject({ status: 0, err: expect.stringContaining('tried again until') });

    await scene.project('web');
    const refused = await scene
      .run([...LINE, '--variables', join(scene.folder, 'none')])
      .finally(() => scene.project());
    expect(refused).toMatchObject({ status: 1, err: expect.stringMatching(REFUSED) });
    expect(existsSync(join(scene.folder, 'none'))).toBe(false);
  });
});
