// fetch over connections that present a certificate, for libraries that take one of those for mutual TLS.

import { request } from 'node:https';
import type { TestBroker } from './broker.ts';
import type { X509Svid } from './spiffe-authority.ts';

/** fetch over connections that present a certificate. */
export function fetchAs({ ca }: Pick<TestBroker, 'ca'>, { cert, key }: X509Svid): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers));
      const options = { method: init.method ?? 'GET', headers, cert, key, ca, agent: false };
      const outgoing = request(new URL(String(input)), options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const answer = { status: incoming.statusCode ?? 0, headers: new Headers() };
          for (const [name, value] of Object.entries(incoming.headers)) answer.headers.set(name, String(value));
          resolve(new Response(Buffer.concat(chunks), answer));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(init.body === undefined || init.body === null ? undefined : String(init.body));
    });
}
