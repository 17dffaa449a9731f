// A key origin that can be broken: real TLS on loopback, one port for its whole life, and a way to fail for every fault. What it
// saw is counted here, on its side of the wire, so that no counter of the broker has to be believed.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { mintServerCertificate, type ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';

/** What becomes of a connection before TLS; and, where it passes, the answer to a request. */
export interface Mode {
  readonly connection: 'pass' | 'refuse' | 'blackhole' | 'reset';
  readonly answer: (response: ServerResponse, request: IncomingMessage) => void;
}

const mode = (connection: Mode['connection']): Mode => ({ connection, answer: (response) => response.end() });
const answering = (answer: Mode['answer']): Mode => ({ connection: 'pass', answer });

/** Nobody listens on the port. */
export const REFUSE = mode('refuse');
/** The connection is taken, and nothing is ever said. */
export const BLACKHOLE = mode('blackhole');
export const RESET = mode('reset');

/** A status, headers and a body. */
export const says = (body: string | Buffer, status = 200, headers: Record<string, string> = {}): Mode =>
  answering((response) => void response.writeHead(status, headers).end(body));

/** One byte in each `everyMs`, for ever. */
export const drips = (everyMs: number): Mode =>
  answering((response) => {
    response.writeHead(200).write('{');
    const timer = setInterval(() => response.write(' '), everyMs);
    response.on('close', () => clearInterval(timer));
  });

const BLOCK = Buffer.alloc(65_536, ' ');

/** As many bytes as the other side takes, without end; `announced` is what the head says, if anything. */
export const pours = (announced?: number): Mode =>
  answering((response) => {
    response.writeHead(200, announced === undefined ? {} : { 'content-length': String(announced) });
    Readable.from(repeated(BLOCK)).on('error', ignore).pipe(response);
  });

function* repeated(block: Buffer): Generator<Buffer> {
  for (;;) yield block;
}

/** A large body, block by block as the other side takes it. */
export const streams = (text: string): Mode => {
  const body = Buffer.from(text);
  return answering((response) => {
    response.writeHead(200);
    const count = Math.ceil(body.length / BLOCK.length);
    const block = (_: unknown, index: number) => body.subarray(index * BLOCK.length, (index + 1) * BLOCK.length);
    Readable.from(Array.from({ length: count }, block)).pipe(response);
  });
};

/** Half of an answer, then the end of the connection. */
export const truncates = (body: string): Mode =>
  answering((response) => {
    response.writeHead(200, { 'content-length': String(body.length) });
    response.write(body.slice(0, body.length / 2), () => response.destroy());
  });

export const redirects = (location: string): Mode => says('', 302, { location });

/** Different modes for different paths. */
export const routes = (of: (path: string) => Mode): Mode =>
  answering((response, request) => of(request.url ?? '/').answer(response, request));

/** An issuer as OpenID Connect Discovery has it: a document that points to its key set, which `keys` answers. */
export const discovers = (origin: { readonly issuer: string }, keys: Mode): Mode =>
  routes((path) =>
    path === '/.well-known/openid-configuration'
      ? says(JSON.stringify({ issuer: origin.issuer, jwks_uri: `${origin.issuer}/jwks` }))
      : keys,
  );

export interface Origin extends AsyncDisposable {
  readonly ca: string;
  readonly issuer: string;
  /** The key set. */
  readonly url: string;
  /** When each connection came, whatever became of it. A port that nobody listens on counts none. */
  readonly connectedAtMs: readonly number[];
  /** Requests, by path. */
  readonly paths: readonly string[];
  /** Bytes handed to the sockets of connections that ended. */
  readonly sentBytes: () => number;
  /** How long each ended connection lasted. */
  readonly lastedMs: readonly number[];
  /** Connections at this moment, and the most there ever were. */
  readonly open: () => number;
  readonly openMax: () => number;
  be(next: Mode): Promise<void>;
  /** Another certificate for whoever connects from now on; connections that are open keep theirs. */
  present(certificate: ServerCertificate): void;
}

export async function openOrigin(first: Mode, certificate?: ServerCertificate, port = 0): Promise<Origin> {
  const minted = certificate ?? (await mintServerCertificate(['localhost']));
  const seen = { connectedAtMs: [] as number[], paths: [] as string[], lastedMs: [] as number[], sent: 0, openMax: 0 };
  const sockets = new Set<Socket>();
  let now = first;
  let context = createSecureContext({ cert: minted.cert, key: minted.key });

  const http = createServer((request, response) => {
    seen.paths.push(request.url ?? '/');
    response.on('error', ignore);
    now.answer(response, request);
  });
  const front = createTcpServer((socket) => {
    const atMs = performance.now();
    seen.connectedAtMs.push(atMs);
    sockets.add(socket);
    seen.openMax = Math.max(seen.openMax, sockets.size);
    socket.on('error', ignore);
    socket.on('close', () => {
      sockets.delete(socket);
      seen.sent += socket.bytesWritten;
      seen.lastedMs.push(performance.now() - atMs);
    });
    // A blackhole must read to notice that the other side has gone.
    if (now.connection === 'blackhole') socket.resume();
    else if (now.connection === 'reset') socket.resetAndDestroy();
    else secure(socket);
  });

  function secure(socket: Socket): void {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
    secured.on('error', ignore);
    secured.once('secure', () => http.emit('connection', secured));
  }

  async function listen(on: number): Promise<number> {
    front.listen(on, '127.0.0.1');
    await once(front, 'listening');
    return (front.address() as AddressInfo).port;
  }

  async function deafen(): Promise<void> {
    if (!front.listening) return;
    const closed = once(front, 'close');
    front.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  }

  const ownPort = await listen(port);
  const issuer = `https://localhost:${ownPort}`;
  const be = async (next: Mode): Promise<void> => {
    now = next;
    if (next.connection === 'refuse') await deafen();
    else if (!front.listening) await listen(ownPort);
  };
  if (first.connection === 'refuse') await deafen();

  return {
    ca: minted.ca,
    issuer,
    url: `${issuer}/jwks`,
    connectedAtMs: seen.connectedAtMs,
    paths: seen.paths,
    lastedMs: seen.lastedMs,
    sentBytes: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, seen.sent),
    open: () => sockets.size,
    openMax: () => seen.openMax,
    be,
    present({ cert, key }) {
      context = createSecureContext({ cert, key });
    },
    [Symbol.asyncDispose]: deafen,
  };
}

const ignore = (): void => undefined;
