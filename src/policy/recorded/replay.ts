// Decides on a recorded request again, by another policy than the one that decided then (`diff --against`, `suggest`): by decide.ts where
// everything that the policy looks at was recorded, else by what must be and what may be. What only proving knows is taken as it was, who
// may act among it, but for what configuration now requires: a source that is gone, its `require`, a client that is no longer registered.

import { hash } from 'node:crypto';
import { CLIENTS_SOURCE } from '../../core/client.ts';
import type { Binding, Question } from '../../core/decision.ts';
import type { Policy } from '../../core/ports.ts';
import type { Actors, Confirmation, Principal } from '../../core/principal.ts';
import type { Reason } from '../../core/refusal.ts';
import type { Ask } from '../../core/request.ts';
import { render } from '../../parsing/template.ts';
import type { CompiledPolicy, CompiledSource, CompiledTarget } from '../compiled.ts';
import { createPolicy } from '../decide.ts';
import { holdsUnder, type KnowledgeOf, knowing } from '../walk/known.ts';
import { createPartialPolicy, type PartialDecision } from '../walk/partial.ts';
import type { PartialDelegation, PartialPrincipal } from '../walk/weigh.ts';
import type { RecordedRequest, RecordedText } from './recorded.ts';
import {
  actorsGranted,
  type IdentitiesKnown,
  identityKnown,
  nestedIn,
  principalOf,
  recordedCeiling,
  recordedDelegation,
} from './recorded-actors.ts';
import { type AskedPaths, areWhole, askedPaths, recordedKnowledge } from './recorded-claims.ts';

/** What would be granted. */
export interface ReplayedGrant {
  readonly rule: string;
  readonly target: string;
  /** With its parameters; undefined where they hang on a claim that is not known. */
  readonly address: string | undefined;
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  readonly boundTo: string | undefined;
  readonly actors: Actors;
}

export type Replayed =
  /** One of these, whatever is not known. */
  | { readonly outcome: 'granted'; readonly grants: readonly ReplayedGrant[] }
  | { readonly outcome: 'refused'; readonly reasons: readonly Reason[]; readonly rule: string | undefined }
  /** `open`: the claims that it hangs on, or the part of the record that is missing. */
  | { readonly outcome: 'untold'; readonly open: readonly string[] };

export interface ReplayParts {
  readonly identities: IdentitiesKnown;
  /** Whether nothing made from a token of a source has scopes that the token has not. */
  readonly isCeiling: (source: string) => boolean;
  readonly policy: CompiledPolicy;
  /** Registered clients, and whether what is issued through each must be bound. */
  readonly clients: ReadonlyMap<string, { readonly proofRequired: boolean }>;
}

export type Replay = (request: RecordedRequest) => Replayed;

interface World extends ReplayParts {
  readonly whole: Policy;
  readonly partial: ReturnType<typeof createPartialPolicy>;
  readonly sources: ReadonlyMap<string, { readonly source: CompiledSource; readonly paths: AskedPaths }>;
  readonly targets: ReadonlyMap<string, CompiledTarget>;
  readonly named: (sha256: string) => string | undefined;
}

/** Decides recorded requests again, by this policy. */
export function createReplay(parts: ReplayParts): Replay {
  const { policy } = parts;
  const world: World = {
    ...parts,
    whole: createPolicy(policy),
    partial: createPartialPolicy(policy),
    sources: new Map(
      policy.sources.map((source) => [source.name, { source, paths: askedPaths(source.claimsNamed) }] as const),
    ),
    targets: new Map(policy.targets.map((target) => [target.name, target])),
    named: textsByHash(policy.targets),
  };
  return (request) => replay(world, request);
}

