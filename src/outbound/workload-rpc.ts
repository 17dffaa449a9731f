// The wire of the SPIFFE Workload API (SPIFFE Workload Endpoint §3, §6): gRPC in the clear over one local socket, with the metadata
// that no forged request can carry (SA-02). One connection for all calls, made anew for the next call once it was lost.
// Retries nothing by itself, looks no name up, knows no proxy, and repeats nothing that the other side said but its status code.

import { fileURLToPath } from 'node:url';
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { WORKLOAD_FIELDS_MAX, WORKLOAD_KEEPALIVE_MS, WORKLOAD_MESSAGE_BYTES_MAX } from '../core/limits-outside.ts';
import type { EndpointSocket } from '../parsing/endpoint-socket.ts';
import { hasFieldsWithin } from '../parsing/protobuf.ts';

/** The messages, as `workload-api.proto` has them: absent fields are empty. */
export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly federated_bundles: BundleMap;
}

export interface X509SvidMessage {
  readonly spiffe_id: string;
  readonly x509_svid: Uint8Array;
  readonly x509_svid_key: Uint8Array;
  readonly bundle: Uint8Array;
}

export type BundleMap = Readonly<Record<string, Uint8Array>>;

export interface BundlesResponse {
  readonly bundles: BundleMap;
}

interface JwtSvidResponse {
  readonly svids: readonly { readonly spiffe_id: string; readonly svid: string }[];
}

interface Responses {
  readonly FetchX509SVID: X509SvidResponse;
  readonly FetchX509Bundles: BundlesResponse;
  readonly FetchJWTBundles: BundlesResponse;
  readonly FetchJWTSVID: JwtSvidResponse;
}

export type StreamMethod = Exclude<keyof Responses, 'FetchJWTSVID'>;
export type StreamResponses = Pick<Responses, StreamMethod>;

/** A message, or nothing where its bytes are no such message. */
export type Received<T> = { readonly message: T | undefined };

export type JwtSvidReceived = Received<JwtSvidResponse> | { readonly code: StatusCode };

/** gRPC status codes: 0 is an ending in order. */
export type StatusCode = number;

export interface WorkloadRpc {
  /** Opens a stream. Tells of its messages, then once of its end, never after `cancel`. Gives `cancel`. Never throws. */
  stream<M extends StreamMethod>(method: M, told: StreamListener<Responses[M]>): () => void;
  /** One call for JWT-SVIDs; the deadline covers all of it. Never rejects. */
  jwtSvid(audience: string, deadlineMs: number): Promise<JwtSvidReceived>;
  close(): void;
}

interface StreamListener<T> {
  readonly received: (received: Received<T>) => void;
  readonly ended: (code: StatusCode) => void;
}

export const INVALID_ARGUMENT = 3;
export const DEADLINE_EXCEEDED = 4;
export const PERMISSION_DENIED = 7;
export const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

/** By number, so that what an agent sends can only ever be one of these words. */
const CODE_NAMES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

export const codeName = (code: StatusCode): string => CODE_NAMES[code] ?? 'UNKNOWN';

const PROTO = fileURLToPath(new URL('./workload-api.proto', import.meta.url));

const OPTIONS = {
  'grpc.max_receive_message_length': WORKLOAD_MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': WORKLOAD_KEEPALIVE_MS,
  // The environment must not send this to a proxy, nor a call be repeated behind the back of who counts attempts (F-17).
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
  // Connections of the process to the same socket are not shared: closing this one must end it.
  'grpc.use_local_subchannel_pool': 1,
};

/** The one connection. */
interface Connection {
  client(): Client;
  /**
   * A lost connection is dropped, or gRPC would go on dialling by a schedule of its own, and remember the failure for the next call. One
   * that an agent has taken without a word stays: gRPC cannot end it (grpc-node#2785), and it comes alive with the agent, or dies with it.
   */
  discardLost(used: Client): void;
  readonly metadata: Metadata;
  readonly service: ServiceDefinition;
}

