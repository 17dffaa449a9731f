// The public listener: which paths exist, which methods they take, and how an answer is written. Fastify over our TLS server;
// its own logger, forwarded headers and lenient routing are off. A path is taken byte for byte or not at all; what no
// route takes is counted by nobody and recorded by nobody, except on the paths that take a form, where every request is recorded.

import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RouteGenericInterface,
} from 'fastify';
import type { JsonObject } from '../../core/json.ts';
import { BODIES_LARGE_BYTES_MAX, BODY_BYTES_MAX } from '../../core/limits.ts';
import { headerValues } from '../../parsing/header-values.ts';
import { createBodyReader } from './body.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import { endpointAt, endpointsOf, routesOf } from './endpoints.ts';
import { type Arrived, arrive, arrivedWithout } from './form-request.ts';
import { createDocument, type Paths, pathsOf } from './metadata.ts';
import {
  type ConnectionProblem,
  closeGracefully,
  createTlsServer,
  listen,
  refuseConnection,
  replaceCertificate,
  type TlsMaterial,
} from './tls-server.ts';
import type { Answer } from './wire.ts';

export interface PublicListenerParts extends EndpointParts {
  readonly jwks: () => { readonly keys: readonly JsonObject[] };
  readonly metadata: () => JsonObject;
  /** Undefined as long as there is none: then every handshake fails. */
  readonly tls: TlsMaterial | undefined;
  readonly onConnectionProblem: (kind: ConnectionProblem) => void;
}

export interface PublicListener {
  listen(host: string, port: number): Promise<{ port: number }>;
  /** Throws, and keeps the old one, where the new one cannot be used. */
  replaceCertificate(tls: TlsMaterial | undefined): void;
  /** Resolves when the last connection is gone, after `graceMs` at the latest. */
  close(graceMs: number): Promise<void>;
}

/** Builds the listener; nothing is bound before `listen`. Throws where the issuer's path or the certificate cannot be used. */
export function createPublicListener(parts: PublicListenerParts): PublicListener {
  let closing = false;
  const app = createApp(parts);
  const paths = pathsOf(parts.issuer);

  const send: Send = (reply, answer) => {
    reply.code(answer.status).headers(answer.headers);
    if (closing) reply.header('connection', 'close');
    // As bytes: fastify would add a charset to the media type of a text, which JSON does not have (RFC 8259 §11). No bytes have no type.
    reply.send(answer.body === '' ? undefined : Buffer.from(answer.body));
  };
  const ending = createEnding();
  const endpoints = endpointsOf(parts, paths);
  const serve = serveBy({ send, ending });
  addGate(app, parts, paths, { send, endpoints, serve, ending });
  addEndpoints(app, parts, endpoints, serve);
  addDocuments(app, parts, paths, send);

  return Object.freeze({
    async listen(host: string, port: number) {
      await app.ready();
      return await listen(app.server, host, port);
    },
    replaceCertificate: (tls: TlsMaterial | undefined) => replaceCertificate(app.server, tls),
    async close(graceMs: number) {
      closing = true;
      await closeGracefully(app.server, graceMs);
      await app.close();
    },
  });
}

type App = FastifyInstance<Server>;
type Request = FastifyRequest<RouteGenericInterface, Server>;
type Reply = FastifyReply<RouteGenericInterface, Server>;
type Send = (reply: Reply, answer: Answer) => void;

function createApp(parts: PublicListenerParts): App {
  return Fastify<Server>({
    serverFactory: (handler) =>
      createTlsServer({ tls: parts.tls, handler, onConnectionProblem: parts.onConnectionProblem }),
    clientErrorHandler: (error, socket) => parts.onConnectionProblem(refuseConnection(error, socket)),
    logger: false,
    trustProxy: false,
    requestIdHeader: false,
    genReqId: () => '',
    bodyLimit: BODY_BYTES_MAX,
    return503OnClosing: false,
    // A path that cannot be decoded: fastify would repeat it in its answer.
    frameworkErrors: (_error, _request, reply) => {
      reply.raw.writeHead(404, HEADERS).end(NOT_FOUND.body);
    },
  });
}

/** Connections that end with the answer under way: what follows on them is no request any more (RFC 9112 §9.6). */
interface Ending {
  after(request: Request, reply: Reply): void;
  has(request: Request): boolean;
}

function createEnding(): Ending {
  const sockets = new WeakSet<Socket>();
  return {
    after(request, reply) {
      reply.header('connection', 'close');
      sockets.add(request.raw.socket);
    },
    has: (request) => sockets.has(request.raw.socket),
  };
}

/** Serves one request to an endpoint. */
type Serve = (endpoint: Endpoint, request: Request, reply: Reply, arrived: Arrived) => Promise<void>;

const serveBy =
  ({ send, ending }: { readonly send: Send; readonly ending: Ending }): Serve =>
  (endpoint, request, reply, arrived) => {
    // What is still coming is not read, so the connection cannot serve another request.
    if (arrived.body?.ok === false) ending.after(request, reply);
    const target = endpointAt([endpoint], pathOf(request.raw.url ?? ''))?.target;
    return endpoint.serve({ message: request.raw, arrived, target }, (answer) => send(reply, answer));
  };