function replay(world: World, request: RecordedRequest): Replayed {
  const found = world.sources.get(request.subject.source);
  if (!found) return refused(['issuer_unknown']);
  const unregistered = request.client && !isRegistered(world, request, request.client);
  if (unregistered) return refused(['client_credential_refused']);
  const knowledge = recordedKnowledge(request.claims);
  const unmet = unmetRequire(found.source, knowledge);
  if (unmet === 'unmet') return refused(['requirement_unmet']);
  const actorSource = request.actor && world.sources.get(request.actor.source);
  if (request.actor && !actorSource) return refused(['issuer_unknown']);
  const ask = askOf(world, request);
  if (!ask) return untold(['asked']);
  const acting = recordedDelegation(request, world.identities);
  if (typeof acting === 'string') return untold([acting]);
  const ofActor = acting.actor && actorSource ? unmetRequire(actorSource.source, acting.actor.knowledge) : [];
  if (ofActor === 'unmet') return refused(['requirement_unmet']);
  const ceiling = recordedCeiling(request, world.isCeiling(request.subject.source));
  const scopesMax = typeof ceiling === 'string' ? undefined : ceiling;
  const asked: Asked = { ask, knowledge, delegation: { ...acting, scopesMax } };
  const isWhole = unmet.length + ofActor.length === 0 && areWhole(request.claims, found.paths);
  const whole = isWhole && isClientWhole(world, request) && isActorWhole(world, request);
  const decided = whole ? decideWhole(world, request, asked) : decidePartly(world, request, asked);
  const open = [...unmet, ...ofActor.map((what) => `actor ${what}`), ...(typeof ceiling === 'string' ? [ceiling] : [])];
  return decided.outcome === 'granted' && open.length > 0 ? untold(open) : decided;
}

const untold = (open: readonly string[]): Replayed => ({ outcome: 'untold', open });

/** What a recorded request asks, and who acts in it. */
interface Asked {
  readonly ask: Ask;
  /** Of the subject. */
  readonly knowledge: KnowledgeOf;
  readonly delegation: PartialDelegation;
}

const refused = (reasons: readonly Reason[], rule?: string): Replayed => ({ outcome: 'refused', reasons, rule });

/** A workload that is its own client by its SVID need not be registered. */
const isRegistered = (
  { clients }: World,
  request: RecordedRequest,
  { id, method }: NonNullable<RecordedRequest['client']>,
): boolean => clients.has(id) || (method.startsWith('spiffe_') && isSubject(request));

/** The client is the subject itself: the two are one principal. */
const isSubject = ({ subject, client }: RecordedRequest): boolean =>
  client !== undefined && client.source === subject.source && client.name === subject.name;

/** The claims on which the source's `require` hangs; none where it is met. */
function unmetRequire({ require }: CompiledSource, knowledge: KnowledgeOf): readonly string[] | 'unmet' {
  const open: string[] = [];
  for (const condition of require) {
    const truth = holdsUnder(condition, knowledge(condition.path));
    if (truth === 'open') open.push(condition.what);
    else if (truth !== 'true') return 'unmet';
  }
  return open;
}

/** Of a client that signs a JWT-SVID only `sub` is recorded; every other has no claim but that. */
function isClientWhole({ sources }: World, request: RecordedRequest): boolean {
  const { client } = request;
  if (client?.method !== 'spiffe_jwt' || isSubject(request)) return true;
  const paths = sources.get(client.source)?.paths.joined;
  return paths === undefined || (paths.size === 1 && paths.has('sub'));
}

/** Of an actor `sub` is recorded, and its name tells more. */
function isActorWhole({ sources, identities }: World, { actor }: RecordedRequest): boolean {
  const paths = actor && sources.get(actor.source)?.paths.joined;
  if (!paths) return true;
  const known = identityKnown(actor, identities);
  return [...paths].every((path) => known.knowledge(path.split('/')).is === 'known');
}

/** Hashed texts are known again where they are names or addresses of this configuration; else what was asked is not known. */
function askOf({ named, targets }: World, { asked, was }: RecordedRequest): Ask | undefined {
  if (!asked) {
    const target = was.granted ? targets.get(was.target) : undefined;
    if (!was.granted || !was.scopes) return undefined;
    return { targets: [target ? render(target.address, was.parameters) : was.target], scopes: was.scopes };
  }
  const known = asked.targets.map((text) => textIn(named, text));
  const texts = known.filter((text) => text !== undefined);
  if (texts.length < known.length) return undefined;
  // A hashed scope that no target has is no scope of anybody.
  return { targets: texts, scopes: asked.scopes?.map((text) => textIn(named, text) ?? '') };
}

const textIn = (named: World['named'], text: RecordedText): string | undefined =>
  typeof text === 'string' ? text : named(text.sha256);

function textsByHash(targets: readonly CompiledTarget[]): World['named'] {
  let texts: ReadonlyMap<string, string> | undefined;
  const all = () => targets.flatMap(({ name, address, scopes }) => [name, address, ...scopes]);
  return (sha256) => {
    // Long names are rare: most trails never ask.
    texts ??= new Map(all().map((text) => [hash('sha256', text), text]));
    return texts.get(sha256);
  };
}

