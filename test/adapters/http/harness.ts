// A public listener on loopback, over real TLS, before an exchange that only notes what it received: it grants what was
// understood and refuses what was refused. Beside it a client of raw bytes, for what no HTTP client would send.

import { request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { mintServerCertificate, type ServerCertificate } from '../../../src/adapters/cli/demo/certificates.ts';
import { createPublicListener, type PublicListener, type PublicListenerParts } from '../../../src/adapters/http/app.ts';
import { metadataDocument } from '../../../src/adapters/http/metadata.ts';
import type { CallerIdentityRequest } from '../../../src/core/caller-identity-request.ts';
import type { Introspected } from '../../../src/core/introspect.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Operation, Outcome } from '../../../src/core/operation.ts';
import type { OwnTokenRequest } from '../../../src/core/own-token-request.ts';
import type { IssueOrder } from '../../../src/core/ports.ts';
import type { Confirmation } from '../../../src/core/principal.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE, type Received, TOKEN_EXCHANGE_GRANT } from '../../../src/core/request.ts';
import { provedSubject } from '../../support/path.ts';

export const DECISION = '01JCX5ZZZZ0123456789ABCDEF';
export const ISSUER = 'https://sts.example';
/** The newest nonce for DPoP proofs. */
export const NONCE = 'the-newest-nonce';
export const JWKS = { keys: [{ kty: 'EC', kid: 'a', use: 'sig', alg: 'ES256', crv: 'P-256', x: 'x', y: 'y' }] };

/** A form that is understood. */
export const FORM: Readonly<Record<string, string>> = {
  grant_type: TOKEN_EXCHANGE_GRANT,
  subject_token: 'a.b.c',
  subject_token_type: JWT_TOKEN_TYPE,
  audience: 'ledger',
};
export const form = (changes: Record<string, string> = {}): string =>
  new URLSearchParams({ ...FORM, ...changes }).toString();

export function order(scopes: readonly string[] = []): IssueOrder {
  return {
    id: DECISION,
    grant: {
      target: 'ledger',
      parameters: {},
      scopes,
      lifetimeSeconds: 300,
      outlive: undefined,
      rule: { name: 'r', at: 'p.yaml:1', owner: undefined },
      subject: provedSubject(),
      clientId: 'eks:a',
      actor: undefined,
      actors: [],
      boundTo: undefined,
    },
    issuedTokenType: ACCESS_TOKEN_TYPE,
    session: undefined,
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_000_300,
    lineage: [],
    standing: { parties: [], tokens: [], ancestors: [] },
    origin: { iss: 'https://gh.example', sub: 's' },
    authentication: undefined,
  };
}

export const granted = (scopes: readonly string[] = []): Outcome => ({
  kind: 'granted',
  decision: DECISION,
  issued: {
    token: 'issued.token.text',
    tokenType: 'Bearer',
    issuedTokenType: ACCESS_TOKEN_TYPE,
    expiresAt: 1_800_000_300,
  },
  order: order(scopes),
  scopesAsked: false,
});

const AWS_SESSION = {
  principal: 'arn:aws:sts::111122223333:assumed-role/R/s',
  id: 'ASIAEXAMPLE',
  audience: 'https://sts.example/targets/r',
  subject: 'target:r',
};

/** Credentials of AWS. */
export const grantedCredentials = (more: { readonly packedPolicySize?: number } = {}): Outcome => {
  const outcome = granted();
  if (outcome.kind !== 'granted') throw new Error('not granted');
  const cloud = {
    cloud: 'aws' as const,
    session: AWS_SESSION,
    accessKeyId: 'ASIAEXAMPLE',
    secretAccessKey: 'secret',
    sessionToken: 'token',
    assumedRoleId: 'AROAEXAMPLE:s',
    role: 'arn:aws:iam::111122223333:role/path/R',
    ...more,
  };
  return { ...outcome, issued: { ...outcome.issued, token: '{}', tokenType: 'N_A', cloud } };
};

export const wouldGrant = (scopes: readonly string[] = []): Outcome => ({
  kind: 'would_grant',
  decision: DECISION,
  order: order(scopes),
  ask: { targets: ['ledger'], scopes: undefined },
});

/** An introspection of an active token with these claims. */
export const introspected = (claims: JsonObject = {}, boundTo?: Confirmation): Outcome<Introspected> => ({
  kind: 'introspected',
  decision: DECISION,
  token: { ...provedSubject({ boundTo }), claims },
});

/** Whose a token of Google's is. */
export const GOOGLE_SESSION = {
  principal: 'lake@example-data.iam.gserviceaccount.com',
  audience: 'https://sts.example/targets/lake',
  subject: 'eks:a',
};

export const refused = (refusal: Refusal): Outcome<never> => ({
  kind: 'refused',
  decision: DECISION,
  refusal,
  subject: undefined,
  ask: undefined,
  grantType: undefined,
});

export interface Harness {
  readonly port: number;
  readonly minted: ServerCertificate;
  readonly listener: PublicListener;
  /** What the exchange was told, in order. */
  readonly seen: Received[];
  /** What the operations on our own tokens were told, in order. */
  readonly asked: Received<OwnTokenRequest>[];
  /** What GetCallerIdentity was told, in order. */
  readonly identified: Received<CallerIdentityRequest>[];
  readonly problems: string[];
}

/** `next`: what the exchange comes to where it understood the request; undefined: a grant. */
export async function startListener(
  parts: Partial<PublicListenerParts> = {},
  next: () => Outcome | undefined = () => undefined,
): Promise<Harness> {
  const minted = await mintServerCertificate(['sts.example', 'localhost', '127.0.0.1']);
  const seen: Received[] = [];
  const asked: Received<OwnTokenRequest>[] = [];
  const identified: Received<CallerIdentityRequest>[] = [];
  const problems: string[] = [];
  const issuer = parts.issuer ?? ISSUER;
  const exchange: Operation = async (received, answer) => {
    seen.push(received);
    if (!received.request.ok) return answer(refused(received.request.refusal));
    answer(next() ?? (received.transport.startsWith('aws-') ? grantedCredentials() : granted()));
  };
  const dryRun: Operation = async (received, answer) => {
    seen.push(received);
    answer(received.request.ok ? wouldGrant() : refused(received.request.refusal));
  };
  const introspect: PublicListenerParts['introspect'] = async (received, answer) => {
    asked.push(received);
    answer(received.request.ok ? introspected() : refused(received.request.refusal));
  };
  const revoke: PublicListenerParts['revoke'] = async (received, answer) => {
    asked.push(received);
    answer(received.request.ok ? { kind: 'revoked', decision: DECISION } : refused(received.request.refusal));
  };
  const callerIdentity: PublicListenerParts['callerIdentity'] = async (received, answer) => {
    identified.push(received);
    answer(
      received.request.ok
        ? { kind: 'identified', decision: DECISION, arn: AWS_SESSION.principal, userId: 'AROAEXAMPLE:s' }
        : refused(received.request.refusal),
    );
  };
  const googleIntrospect: PublicListenerParts['googleIntrospect'] = async (received, answer) => {
    asked.push(received);
    answer(
      received.request.ok
        ? { kind: 'told', decision: DECISION, token: { session: GOOGLE_SESSION, expiresAt: 1_800_000_300 } }
        : refused(received.request.refusal),
    );
  };
  const listener = createPublicListener({
    issuer,
    callerIdentity,
    googleIntrospect,
    nowSeconds: () => 1_800_000_000,
    exchange,
    dryRun,
    introspect,
    revoke,
    jwks: () => JWKS,
    metadata: () =>
      metadataDocument({
        issuer,
        signingAlgorithms: ['RS256', 'ES256'],
        clientMethods: [],
        assertionAlgorithms: [],
        proofAlgorithms: ['ES256'],
      }),
    tls: { certificate: minted.cert, key: minted.key },
    sentence: () => undefined,
    nonce: () => NONCE,
    onConnectionProblem: (kind) => problems.push(kind),
    ...parts,
  });
  const { port } = await listener.listen('127.0.0.1', 0);
  return { port, minted, listener, seen, asked, identified, problems };
}

export interface Got {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** One request through Node's own client. */
export function send(
  harness: Harness,
  options: {
    method?: string;
    path?: string;
    headers?: Record<string, string | string[]>;
    body?: string | Uint8Array;
  } = {},
): Promise<Got> {
  const { method = 'POST', path = '/token', body } = options;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...options.headers };
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        ...{ host: '127.0.0.1', servername: 'localhost', port: harness.port, ca: harness.minted.ca },
        method,
        path,
        headers,
        agent: false,
      },
      async (answer) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A bare TLS connection. */
export const open = (harness: Harness): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: harness.port, ca: harness.minted.ca, servername: 'localhost' });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });

/** Everything that comes back until the broker closes the connection, and after how long that was. */
export async function untilClosed(socket: TLSSocket): Promise<{ text: string; elapsedMs: number }> {
  const begun = performance.now();
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return { text, elapsedMs: performance.now() - begun };
}

/** Sends bytes as they are and waits for the end of the connection. */
export async function sendRaw(harness: Harness, bytes: string): Promise<string> {
  const socket = await open(harness);
  const closed = untilClosed(socket);
  socket.write(bytes);
  return (await closed).text;
}
