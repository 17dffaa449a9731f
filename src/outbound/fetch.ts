// The only socket outward, over node:https and never the global fetch: https with verified certificates, one deadline over
// name look-up, connection, redirects and body, a byte cap counted while the body streams, and no address that
// addresses.ts refuses. Keeps no cookies, connections, TLS sessions or answers; knows no proxy; unpacks nothing.
// The addresses that were judged are the ones that are dialled, so a name that changes its mind gains nothing.

import { lookup as systemLookup } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { OUTBOUND_HEADER_BYTES_MAX, OUTBOUND_MS, OUTBOUND_REDIRECTS_MAX } from '../core/limits-outside.ts';
import type { Outbound, OutboundAnswer, OutboundProblem, OutboundRefused, OutboundRequest } from '../core/outside.ts';
import { addressProblem } from './addresses.ts';
import { connectJudged, ServerRefused } from './judged-socket.ts';
import { createLookups, type Lookup, type Lookups } from './lookups.ts';

export interface OutboundParts {
  /** Loopback may be dialled: for tests and local development, never from configuration. */
  readonly permitLoopback?: boolean;
  /** Instead of the system's resolver, in tests. */
  readonly lookup?: Lookup;
}

/** One answer to one request: a body, a refusal of ours, or where the server points instead. */
type Step = OutboundAnswer | { readonly redirect: string };

/** Thrown inside a socket's look-up, so that a refused address is told apart from a network that fails. */
class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** Makes the client. `close` ends what is under way; from then on every request is answered as a network failure. */
export function createOutbound(parts: OutboundParts = {}): Outbound & { close(): void } {
  const lookups = createLookups(parts.lookup ?? systemLookup);
  const loopback = parts.permitLoopback ?? false;
  // A resumed TLS session would skip the certificate, and a kept connection the address.
  const agent = new https.Agent({ keepAlive: false, maxCachedSessions: 0 });
  const underWay = new Set<AbortController>();
  let closed = false;

  async function ask(request: OutboundRequest): Promise<OutboundAnswer> {
    if (closed) return CLOSED;
    const ending = new AbortController();
    const deadlineMs = request.deadlineMs ?? OUTBOUND_MS;
    const timer = setTimeout(() => ending.abort(timedOut(deadlineMs)), deadlineMs);
    timer.unref();
    underWay.add(ending);
    try {
      return await follow({ request, agent, lookups, loopback, signal: ending.signal });
    } finally {
      clearTimeout(timer);
      underWay.delete(ending);
    }
  }

  return Object.freeze({
    request: ask,
    close() {
      closed = true;
      for (const ending of underWay) ending.abort(CLOSED);
      agent.destroy();
    },
  });
}

const failed = (problem: OutboundProblem, detail: string): OutboundAnswer & { readonly ok: false } => ({
  ok: false,
  problem,
  detail,
});

const timedOut = (deadlineMs: number) => failed('timeout', `no answer within ${deadlineMs} ms`);
const CLOSED = failed('network', 'the client is closed');

interface Call {
  readonly request: OutboundRequest;
  readonly agent: https.Agent;
  readonly lookups: Lookups;
  readonly loopback: boolean;
  /** Fires when time is up or the client closes; its reason is the answer to give. */
  readonly signal: AbortSignal;
}

/** Follows redirects of the same origin, under the one deadline of the call. */
async function follow(call: Call): Promise<OutboundAnswer> {
  const first = readUrl(call.request.url);
  if (!first) return failed('url', 'not an https URL without user information');
  let url = first;
  for (let redirects = 0; redirects <= OUTBOUND_REDIRECTS_MAX; redirects += 1) {
    const step = await send(call, url);
    if (!('redirect' in step)) return step;
    // Neither a body nor a token goes anywhere but where the operator sends it.
    if (bearsCredentials(call.request)) return failed('redirect', 'of a request with credentials');
    const next = readUrl(step.redirect, url);
    if (next?.origin !== first.origin) return failed('redirect', 'to another origin');
    url = next;
  }
  return failed('redirect', `more than ${OUTBOUND_REDIRECTS_MAX}`);
}

const bearsCredentials = ({ body, bearer, signedAudience }: OutboundRequest): boolean =>
  body !== undefined || bearer !== undefined || signedAudience !== undefined;

function readUrl(text: string, base?: URL): URL | undefined {
  const url = URL.parse(text, base);
  return url?.protocol === 'https:' && url.username === '' && url.password === '' ? url : undefined;
}

/** Sends one request. Resolves in every case, at the latest when the signal fires. */
function send(call: Call, url: URL): Promise<Step> {
  const literal = literalProblem(call, url);
  if (literal) return Promise.resolve(failed('address', literal));
  return new Promise((resolve) => {
    let secured = false;
    let connected = false;
    const settle = (step: Step) => {
      call.signal.removeEventListener('abort', abort);
      resolve(step);
      request?.destroy();
    };
    // The promise is settled here and not by an event: a look-up that hangs never lets the socket report anything.
    const abort = () => settle(call.signal.reason);
    let request: ReturnType<typeof https.request> | undefined;
    try {
      const onConnect = () => {
        connected = true;
      };
      request = https.request(url, { ...requestOptions(call), ...judgedConnection(call, url, onConnect) });
    } catch (error) {
      settle(failed('tls', codeOf(error)));
      return;
    }
    call.signal.addEventListener('abort', abort);
    if (call.signal.aborted) abort();
    request.on('socket', (socket) => {
      // A socket that was judged comes ready.
      secured = call.request.serverProblem !== undefined;
      socket.on('connect', () => {
        connected = true;
      });
      socket.on('secureConnect', () => {
        secured = true;
      });
    });
    request.on('error', (error) => settle(describeError(error, connected && !secured)));
    // A server that answers 101 gets no second protocol out of us.
    request.on('upgrade', () => settle(failed('status', '101')));
    request.on('response', (response) => readResponse(response, call.request, settle));
    request.end(call.request.body?.text);
  });
}

