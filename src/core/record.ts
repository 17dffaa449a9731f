// The record of one request (docs/records.md): opened before the first check, filled as phases finish, closed on every exit.
// It holds names, reasons and hashes; never a token, a key, or the value of a claim that nobody proved. What every record of a request
// has, and that of an exchange; those of questions are own-token-record.ts and caller-identity-record.ts.

import { namedBeside } from './actor.ts';
import { claimPath, walkClaims } from './claim-path.ts';
import type { ClientMethod, ProvedClient } from './client.ts';
import type { CloudSession } from './cloud.ts';
import type { Decision, ProvedGrant, RuleTrace, Would } from './decision.ts';
import type { Json } from './json.ts';
import type { AccountedClaims, Actor, Actors, Origin, ProvedPrincipal, Role } from './principal.ts';
import type { Refusal } from './refusal.ts';
import type { Ask, CallerRequest, Received } from './request.ts';

/** A role's identity as recorded. */
export interface RecordedPrincipal {
  readonly source: string;
  readonly iss: string;
  readonly sub: string;
  readonly name: string;
  /** Of a token's signing input or of a certificate; undefined for a shared secret. */
  readonly sha256: string | undefined;
}

/** One who acts, as `act` says it: with a name where what stands in `act` makes none. */
export interface RecordedActor {
  readonly iss: string;
  readonly sub: string;
  readonly name?: string;
}

/** The client as recorded, beside its role: by which name it is registered, and how it authenticated. */
export interface RecordedClient {
  readonly id: string;
  readonly method: ClientMethod;
}

/** One recorded claim: the path of member names, and the value as proved (the audit writer cuts and hashes it). */
export interface RecordedClaim {
  readonly path: readonly string[];
  readonly value: Json;
}

/** What the record of any request has. */
export interface RecordBase {
  readonly event: 'exchange' | 'introspection' | 'revocation' | 'caller_identity';
  readonly decision: string;
  /** Seconds since the epoch, with milliseconds. */
  readonly time: number;
  readonly transport: string;
  readonly peer: string;
  readonly traceId: string | undefined;
  /** The thumbprint of the certificate that the peer presented, whatever it served for. */
  readonly mtls: string | undefined;
  /** The thumbprint of the key that a DPoP proof proved. */
  dpop: string | undefined;
  outcome: 'granted' | 'answered' | 'refused' | 'failed';
  /** Why not. `fault` where the broker itself failed. */
  reason: string | undefined;
  /** The reason's own evidence. */
  evidence: object | undefined;
  roles: Partial<Record<Role, RecordedPrincipal>>;
  /** The `client_id` sent without proof, hashed or not is the writer's business: it is cut like any value. */
  unprovedClientId: string | undefined;
  client: RecordedClient | undefined;
  policy: { readonly digest: string; readonly generation: number } | undefined;
}

export interface ExchangeRecord extends RecordBase {
  readonly event: 'exchange';
  readonly grantType: string | undefined;
  /** Nothing was issued, nor would have been: the request only asked. */
  readonly dryRun: true | undefined;
  outcome: 'granted' | 'refused' | 'failed';
  reason: Refusal['reason'] | 'fault' | undefined;
  /** Who acts by what was granted, else by the subject's own credential, the current one first; undefined where nobody does. */
  actors: readonly RecordedActor[] | undefined;
  /** The tokens that it was made of, oldest first, and the first proof; undefined where nothing was issued. */
  lineage: readonly string[] | undefined;
  origin: Origin | undefined;
  claims: readonly RecordedClaim[];
  /** Names of the proved claims whose values are not recorded. */
  otherClaims: readonly string[];
  /** Of those, the ones that neither a standard, nor the platform's table, nor a rule accounts for. */
  unknownClaims: readonly string[];
  /** What a proved caller asked for, in its own words: without it a refusal cannot be told from another. */
  asked: Ask | undefined;
  /** What was granted. */
  target: string | undefined;
  /** The target's parameters; undefined where it has none. */
  parameters: Readonly<Record<string, string>> | undefined;
  scopes: readonly string[] | undefined;
  rule: string | undefined;
  owner: string | undefined;
  trace: readonly RuleTrace[];
  would: readonly Would[];
  jti: string | undefined;
  /** Expiry of what was issued, seconds since the epoch. */
  exp: number | undefined;
  /** By how many seconds it outlives the credentials that it was made from; undefined where it does not. */
  outlives: number | undefined;
  /** Who that is in a cloud's own log, and the decision that a cloud was asked for, where that was an earlier one. */
  session: CloudSession | undefined;
  madeFor: string | undefined;
  /** The thumbprint of the key that what was issued is bound to: `mtls` or `dpop`. */
  boundTo: string | undefined;
}

/** What a record begins with, whatever was asked: as long as nobody says otherwise, the broker has failed. */
export function openBase(received: Received<CallerRequest>, decision: string, time: number) {
  return {
    decision,
    time,
    transport: received.transport,
    peer: received.peer,
    traceId: received.traceId,
    mtls: received.mtls,
    dpop: undefined,
    outcome: 'failed' as const,
    reason: 'fault' as const,
    evidence: undefined,
    roles: {},
    unprovedClientId: received.request.ok ? received.request.value.client.id : undefined,
    client: undefined,
    policy: undefined,
  } satisfies Omit<RecordBase, 'event'>;
}

