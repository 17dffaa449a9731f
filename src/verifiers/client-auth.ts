// Authenticates OAuth clients (RFC 6749 §2.3, RFC 8705 §2, draft-ietf-oauth-spiffe-client-auth §3). A registered client has exactly one
// method and any other credential for it is refused; a SPIFFE workload needs no registration to ask for itself. At most one
// credential in a request (OA-02, JA-09); a certificate beside another credential serves binding only.

import type { PresentedClient, ProvedClient } from '../core/client.ts';
import type { ClientPurpose, Clients, Verifiers } from '../core/ports.ts';
import {
  type ClientProblem,
  type ClientRefusal,
  type CredentialRefusal,
  ok,
  type Result,
  refuse,
  type UnavailableRefusal,
} from '../core/refusal.ts';
import { JWT_BEARER_GRANT, JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT } from '../core/request.ts';
import { parseBasic } from '../parsing/basic.ts';
import { parseJws } from '../parsing/jws.ts';
import { assertedClient, createAssertionVerifier } from './client-assertion.ts';
import { createCertificateVerifier } from './client-certificate.ts';
import { type ClientSettings, matchesSpiffe } from './client-kind.ts';
import { clientPrincipal, secretProblem } from './client-secret.ts';
import type { SourceVerifier } from './kind.ts';

export interface ClientsParts {
  readonly clients: readonly ClientSettings[];
  /** Proves SVIDs. */
  readonly verifiers: Verifiers;
  readonly ownIssuer: string;
  readonly tokenEndpoint: string;
}

type Answer = Result<ProvedClient | undefined, ClientRefusal | CredentialRefusal | UnavailableRefusal>;
type Method = Extract<ClientRefusal, { reason: 'client_credential_refused' }>['method'];

export const JWT_BEARER_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const JWT_SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

const no = (method: Method, problem: ClientProblem) =>
  refuse<ClientRefusal>({ reason: 'client_credential_refused', method, problem });

/** Purposes for which somebody else's credential is presented: a workload that does so is registered, or is no client. */
const PRESENTING: ReadonlySet<ClientPurpose> = new Set([TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, 'cloud_identity']);

/** What every method needs. */
interface Known {
  readonly registered: ReadonlyMap<string, ClientSettings>;
  readonly assertions: ReadonlyMap<string, SourceVerifier>;
  readonly verifyCertificate: ReturnType<typeof createCertificateVerifier>;
  readonly verifiers: Verifiers;
  readonly ownIssuer: string;
}

/** One request. */
interface Asked {
  readonly presented: PresentedClient;
  /** Whether the client speaks of itself: then it must be somebody, and a SPIFFE workload needs no registration. */
  readonly forItself: boolean;
  readonly nowSeconds: number;
}

/** The port, over the registered clients. */
export function createClients({ clients, verifiers, ownIssuer, tokenEndpoint }: ClientsParts): Clients {
  const assertions = clients.flatMap(({ id, method }) => {
    if (method.by !== 'jwks') return [];
    const endpoint = method.tokenEndpointAudience ? tokenEndpoint : undefined;
    const verifier = createAssertionVerifier({ id, keys: method.keys, ownIssuer, tokenEndpoint: endpoint });
    return [[id, verifier] as const];
  });
  const known: Known = {
    registered: new Map(clients.map((client) => [client.id, client])),
    assertions: new Map(assertions),
    verifyCertificate: createCertificateVerifier(ownIssuer),
    verifiers,
    ownIssuer,
  };
  return Object.freeze({
    authenticate: (presented: PresentedClient, purpose: ClientPurpose, nowSeconds: number) =>
      authenticate(known, { presented, forItself: !PRESENTING.has(purpose), nowSeconds }),
  });
}

async function authenticate(known: Known, sent: Asked): Promise<Answer> {
  const presented = withoutStranger(known, sent.presented);
  const asked = { ...sent, presented };
  const methods = methodsOf(presented);
  const [method, second] = methods;
  if (second) return no(methods.includes('basic') ? 'basic' : second, 'several_methods');
  if (method === undefined) return byConnection(known, asked);
  switch (method) {
    case 'attestation':
      return no(method, 'unsupported');
    case 'basic':
      return byBasic(known, asked);
    case 'post':
      return bySecret(known, { id: presented.id, secrets: [presented.secret ?? ''], how: method }, asked.nowSeconds);
    case 'assertion':
      return byAssertion(known, asked);
  }
}