/** Before any body is read: the path byte for byte, and its methods. A body that is not read ends the connection. */
function addGate(
  app: App,
  parts: PublicListenerParts,
  paths: Paths,
  { send, endpoints, serve, ending }: { send: Send; endpoints: readonly Endpoint[]; serve: Serve; ending: Ending },
): void {
  const documents = new Set([paths.jwks, paths.authorize, ...paths.metadata]);

  app.addHook('onRequest', (request, reply, done) => {
    if (ending.has(request)) return void reply.hijack();
    // With two, whoever stood before us may have gone by the other (RFC 9112 §3.2).
    if (headerValues(request.raw.rawHeaders, 'host').length > 1) {
      parts.onConnectionProblem('http_malformed');
      ending.after(request, reply);
      return send(reply, MALFORMED);
    }
    // We never upgrade, and Node's parser loses what follows such a request in the same read.
    if (request.raw.headers.upgrade !== undefined) ending.after(request, reply);
    const path = pathOf(request.raw.url ?? '');
    const found = endpointAt(endpoints, path);
    const isServed = found ? request.method === found.endpoint.method : documents.has(path) && isRead(request.method);
    // Nobody reads what a GET brings along either, so it is neither waited for nor taken for another request.
    if (hasBody(request.raw) && (!isServed || isRead(request.method))) ending.after(request, reply);
    if (isServed) return done();
    if (found) serve(found.endpoint, request, reply, arrivedWithout(request.raw)).catch(done);
    else send(reply, documents.has(path) ? NOT_ALLOWED : NOT_FOUND);
  });
  app.setNotFoundHandler((_request, reply) => send(reply, NOT_FOUND));
  // Only a fault of the transport itself comes here: the exchange answers for its own. No text of an error leaves.
  app.setErrorHandler((_error, _request, reply) => {
    if (!reply.sent) send(reply, FAILED);
  });
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

function addEndpoints(app: App, parts: PublicListenerParts, endpoints: readonly Endpoint[], serve: Serve): void {
  app.removeAllContentTypeParsers();
  const readBody = createBodyReader({ largeBytesMax: BODIES_LARGE_BYTES_MAX });
  // Whatever the media type: receiveToken judges it, and the record says so.
  app.addContentTypeParser('*', async (_request: Request, payload: IncomingMessage) => {
    const arrived = await arrive(payload, readBody);
    if (isAborted(arrived)) parts.onConnectionProblem('body_aborted');
    return arrived;
  });
  for (const endpoint of endpoints)
    for (const url of routesOf(endpoint))
      app.route<{ Body: Arrived | undefined }>({
        method: endpoint.method,
        url,
        // Fastify itself refuses a media type that is no media type before our parser sees it.
        errorHandler: async (error, request, reply) => {
          if (error.code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') throw error;
          await serve(endpoint, request, reply, arrivedWithout(request.raw, { reason: 'media_type_unsupported' }));
        },
        handler: async (request, reply) => {
          await serve(endpoint, request, reply, request.body ?? arrivedWithout(request.raw));
          return reply;
        },
      });
}

function addDocuments(app: App, parts: PublicListenerParts, paths: Paths, send: Send): void {
  const serve = (path: string, read: () => object, mediaType: string): void => {
    const document = createDocument({ read, mediaType });
    app.get(path, (request, reply) => send(reply, document(request.headers['if-none-match'])));
  };
  for (const path of paths.metadata) serve(path, parts.metadata, 'application/json');
  serve(paths.jwks, parts.jwks, 'application/json');
  // Nothing of the request is looked at: no address in it is ever one to send somebody to (RFC 6749 §4.1.2.1).
  app.get(paths.authorize, (_request, reply) => send(reply, NO_SIGN_IN));
}

const refusalBody = (error: string, description: string): Answer['body'] =>
  JSON.stringify({ error, error_description: description });
const HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };
const NOT_FOUND: Answer = {
  status: 404,
  headers: HEADERS,
  body: refusalBody('invalid_request', 'there is nothing here'),
};
const NO_SIGN_IN: Answer = {
  status: 400,
  headers: HEADERS,
  body: refusalBody('unsupported_response_type', 'nobody can sign in here; tokens are asked for at the token endpoint'),
};
const FAILED: Answer = { status: 500, headers: HEADERS, body: refusalBody('server_error', 'the broker failed') };
const MALFORMED: Answer = { status: 400, headers: HEADERS, body: refusalBody('invalid_request', 'more than one Host') };
const NOT_ALLOWED: Answer = {
  status: 405,
  headers: { ...HEADERS, allow: 'GET, HEAD' },
  body: refusalBody('invalid_request', 'only GET is allowed here'),
};

/** The path as sent, undecoded; a target in absolute form (RFC 9112 §3.2.2) without its authority, which decides nothing. */
const pathOf = (target: string): string => target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/\?.*$/s, '');

const isAborted = ({ body }: Arrived): boolean => body?.ok === false && body.refusal.reason === 'body_malformed';

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
