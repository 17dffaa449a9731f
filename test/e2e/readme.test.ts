// The commands of README.md's exchanges, run by a shell as they stand there, against the development set-up: only its port and its folder
// are others. What the page shows of the answers is in them.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoBroker, startBroker } from '../../src/adapters/cli/demo/broker.ts';
import { type FencedBlock, fencedBlocks } from '../support/examples.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

let broker: DemoBroker;
beforeAll(async () => {
  broker = await startBroker();
}, 30_000);
afterAll(() => broker?.stop());

/** The blocks of one section: its commands, and the JSON that it shows. */
function section(title: string) {
  const [text = ''] = README.split(`\n## ${title}\n`)[1]?.split('\n## ') ?? [];
  const of = (info: string) => fencedBlocks(text).filter((block: FencedBlock) => block.info === info);
  return {
    commands: of('console').map((block) => block.text),
    shown: of('json').map((block): Record<string, unknown> => JSON.parse(block.text)),
  };
}

/** Runs commands as a reader does who has pasted them, and gives the last line that they print. */
function run(commands: string): Record<string, unknown> {
  const script = commands.replaceAll('config/dev', broker.material).replaceAll('https://localhost:8443', broker.issuer);
  const env = { ...process.env, AUDIENCE: broker.issuer, MATERIAL: broker.material };
  const { stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

const claimsOf = (answer: Record<string, unknown>) => decodeJwt(String(answer.access_token));

describe('README.md', () => {
  it("exchanges a pod's token, and gets one for a certificate", () => {
    const { commands, shown } = section('An exchange');
    const [pod = '', certificate = ''] = commands;
    const answer = run(pod);
    const [{ access_token: _, ...rest } = {}] = shown;
    expect(answer).toMatchObject(rest);
    expect(claimsOf(answer)).toMatchObject({
      sub: 'cluster:system:serviceaccount:payments:api',
      aud: 'https://api.example/ledger',
      origin: { iss: 'https://kubernetes.default.svc.cluster.local', sub: 'system:serviceaccount:payments:api' },
    });
    expect(claimsOf(run(certificate)).sub).toBe('spiffe://prod.example/ns/payments/sa/reconciler');
  }, 30_000);

  it('exchanges for a person by whom an agent acts, and for nobody without it', () => {
    const { commands, shown } = section('An agent on behalf of a person');
    const [both = ''] = commands;
    expect(shown).toHaveLength(1);
    expect(claimsOf(run(both))).toMatchObject(shown[0] ?? {});
    const alone = both.replaceAll(/^.*actor_token.*\n/gm, '');
    expect(alone).not.toBe(both);
    expect(run(alone)).toMatchObject({ error: 'invalid_request' });
    expect(run(alone).error_description).toContain('actor was absent, must be an actor token');
  }, 30_000);

  it('wants the person herself for what matters, and has her then', () => {
    const [both = ''] = section('An agent on behalf of a person').commands;
    const writing = `${both.trimEnd()} --data-urlencode scope=postings:write\n`;
    const wanted = { error: 'insufficient_user_authentication', acr_values: 'mfa', max_age: 600 };
    expect(run(writing)).toMatchObject(wanted);
    const [anew = ''] = /mint\.ts person [^`]+/.exec(README) ?? [];
    expect(run(writing.replace('mint.ts person', () => anew))).toMatchObject({ scope: 'postings:write' });
  }, 30_000);
});