/** Opens the record of an exchange, before anything about it has been checked. */
export function openRecord(received: Received, decision: string, time: number, dryRun?: true): ExchangeRecord {
  return {
    ...openBase(received, decision, time),
    event: 'exchange',
    grantType: received.grantType,
    dryRun,
    actors: undefined,
    lineage: undefined,
    origin: undefined,
    claims: [],
    otherClaims: [],
    unknownClaims: [],
    asked: undefined,
    target: undefined,
    parameters: undefined,
    scopes: undefined,
    rule: undefined,
    owner: undefined,
    trace: [],
    would: [],
    jti: undefined,
    exp: undefined,
    outlives: undefined,
    session: undefined,
    madeFor: undefined,
    boundTo: undefined,
  };
}

/** Notes which policy decides. */
export function notePolicy(
  record: RecordBase,
  { generation, policy }: { readonly generation: number; readonly policy: { readonly digest: string } },
): void {
  record.policy = { digest: policy.digest, generation };
}

/** Notes which client was proved, and how. */
export function noteClient(record: RecordBase, { id, method, principal }: ProvedClient): void {
  record.roles.client = recorded(principal);
  record.client = { id, method };
  record.unprovedClientId = undefined;
}

/** Notes the key that a DPoP proof proved. */
export function noteKey(record: RecordBase, dpop: { readonly jkt: string } | undefined): void {
  record.dpop = dpop?.jkt;
}

/** Notes whom an actor token proved. */
export function noteActor(record: ExchangeRecord, actor: ProvedPrincipal): void {
  record.roles.actor = recorded(actor);
}

const recorded = ({ source, issuer, subject, name, proof }: ProvedPrincipal): RecordedPrincipal => ({
  source,
  iss: issuer,
  sub: subject,
  name,
  sha256: proof.sha256,
});

/** Notes whom the token is about, with the values of the claims that a rule or the kind's table names. */
export function noteSubject(record: ExchangeRecord, subject: ProvedPrincipal, named: ReadonlySet<string>): void {
  record.roles.subject = recorded(subject);
  record.actors = recordedActors(subject.proof.carried?.actors ?? []);
  const claims: RecordedClaim[] = [];
  const others: string[] = [];
  const unknown: string[] = [];
  const { accounted } = subject.proof;
  walkClaims(subject.claims, (key, value) => {
    const path = claimPath(key);
    if (named.has(key)) return void claims.push({ path, value });
    const name = path.join('/');
    others.push(name);
    if (accounted && !isAccounted(accounted, key)) unknown.push(name);
  });
  record.claims = claims;
  record.otherClaims = others;
  record.unknownClaims = unknown;
}

const isAccounted = ({ keys, prefixes }: AccountedClaims, key: string): boolean =>
  keys.has(key) || prefixes.some((prefix) => key.startsWith(prefix));

/** Notes what policy decided. */
export function noteDecision(record: ExchangeRecord, decision: Decision<ProvedPrincipal>): void {
  record.trace = decision.trace;
  record.would = decision.would;
  if (!decision.granted) return;
  const { target, parameters, actors } = decision.grant;
  record.actors = recordedActors(actors);
  record.target = target;
  record.parameters = Object.keys(parameters).length > 0 ? parameters : undefined;
  record.scopes = decision.grant.scopes;
  record.rule = decision.grant.rule.name;
  record.owner = decision.grant.rule.owner;
}

/** What an order says that is recorded. */
interface OrderedFacts {
  readonly id: string;
  readonly grant: Pick<ProvedGrant, 'boundTo' | 'subject' | 'actor'>;
  readonly lineage: readonly string[];
  readonly origin: Origin;
}

/** What was issued, as far as it is recorded. */
interface IssuedFacts {
  readonly expiresAt: number;
  readonly cloud?: { readonly session: CloudSession };
  readonly madeFor?: string;
}

/** Closes the record with what was issued. */
export function noteIssued(record: ExchangeRecord, order: OrderedFacts, issued: IssuedFacts): void {
  const { id, lineage, origin } = order;
  const { boundTo, subject, actor } = order.grant;
  record.outcome = 'granted';
  record.reason = undefined;
  record.jti = id;
  record.exp = issued.expiresAt;
  const ends = Math.floor(Math.min(subject.proof.expiresAt, actor?.proof.expiresAt ?? Number.POSITIVE_INFINITY));
  record.outlives = issued.expiresAt > ends ? issued.expiresAt - ends : undefined;
  record.session = issued.cloud?.session;
  record.madeFor = issued.madeFor;
  record.boundTo = boundTo && ('jkt' in boundTo ? boundTo.jkt : boundTo['x5t#S256']);
  record.lineage = lineage.length > 0 ? lineage : undefined;
  record.origin = origin;
}

const recordedActors = (actors: Actors): ExchangeRecord['actors'] =>
  actors.length > 0 ? actors.map(recordedActor) : undefined;

function recordedActor(actor: Actor): RecordedActor {
  const name = namedBeside(actor);
  return { iss: actor.iss, sub: actor.sub, ...(name === undefined ? {} : { name }) };
}

/** Closes the record of a dry run with what it found: there is no `jti`, no expiry and no binding of what does not exist. */
export function noteWouldGrant(record: ExchangeRecord): void {
  record.outcome = 'granted';
  record.reason = undefined;
}

/** Closes the record with a refusal. */
export function noteRefusal(record: RecordBase, refusal: Refusal): void {
  const { reason, ...evidence } = refusal;
  record.outcome = 'refused';
  record.reason = reason;
  record.evidence = Object.keys(evidence).length > 0 ? evidence : undefined;
}
