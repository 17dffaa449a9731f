// Attacks on the connection that a certificate is presented over: resumption, renegotiation, headers
// that speak of certificates, names inside names, keys of others, and several requests on one connection. By raw TLS where no HTTP
// client would do it.

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { createAttack } from '../support/attack.ts';
import { formOf, startTestBroker, type TestBroker } from '../support/broker.ts';
import { openSpiffeAuthority, type SpiffeAuthority, type X509Svid } from '../support/spiffe-authority.ts';
import { openTlsServer } from '../support/tls-server.ts';

const PATH = '/ns/payments/sa/api';
const ADMIN = '/ns/payments/sa/admin';
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

let mesh: SpiffeAuthority;
let svid: X509Svid;
let admin: X509Svid;
let broker: TestBroker;
let attack: ReturnType<typeof createAttack>;
beforeAll(async () => {
  mesh = await openSpiffeAuthority('prod.example');
  [svid, admin] = await Promise.all([mesh.mintSvid(PATH), mesh.mintSvid(ADMIN)]);
  broker = await startTestBroker({
    files: { 'roots.json': mesh.bundleJson() },
    config: (yaml) => yaml.replace('bundle: { file: ./mesh.json }', 'bundle: { file: ./roots.json }'),
  });
  attack = createAttack(broker);
});
afterAll(() => broker.stop());

const asItself = (id: string) => ({ grant_type: 'client_credentials', client_id: id, audience: 'ledger' });
const last = () => broker.records().at(-1) ?? {};
const problem = () => (last().evidence as { problem?: unknown } | undefined)?.problem;
const refused = (reason: string) => `400 invalid_client ${reason}`;

/** A request for a token as it goes over the wire. */
function wire(id: string): string {
  const body = formOf(asItself(id));
  const type = 'application/x-www-form-urlencoded';
  const length = Buffer.byteLength(body);
  return `POST /token HTTP/1.1\r\nHost: localhost:${broker.port}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

interface Opening {
  readonly version?: (typeof VERSIONS)[number];
  readonly session?: Buffer | undefined;
  /** Presents no certificate where there is none. */
  readonly identity?: Pick<X509Svid, 'cert' | 'key'>;
  readonly ca?: string;
  readonly port?: number;
}

/** A raw connection, with every session that the server gives for it. */
async function open({ version = 'TLSv1.3', session, identity, ca = broker.ca, port = broker.port }: Opening) {
  const socket = connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    ca,
    minVersion: version,
    maxVersion: version,
    ...(identity && { cert: identity.cert, key: identity.key }),
    ...(session && { session }),
  });
  const sessions: Buffer[] = [];
  socket.on('session', (given: Buffer) => void sessions.push(given));
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return { socket, session: () => sessions.at(-1) ?? socket.getSession() };
}

/** The statuses of so many answers to what is written at once. */
async function statuses(socket: TLSSocket, text: string, count = 1): Promise<readonly number[]> {
  let received = '';
  socket.write(text);
  const found = () => [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  while (found().length < count) received += String((await once(socket, 'data'))[0]);
  return found();
}

describe('several requests on one connection', () => {
  it('A-82, MT-01 each is judged by itself, also where they were sent without waiting', async () => {
    const { socket } = await open({ identity: svid });
    const ids = [svid.id, admin.id, svid.id, 'nobody', svid.id];
    expect(await statuses(socket, ids.map(wire).join(''), ids.length)).toEqual([200, 400, 200, 400, 200]);
    const { offsetSeconds } = broker.clock;
    broker.clock.offsetSeconds = 2 * 86_400;
    expect(await statuses(socket, wire(svid.id) + wire(svid.id), 2)).toEqual([400, 400]);
    expect(problem()).toBe('expired');
    broker.clock.offsetSeconds = offsetSeconds;
    expect(await statuses(socket, wire(svid.id))).toEqual([200]);
    socket.destroy();
  });
});

describe('a renegotiation', () => {
  /** How it ends for a client that asks for one. */
  const renegotiated = (socket: TLSSocket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.renegotiate({ rejectUnauthorized: false }, (error) => error ?? resolve('renegotiated'));
    });

  it('A-84 is refused in TLS 1.2, where a server that does not refuse it takes another certificate', async () => {
    const { socket } = await open({ version: 'TLSv1.2', identity: svid });
    expect(await statuses(socket, wire(svid.id))).toEqual([200]);
    expect(await renegotiated(socket)).toBe('ERR_SSL_NO_RENEGOTIATION');
    socket.destroy();
    await using plain = await openTlsServer((_request, response) => response.end(), { askClient: true });
    const control = await open({ version: 'TLSv1.2', identity: svid, ca: plain.ca, port: plain.port });
    expect(await renegotiated(control.socket)).toBe('renegotiated');
    control.socket.destroy();
  });
});

describe('headers that speak of a certificate', () => {
  const pem = () => encodeURIComponent(admin.cert);
  const der = () => Buffer.from(admin.ders[0] ?? '').toString('base64');
  it.each<readonly [string, () => Record<string, string>]>([
    ['of Envoy', () => ({ 'x-forwarded-client-cert': `By=spiffe://prod.example/gateway;URI=${admin.id}` })],
    [
      'of Envoy, with the certificate',
      () => ({ 'X-Forwarded-Client-Cert': `Hash=00;Cert="${pem()}";URI=${admin.id}` }),
    ],
    ['of Envoy, quoted', () => ({ 'x-forwarded-client-cert': `URI="${svid.id};URI=${admin.id}"` })],
    ['of Envoy, several', () => ({ 'x-forwarded-client-cert': `URI=${svid.id},URI=${admin.id}` })],
    ['of Envoy, with underscores', () => ({ x_forwarded_client_cert: `URI=${admin.id}` })],
    ['of RFC 9440', () => ({ 'client-cert': `:${der()}:`, 'client-cert-chain': `:${der()}:` })],
    ['of nginx', () => ({ 'x-ssl-client-cert': pem(), 'x-ssl-client-verify': 'SUCCESS', 'ssl-client-cert': pem() })],
    ['of Traefik', () => ({ 'x-forwarded-tls-client-cert': der(), 'x-forwarded-tls-client-cert-info': pem() })],
  ])('A-98 %s prove nobody, and change nobody', async (_title, headers) => {
    expect(await attack.judged(broker.token(asItself(admin.id), headers()))).toBe(refused('client_credential_refused'));
    expect(problem()).toBe('credential_missing');
    const caller = broker.as(svid);
    expect(await attack.judged(caller.token(asItself(admin.id), headers()))).toBe(refused('client_credential_refused'));
    expect(problem()).toBe('client_id_differs');
    expect(await attack.judged(caller.token(asItself(svid.id), headers()))).toBe('200');
    expect(last()).toMatchObject({ subject: { name: svid.id }, client: { method: 'spiffe_x509' } });
    caller.close();
  });
});

