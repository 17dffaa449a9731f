// Stands in for the API server of a cluster that only its own network reaches: an authority of its own, and a bearer token for everything.
// It publishes its issuer and keys, and answers TokenReview of authentication.k8s.io/v1 as an API server does.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { mintServerCertificate } from './certificates.ts';

const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';

export interface ApiServer {
  readonly url: string;
  /** The private authority, in PEM. */
  readonly ca: string;
  /** What it was asked, in order: method and path. */
  readonly asked: string[];
  deletePod(name: string): void;
  close(): void;
}

interface Cluster {
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
  readonly bearer: string;
}

interface Bound {
  readonly namespace: string;
  readonly serviceaccount: Named;
  readonly pod: Named;
  readonly node: Named;
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

/** Listens on 127.0.0.1. */
export async function openApiServer(cluster: Cluster): Promise<ApiServer> {
  const { ca, cert, key } = await mintServerCertificate(['localhost'], { authorityName: 'kubernetes' });
  const deleted = new Set<string>();
  const asked: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request).then(
      ([status, value]) => send(response, status, value),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;

  async function answer(request: IncomingMessage): Promise<[number, unknown]> {
    if (request.headers.authorization !== `Bearer ${cluster.bearer}`) return [401, failure(401, 'Unauthorized')];
    if (request.url === '/.well-known/openid-configuration')
      return [
        200,
        {
          issuer: cluster.issuer,
          jwks_uri: `${url}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        },
      ];
    if (request.url === '/openid/v1/jwks') return [200, cluster.keys];
    if (request.url !== REVIEWS || request.method !== 'POST') return [404, failure(404, 'NotFound')];
    const review = JSON.parse(Buffer.concat(await request.toArray()).toString());
    return [201, { ...review, status: await judge(review.spec) }];
  }

  async function judge({ token, audiences }: { readonly token: string; readonly audiences: string[] }) {
    try {
      const options = { issuer: cluster.issuer, audience: audiences };
      const { payload } = await jwtVerify(token, createLocalJWKSet(cluster.keys), options);
      const bound = payload['kubernetes.io'] as Bound;
      if (deleted.has(bound.pod.name)) return { user: {}, error: '[invalid bearer token, Token has been invalidated]' };
      return { authenticated: true, audiences, user: userOf(bound, payload.jti) };
    } catch {
      return { user: {}, error: '[invalid bearer token]' };
    }
  }

  return Object.freeze({
    url,
    ca,
    asked,
    deletePod: (name: string) => void deleted.add(name),
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
}

const userOf = ({ namespace, serviceaccount, pod, node }: Bound, jti: string | undefined) => ({
  username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
  uid: serviceaccount.uid,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  extra: {
    'authentication.kubernetes.io/credential-id': [`JTI=${jti}`],
    'authentication.kubernetes.io/node-name': [node.name],
    'authentication.kubernetes.io/node-uid': [node.uid],
    'authentication.kubernetes.io/pod-name': [pod.name],
    'authentication.kubernetes.io/pod-uid': [pod.uid],
  },
});

const failure = (code: number, reason: string) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  reason,
  code,
});

const send = (response: ServerResponse, status: number, value: unknown): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