/**
 * Without the secret of a client that nobody registered, where such clients are nobody. What cannot be read, and every credential of a
 * registered client, stays and is judged: it is never left out because it is wrong.
 */
function withoutStranger({ registered }: Known, presented: PresentedClient): PresentedClient {
  const { strangers, authorization, id, secret } = presented;
  if (strangers === undefined) return presented;
  const basic = authorization === undefined ? [] : parseBasic(authorization);
  const isStranger = basic.length > 0 && !basic.some((reading) => registered.has(reading.id));
  const isPosted = secret !== undefined && id !== undefined && !registered.has(id);
  return {
    ...presented,
    ...(isStranger ? { authorization: undefined } : {}),
    ...(isPosted ? { secret: undefined } : {}),
  };
}

function byBasic(known: Known, { presented: { id, authorization = '' }, nowSeconds }: Asked): Answer {
  const readings = parseBasic(authorization);
  const [first] = readings;
  if (!first) return no('basic', /^basic /i.test(authorization) ? 'malformed' : 'unsupported');
  // Of the two readings the one that names a client; where neither does, all are alike.
  const named = (readings.find((reading) => known.registered.has(reading.id)) ?? first).id;
  if (id !== undefined && id !== named) return no('basic', 'client_id_differs');
  const secrets = readings.filter((reading) => reading.id === named).map(({ secret }) => secret);
  return bySecret(known, { id: named, secrets, how: 'basic' }, nowSeconds);
}

interface Secrets {
  readonly id: string | undefined;
  /** Every reading of what was sent. */
  readonly secrets: readonly string[];
  readonly how: 'basic' | 'post';
}

function bySecret({ registered, ownIssuer }: Known, { id, secrets, how }: Secrets, nowSeconds: number): Answer {
  if (id === undefined) return no(how, 'client_id_missing');
  const client = registered.get(id);
  const kept = client?.method.by === 'secret' ? client.method.secrets : [];
  const problem = secretProblem(kept, secrets, nowSeconds);
  if (!client) return no(how, 'unregistered');
  if (client.method.by !== 'secret') return no(how, 'other_method');
  if (problem) return no(how, problem);
  const method = how === 'basic' ? 'client_secret_basic' : 'client_secret_post';
  return ok({ ...terms(client), method, principal: clientPrincipal(id, ownIssuer), spends: undefined });
}

async function byAssertion(known: Known, asked: Asked): Promise<Answer> {
  const { id, assertion, assertionType } = asked.presented;
  if (assertion === undefined || assertionType === undefined) return no('assertion', 'malformed');
  if (assertionType === JWT_SPIFFE_ASSERTION) return bySvid(known, asked, assertion);
  if (assertionType !== JWT_BEARER_ASSERTION) return no('assertion', 'unsupported');

  const parsed = parseJws(assertion);
  if (!parsed.ok) return refuse({ role: 'client', reason: 'credential_malformed', problem: parsed.problem });
  const asserted = assertedClient(parsed.jws);
  if (asserted === undefined) return refuse({ role: 'client', reason: 'claim_missing', claim: 'sub' });
  if (id !== undefined && id !== asserted) return no('assertion', 'client_id_differs');
  const client = known.registered.get(asserted);
  const verifier = known.assertions.get(asserted);
  if (!client || !verifier) return no('assertion', client ? 'other_method' : 'unregistered');
  const proved = await verifier.verify(parsed.jws, JWT_TOKEN_TYPE, 'client', asked.nowSeconds);
  if (!proved.ok) return proved;
  const { sha256, jti = '', expiresAt, boundTo } = proved.value.proof;
  const principal = clientPrincipal(asserted, known.ownIssuer, { sha256, boundTo });
  return ok({ ...terms(client), method: 'private_key_jwt', principal, spends: { jti, untilSeconds: expiresAt } });
}

