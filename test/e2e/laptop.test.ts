// The promise of three commands: `init`, `dev`, and a token that is refused with a reason, on a laptop that has nothing. Then what a person
// does next: the claims that the rule wants, a policy that is edited, and `check` before it is served.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dev, freePort, startDev, typed } from '../support/laptop.ts';

const RELOAD_MS = 20_000;

describe('three commands on a laptop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
  const policy = join(folder, 'policies/github.yaml');
  const run = (...words: readonly string[]) => typed(folder, ...words);
  let dev: Dev | undefined;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
  });
  afterAll(async () => {
    await dev?.end();
    rmSync(folder, { recursive: true });
  });

  it('init writes a configuration that dev runs as it is', async () => {
    const wrote = await run('init', '--platform', 'github');
    expect(wrote).toMatchObject({ code: 0, out: '' });
    expect(wrote.err).toContain('wrote exchequer.yaml, policies/github.yaml');
    dev = await startDev(folder, port);
    expect(dev.said()).toContain('exchequer token deploy --as github');
  });

  it('a wrong ref is refused in one sentence, and explain --last says the same at length', async () => {
    expect(await run('token', 'deploy')).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^no credential is here.*\na dev runs here: --as SOURCE has it sign one$/),
    });
    const refused = await run('token', 'deploy', '--as', 'github', '--claim', 'ref=refs/heads/dev');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err.split('\n')).toEqual([
      expect.stringMatching(
        /^invalid_request: .* nearest github-deploys \(policies\/github\.yaml:2\): ref was 'refs\/heads\/dev', must be 'refs\/heads\/main'\. Ask the owners of this rule\. [0-9A-Z]{26}$/,
      ),
    ]);
    const explained = await run('explain', '--last', '--control', dev?.place('control') ?? '');
    expect(explained.code).toBe(1);
    expect(explained.out).toContain('ref was "refs/heads/dev", must be "refs/heads/main"');
    expect((await run('explain', '--last')).out).toBe(explained.out);
  });

  it('what the rule wants is granted, without a claim being typed', async () => {
    const granted = await run('token', 'deploy', '--as', 'github');
    expect(granted).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(granted.out)).toMatchObject({
      iss: `https://localhost:${port}`,
      aud: 'https://deploy.example',
      sub: 'github:repository_id:74:ref:refs/heads/main',
    });
  });

  it('a rule that is edited counts once it is saved', async () => {
    writeFileSync(policy, readFileSync(policy, 'utf8').replace('refs/heads/main', 'refs/heads/dev'));
    await expect.poll(() => dev?.said(), { timeout: RELOAD_MS }).toContain('reloaded');
    expect(await run('token', 'deploy', '--as', 'github', '--claim', 'ref=refs/heads/main')).toMatchObject({ code: 1 });
    expect(await run('token', 'deploy', '--as', 'github', '--claim', 'ref=refs/heads/dev')).toMatchObject({ code: 0 });
  });

  it('check says what is missing before it is served, and where nobody serves it only warns of it', async () => {
    const missing = [
      'exchequer.yaml:7:10 listen.tls.certificate: the file cannot be read (ENOENT)',
      'exchequer.yaml:7:38 listen.tls.key: the file cannot be read (ENOENT)',
    ];
    const { code, out, err } = await run('check');
    const lines = out.split('\n').filter((line) => !line.includes(' (info) '));
    expect({ code, lines, err }).toEqual({ code: 1, lines: missing, err: 'exchequer.yaml: 2 problems' });
    const offline = await run('check', '--offline');
    expect(offline).toMatchObject({ code: 0, err: expect.stringContaining('loads, with 1 source') });
    expect(offline.out).toContain(`${missing[0]} (warning)\n${missing[1]} (warning)`);
    // Verbs that only read have no use for a certificate.
    expect((await run('who-can', 'deploy')).code).toBe(0);
  });
});
