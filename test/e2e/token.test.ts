// `exchequer token` as a job runs it, against a whole broker: the whole program in this process, over real sockets and files. Only the
// environment, and the platforms in it, are made here.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, jwtSvid, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { runProgram } from '../support/program.ts';
import { openTlsServer } from '../support/tls-server.ts';
import { openWorkloadApiServer } from '../support/workload-api-server.ts';
import { type Authority, createAuthority, type MintedSvid } from '../support/workload-authority.ts';

const execute = promisify(execFile);
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const WORKLOAD = 'spiffe://prod.example/ns/payments/sa/api';
const SOON = 3_600;

const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
const bundleOf = (svid: MintedSvid) => pem('PRIVATE KEY', svid.x509_svid_key) + pem('CERTIFICATE', svid.x509_svid);

describe('a job asks a whole broker for a token', () => {
  let broker: TestBroker;
  let authority: Authority;
  let folder: string;
  const system = getCACertificates('default');
  beforeAll(async () => {
    authority = await createAuthority('prod.example');
    broker = await startTestBroker();
    const bundle = {
      keys: [
        { ...broker.keys.mesh.jwk, use: 'jwt-svid' },
        { use: 'x509-svid', kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', x5c: [authority.der.toString('base64')] },
      ],
    };
    broker.write('mesh.json', JSON.stringify(bundle));
    await broker.broker.reload();
    folder = mkdtempSync(join(tmpdir(), 'token-'));
    writeFileSync(join(folder, 'ca.crt'), broker.ca);
  });
  afterAll(async () => {
    setDefaultCACertificates(system);
    rmSync(folder, { recursive: true });
    await broker.stop();
  });

  const ask = (line: readonly string[], env: Record<string, string>) =>
    runProgram(['token', ...line], {
      EXCHEQUER_BROKER: broker.issuer,
      EXCHEQUER_CA: join(folder, 'ca.crt'),
      ...env,
    });

  it('on GitHub: the ID token is asked for with the audience of the broker, and exchanged', async () => {
    await using github = await openTlsServer(async (request, response) => {
      const audience = new URL(request.url ?? '', 'https://localhost').searchParams.get('audience') ?? '';
      const value = await mint(broker, 'github', githubPush(audience, broker.now()));
      response.end(JSON.stringify({ count: value.length, value }));
    });
    setDefaultCACertificates([...system, github.ca]);
    const said = await ask(['deploy'], {
      GITHUB_ACTIONS: 'true',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${github.url}token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-runners-own',
    });
    expect(said).toMatchObject({ exits: [0], err: [] });
    expect(decodeJwt(said.out.join())).toMatchObject({ iss: broker.issuer, aud: 'https://deploy.example' });
    expect(github.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      [`/token?api-version=2.0&audience=${encodeURIComponent(broker.issuer)}`, 'Bearer the-runners-own'],
    ]);
  });

  it('in a pod: the projected token that EXCHEQUER_TOKEN_FILE names', async () => {
    const file = join(folder, 'token');
    writeFileSync(
      file,
      await mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now())),
    );
    const said = await ask(['ledger', '--scope', 'postings:read', '--json'], { EXCHEQUER_TOKEN_FILE: file });
    expect(said).toMatchObject({ exits: [0], err: [] });
    expect(JSON.parse(said.out.join())).toMatchObject({ token_type: 'Bearer', scope: 'postings:read' });
  });

  it('only asks with --dry-run: what would be granted, or the sentence of the refusal, and no token', async () => {
    const file = join(folder, 'asked');
    writeFileSync(
      file,
      await mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now())),
    );
    const env = { EXCHEQUER_TOKEN_FILE: file };
    const said = await ask(['ledger', '--dry-run'], env);
    expect(said).toEqual({ exits: [0], err: [], out: ['would grant ledger with postings:read for 300 s'] });
    expect(broker.records().findLast(({ event }) => event === 'exchange')).toMatchObject({
      dryRun: true,
      outcome: 'granted',
      rule: 'payments-ledger',
    });
    const whole = await ask(['ledger', '--dry-run', '--json'], env);
    expect(JSON.parse(whole.out.join())).toMatchObject({ granted: true, target: 'ledger', expires_in: 300 });
    const refused = await ask(['deploy', '--dry-run'], env);
    expect(refused).toMatchObject({
      exits: [1],
      out: [],
      err: [expect.stringMatching(/^invalid_target: .*[0-9A-Z]{26}$/)],
    });
    expect(await ask(['ledger', '--dry-run'], { ...env, EXCHEQUER_BROKER: 'https://localhost:1' })).toMatchObject({
      exits: [3],
      out: [],
    });
  });

  it('beside a SPIFFE agent: a JWT-SVID for the broker', async () => {
    await using agent = await openWorkloadApiServer();
    const audiences: (readonly string[])[] = [];
    const svid = await mint(broker, 'mesh', jwtSvid(WORKLOAD, broker.issuer, broker.now()));
    agent.jwtSvids = (audience) => {
      audiences.push(audience);
      return { message: { svids: [{ spiffe_id: WORKLOAD, svid }] } };
    };
    const said = await ask(['ledger'], { SPIFFE_ENDPOINT_SOCKET: agent.socket });
    expect(said).toMatchObject({ exits: [0], err: [] });
    expect(decodeJwt(said.out.join())).toMatchObject({ sub: WORKLOAD });
    expect(audiences).toEqual([[broker.issuer]]);
  });

  it('in a process of its own, which ends by itself once the token is printed', async () => {
    await using agent = await openWorkloadApiServer();
    const svid = await mint(broker, 'mesh', jwtSvid(WORKLOAD, broker.issuer, broker.now()));
    agent.jwtSvids = () => ({ message: { svids: [{ spiffe_id: WORKLOAD, svid }] } });
    const env = {
      EXCHEQUER_BROKER: broker.issuer,
      EXCHEQUER_CA: join(folder, 'ca.crt'),
      SPIFFE_ENDPOINT_SOCKET: agent.socket,
    };
    const said = await execute(process.execPath, [MAIN, 'token', 'ledger'], { env, timeout: 20_000 });
    expect([said.stderr, decodeJwt(said.stdout.trim()).sub]).toEqual(['', WORKLOAD]);
    expect(said.stdout.split('\n')).toHaveLength(2);
  });

  it('with a credential folder: the X.509-SVID over mutual TLS', async () => {
    const minted = await authority.mint('/ns/payments/sa/api', broker.now() + SOON);
    writeFileSync(join(folder, 'credential-bundle.private-key.pem'), bundleOf(minted));
    const said = await ask(['ledger'], { SPIFFE_CREDENTIAL_FOLDER: folder });
    expect(said).toMatchObject({ exits: [0], err: [] });
    expect(decodeJwt(said.out.join())).toMatchObject({ sub: WORKLOAD, client_id: WORKLOAD });
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'granted', grantType: 'client_credentials' });
  });

  it('beside an agent that does not know the job, or is not there: that could not be found out (exit 3)', async () => {
    await using agent = await openWorkloadApiServer();
    const denied = await ask(['ledger'], { SPIFFE_ENDPOINT_SOCKET: agent.socket });
    expect(denied).toEqual({
      out: [],
      err: ['spiffe-socket: the Workload API gives no JWT-SVID: PERMISSION_DENIED'],
      exits: [3],
    });
    agent.stop();
    const gone = await ask(['ledger'], { SPIFFE_ENDPOINT_SOCKET: agent.socket });
    expect(gone).toMatchObject({ out: [], exits: [3] });
    expect(gone.err).toEqual([expect.stringContaining('the Workload API gives no JWT-SVID: ')]);
  });

  it('with an X.509-SVID of another authority: the broker refuses it (exit 1)', async () => {
    const stranger = await createAuthority('prod.example');
    const minted = await stranger.mint('/ns/payments/sa/api', broker.now() + SOON);
    const strange = mkdtempSync(join(folder, 'strange-'));
    writeFileSync(join(strange, 'credential-bundle.pem'), bundleOf(minted));
    const said = await ask(['ledger'], { SPIFFE_CREDENTIAL_FOLDER: strange });
    expect(said).toMatchObject({ out: [], exits: [1], err: [expect.stringMatching(/^invalid_client: /)] });
  });

  it('and where the broker refuses, its own sentence is what is said, with exit 1', async () => {
    const file = join(folder, 'refused');
    const token = await mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()));
    writeFileSync(file, token);
    const said = await ask(['deploy', '--from', `file:${file}`], {});
    expect(said).toMatchObject({ exits: [1], out: [] });
    expect(said.err).toEqual([expect.stringMatching(/^invalid_target: .*[0-9A-Z]{26}$/)]);
    expect(said.err.join()).not.toContain(token);
  });
});
