// The public listener, composed: the path of a request with all its ports, the documents that the world may read, and the certificate
// that the broker shows.

import { createPublicListener, type PublicListener } from './adapters/http/app.ts';
import { metadataDocument } from './adapters/http/metadata.ts';
import type { Metrics } from './adapters/observe/metrics.ts';
import { clientMethods } from './compose-clients.ts';
import type { Configuration } from './compose-configuration.ts';
import type { BrokerWorld, Frame, State } from './compose-state.ts';
import { tlsOf, type WorkloadApis } from './compose-workload-apis.ts';
import type { Config } from './config/config.ts';
import { createCallerIdentity } from './core/caller-identity.ts';
import { createDryRun } from './core/dry-run.ts';
import { createExchange } from './core/exchange.ts';
import { createGoogleIntrospection } from './core/google-introspection.ts';
import { createIntrospect } from './core/introspect.ts';
import type { JsonObject } from './core/json.ts';
import { createOperate } from './core/operation.ts';
import type { Epochs } from './core/ports.ts';
import { createRevoke } from './core/revoke.ts';
import { createAwsSessions } from './issuers/aws-credentials.ts';
import { createGoogleSessions } from './issuers/google-session.ts';
import { CLIENT_ASSERTION } from './platforms/client.ts';
import { outcomeSentence } from './policy/explain/tell.ts';
import { signedBy } from './verifiers/aws-signature.ts';
import { createDpopProofs, DPOP_ALGORITHMS } from './verifiers/dpop.ts';

/** The listener over the path of a request; nothing is bound before it is told to listen. */
export function openPublicListener(
  world: BrokerWorld,
  frame: Frame,
  state: State,
  { metrics, epochs }: { readonly metrics: Metrics; readonly epochs: Epochs },
): PublicListener {
  const { config } = state.current.configuration;
  const { clock, randomBytes } = world;
  const operate = createOperate({ audit: state.audit, epochs, observer: metrics, clock, randomBytes });
  const proofs = createDpopProofs({ nonces: state.store });
  const path = {
    snapshot: () => state.current.snapshot,
    spent: state.store,
    withdrawals: state.store,
    proofs,
    clock,
    operate,
  };
  return createPublicListener({
    issuer: config.issuer,
    exchange: createExchange(path),
    dryRun: createDryRun(path),
    introspect: createIntrospect(path),
    revoke: createRevoke({ ...path, randomBytes }),
    callerIdentity: createCallerIdentity({
      sessions: createAwsSessions(state.clouds.secrets),
      signedBy,
      clock,
      operate,
    }),
    googleIntrospect: createGoogleIntrospection({ ...path, sessions: createGoogleSessions(state.clouds.secrets) }),
    jwks: state.signingKeys.jwks,
    metadata: metadataOf(() => state.current.configuration),
    tls: tlsOf(config, frame.workloadApis),
    sentence: outcomeSentence,
    nonce: () => state.store.current(clock.nowSeconds()),
    nowSeconds: clock.nowSeconds,
    onConnectionProblem: metrics.connectionProblem,
  });
}

/** Shows each X.509-SVID that the Workload API gives, from the next handshake on. Gives the function that ends it. */
export function followIdentity(config: Config, workloadApis: WorkloadApis, listener: PublicListener): () => void {
  if (!('workloadApi' in config.listen.tls)) return () => undefined;
  return workloadApis
    .of(config.listen.tls.workloadApi)
    .onChange(() => listener.replaceCertificate(tlsOf(config, workloadApis)));
}

/** An address that somebody else listens on. */
export class AddressInUse extends Error {
  readonly address: string;
  constructor(address: string, mend: string, cause: unknown) {
    super(`${address} is in use (another broker, or exchequer dev?); ${mend}`, { cause });
    this.address = address;
  }
}

/** Of a failure to bind, whose address is taken and where it is written. */
export const inUse =
  (name: 'listen' | 'observe', { host, port }: { readonly host: string; readonly port: number }) =>
  (error: NodeJS.ErrnoException): never => {
    if (error.code !== 'EADDRINUSE') throw error;
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    throw new AddressInUse(address, `${name}.address says where`, error);
  };

/** Made anew for each configuration: it says which methods clients have. */
export function metadataOf(inForce: () => Configuration): () => JsonObject {
  let last: { readonly of: Configuration; readonly document: JsonObject } | undefined;
  return () => {
    const configuration = inForce();
    const { config, clients } = configuration;
    if (last?.of !== configuration)
      last = {
        of: configuration,
        document: metadataDocument({
          issuer: config.issuer,
          signingAlgorithms: ['ES256', 'RS256'],
          clientMethods: clientMethods(config, clients),
          assertionAlgorithms: CLIENT_ASSERTION.algorithms,
          proofAlgorithms: DPOP_ALGORITHMS,
        }),
      };
    return last.document;
  };
}
