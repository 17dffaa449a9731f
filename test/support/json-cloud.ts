// A cloud on loopback that speaks JSON over TLS, with a certificate of an authority of its own, and misbehaves where a test says so.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly body: object;
  readonly retryAfter?: string;
}

/** How it answers instead. `rewrite` changes what would have been a good answer; `text` is no JSON. */
export type Misbehaviour =
  | Reply
  | { readonly status: number; readonly text: string; readonly retryAfter?: string }
  | { readonly rewrite: (body: Record<string, unknown>) => object }
  /** Nothing at all; half of it, and the connection is gone; half of it, and that is all; a refusal with a status of 200. */
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'refuse in 200';

export interface JsonCloud extends TlsServer {
  /** Every answer from now on, or what a function says of one. */
  misbehave: Misbehaviour | ((asked: Asked) => Misbehaviour | undefined) | undefined;
  /** The next answers, one each; before `misbehave`. */
  readonly next: Misbehaviour[];
  /** Waited for before each answer. */
  held: Promise<unknown> | undefined;
}

/** A good answer without a member, and one with other members. */
export const without = (name: string): Misbehaviour => ({
  rewrite: ({ [name]: _, ...others }) => others,
});
export const having = (members: object): Misbehaviour => ({ rewrite: (body) => ({ ...body, ...members }) });

/** Thrown by what judges a question. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reply: Reply;
  constructor(reply: Reply) {
    super(JSON.stringify(reply.body));
    this.reply = reply;
  }
}

/** `refusal`: the members that a refusal of this cloud's has. */
export async function openJsonCloud(
  name: string,
  { answer, refusal }: { readonly answer: (asked: Asked) => Promise<Reply>; readonly refusal: object },
): Promise<JsonCloud> {
  const certificate = await mintServerCertificate(['localhost', '127.0.0.1'], {
    authorityName: `Authority of ${name}`,
  });
  const server = await openTlsServer((request, response) => void serve(request, response), { certificate });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await askedBy(request);
    await cloud.held;
    const standing = typeof cloud.misbehave === 'function' ? cloud.misbehave(asked) : cloud.misbehave;
    const misbehaviour = cloud.next.shift() ?? standing;
    if (misbehaviour === 'hang') return;
    const made = await answer(asked).catch(replyOf);
    const { status, text, retryAfter } = written(made, misbehaviour, refusal);
    response.writeHead(status, {
      'content-type': 'application/json; charset=UTF-8',
      'content-length': Buffer.byteLength(text),
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    });
    if (misbehaviour === 'reset') response.write(text.slice(0, text.length / 2), () => response.destroy());
    else response.end(text);
  }

  const cloud: JsonCloud = { ...server, misbehave: undefined, next: [], held: undefined };
  return cloud;
}

const replyOf = (error: unknown): Reply => {
  if (error instanceof Refused) return error.reply;
  return { status: 500, body: { error: { code: 500, status: 'FAULT', message: String(error) } } };
};

interface Written {
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string | undefined;
}

function written(made: Reply, misbehaviour: Misbehaviour | undefined, refusal: object): Written {
  const good = { status: made.status, text: JSON.stringify(made.body), retryAfter: made.retryAfter };
  if (misbehaviour === 'refuse in 200') return { status: 200, text: JSON.stringify(refusal) };
  if (misbehaviour === 'truncate') return { ...good, text: good.text.slice(0, good.text.length / 2) };
  if (misbehaviour === undefined || typeof misbehaviour === 'string') return good;
  if ('rewrite' in misbehaviour)
    return made.status === 200 ? { ...good, text: JSON.stringify(misbehaviour.rewrite({ ...made.body })) } : good;
  const { status, retryAfter } = misbehaviour;
  return { status, retryAfter, text: 'text' in misbehaviour ? misbehaviour.text : JSON.stringify(misbehaviour.body) };
}

async function askedBy(request: IncomingMessage): Promise<Asked> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { pathname, searchParams } = new URL(request.url ?? '', 'https://localhost');
  return { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, body };
}

/** What stands behind `Bearer`. */
export const bearerOf = ({ headers }: Asked): string | undefined =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