/** Everything that the environment could bend (NODE_TLS_REJECT_UNAUTHORIZED, --insecure-http-parser) is said here. */
function requestOptions(call: Call): https.RequestOptions {
  const { request } = call;
  return {
    agent: call.agent,
    method: request.body ? 'POST' : 'GET',
    headers: headersOf(request),
    lookup: judgedLookup(call),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    insecureHTTPParser: false,
    maxHeaderSize: OUTBOUND_HEADER_BYTES_MAX,
    ...(request.ca === undefined ? {} : { ca: request.ca }),
    ...(request.identity ? { cert: request.identity.certificate, key: request.identity.key } : {}),
  };
}

/** Instead of the agent's connection, where the caller judges the server. */
function judgedConnection(call: Call, url: URL, onConnect: () => void): https.RequestOptions {
  const { serverProblem, identity } = call.request;
  if (!serverProblem) return {};
  const parts = { url, lookup: judgedLookup(call), serverProblem, identity, signal: call.signal, onConnect };
  return {
    agent: undefined,
    createConnection(_options, done) {
      connectJudged(parts, done);
      return undefined;
    },
  };
}

const headersOf = ({ accept, bearer, body, signedAudience }: OutboundRequest): Readonly<Record<string, string>> => ({
  accept,
  'accept-encoding': 'identity',
  'user-agent': 'exchequer',
  connection: 'close',
  ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  ...(signedAudience === undefined ? {} : { 'x-exchequer-audience': signedAudience }),
  ...(body ? { 'content-type': body.mediaType, 'content-length': String(Buffer.byteLength(body.text)) } : {}),
});

/** node:https dials an address in the URL without asking `lookup`, so it is judged apart. */
function literalProblem(call: Call, url: URL): string | undefined {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return isIP(host) === 0 ? undefined : judge(call, host);
}

const judge = (call: Call, address: string): string | undefined =>
  addressProblem(address, { privateNetwork: call.request.privateNetwork ?? false, loopback: call.loopback });

/** The socket's own look-up: it dials what this hands over and nothing else. One bad address refuses the whole answer. */
const judgedLookup =
  (call: Call): LookupFunction =>
  (hostname, options, callback) => {
    call.lookups.addresses(hostname).then(
      (addresses) => {
        const problem = addresses.map(({ address }) => judge(call, address)).find((found) => found !== undefined);
        const [first] = addresses;
        if (problem !== undefined) callback(new AddressRefused(`resolves to ${problem}`), '');
        else if (!first) callback(new Error('no address'), '');
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error('look-up failed'), ''),
    );
  };

function readResponse(response: IncomingMessage, request: OutboundRequest, settle: (step: Step) => void): void {
  const { bytesMax } = request;
  // First of all: a refused answer is destroyed unread, and may still report that.
  response.on('error', (error) => settle(describeError(error, false)));
  const refused = refuseHead(response, request);
  if (refused) {
    settle(refused);
    return;
  }

  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > bytesMax) settle(failed('too_large', `more than ${bytesMax} bytes`));
  });
  response.on('end', () => {
    const dated = request.dated ? sentAt(response) : {};
    const answer = { ok: true as const, body: Buffer.concat(chunks), ...refusedBy(response), ...dated };
    settle(response.complete ? answer : failed('network', 'cut off'));
  });
}

/** That the server said no; refuseHead has settled whether the caller wants to hear it. */
function refusedBy({ statusCode: status = 0, headers }: IncomingMessage): { readonly refused?: OutboundRefused } {
  if (status < 400) return {};
  const after = headers['retry-after'] ?? '';
  return { refused: { status, retryAfterSeconds: /^[0-9]{1,9}$/.test(after) ? Number(after) : undefined } };
}

/** RFC 9110 §6.6.1. */
function sentAt({ headers: { date = '' } }: IncomingMessage): { readonly sentAtSeconds?: number } {
  const milliseconds = Date.parse(date);
  return Number.isNaN(milliseconds) ? {} : { sentAtSeconds: milliseconds / 1000 };
}

/** What the head of an answer already decides. */
function refuseHead(response: IncomingMessage, { bytesMax, body, refusals }: OutboundRequest): Step | undefined {
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400 && headers.location !== undefined) return { redirect: headers.location };
  // A POST that made something says 201: a TokenReview does.
  if (status !== 200 && !(body && status === 201) && !(refusals && status >= 400))
    return failed('status', String(status));
  // Nothing is unpacked: a kilobyte may unpack to a gigabyte (F-6, A-187).
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity')
    return failed('encoding', 'a compressed body');
  if (Number(headers['content-length'] ?? 0) > bytesMax) return failed('too_large', `more than ${bytesMax} bytes`);
  return undefined;
}

/** Codes only: messages may quote what the other side sent. */
function describeError(error: Error, duringHandshake: boolean): OutboundAnswer {
  if (error instanceof AddressRefused) return failed('address', error.message);
  if (error instanceof ServerRefused) return failed('tls', error.message);
  const code = codeOf(error);
  return failed(duringHandshake && code !== 'ECONNRESET' ? 'tls' : 'network', code);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
