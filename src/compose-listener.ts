// The public listener, composed: the path of a request with all its ports, the documents that the world may read, and the certificate
// that the broker shows.

import { createPublicListener, type PublicListener } from './adapters/http/app.ts';
import { metadataDocument } from './adapters/http/metadata.ts';
import type { Metrics } from './adapters/observe/metrics.ts';
import { clientMethods } from './compose-clients.ts';
import type { Configuration } from './compose-configuration.ts';
import type { BrokerWorld, State } from './compose-state.ts';
import { createExchange } from './core/exchange.ts';
import type { JsonObject } from './core/json.ts';
import type { Epochs } from './core/ports.ts';
import { CLIENT_ASSERTION } from './platforms/client.ts';
import { outcomeSentence } from './policy/tell.ts';

/** The listener over the path of a request; nothing is bound before it is told to listen. */
export function openPublicListener(
  world: BrokerWorld,
  state: State,
  { metrics, epochs }: { readonly metrics: Metrics; readonly epochs: Epochs },
): PublicListener {
  const { config } = state.current.configuration;
  const exchange = createExchange({
    snapshot: () => state.current.snapshot,
    spent: state.store,
    audit: state.audit,
    epochs,
    observer: metrics,
    clock: world.clock,
    randomBytes: world.randomBytes,
  });
  return createPublicListener({
    issuer: config.issuer,
    exchange,
    jwks: state.signingKeys.jwks,
    metadata: metadataOf(state),
    tls: { certificate: config.listen.tls.certificatePem, key: config.listen.tls.keyPem },
    sentence: outcomeSentence,
    onConnectionProblem: metrics.connectionProblem,
  });
}

/** Made anew for each configuration: it says which methods clients have. */
function metadataOf(state: State): () => JsonObject {
  let last: { readonly of: Configuration; readonly document: JsonObject } | undefined;
  return () => {
    const { configuration } = state.current;
    const { config, clients } = configuration;
    if (last?.of !== configuration)
      last = {
        of: configuration,
        document: metadataDocument({
          issuer: config.issuer,
          signingAlgorithms: ['ES256', 'RS256'],
          clientMethods: clientMethods(config, clients),
          assertionAlgorithms: CLIENT_ASSERTION.algorithms,
        }),
      };
    return last.document;
  };
}
