// `exchequer keys publish` against a whole broker: what lies in the folder is what the broker serves, is enough to verify what it signs, and
// goes on being enough through a rotation.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { githubPush } from '../../src/adapters/cli/demo/platforms.ts';
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { runProgram } from '../support/program.ts';
import { openTlsServer } from '../support/tls-server.ts';

const DAY = 86_400;

describe('documents for clouds that cannot reach the broker', () => {
  let broker: TestBroker;
  let folder: string;
  beforeEach(async () => {
    // A path, as brokers behind one name have: what lies in the folder is below it.
    broker = await startTestBroker({ config: (yaml) => yaml.replace(/^(issuer: .*)$/m, '$1/sts') });
    folder = mkdtempSync(join(tmpdir(), 'publish-'));
    writeFileSync(join(folder, 'ca.crt'), broker.ca);
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await broker.stop();
  });

  const issuer = () => `${broker.issuer}/sts`;
  const config = () => join(broker.folder, 'exchequer.yaml');
  const publish = (...line: readonly string[]) =>
    runProgram(['keys', 'publish', ...line], { EXCHEQUER_CA: join(folder, 'ca.crt') });
  const text = (...path: readonly string[]) => readFileSync(join(folder, ...path), 'utf8');
  const served = async (name: string) => (await broker.call({ path: `/sts/.well-known/${name}` })).text;
  async function issued(): Promise<string> {
    const subject = await mint(broker, 'github', githubPush(issuer(), broker.now()));
    const answer = await broker.call(
      { method: 'POST', path: '/sts/token', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: subject,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        audience: 'deploy',
      }).toString(),
    );
    return String(answer.body.access_token);
  }

  it('are what the broker serves, byte for byte, and verify what it signs through a rotation', async () => {
    const to = join(folder, 'bucket');
    const said = await publish('--to', to, '--config', config());
    expect(said).toMatchObject({
      exits: [0],
      out: [join(to, '.well-known/jwks.json'), join(to, '.well-known/openid-configuration')],
    });
    expect(readdirSync(join(to, '.well-known')).sort()).toEqual(['jwks.json', 'openid-configuration']);
    expect(statSync(join(to, '.well-known/jwks.json')).mode & 0o777).toBe(0o644);
    expect(text('bucket/.well-known/jwks.json')).toBe(await served('jwks.json'));
    expect(text('bucket/.well-known/openid-configuration')).toBe(await served('openid-configuration'));
    expect(JSON.parse(text('bucket/.well-known/openid-configuration'))).toMatchObject({
      issuer: issuer(),
      jwks_uri: `${issuer()}/.well-known/jwks.json`,
    });
    const verify = async (token: string) =>
      jwtVerify(token, createLocalJWKSet(JSON.parse(text('bucket/.well-known/jwks.json'))), { issuer: issuer() });
    const before = await issued();
    expect(await runProgram(['keys', 'rotate', '--config', config()])).toMatchObject({ exits: [0] });
    const after = await issued();
    const kids = [(await verify(before)).protectedHeader.kid, (await verify(after)).protectedHeader.kid];
    expect(new Set(kids).size).toBe(2);
    expect(text('bucket/.well-known/jwks.json')).not.toBe(await served('jwks.json'));
  });

  it('say when they have to be published again: after the next rotation, and before the key that it makes may sign', async () => {
    const said = await publish('--to', join(folder, 'bucket'), '--config', config(), '--json');
    const report = JSON.parse(said.out.join());
    const days = (instant: string) => Math.round((Date.parse(instant) / 1_000 - broker.now()) / DAY);
    expect(days(report.againAfter)).toBe(30);
    expect(Date.parse(report.againBefore) - Date.parse(report.againAfter)).toBe(2 * DAY * 1_000);
    const plain = await publish('--to', join(folder, 'bucket'), '--config', config());
    expect(plain.err).toEqual([
      `4 keys: ${report.kids.join(', ')}`,
      `what lies in ${join(folder, 'bucket')} is to be served at ${issuer()}, as application/json`,
      `a key that is not in it is made at ${report.againAfter} and may sign from ${report.againBefore}: publish again between the two`,
      'after `keys rotate` and `keys revoke`: at once',
    ]);
  });

  it('CG-03 are read as the world reads them where only that can be, and the key set alone goes into a file', async () => {
    const jwks = join(folder, 'jwks.json');
    const said = await publish('--jwks', jwks, '--broker', issuer());
    expect(said).toMatchObject({ exits: [0], out: [jwks] });
    expect(text('jwks.json')).toBe(await served('jwks.json'));
    const members = JSON.parse(text('jwks.json')).keys.flatMap((key: object) => Object.keys(key));
    expect([...new Set(members)].sort()).toEqual(['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y']);
    expect(await publish('--jwks', jwks, '--broker', broker.issuer)).toMatchObject({ exits: [3], out: [] });
  });

  it('are read from the key directory where no broker runs, and are then what it serves when it starts', async () => {
    const before = [await served('jwks.json'), await served('openid-configuration')];
    await broker.broker.stop('test');
    const said = await publish('--to', folder, '--config', config());
    expect(said.exits).toEqual([0]);
    expect([text('.well-known/jwks.json'), text('.well-known/openid-configuration')]).toEqual(before);
  });

  it('A-197 with a private member are refused, whoever serves them, and nothing is written', async () => {
    const set = JSON.parse(await served('jwks.json'));
    let keys = set.keys;
    await using server = await openTlsServer((request, response) => {
      const origin = `https://localhost:${server.port}`;
      const metadata = {
        issuer: origin,
        jwks_uri: `${origin}/keys`,
        id_token_signing_alg_values_supported: ['RS256'],
      };
      response.end(JSON.stringify(request.url === '/keys' ? { keys } : metadata));
    });
    writeFileSync(join(folder, 'other.crt'), server.ca);
    const other = ['--broker', `https://localhost:${server.port}`, '--ca', join(folder, 'other.crt')];
    expect(await publish('--to', join(folder, 'bucket'), ...other)).toMatchObject({ exits: [0] });
    rmSync(join(folder, 'bucket'), { recursive: true });
    keys = [...set.keys, { ...set.keys[0], kid: 'x', d: 'c2VjcmV0' }];
    const said = await publish('--to', join(folder, 'bucket'), '--jwks', join(folder, 'jwks.json'), ...other);
    expect(said).toEqual({ exits: [3], out: [], err: ['keys[4] has a private member; nothing is published'] });
    expect(readdirSync(folder).sort()).toEqual(['ca.crt', 'other.crt']);
  });

  it('need somewhere to go (2), a broker or its keys (3), and a folder that can be written (3)', async () => {
    expect(await publish('--config', config())).toMatchObject({ exits: [2], out: [] });
    const nowhere = await publish('--to', folder, '--config', join(folder, 'none.yaml'));
    expect(nowhere).toMatchObject({ exits: [3], out: [] });
    const full = await publish('--to', join(folder, 'ca.crt'), '--config', config());
    expect(full).toMatchObject({ exits: [3], out: [], err: [expect.stringContaining('ENOTDIR')] });
  });
});
