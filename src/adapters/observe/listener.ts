// The observe listener: plain HTTP for probes and scrapers, apart from the public one, so that it answers while that one is
// full (F-43, A-192). It tells no identity and takes no command. `/readyz` is 503 only for what nobody can be served without;
// a source in trouble is `degraded` in the body.

import Fastify, { type FastifyInstance } from 'fastify';
import {
  CONNECTION_SWEEP_MS,
  HEADER_BYTES_MAX,
  HEADERS_MS,
  KEEP_ALIVE_MS,
  OBSERVE_CONNECTIONS_MAX,
  REQUEST_DEADLINE_MS,
} from '../../core/limits.ts';

/** What every request needs. */
export type Need = 'audit' | 'store' | 'signingKeys' | 'policy' | 'certificate';

export interface Readiness {
  /** True where it can serve. All true is ready. */
  readonly needs: Readonly<Record<Need, boolean>>;
  /** Set while stopping: not ready, whatever else holds (F-37). */
  readonly stopping: boolean;
  /** Names of the sources that cannot verify now, or only with old keys. */
  readonly degraded: readonly string[];
}

export interface ObserveListenerParts {
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly readiness: () => Readiness | Promise<Readiness>;
}

export interface ObserveListener {
  listen(host: string, port: number): Promise<{ port: number }>;
  close(): Promise<void>;
}

/** Builds the listener; nothing is bound before `listen`. */
export function createObserveListener(parts: ObserveListenerParts): ObserveListener {
  const app = createApp();
  app.get('/livez', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    const { ready, body } = describe(await parts.readiness());
    return reply.code(ready ? 200 : 503).send(body);
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await parts.render();
    return reply.header('content-type', contentType).send(body);
  });

  return Object.freeze({
    async listen(host: string, port: number) {
      await app.listen({ host, port });
      const address = app.server.address();
      return { port: typeof address === 'object' && address !== null ? address.port : port };
    },
    close: () => app.close(),
  });
}

function createApp(): FastifyInstance {
  const app = Fastify({
    logger: false,
    trustProxy: false,
    requestTimeout: REQUEST_DEADLINE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: CONNECTION_SWEEP_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    bodyLimit: 1,
    forceCloseConnections: true,
  });
  app.server.maxConnections = OBSERVE_CONNECTIONS_MAX;
  // A connection that cannot be accepted must not end the process (F-43).
  app.server.on('error', () => undefined);
  app.removeAllContentTypeParsers();
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('not found\n'));
  app.setErrorHandler((_error, _request, reply) => reply.code(500).type('text/plain').send('failed\n'));
  return app;
}

function describe({ needs, stopping, degraded }: Readiness): { ready: boolean; body: object } {
  const ready = !stopping && Object.values(needs).every(Boolean);
  const checks = Object.fromEntries(Object.entries(needs).map(([need, holds]) => [need, holds ? 'ok' : 'failed']));
  return { ready, body: { status: status(ready, stopping, degraded), checks, degraded } };
}

function status(ready: boolean, stopping: boolean, degraded: readonly string[]): string {
  if (stopping) return 'stopping';
  if (!ready) return 'failed';
  return degraded.length > 0 ? 'degraded' : 'ready';
}
