// The broker's own X.509-SVID, and bundles of its sources, from a SPIFFE Workload API: a whole broker beside an agent that a test makes
// come, rotate, redact, refuse, go and come back (SA-01 to SA-05, F-17). The streams themselves are in outbound/workload-*.test.ts.

import { createPrivateKey } from 'node:crypto';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlClient } from '../../src/adapters/control/client.ts';
import { type Answer, startTestBroker, type TestBroker } from '../support/broker.ts';
import { openSpiffeAuthority, type SpiffeAuthority, type X509Svid } from '../support/spiffe-authority.ts';
import { openTlsServer } from '../support/tls-server.ts';
import { openWorkloadApiServer, serve, type WorkloadApiServer } from '../support/workload-api-server.ts';

const DOMAIN = 'spiffe://prod.example';
const BROKER = '/exchequer';
const WORKLOAD = '/ns/payments/sa/api';
const STATUSES = { cancelled: 1, unknown: 2, invalid_argument: 3, permission_denied: 7, internal: 13, unavailable: 14 };
const PATIENCE = { timeout: 10_000, interval: 20 };

let mesh: SpiffeAuthority;
let agent: WorkloadApiServer;
const running: (() => PromiseLike<unknown>)[] = [];

beforeEach(async () => {
  [mesh, agent] = await Promise.all([openSpiffeAuthority('prod.example'), openWorkloadApiServer()]);
  running.push(() => agent[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

const ownCertificate = (yaml: string) =>
  yaml.replace('tls: { certificate: ./tls.crt, key: ./tls.key }', `tls: { workloadApi: "${agent.socket}" }`);
const bundleOfAgent = (yaml: string) => yaml.replace('bundle: { file: ./mesh.json }', `workloadApi: "${agent.socket}"`);

async function brokerWith(config: (yaml: string) => string): Promise<TestBroker> {
  const broker = await startTestBroker({ config });
  running.push(() => broker.stop());
  return broker;
}

const messageOf = (svid: X509Svid) => ({
  spiffe_id: svid.id,
  x509_svid: Buffer.concat(svid.ders),
  x509_svid_key: createPrivateKey(svid.key).export({ type: 'pkcs8', format: 'der' }),
  bundle: Buffer.concat(mesh.rootDers()),
});

/** The agent gives this SVID, and the trust domain's bundle as it is. */
function give(svid: X509Svid, server = agent): void {
  serve(server, {
    svids: [messageOf(svid)],
    x509: { [DOMAIN]: Buffer.concat(mesh.rootDers()) },
    jwt: { [DOMAIN]: mesh.jwks() },
  });
}

const shows = (svid: X509Svid) => Buffer.from(svid.ders[0] ?? '').toString('base64');

/** What a new connection is shown, or the code that its handshake fails with. */
function shown({ port }: TestBroker, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      resolve(certificateOf(socket));
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** Of the other side; empty where it showed none. */
const certificateOf = (socket: TLSSocket): string =>
  (socket.getPeerX509Certificate()?.raw ?? Buffer.of()).toString('base64');
const NO_CERTIFICATE = 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE';

async function observed({ observePort }: TestBroker, path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${observePort}${path}`);
  return { status: answer.status, text: await answer.text() };
}

const ready = async (broker: TestBroker) => (await observed(broker, '/readyz')).status;

/** One connection that is kept: the sockets that it used, and what it was shown. */
function keptConnection(broker: TestBroker) {
  const sockets = new Set<object>();
  const own = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, maxCachedSessions: 0 });
  own.on('free', (socket: object) => sockets.add(socket));
  running.push(async () => own.destroy());
  const get = (): Promise<Answer> => broker.call({ agent: own, path: '/.well-known/jwks.json' });
  return { get, sockets };
}

const signed = (broker: TestBroker) => mesh.signJwt(WORKLOAD, broker.issuer, broker.now());

describe('a listener whose certificate comes from the Workload API', () => {
  it('F-17 starts before its agent is there: alive, not ready, without a handshake; and serves once it comes', async () => {
    agent.stop();
    const broker = await brokerWith(ownCertificate);
    expect((await observed(broker, '/livez')).status).toBe(200);
    const readyz = await observed(broker, '/readyz');
    expect(readyz.status).toBe(503);
    expect(JSON.parse(readyz.text)).toMatchObject({ status: 'failed', checks: { certificate: 'failed', audit: 'ok' } });
    expect(await shown(broker)).toBe(NO_CERTIFICATE);
    const svid = await mesh.mintSvid(BROKER);
    give(svid);
    await agent.start();
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(svid));
    expect(await ready(broker)).toBe(200);
  });

  it('tells an operator how the Workload API is: in the status and in metrics', async () => {
    agent.stop();
    const broker = await brokerWith((yaml) => bundleOfAgent(ownCertificate(yaml)));
    const ours = async () =>
      (await observed(broker, '/metrics')).text.split('\n').filter((line) => line.startsWith('exchequer_workload_'));
    const control = createControlClient(join(broker.folder, 'run/control.sock'));
    const status = async () =>
      ((await control.request('GET', '/status')).body as { workloadApis: unknown }).workloadApis;
    const { socket } = agent;
    await expect.poll(status, PATIENCE).toEqual([expect.objectContaining({ socket, state: 'down' })]);
    expect(await ours()).toEqual([`exchequer_workload_api_connected{socket="${socket}"} 0`]);
    const svid = await mesh.mintSvid(BROKER, { notAfter: new Date(4_000_000_000_000) });
    give(svid);
    await agent.start();
    await expect.poll(status, PATIENCE).toEqual([
      {
        socket,
        state: 'connected',
        failures: 0,
        updatedAtSeconds: expect.any(Number),
        identity: { spiffeId: svid.id, expiresAtSeconds: 4_000_000_000 },
      },
    ]);
    expect(await ours()).toEqual([
      `exchequer_workload_api_connected{socket="${socket}"} 1`,
      expect.stringMatching(/^exchequer_workload_api_age_seconds\{socket="[^"]+"\} \d/),
      `exchequer_workload_svid_expiry_timestamp_seconds{socket="${socket}"} 4000000000`,
    ]);
  });

  it('SA-03 shows a new SVID to new connections and drops none of the old, requests in work among them', async () => {
    const [first, second] = [await mesh.mintSvid(BROKER), await mesh.mintSvid(BROKER)];
    give(first);
    const broker = await brokerWith(ownCertificate);
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(first));
    const { get, sockets } = keptConnection(broker);
    expect((await get()).status).toBe(200);
    const inWork = sendHalf(broker);
    await inWork.sent;
    give(second);
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(second));
    expect((await get()).status).toBe(200);
    expect(sockets.size).toBe(1);
    expect(certificateOf([...sockets][0] as TLSSocket)).toBe(shows(first));
    expect(await inWork.finish()).toBe(400); // answered: it asks for a grant that nobody has
  });

  it.each([
    ['SA-03 an empty message', () => agent.set('FetchX509SVID', { message: { svids: [], federated_bundles: {} } })],
    ['SA-04 PermissionDenied', () => agent.set('FetchX509SVID', { code: STATUSES.permission_denied })],
  ])('%s takes the certificate back, for new connections alone', async (_title, takeBack) => {
    const svid = await mesh.mintSvid(BROKER);
    give(svid);
    const broker = await brokerWith(ownCertificate);
    await expect.poll(() => ready(broker), PATIENCE).toBe(200);
    const { get, sockets } = keptConnection(broker);
    expect((await get()).status).toBe(200);
    takeBack();
    await expect.poll(() => shown(broker), PATIENCE).toBe(NO_CERTIFICATE);
    expect(await ready(broker)).toBe(503);
    expect((await get()).status).toBe(200);
    expect(sockets.size).toBe(1);
    give(svid);
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(svid));
    expect(await ready(broker)).toBe(200);
  });

  it('F-17 serves its last SVID while the agent is away until that expires, and is ready again once the agent is', async () => {
    const svid = await mesh.mintSvid(BROKER, { notAfter: new Date(Date.now() + 3_600_000) });
    give(svid);
    const broker = await brokerWith(ownCertificate);
    await expect.poll(() => ready(broker), PATIENCE).toBe(200);
    agent.stop();
    await expect.poll(() => broker.logged(), PATIENCE).toContain('Workload API');
    expect(await shown(broker)).toBe(shows(svid));
    expect(await ready(broker)).toBe(200);
    broker.clock.offsetSeconds = 3_601;
    expect(await ready(broker)).toBe(503);
    const renewed = await mesh.mintSvid(BROKER);
    give(renewed);
    await agent.start();
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(renewed));
    expect(await ready(broker)).toBe(200);
  });

  it.each(Object.entries(STATUSES))(
    'SA-04 recovers from %s at the start, unless it says that we are wrong',
    async (name, code) => {
      const svid = await mesh.mintSvid(BROKER);
      give(svid);
      agent.set('FetchX509SVID', { code });
      const broker = await brokerWith(ownCertificate);
      await expect.poll(() => broker.logged(), PATIENCE).toContain(`"problem":"${name.toUpperCase()}"`);
      expect(await ready(broker)).toBe(503);
      const attempts = agent.attempts.FetchX509SVID.length;
      give(svid);
      if (name === 'invalid_argument') {
        // Longer than the first three pauses together.
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        expect(agent.attempts.FetchX509SVID).toHaveLength(attempts);
        expect(await ready(broker)).toBe(503);
        return;
      }
      await expect.poll(() => ready(broker), PATIENCE).toBe(200);
      expect(await shown(broker)).toBe(shows(svid));
    },
  );

  it('refuses a reload that names another socket for the listener, and goes on', async () => {
    const svid = await mesh.mintSvid(BROKER);
    give(svid);
    let yaml = '';
    const broker = await brokerWith((text) => {
      yaml = ownCertificate(text);
      return yaml;
    });
    await expect.poll(() => ready(broker), PATIENCE).toBe(200);
    broker.write('exchequer.yaml', yaml.replace(agent.socket, 'unix:///run/other.sock'));
    expect(await broker.broker.reload()).toMatchObject({
      ok: false,
      problems: ['listen.tls differs: a change of it needs a restart'],
    });
    const renewed = await mesh.mintSvid(BROKER);
    give(renewed);
    await expect.poll(() => shown(broker), PATIENCE).toBe(shows(renewed));
  });
});

describe('a source whose bundle comes from the Workload API', () => {
  const granted = async (broker: TestBroker, token: string) => (await broker.exchange(token)).status;

  it('SA-03, SA-05 follows the stream: a new key proves at once, a retired one no more, redaction nobody', async () => {
    give(await mesh.mintSvid(BROKER));
    const broker = await brokerWith(bundleOfAgent);
    const old = await signed(broker);
    await expect.poll(() => granted(broker, old), PATIENCE).toBe(200);
    const oldSvid = broker.as(await mesh.mintSvid(WORKLOAD));
    running.push(async () => oldSvid.close());
    const asItself = { grant_type: 'client_credentials', client_id: mesh.id(WORKLOAD), audience: 'ledger' };
    expect((await oldSvid.token(asItself)).status).toBe(200);

    await mesh.rotate();
    const renewed = await signed(broker);
    const newSvid = broker.as(await mesh.mintSvid(WORKLOAD));
    running.push(async () => newSvid.close());
    expect(await granted(broker, renewed)).toBe(400);
    expect((await newSvid.token(asItself)).body.error).toBe('invalid_client');
    give(await mesh.mintSvid(BROKER));
    await expect.poll(() => granted(broker, renewed), PATIENCE).toBe(200);
    await expect.poll(async () => (await newSvid.token(asItself)).status, PATIENCE).toBe(200);
    expect(await granted(broker, old)).toBe(200);
    expect((await oldSvid.token(asItself)).status).toBe(200);

    mesh.retire();
    give(await mesh.mintSvid(BROKER));
    await expect.poll(() => granted(broker, old), PATIENCE).toBe(400);
    await expect.poll(async () => (await oldSvid.token(asItself)).body.error, PATIENCE).toBe('invalid_client');
    expect(await granted(broker, renewed)).toBe(200);
    expect((await newSvid.token(asItself)).status).toBe(200);

    agent.set('FetchX509Bundles', { message: { bundles: {} } });
    agent.set('FetchJWTBundles', { message: { bundles: {} } });
    await expect.poll(() => granted(broker, renewed), PATIENCE).toBe(400);
    await expect.poll(async () => (await newSvid.token(asItself)).body.error, PATIENCE).toBe('invalid_client');
  });

  it('goes over to another socket by a reload, which closes the streams of the first', async () => {
    give(await mesh.mintSvid(BROKER));
    let yaml = '';
    const broker = await brokerWith((text) => {
      yaml = bundleOfAgent(text);
      return yaml;
    });
    const old = await signed(broker);
    await expect.poll(() => granted(broker, old), PATIENCE).toBe(200);
    const other = await openWorkloadApiServer();
    running.push(() => other[Symbol.asyncDispose]());
    await mesh.rotate();
    mesh.retire();
    give(await mesh.mintSvid(BROKER), other);
    const renewed = await signed(broker);
    broker.write('exchequer.yaml', yaml.replace(agent.socket, other.socket));
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    await expect.poll(() => granted(broker, renewed), PATIENCE).toBe(200);
    expect(await granted(broker, old)).toBe(400);
    await expect.poll(() => agent.open('FetchJWTBundles'), PATIENCE).toBe(0);
    expect(other.open('FetchJWTBundles')).toBe(1);
  });
});

describe('a bundle endpoint that asks for a client certificate', () => {
  it("SF-09 is shown the broker's own SVID, the latest that the agent gave", async () => {
    const partner = await openSpiffeAuthority('partner.example');
    const svid = await mesh.mintSvid(BROKER);
    const seen: string[] = [];
    const endpoint = await openTlsServer(
      (request, response) => {
        seen.push(certificateOf(request.socket as TLSSocket));
        response.end(partner.bundleJson());
      },
      { certificate: { ...(await partner.mintSvid('/bundle')), ca: '' }, askClient: true },
    );
    running.push(() => endpoint[Symbol.asyncDispose]());
    const source = `partner: { kind: spiffe, trustDomain: partner.example, bundle: { url: "${endpoint.url}", profile: https_spiffe, endpointId: "spiffe://partner.example/bundle", bootstrap: ./partner.json } }`;
    give(svid);
    const broker = await startTestBroker({
      config: (yaml) => ownCertificate(yaml).replace('trust:\n', `trust:\n  ${source}\n`),
      files: { 'partner.json': partner.bundleJson() },
      world: { permitLoopback: true },
    });
    running.push(() => broker.stop());
    await expect.poll(() => ready(broker), PATIENCE).toBe(200);
    // The first fetch may have come before the agent did.
    broker.write('partner.json', partner.bundleJson({ note: 'another digest, so that it is fetched anew' }));
    await broker.broker.reload();
    await expect.poll(() => seen, PATIENCE).toContain(shows(svid));
  });
});

/** A POST of which the last byte is kept back until it is finished; gives the status of its answer. */
function sendHalf({ port }: TestBroker): { readonly sent: Promise<void>; finish(): Promise<number> } {
  const body = 'grant_type=nothing';
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  const answered = Promise.withResolvers<number>();
  const sent = Promise.withResolvers<void>();
  const outgoing = request({
    host: 'localhost',
    port,
    path: '/token',
    method: 'POST',
    headers,
    agent: false,
    rejectUnauthorized: false,
  });
  outgoing.on('response', (incoming) => answered.resolve(incoming.resume().statusCode ?? 0));
  outgoing.on('error', answered.reject);
  outgoing.write(body.slice(0, -1), () => sent.resolve());
  return {
    sent: sent.promise,
    finish() {
      outgoing.end(body.slice(-1));
      return answered.promise;
    },
  };
}