/** Loads gRPC, which takes 0.1 s that a broker without a socket does not spend, and makes the client. Connects with the first call. */
export async function loadWorkloadRpc(target: EndpointSocket): Promise<WorkloadRpc> {
  const grpc = await import('@grpc/grpc-js');
  const { load } = await import('@grpc/proto-loader');
  const definition = await load(PROTO, { keepCase: true, defaults: true, arrays: true, objects: true });
  const { READY, CONNECTING } = grpc.connectivityState;
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', 'true');
  let current: Client | undefined;
  const connection: Connection = {
    metadata,
    // Our own file says that this name is a service.
    service: definition.SpiffeWorkloadAPI as ServiceDefinition,
    client() {
      current ??= new grpc.Client(addressOf(target), grpc.credentials.createInsecure(), OPTIONS);
      return current;
    },
    discardLost(used) {
      const state = used.getChannel().getConnectivityState(false);
      if (used !== current || state === READY || state === CONNECTING) return;
      current = undefined;
      used.close();
    },
  };
  return Object.freeze({
    stream: <M extends StreamMethod>(name: M, told: StreamListener<Responses[M]>) => openStream(connection, name, told),
    jwtSvid: (audience: string, deadlineMs: number) => fetchJwtSvid(connection, audience, deadlineMs),
    close: () => current?.close(),
  });
}

function openStream<M extends StreamMethod>(
  { client, metadata, service, discardLost }: Connection,
  name: M,
  told: StreamListener<Responses[M]>,
): () => void {
  const used = client();
  const { path, serialize, deserialize } = methodOf<Responses[M]>(service, name);
  const call = used.makeServerStreamRequest(path, serialize, deserialize, {}, metadata);
  let over = false;
  const end = (code: StatusCode) => {
    if (over) return;
    over = true;
    discardLost(used);
    told.ended(code);
  };
  call.on('data', (received: Received<Responses[M]>) => {
    if (!over) told.received(received);
  });
  call.on('error', (error: ServiceError) => end(error.code));
  call.on('status', ({ code }: { readonly code: StatusCode }) => end(code));
  return () => {
    over = true;
    call.cancel();
    discardLost(used);
  };
}

function fetchJwtSvid(
  { client, metadata, service, discardLost }: Connection,
  audience: string,
  deadlineMs: number,
): Promise<JwtSvidReceived> {
  const used = client();
  const { path, serialize, deserialize } = methodOf<JwtSvidResponse>(service, 'FetchJWTSVID');
  const asked = { audience: [audience] };
  return new Promise((resolve) => {
    const call = used.makeUnaryRequest(path, serialize, deserialize, asked, metadata, (error, received) => {
      clearTimeout(timer);
      if (error) discardLost(used);
      resolve(error || !received ? { code: error?.code ?? UNAVAILABLE } : received);
    });
    const timer = setTimeout(() => {
      resolve({ code: DEADLINE_EXCEEDED });
      call.cancel();
    }, deadlineMs);
    timer.unref();
  });
}

const addressOf = (target: EndpointSocket): string => {
  if (target.kind === 'unix') return `unix://${target.path}`;
  const host = target.family === 6 ? `[${target.address}]` : target.address;
  return `ipv${target.family}:${host}:${target.port}`;
};

interface Method<T> {
  readonly path: string;
  readonly serialize: (value: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => Received<T>;
}

/** The decoding boundary: what protobufjs makes of bytes has the fields and types of `workload-api.proto`, or it throws. */
function methodOf<T>(service: ServiceDefinition, name: keyof Responses): Method<T> {
  const method = service[name];
  if (!method) throw new Error(`workload-api.proto has no ${name}`);
  return {
    path: method.path,
    serialize: method.requestSerialize,
    // Thrown in here, it would end the stream; a message that cannot be read is no reason to ask again for the same.
    deserialize: (bytes) => {
      if (!hasFieldsWithin(bytes, WORKLOAD_FIELDS_MAX)) return { message: undefined };
      try {
        return { message: method.responseDeserialize(bytes) as T };
      } catch {
        return { message: undefined };
      }
    },
  };
}
