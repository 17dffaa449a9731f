// The public socket: node:https, HTTP/1.1 only, TLS 1.2 and up, without session resumption or renegotiation (a resumed session
// has neither a certificate chain nor a fresh check). Every wait and size is bounded here (A-173, A-174, A-176, F-42, F-43).
// Owns connections from accept to destroy; knows nothing of requests.

import { constants } from 'node:crypto';
import type { Server as HttpServer, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type Socket, Server as TcpServer } from 'node:net';
import { createSecureContext, type TlsOptions } from 'node:tls';
import {
  CONNECTION_SWEEP_MS,
  CONNECTIONS_MAX,
  DRAIN_MS,
  HANDSHAKE_MS,
  HEADER_BYTES_MAX,
  HEADERS_MS,
  KEEP_ALIVE_MS,
  REQUEST_DEADLINE_MS,
} from '../../core/limits.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
}

/** What went wrong on a connection before or beside a request: a closed set, for a metric's label. */
export type ConnectionProblem =
  | 'tls'
  | 'handshake_timeout'
  | 'too_many'
  | 'accept_failed'
  | 'http_malformed'
  | 'headers_too_large'
  | 'timeout'
  | 'reset'
  | 'body_aborted'
  | 'other';

/** Without a certificate every handshake fails: nobody vouches for us yet, or any more. */
const secureOptions = (tls: TlsMaterial | undefined): TlsOptions => ({
  ...(tls ? { cert: tls.certificate, key: tls.key } : {}),
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
});

/** Why a server could not use these, or undefined. Says nothing of what is in them. */
export function certificateProblem(tls: TlsMaterial): string | undefined {
  try {
    createSecureContext(secureOptions(tls));
    return undefined;
  } catch (error) {
    // OpenSSL's reason is one of its own fixed texts.
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : 'unreadable';
    return `the certificate and its key cannot be used (${reason})`;
  }
}

/** A server that is not listening yet. Throws where certificate and key cannot be used. */
export function createTlsServer(parts: {
  readonly tls: TlsMaterial | undefined;
  readonly handler: RequestListener;
  readonly onConnectionProblem: (kind: ConnectionProblem) => void;
}): Server {
  const server = createServer(
    {
      ...secureOptions(parts.tls),
      ALPNProtocols: ['http/1.1'],
      // Asked for and never demanded: who proves what by one is judged for each request, by nobody's pooled authorities.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CONNECTION_SWEEP_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    },
    parts.handler,
  );
  server.maxConnections = CONNECTIONS_MAX;
  // By default Node leaves out further headers without a word: a proof among them would be ignored. Bytes bound them instead.
  server.maxHeadersCount = 0;
  // Out of file descriptors, for one: without a listener the error would end the process (F-43).
  server.on('error', () => parts.onConnectionProblem('accept_failed'));
  // Node answers 417 by itself to an expectation that it does not know, and nobody would record it; RFC 9110 §10.1.1 lets us
  // ignore it. Whether the body is wanted is the handler's business.
  server.on('checkExpectation', parts.handler);
  server.on('drop', () => parts.onConnectionProblem('too_many'));
  server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
    parts.onConnectionProblem(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'handshake_timeout' : 'tls'),
  );
  return server;
}

/** New connections get the new certificate; living ones go on. Throws, and changes nothing, where it cannot be used. */
export const replaceCertificate = (server: Server, tls: TlsMaterial | undefined): void =>
  server.setSecureContext(secureOptions(tls));

/** Binds the address. Rejects where that is impossible. */
export function listen(server: HttpServer, host: string, port: number): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve({ port: typeof address === 'object' && address !== null ? address.port : port });
    });
  });
}

/**
 * Stops (F-37): no new connections at once; connections that bring another request meanwhile get `Connection: close` with its
 * answer; idle ones are closed after DRAIN_MS, so that a request already on its way is not reset; whatever is left at the
 * end of the grace is destroyed. Resolves when the last connection is gone.
 */
export function closeGracefully(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const drain = setTimeout(() => server.closeIdleConnections(), Math.min(DRAIN_MS, graceMs));
    const grace = setTimeout(() => server.closeAllConnections(), graceMs);
    // `https.Server.close` would reset idle connections now, under a request that has just been sent.
    TcpServer.prototype.close.call(server, () => {
      clearTimeout(drain);
      clearTimeout(grace);
      // Ends Node's own sweep timer.
      server.close(() => undefined);
      resolve();
    });
  });
}

/** Answers what was no HTTP request, and closes. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): ConnectionProblem {
  const [problem, status] = problemOf(error.code ?? '');
  // A response may already be under way on this socket; a second one would be read as the answer to the next request.
  if (socket.writable && socket.bytesWritten === 0 && status !== '')
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
  else socket.destroy();
  return problem;
}

function problemOf(code: string): [ConnectionProblem, string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['timeout', '408 Request Timeout'];
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers_too_large', '431 Request Header Fields Too Large'];
  if (code.startsWith('HPE_')) return ['http_malformed', '400 Bad Request'];
  if (code === 'ECONNRESET' || code === 'EPIPE') return ['reset', ''];
  return ['other', ''];
}