describe('names inside names', () => {
  const injected = `x.example, URI:spiffe://prod.example${ADMIN}`;
  it.each([injected, `"${injected}"`])('A-89 a host name that reads as a URI is a host name', async (name) => {
    const beside = broker.as(await mesh.mintSvid(PATH, { dnsNames: [name] }));
    expect(await attack.judged(beside.token(asItself(admin.id)))).toBe(refused('client_credential_refused'));
    expect(problem()).toBe('client_id_differs');
    expect(await attack.judged(beside.token(asItself(svid.id)))).toBe('200');
    beside.close();
    const alone = broker.as(await mesh.mintSvid(PATH, { uris: [], dnsNames: [name] }));
    expect(await attack.judged(alone.token(asItself(admin.id)))).toBe(refused('certificate_refused'));
    expect(problem()).toBe('uri_missing');
    alone.close();
  });

  it.each([
    ['a NUL', `x.example\u0000${injected}`],
    ['a line break', `x.example\n${injected}`],
  ])('A-89 a name with %s is in no certificate', async (_title, name) => {
    const caller = broker.as(await mesh.mintSvid(PATH, { dnsNames: [name] }));
    for (const { id } of [admin, svid])
      expect(await attack.judged(caller.token(asItself(id)))).toBe(refused('certificate_refused'));
    expect(problem()).toBe('extension_malformed');
    caller.close();
  });
});

describe('the certificate of another', () => {
  it.each(VERSIONS)('is nothing without its key: %s proves that the client holds it', async (version) => {
    const stolen = { cert: admin.cert, key: svid.key };
    // OpenSSL loads no key beside a certificate that it does not fit.
    await expect(open({ version, identity: stolen })).rejects.toMatchObject({
      code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
    });
    const owner = await open({ version, identity: admin });
    expect(await statuses(owner.socket, wire(admin.id))).toEqual([200]);
    owner.socket.destroy();
  });
});

describe('a session that a client offers', () => {
  async function sessionOf(version: (typeof VERSIONS)[number]): Promise<Buffer | undefined> {
    const first = await open({ version, identity: svid });
    expect(await statuses(first.socket, wire(svid.id))).toEqual([200]);
    first.socket.destroy();
    return first.session();
  }

  it.each(VERSIONS)(
    'A-81 is not resumed in %s: the certificate is presented anew, or nobody is there',
    async (version) => {
      const session = await sessionOf(version);
      expect(session?.length).toBeGreaterThan(0);
      const again = await open({ version, session, identity: svid });
      expect(again.socket.isSessionReused()).toBe(false);
      expect(await statuses(again.socket, wire(svid.id))).toEqual([200]);
      const bare = await open({ version, session });
      expect(bare.socket.isSessionReused()).toBe(false);
      expect(await statuses(bare.socket, wire(svid.id))).toEqual([400]);
      expect(problem()).toBe('credential_missing');
      for (const { socket } of [again, bare]) socket.destroy();
    },
  );

  it.each(VERSIONS)('A-81 would be resumed in %s by a server that gives sessions out', async (version) => {
    await using plain = await openTlsServer((_request, response) => response.end());
    const at = { version, ca: plain.ca, port: plain.port };
    const first = await open(at);
    expect(await statuses(first.socket, wire(svid.id))).toEqual([200]);
    const again = await open({ ...at, session: first.session() });
    expect(again.socket.isSessionReused()).toBe(true);
    for (const { socket } of [first, again]) socket.destroy();
  });

  it('A-83 is not resumed either once the broker shows another certificate of its own', async () => {
    const sessions = await Promise.all(VERSIONS.map(sessionOf));
    const { ca, cert, key } = await mintServerCertificate(['localhost']);
    broker.write('tls.crt', cert);
    broker.write('tls.key', key);
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    for (const [index, version] of VERSIONS.entries()) {
      const offered = await open({ version, session: sessions[index], ca });
      expect(offered.socket.isSessionReused()).toBe(false);
      expect(await statuses(offered.socket, wire(svid.id))).toEqual([400]);
      expect(problem()).toBe('credential_missing');
      offered.socket.destroy();
      const fresh = await open({ version, identity: svid, ca });
      expect(await statuses(fresh.socket, wire(svid.id))).toEqual([200]);
      const session = fresh.session();
      fresh.socket.destroy();
      const again = await open({ version, session, ca });
      expect(again.socket.isSessionReused()).toBe(false);
      again.socket.destroy();
    }
  });
});
