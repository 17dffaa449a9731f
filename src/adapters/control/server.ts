// The control socket's commands: reload, decisions, keys, incidents, status. JSON over HTTP on a unix socket of our own user;
// whoever can open it may do everything here, and nobody else can do anything. Bounded like every listener. Does nothing
// itself: compose.ts supplies what each command does.

import Fastify, { type FastifyInstance } from 'fastify';
import type { Command } from '../../core/incidents.ts';
import {
  CONNECTION_SWEEP_MS,
  CONTROL_BODY_BYTES_MAX,
  CONTROL_CONNECTIONS_MAX,
  CONTROL_DECISIONS_MAX,
  HEADERS_MS,
  KID_BYTES_MAX,
  REQUEST_DEADLINE_MS,
} from '../../core/limits.ts';
import type { SigningAlgorithm, SigningKeyView } from '../../core/ports.ts';
import { addDevCommands, type DevCommands } from './dev-commands.ts';
import { addIncidentCommands, type IncidentHandlers, readKeyOrder } from './incident-commands.ts';
import { bindSocket } from './socket.ts';

export interface ReloadReport {
  readonly ok: boolean;
  /** Every problem as `file:line:column path: ...`, where the old configuration still runs. */
  readonly problems?: readonly string[];
  /** Of the configuration that runs now. */
  readonly generation: number;
}

/** What the commands do. Each may reject; its message is shown to the operator. Calls may overlap. */
export interface ControlHandlers {
  /** Answers when nothing can leave under the old configuration any more. */
  reload(): Promise<ReloadReport>;
  /** One remembered decision's record, or undefined. */
  decision(id: string): object | undefined;
  /** The last decisions' records, newest first, at most CONTROL_DECISIONS_MAX. */
  decisions(last: number): readonly object[];
  keys(): readonly SigningKeyView[] | Promise<readonly SigningKeyView[]>;
  /** What the world may read of us, as it is served, and what says when it changes. */
  documents(): object;
  /** Both algorithms where none is named. */
  rotateKeys(algorithm: SigningAlgorithm | undefined): Promise<readonly SigningKeyView[]>;
  /** Answers when nothing can leave that the key signed. Undefined where there is no such key. */
  revokeKey(kid: string, command: Command): Promise<object | undefined>;
  readonly incidents: IncidentHandlers;
  status(): object | Promise<object>;
  /** Of `exchequer dev` alone. */
  readonly dev?: DevCommands;
}

export interface ControlListener {
  /** Binds the socket. Rejects where another process answers on it, or where others could replace it. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** Builds the listener; nothing is bound before `listen`. */
export function createControlListener(parts: {
  readonly socket: string;
  readonly handlers: ControlHandlers;
}): ControlListener {
  const app = createApp();
  addDecisions(app, parts.handlers);
  addKeys(app, parts.handlers);
  addIncidentCommands(app, parts.handlers.incidents);
  if (parts.handlers.dev) addDevCommands(app, parts.handlers.dev);
  app.post('/reload', () => parts.handlers.reload());
  app.get('/status', async () => parts.handlers.status());
  let unbind = (): void => undefined;

  return Object.freeze({
    async listen() {
      await app.ready();
      unbind = await bindSocket(app.server, parts.socket);
    },
    async close() {
      unbind();
      app.server.closeAllConnections();
      await new Promise<void>((resolve) => app.server.close(() => resolve()));
      await app.close();
    },
  });
}

function addDecisions(app: FastifyInstance, handlers: ControlHandlers): void {
  app.get<{ Params: { id: string } }>('/decisions/:id', async (request, reply) => {
    const record = /^[0-9A-Z]{26}$/.test(request.params.id) ? handlers.decision(request.params.id) : undefined;
    return record ?? reply.code(404).send({ error: 'no such decision is remembered' });
  });
  app.get<{ Querystring: { last?: unknown } }>('/decisions', async (request, reply) => {
    const { last = '20' } = request.query;
    const count = typeof last === 'string' && /^[1-9][0-9]{0,3}$/.test(last) ? Number(last) : Number.NaN;
    if (!(count <= CONTROL_DECISIONS_MAX))
      return reply.code(400).send({ error: `last must be a number from 1 to ${CONTROL_DECISIONS_MAX}` });
    return { decisions: handlers.decisions(count).slice(0, count) };
  });
}

function addKeys(app: FastifyInstance, handlers: ControlHandlers): void {
  app.get('/documents', async () => handlers.documents());
  app.get('/keys', async () => ({ keys: await handlers.keys() }));
  app.post<{ Querystring: { algorithm?: unknown } }>('/keys/rotate', async (request, reply) => {
    const { algorithm } = request.query;
    if (algorithm !== undefined && algorithm !== 'ES256' && algorithm !== 'RS256')
      return reply.code(400).send({ error: 'algorithm must be ES256 or RS256' });
    return { keys: await handlers.rotateKeys(algorithm) };
  });
  app.post<{ Params: { kid: string } }>('/keys/:kid/revoke', async (request, reply) => {
    const order = readKeyOrder(request.body);
    if (!order.ok) return reply.code(400).send({ error: order.problem });
    const report = await handlers.revokeKey(request.params.kid, order.command);
    return report ?? reply.code(404).send({ error: 'there is no such key' });
  });
}

function createApp(): FastifyInstance {
  const app = Fastify({
    logger: false,
    trustProxy: false,
    requestTimeout: REQUEST_DEADLINE_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CONNECTION_SWEEP_MS },
    bodyLimit: CONTROL_BODY_BYTES_MAX,
    routerOptions: { maxParamLength: KID_BYTES_MAX },
  });
  app.server.maxConnections = CONTROL_CONNECTIONS_MAX;
  // A connection that cannot be accepted must not end the process (F-43).
  app.server.on('error', () => undefined);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'there is no such command' }));
  // The caller is the operator; our errors hold no token and no key, so the message may be shown.
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    reply.code(status).send({ error: error instanceof Error ? error.message : 'failed' });
  });
  return app;
}
