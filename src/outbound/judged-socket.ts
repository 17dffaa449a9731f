// A TLS connection whose server is judged by the caller, from the certificates that it presented, instead of by name and authority
// (SPIFFE Federation §5.2.2). TLS itself still proves that the server holds the key of the first of them. The socket is handed
// over only after the verdict, so no byte of a request reaches a server that was refused.

import type { X509Certificate } from 'node:crypto';
import { isIP, type LookupFunction } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { OutboundRequest } from '../core/outside.ts';

/** Thrown into a request whose server was refused. The message is the caller's own problem. */
export class ServerRefused extends Error {
  override readonly name = 'ServerRefused';
}

export interface JudgedSocketParts {
  readonly url: URL;
  readonly lookup: LookupFunction;
  readonly serverProblem: NonNullable<OutboundRequest['serverProblem']>;
  readonly identity: OutboundRequest['identity'];
  readonly signal: AbortSignal;
  readonly onConnect: () => void;
}

/** Connects, and gives the socket, or why it cannot be used; what is said after that counts no more. Ends when the signal fires. */
export function connectJudged(parts: JudgedSocketParts, done: (error: Error | null, socket: TLSSocket) => void): void {
  const { url, identity, signal } = parts;
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const socket = connect({
    host,
    port: Number(url.port || 443),
    lookup: parts.lookup,
    // RFC 6066 §3: names only. It lets a server choose its certificate, and proves nothing here.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // Only the judge below decides, whatever the system's authorities say of such a certificate.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
  });
  const stop = () => socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  socket.once('connect', parts.onConnect);
  // Stays: whoever takes the socket over listens a moment later, and an error that nobody hears would end the process.
  socket.on('error', (error) => done(error, socket));
  socket.once('secureConnect', () => {
    const problem = verdict(() => parts.serverProblem(presented(socket)));
    if (problem === undefined) {
      done(null, socket);
      return;
    }
    socket.destroy();
    done(new ServerRefused(problem), socket);
  });
}

/** A judge that fails has not said yes. */
function verdict(judge: () => string | undefined): string | undefined {
  try {
    return judge();
  } catch {
    return 'a fault while judging the server';
  }
}

/** Every certificate that the server presented, in DER, the leaf first. */
function presented(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<X509Certificate>();
  let certificate = socket.getPeerX509Certificate();
  while (certificate && !seen.has(certificate)) {
    seen.add(certificate);
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
