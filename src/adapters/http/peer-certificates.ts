// The certificates that a TLS peer presented, read once for each connection: everything that came over the wire, in its order. The
// handshake has proved the key of the first and nothing else; who it is, and whether anybody vouches for it, is judged elsewhere.

import { createHash, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PresentedCertificates } from '../../core/client.ts';
import { CHAIN_CERTIFICATES_MAX } from '../../core/limits-outside.ts';

const READ: unique symbol = Symbol('certificates');

interface ReadSocket {
  [READ]?: PresentedCertificates | 'none';
}

/** What the peer of this connection presented; undefined for none. Never throws. */
export function presentedCertificates(socket: Socket & ReadSocket): PresentedCertificates | undefined {
  // On some versions of Node a second reading gives the leaf alone, and verdicts are kept by this very object.
  socket[READ] ??= read(socket) ?? 'none';
  return socket[READ] === 'none' ? undefined : socket[READ];
}

function read(socket: Socket): PresentedCertificates | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return undefined;
  const { raw, validToDate } = leaf;
  return Object.freeze({
    ders: Object.freeze([raw, ...others(leaf)] as const),
    thumbprint: createHash('sha256').update(raw).digest('base64url'),
    notAfterSeconds: Math.floor(validToDate.getTime() / 1000),
  });
}

/** One more than anybody reads, so that too long a chain is seen to be one. */
function others(leaf: X509Certificate): readonly Uint8Array[] {
  const ders: Uint8Array[] = [];
  for (let next = leaf.issuerCertificate; next && ders.length < CHAIN_CERTIFICATES_MAX; next = next.issuerCertificate)
    ders.push(next.raw);
  return ders;
}