/** A JWT-SVID (SC-01, SC-02): agents cache it and hand it to several callers, so it is not spent (SJ-09). */
async function bySvid(
  { registered, verifiers }: Known,
  { presented: { id }, forItself, nowSeconds }: Asked,
  text: string,
): Promise<Answer> {
  if (id === undefined) return no('assertion', 'client_id_missing');
  const client = registered.get(id);
  if (client ? client.method.by !== 'spiffe' : !forItself)
    return no('assertion', client ? 'other_method' : 'unregistered');
  const proved = await verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, 'client', nowSeconds);
  return workload(registered, { id, client, proved, method: 'spiffe_jwt' });
}

/** No credential in the request itself: the certificate of the connection, or nobody. */
async function byConnection(known: Known, { presented, forItself, nowSeconds }: Asked): Promise<Answer> {
  const { id, certificates } = presented;
  // A certificate without `client_id` authenticates nobody (MT-01).
  if (id === undefined)
    return forItself ? no(certificates ? 'certificate' : 'none', 'client_id_missing') : ok(undefined);
  const client = known.registered.get(id);
  if (!client && !forItself) return ok(undefined);
  if (!client && !id.startsWith('spiffe://')) return no('none', 'unregistered');
  if (client && client.method.by !== 'certificate' && client.method.by !== 'spiffe')
    return no(certificates ? 'certificate' : 'none', certificates ? 'other_method' : 'credential_missing');
  if (!certificates) return no('none', 'credential_missing');
  if (client?.method.by !== 'certificate')
    return workload(known.registered, {
      id,
      client,
      proved: await known.verifiers.verify({ certificates }, 'client', nowSeconds),
      method: 'spiffe_x509',
    });
  const proved = known.verifyCertificate({ id, method: client.method, certificates, nowSeconds });
  if (!proved.ok) return proved;
  return ok({ ...terms(client), method: 'tls_client_auth', principal: proved.value, spends: undefined });
}

/** A SPIFFE workload: registered under another name, or as itself. */
function workload(
  registered: Known['registered'],
  {
    id,
    client,
    proved,
    method,
  }: {
    readonly id: string;
    readonly client: ClientSettings | undefined;
    readonly proved: Awaited<ReturnType<Verifiers['verify']>>;
    readonly method: 'spiffe_jwt' | 'spiffe_x509';
  },
): Answer {
  if (!proved.ok) return proved;
  const principal = proved.value;
  const wire = method === 'spiffe_jwt' ? 'assertion' : 'certificate';
  // A `sub` of another source's token never reads as one, but its name might.
  if (principal.kind !== 'spiffe') return no(wire, 'other_identity');
  const fits =
    client?.method.by === 'spiffe' ? matchesSpiffe(client.method.pattern, principal.name) : id === principal.name;
  if (!fits) return no(wire, client ? 'other_identity' : 'client_id_differs');
  const known = client
    ? terms(client)
    : { id, presents: [], introspects: [], proofRequired: mustProve(registered, id) };
  return ok({ ...known, method, principal, spends: undefined });
}

/** A workload that is registered as a client with `proof: required` does not escape that by asking under its own name. */
const mustProve = (registered: Known['registered'], id: string): boolean =>
  [...registered.values()].some(
    ({ method, proofRequired }) => proofRequired && method.by === 'spiffe' && matchesSpiffe(method.pattern, id),
  );

const terms = ({ id, presents, introspects, proofRequired }: ClientSettings) => ({
  id,
  presents,
  introspects,
  proofRequired,
});

function methodsOf(presented: PresentedClient): readonly Exclude<Method, 'certificate' | 'none'>[] {
  const { authorization, secret, assertion, assertionType, attested } = presented;
  return [
    ...(authorization === undefined ? [] : ['basic' as const]),
    ...(secret === undefined ? [] : ['post' as const]),
    ...(assertion === undefined && assertionType === undefined ? [] : ['assertion' as const]),
    ...(attested ? ['attestation' as const] : []),
  ];
}
