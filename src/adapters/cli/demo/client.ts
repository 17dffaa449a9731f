// The demo's side of the wire: HTTPS with the throw-away authority, nothing else.
// It knows the broker from outside only.

import { request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A client of one broker. */
export function createClient(parts: { readonly port: number; readonly ca: string }) {
  const call = (method: 'GET' | 'POST', path: string, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
      const outgoing = request(
        { host: 'localhost', port: parts.port, path, method, ca: parts.ca, headers, agent: false },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () => {
            try {
              resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
            } catch (error) {
              reject(error);
            }
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  return Object.freeze({
    get: (path: string) => call('GET', path),
    post: (path: string, form: Readonly<Record<string, string>>) =>
      call('POST', path, new URLSearchParams(form).toString()),
  });
}

export type Client = ReturnType<typeof createClient>;
