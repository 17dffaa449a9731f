// `exchequer token --watch --out` as a pod runs it: a process of its own, beside a whole broker, with a projected token that is renewed under
// it and a reader that looks at the file all the time.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { type Served, spawnVerb } from '../support/served.ts';

const WAIT_MS = 15_000;

async function until(holds: () => boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; !holds(); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > deadline) throw new Error(what());
}

describe('a federated token file', () => {
  let broker: TestBroker;
  let folder: string;
  const running: Served[] = [];
  beforeAll(async () => {
    broker = await startTestBroker();
    folder = mkdtempSync(join(tmpdir(), 'watch-'));
    writeFileSync(join(folder, 'ca.crt'), broker.ca);
    mkdirSync(join(folder, 'out'));
  });
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill('SIGKILL');
    broker.clock.offsetSeconds = 0;
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await broker.stop();
  });

  const out = (name: string) => join(folder, 'out', name);
  const read = (name: string) => {
    try {
      return readFileSync(out(name), 'utf8');
    } catch {
      return '';
    }
  };
  /** The kubelet writes a token of the pod that lives this long. */
  async function project(seconds: number, serviceaccount = 'api'): Promise<string> {
    const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
    const token = await mint(broker, 'cluster', {
      ...claims,
      ...(serviceaccount === 'api' ? {} : { sub: `system:serviceaccount:payments:${serviceaccount}` }),
      exp: broker.now() + seconds,
    });
    writeFileSync(join(folder, 'projected'), token);
    return token;
  }
  function watch(name: string, ...more: readonly string[]): Served {
    const verb = spawnVerb(['token', 'ledger', '--watch', '--out', out(name), ...more], {
      EXCHEQUER_BROKER: broker.issuer,
      EXCHEQUER_CA: join(folder, 'ca.crt'),
      EXCHEQUER_TOKEN_FILE: join(folder, 'projected'),
    });
    running.push(verb);
    return verb;
  }

  it('F-54 is whole at every moment, and renewed ahead of its end from the credential as it is then', async () => {
    await project(10);
    const verb = watch('fresh');
    await until(() => read('fresh') !== '', verb.stderr);
    const first = read('fresh');
    expect(first).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(statSync(out('fresh')).mode & 0o777).toBe(0o600);
    const told = /fresh: written, good until \S+Z; renewed ahead of that\n$/;
    await until(() => told.test(verb.stderr()), verb.stderr);
    const second = await project(3_600);
    const seen = new Set<string>();
    await until(() => seen.add(read('fresh')).size > 1, verb.stderr);
    // Between two tokens there was no moment without one, and nothing else lies beside the file.
    expect([...seen]).toEqual([first, read('fresh')]);
    expect(readdirSync(join(folder, 'out'))).toEqual(['fresh']);
    const [before, after] = [decodeJwt(first), decodeJwt(read('fresh'))];
    expect(after.iat).toBeLessThan(before.exp ?? 0);
    expect(after.exp).toBeGreaterThan((before.exp ?? 0) + 200);
    verb.child.kill('SIGTERM');
    expect(await verb.ended).toBe(0);
    expect(decodeJwt(read('fresh')).exp).toBe(after.exp);
    for (const token of [first, second, read('fresh')]) expect(verb.stderr()).not.toContain(token.slice(-40));
  });

  it('is renewed at once on SIGHUP; what the broker refuses then is said once, and the old token stays', async () => {
    await project(3_600);
    const verb = watch('kept', '--mode', '640');
    await until(() => verb.stderr().includes('written'), verb.stderr);
    const first = read('kept');
    expect(statSync(out('kept')).mode & 0o777).toBe(0o640);
    verb.child.kill('SIGHUP');
    await until(() => read('kept') !== first, verb.stderr);
    const second = read('kept');
    await project(3_600, 'other');
    verb.child.kill('SIGHUP');
    await until(() => verb.stderr().includes('invalid_request'), verb.stderr);
    const refusals = () => broker.records().filter(({ outcome }) => outcome === 'refused').length;
    const before = refusals();
    verb.child.kill('SIGHUP');
    await until(() => refusals() > before, verb.stderr);
    expect(verb.stderr().match(/invalid_request/g)).toHaveLength(1);
    expect(read('kept')).toBe(second);
    await project(3_600);
    verb.child.kill('SIGHUP');
    await until(() => verb.stderr().includes('renewed again'), verb.stderr);
    expect(read('kept')).not.toBe(second);
    verb.child.kill('SIGINT');
    expect(await verb.ended).toBe(0);
  });

  it('stays while nobody can find out, as without a credential, and is renewed as soon as there is one again', async () => {
    await project(3_600);
    const verb = watch('away');
    await until(() => verb.stderr().includes('written'), verb.stderr);
    const first = read('away');
    rmSync(join(folder, 'projected'));
    verb.child.kill('SIGHUP');
    await until(() => verb.stderr().includes('ENOENT'), verb.stderr);
    expect(read('away')).toBe(first);
    await project(3_600);
    await until(() => verb.stderr().includes('renewed again'), verb.stderr);
    expect(read('away')).not.toBe(first);
  });

  it('is not made where the first question is refused (1), nobody answers (3) or the folder is not there (3)', async () => {
    await project(3_600, 'other');
    const refused = watch('never');
    expect(await refused.ended).toBe(1);
    expect(refused.stderr()).toMatch(/^invalid_request: .* [0-9A-Z]{26}\n$/);
    await project(3_600);
    const gone = watch('never', '--broker', 'https://localhost:1');
    expect(await gone.ended).toBe(3);
    expect(gone.stderr()).toContain(
      'https://localhost:1/.well-known/oauth-authorization-server: network (ECONNREFUSED)',
    );
    const nowhere = watch('no/where');
    expect(await nowhere.ended).toBe(3);
    expect(nowhere.stderr()).toBe(`${out('no/where')}: ENOENT\n`);
    symlinkSync('/dev/null', out('link'));
    const link = watch('link');
    expect(await link.ended).toBe(3);
    expect(link.stderr()).toBe(`${out('link')}: it is there and is no plain file\n`);
    expect(read('never')).toBe('');
  });
});
