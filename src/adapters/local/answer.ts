// What the endpoints of the local helper are given and give: one bounded GET that has passed the listener's gate, and an answer in the words
// of the SDK that asked. Compares secrets in constant time. Owns no socket.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

export interface Visit {
  /** As sent, undecoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
}

export interface LocalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One cloud's endpoint on the listener. */
export interface Endpoint {
  /** Whether the path is one of its own, served or not. */
  has(path: string): boolean;
  /** Answers a GET. Never rejects; calls may overlap. */
  answer(visit: Visit): Promise<LocalAnswer>;
}

/** Python's Google library compares the media type byte for byte. */
export const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): LocalAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): LocalAnswer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  body,
});

/** Whether what was shown is the secret; takes as long for every text of one length. */
export function isSecret(shown: string | readonly string[] | undefined, secret: string): boolean {
  if (typeof shown !== 'string') return false;
  return timingSafeEqual(digest(shown), digest(secret));
}

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();
