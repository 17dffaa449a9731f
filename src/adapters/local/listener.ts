// The local helper's only socket: plain HTTP on 127.0.0.1, since the SDKs that come here ask for nothing else. Node's own server and one
// gate, because there is nothing to route and no body to read: a GET whose path is taken byte for byte, from a program of this machine.
// Whatever a browser sends, or somebody passes on, is refused before any endpoint sees it (DNS rebinding, A-178); nothing is proxied, and
// no answer permits another origin anything. Every wait and size is bounded.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CONNECTION_SWEEP_MS } from '../../core/limits.ts';
import {
  LOCAL_CONNECTIONS_MAX,
  LOCAL_HEADER_BYTES_MAX,
  LOCAL_KEEP_ALIVE_MS,
  LOCAL_REQUEST_MS,
  LOCAL_TARGET_BYTES_MAX,
} from '../../core/limits-local.ts';
import { headerValues } from '../../parsing/header-values.ts';
import { type Endpoint, type LocalAnswer, text } from './answer.ts';

export const LOOPBACK = '127.0.0.1';

export interface LocalListener {
  /** Binds the port of 127.0.0.1, or one that is free for 0, and gives it. Rejects where that is impossible. */
  listen(port: number): Promise<number>;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** Nothing is bound before `listen`. */
export function createLocalListener(endpoints: readonly Endpoint[]): LocalListener {
  let host = '';
  const server = createServer(
    {
      headersTimeout: LOCAL_REQUEST_MS,
      requestTimeout: LOCAL_REQUEST_MS,
      keepAliveTimeout: LOCAL_KEEP_ALIVE_MS,
      connectionsCheckingInterval: CONNECTION_SWEEP_MS,
      maxHeaderSize: LOCAL_HEADER_BYTES_MAX,
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    },
    (request, response) => void serve(endpoints, host, request, response),
  );
  server.maxConnections = LOCAL_CONNECTIONS_MAX;
  return Object.freeze({
    async listen(wanted) {
      const port = await bind(server, wanted);
      host = `${LOOPBACK}:${port}`;
      // A connection that cannot be accepted must not end the process (F-43).
      server.on('error', () => undefined);
      return port;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  } satisfies LocalListener);
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function serve(
  endpoints: readonly Endpoint[],
  host: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = refusalOf(request, host) ?? (await ask(endpoints, request).catch(() => FAILED));
  // What is still coming is not read, so the connection cannot serve another request.
  const ends = hasBody(request) || request.headers.upgrade !== undefined;
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(ends ? { connection: 'close' } : {}),
  });
  response.end(answer.body);
}

async function ask(endpoints: readonly Endpoint[], request: IncomingMessage): Promise<LocalAnswer> {
  const target = request.url ?? '';
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const endpoint = endpoints.find((one) => one.has(path));
  if (!endpoint) return NOT_FOUND;
  const query = new URLSearchParams(question < 0 ? '' : target.slice(question + 1));
  return await endpoint.answer({ path, query, headers: request.headers, socket: request.socket });
}

/** Headers that only browsers send. Node's own `fetch` sends `Sec-Fetch-Mode`, so that one alone proves nothing. */
const BROWSERS = ['origin', 'referer', 'sec-fetch-site', 'sec-fetch-dest', 'sec-fetch-user'];

/** Who is not served, whatever they ask for. */
function refusalOf(request: IncomingMessage, host: string): LocalAnswer | undefined {
  const { headers, method, url = '' } = request;
  // A page whose name was made to mean 127.0.0.1 still sends its own name.
  const hosts = headerValues(request.rawHeaders, 'host');
  if (hosts.length !== 1 || hosts[0] !== host)
    return text(403, `only ${host} is served here: the Host says otherwise\n`);
  const browser = BROWSERS.find((name) => headers[name] !== undefined);
  if (browser !== undefined) return text(403, `browsers are not served here (${browser})\n`);
  const passedOn = Object.keys(headers).find((name) => isForwarding(name));
  if (passedOn !== undefined) return text(403, `requests that somebody passes on are not served here (${passedOn})\n`);
  if (url.length > LOCAL_TARGET_BYTES_MAX) return text(414, `a target has at most ${LOCAL_TARGET_BYTES_MAX} bytes\n`);
  if (!url.startsWith('/')) return text(400, 'nothing is proxied here\n');
  if (method !== 'GET') return text(405, 'only GET is served here\n', { allow: 'GET' });
  return hasBody(request) ? text(400, 'a request here has no body\n') : undefined;
}

const isForwarding = (name: string): boolean =>
  name === 'forwarded' || name === 'via' || name.startsWith('x-forwarded-');

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const NOT_FOUND = text(404, 'there is nothing here\n');
const FAILED = text(500, 'the helper failed\n');
