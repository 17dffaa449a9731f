// The demo's side of the wire: HTTPS with the throw-away authority, nothing else.
// It knows the broker from outside only.

import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Credential } from './trust-domain.ts';

const TRIES_MAX = 5;

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
}

export type Form = Readonly<Record<string, string>>;

interface Place {
  readonly port: number;
  readonly ca: string;
}

/** A client of one broker. */
export function createClient({ port, ca }: Place) {
  return Object.freeze({
    get: async (path: string) => (await call({ port, path, method: 'GET', ca, agent: false })).answer,
    post: (path: string, form: Form) =>
      served(async () => (await call({ port, path, method: 'POST', ca, agent: false }, encode(form))).answer),
  });
}

export type Client = ReturnType<typeof createClient>;

/** A client with one connection, on which it shows a certificate when the connection is made, and never again. */
export function createConnection({ port, ca }: Place, { cert, key }: Credential) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key });
  let connection: Socket | undefined;
  return Object.freeze({
    /** Throws where the request did not go over the connection that was there before. */
    post: (path: string, form: Form, headers: Readonly<Record<string, string>> = {}) =>
      served(async () => {
        const { answer, socket } = await call({ port, path, method: 'POST', agent, headers }, encode(form));
        connection ??= socket;
        if (socket !== connection) throw new Error('the broker closed a connection that was to be kept');
        return answer;
      }),
    close: () => agent.destroy(),
  });
}

export type Connection = ReturnType<typeof createConnection>;

/** Asks again where the broker cannot answer now, as every client should: on a busy machine somebody may be too slow for it. */
async function served(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask();
    if (answer.status !== 503 || tries === TRIES_MAX) return answer;
    await setTimeout(Number(answer.headers['retry-after'] ?? 1) * 1000);
  }
}

const encode = (form: Form): string => new URLSearchParams(form).toString();

interface Call {
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly agent: Agent | false;
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function call(to: Call, body?: string): Promise<{ readonly answer: Answer; readonly socket: Socket }> {
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const headers = { ...type, ...to.headers };
    const outgoing = request({ host: 'localhost', ...to, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      const { socket } = incoming;
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        try {
          const { statusCode: status = 0, headers } = incoming;
          const answer = { status, body: JSON.parse(Buffer.concat(chunks).toString()), headers };
          resolve({ answer, socket });
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
