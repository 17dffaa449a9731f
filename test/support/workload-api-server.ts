// A SPIFFE Workload API for tests: a real gRPC server on a Unix socket of its own. It refuses calls without the metadata of SA-02, counts
// attempts, sends whatever a test gives it, ends streams with any status, and can go away and come back on the same path.
// As an agent does, it sends what it has as soon as a stream is opened.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import type { MintedSvid } from './workload-authority.ts';

export const STREAMS = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'] as const;
export type Stream = (typeof STREAMS)[number];

/** What a stream sends at once to whoever opens it: a message, bytes that are none, nothing, or an ending. */
export type Reply =
  | { readonly message: object }
  | { readonly bytes: Buffer }
  | { readonly silent: true }
  | { readonly code: number };

export interface WorkloadApiServer extends AsyncDisposable {
  /** As SPIFFE_ENDPOINT_SOCKET has it. */
  readonly socket: string;
  readonly path: string;
  /** How often each stream was opened, and when (performance.now). */
  readonly attempts: Readonly<Record<Stream, number[]>>;
  /** Calls that came without the metadata. */
  readonly bare: number[];
  /** From now on each stream begins with this; those that are open get it as well. */
  set(stream: Stream, reply: Reply): void;
  /** The answer to FetchJWTSVID; gets the audiences. */
  jwtSvids: (audience: readonly string[]) => Reply;
  /** Ends open calls of one stream, or of all, in order. */
  drop(stream?: Stream): void;
  /** How many calls of the stream are open. */
  open(stream: Stream): number;
  stop(): void;
  start(): Promise<void>;
}

type Call = grpc.ServerWritableStream<object, Buffer>;

const PROTO = fileURLToPath(new URL('../../src/outbound/workload-api.proto', import.meta.url));
const SERVICE = loadSync(PROTO, { keepCase: true }).SpiffeWorkloadAPI as ServiceDefinition;
export const DETAILS = 'details of the agent that nobody may repeat';

/** What the server does, and what it has seen. */
interface Agent extends Pick<WorkloadApiServer, 'attempts' | 'bare' | 'jwtSvids'> {
  readonly replies: Map<Stream, Reply>;
  readonly calls: ReadonlyMap<Stream, Set<Call>>;
}

const bytesOf = (method: string, message: object) => SERVICE[method]?.responseSerialize(message) ?? Buffer.alloc(0);
const trusted = (metadata: grpc.Metadata) => metadata.get('workload.spiffe.io').join() === 'true';

function reply(stream: Stream, call: Call, now: Reply): void {
  if ('message' in now) call.write(bytesOf(stream, now.message));
  else if ('bytes' in now) call.write(now.bytes);
  else if ('code' in now && now.code === 0) call.end();
  else if ('code' in now) call.emit('error', { code: now.code, details: DETAILS });
}

function opened(agent: Agent, stream: Stream, call: Call): void {
  agent.attempts[stream].push(performance.now());
  if (!trusted(call.metadata)) {
    agent.bare.push(performance.now());
    call.emit('error', { code: grpc.status.INVALID_ARGUMENT, details: DETAILS });
    return;
  }
  const calls = agent.calls.get(stream);
  calls?.add(call);
  const closed = () => void calls?.delete(call);
  call.on('cancelled', closed).on('close', closed).on('finish', closed);
  reply(stream, call, agent.replies.get(stream) ?? { silent: true });
}

async function listen(agent: Agent, path: string, options: grpc.ServerOptions): Promise<grpc.Server> {
  const server = new grpc.Server({ 'grpc.max_send_message_length': -1, ...options });
  server.addService(rawly(SERVICE), {
    ...Object.fromEntries(STREAMS.map((stream) => [stream, (call: Call) => opened(agent, stream, call)])),
    FetchJWTSVID(call: grpc.ServerUnaryCall<{ audience: string[] }, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      const now = trusted(call.metadata) ? agent.jwtSvids(call.request.audience) : { code: 3 };
      if ('message' in now) done(null, bytesOf('FetchJWTSVID', now.message));
      else if ('bytes' in now) done(null, now.bytes);
      else if ('code' in now) done({ code: now.code, details: DETAILS });
    },
  });
  const bound = Promise.withResolvers<void>();
  server.bindAsync(`unix://${path}`, grpc.ServerCredentials.createInsecure(), (error) =>
    error ? bound.reject(error) : bound.resolve(),
  );
  await bound.promise;
  return server;
}

export async function openWorkloadApiServer(options: grpc.ServerOptions = {}): Promise<WorkloadApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'workload-api-'));
  const path = join(folder, 'api.sock');
  const agent: Agent = {
    replies: new Map(),
    calls: new Map(STREAMS.map((stream) => [stream, new Set()])),
    attempts: { FetchX509SVID: [], FetchX509Bundles: [], FetchJWTBundles: [] },
    bare: [],
    jwtSvids: () => ({ code: grpc.status.PERMISSION_DENIED }),
  };
  let server = await listen(agent, path, options);
  function stop(): void {
    server.forceShutdown();
    for (const calls of agent.calls.values()) calls.clear();
    rmSync(path, { force: true });
  }
  return Object.assign(agent, {
    socket: `unix://${path}`,
    path,
    set(stream: Stream, next: Reply) {
      agent.replies.set(stream, next);
      for (const call of [...(agent.calls.get(stream) ?? [])]) reply(stream, call, next);
    },
    drop(only?: Stream) {
      for (const stream of STREAMS)
        if (only === undefined || only === stream) for (const call of [...(agent.calls.get(stream) ?? [])]) call.end();
    },
    open: (stream: Stream) => agent.calls.get(stream)?.size ?? 0,
    stop,
    async start() {
      server = await listen(agent, path, options);
    },
    async [Symbol.asyncDispose]() {
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** Answers are bytes already, so that they may be anything. */
const rawly = (definition: ServiceDefinition): grpc.ServiceDefinition =>
  Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      { ...method, responseSerialize: (bytes: Buffer) => bytes },
    ]),
  ) as unknown as grpc.ServiceDefinition;

/** The whole state of an agent with these SVIDs and bundles, on all three streams. */
export function serve(
  server: WorkloadApiServer,
  state: {
    readonly svids: readonly MintedSvid[];
    readonly x509: Readonly<Record<string, Buffer>>;
    readonly jwt: Readonly<Record<string, string>>;
  },
): void {
  server.set('FetchX509SVID', { message: { svids: state.svids, federated_bundles: {} } });
  server.set('FetchX509Bundles', { message: { bundles: state.x509 } });
  const jwt = Object.fromEntries(Object.entries(state.jwt).map(([domain, text]) => [domain, Buffer.from(text)]));
  server.set('FetchJWTBundles', { message: { bundles: jwt } });
}