/** A subject that is bound has its `cnf` among its claims; a client that is bound has it in the configuration. */
function bindingOf({ clients }: World, request: RecordedRequest): Binding {
  const { claims, client, mtls, dpop, was } = request;
  const confirmed = Object.hasOwn(claims.known, 'cnf') || claims.named.some((name) => name.startsWith('cnf/'));
  const demanded = client !== undefined && clients.get(client.id)?.proofRequired === true;
  const own = was.granted && was.issued?.boundTo !== undefined && isSubject(request);
  const certificate = mtls === undefined ? undefined : { 'x5t#S256': mtls };
  // Whoever sends a proof gets a bound token or none (RFC 9449 §5).
  const required = confirmed || demanded || own || dpop !== undefined;
  return { key: dpop === undefined ? certificate : { jkt: dpop }, required };
}

function decideWhole(world: World, request: RecordedRequest, { ask, delegation }: Asked): Replayed {
  const subject = principalOf(request.subject, request.claims.known);
  const { client, actor } = request;
  const { identities } = world;
  const question: Question<Principal> = {
    subject,
    client: client && {
      id: client.id,
      principal: isSubject(request) ? subject : principalOf(client, { sub: client.sub }),
    },
    binding: bindingOf(world, request),
    delegation: {
      ...delegation,
      actor: actor && principalOf(actor, { sub: actor.sub, ...identities.told(actor.source, actor.name) }),
      nested: nestedIn(request, delegation.actors, identities),
    },
    ask,
    now: request.time,
  };
  const decision = world.whole.decide(question);
  if (!decision.granted) {
    const { refusal } = decision;
    return refused([refusal.reason], 'rule' in refusal ? refusal.rule : undefined);
  }
  const { grant } = decision;
  const target = world.targets.get(grant.target);
  const address = target && render(target.address, grant.parameters);
  const { scopes, lifetimeSeconds, actors } = grant;
  const boundTo = thumbprintOf(grant.boundTo);
  const rule = grant.rule.name;
  const granted = { rule, target: grant.target, address, scopes, lifetimeSeconds, boundTo, actors };
  return { outcome: 'granted', grants: [granted] };
}

function decidePartly(world: World, request: RecordedRequest, { ask, knowledge, delegation }: Asked): Replayed {
  const { source, name } = request.subject;
  const subject: PartialPrincipal = { source, name, knowledge };
  const { client } = request;
  const binding = bindingOf(world, request);
  const decision = world.partial({
    subject,
    client: client && { id: client.id, principal: isSubject(request) ? subject : partialClient(client) },
    delegation,
    binding,
    ask,
    now: request.time,
  });
  return replayedOf(decision, request, { ask, delegation }, binding);
}

function partialClient({ source, name, sub, method }: NonNullable<RecordedRequest['client']>): PartialPrincipal {
  const known = knowing({ sub });
  const all = source === CLIENTS_SOURCE || method !== 'spiffe_jwt';
  return { source, name, knowledge: (path) => (all || path[0] === 'sub' ? known(path) : { is: 'unknown' }) };
}

const thumbprintOf = (key: Confirmation | undefined): string | undefined =>
  key && ('jkt' in key ? key.jkt : key['x5t#S256']);

function replayedOf(
  decision: PartialDecision,
  request: RecordedRequest,
  { ask, delegation }: Pick<Asked, 'ask' | 'delegation'>,
  { key, required }: Binding,
): Replayed {
  if (decision.outcome === 'refused') return refused(decision.reasons);
  if (decision.outcome === 'undetermined') {
    const open = decision.hinges.flatMap(({ conditions }) => conditions.map(({ what }) => what));
    const confirmed = decision.reasons.includes('confirmation_wanted') ? ['auth_time', 'acr'] : [];
    return untold([...new Set(open.length > 0 ? open : confirmed)].sort());
  }
  const grants = decision.grants.map(({ rule, target, address, lifetimeSeconds }) => ({
    rule: rule.name,
    target: target.name,
    address,
    scopes: ask.scopes ?? target.defaultScopes,
    lifetimeSeconds,
    boundTo: target.require.proof || required ? thumbprintOf(key) : undefined,
    actors: actorsGranted(rule.actor, request, delegation.actors),
  }));
  return { outcome: 'granted', grants };
}
