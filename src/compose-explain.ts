// The tools of `explain`, composed: a configuration as start and reload read it, asked without any network about claims that nobody
// proves. Which source would take them, what it would refuse, what policy says of whom they would be. Decides nothing itself.

import type {
  ExplainTools,
  JudgedClaims,
  OfflineClaims,
  OfflinePolicy,
  ShownWithdrawal,
  TokenHeader,
} from './adapters/cli/explain-tools.ts';
import type { BrokerPlace } from './adapters/cli/place.ts';
import { createOperator } from './adapters/control/operator.ts';
import { REQUESTS } from './audit/chain.ts';
import { openLines } from './audit/lines.ts';
import { timestamp } from './audit/record.ts';
import { assumedClient } from './compose-clients.ts';
import { type Configuration, type OpenSource, readOffline, type World } from './compose-configuration.ts';
import { tableOf } from './compose-kinds.ts';
import { createTold, namedSources } from './compose-names.ts';
import type { Cause, Foreseen } from './core/cause.ts';
import { type Acting, delegationOf, nestedOf } from './core/delegation.ts';
import { isJsonObject, type Json, type JsonObject } from './core/json.ts';
import type { Principal } from './core/principal.ts';
import type { CredentialRefusal, LackingFile } from './core/refusal.ts';
import { readBoundedInput } from './files/bounded-file.ts';
import { readJson } from './parsing/json.ts';
import { SELF } from './platforms/self.ts';
import { delegationCause } from './policy/explain/actor-cause.ts';
import { unknownTarget } from './policy/explain/asked-for.ts';
import {
  actorWithoutClient,
  credentialCause,
  presenterCause,
  type SourceFacts,
} from './policy/explain/credential-cause.ts';
import { explainQuestion } from './policy/explain/explain.ts';
import { nearMiss } from './policy/explain/hints.ts';
import { nearestIssuer } from './policy/explain/issuer-cause.ts';
import { lackingFile } from './verifiers/lacking-file.ts';
import { readIdentity } from './verifiers/name-read.ts';

/** `socketOf` finds the control socket of the running broker. */
export const explainTools = (world: World, socketOf: (broker: BrokerPlace) => Promise<string>): ExplainTools => ({
  nowSeconds: world.clock.nowSeconds,
  async readInput(bytesMax) {
    const text = await readBoundedInput(bytesMax);
    return text === undefined ? undefined : Buffer.from(text, 'latin1');
  },
  async load(path) {
    const read = await readOffline(world, path);
    if (!read.ok) return read;
    const { config, sources, clients, compiled } = read.configuration;
    const offline = {
      sources: sources.map(({ config }) => config.name),
      clients: clients.map(({ settings }) => assumedClient(config, settings)),
      judge: (claims: OfflineClaims) => judgeClaims(read.configuration, claims),
      named: (identity: string) => namedPrincipal(read.configuration, identity),
      acting: (request: Acting<Principal>) => actingIn(read.configuration, request),
      explain: (question: Parameters<typeof explainQuestion>[1]) => explainQuestion(compiled, question),
      unknownTarget: (targets: readonly string[]) => unknownTarget(compiled, targets),
    };
    return { ok: true as const, offline };
  },
  hint(presented, expected) {
    const [value, wanted] = [readJson(presented), readJson(expected)];
    if (!value.ok || !wanted.ok || typeof wanted.value === 'object') return undefined;
    return nearMiss(value.value, wanted.value);
  },
  async decision(id, broker) {
    const operator = createOperator(await socketOf(broker));
    return id === 'last' ? operator.lastDecision() : operator.decision(id);
  },
  async recorded(id, trail) {
    for await (const line of openLines(trail)) {
      const record = line.includes(id) ? readLine(line) : undefined;
      // Other records name decisions too, and are none.
      if (record?.decision === id && REQUESTS.some((event) => event === record.event)) return record;
    }
    return undefined;
  },
  async withdrawal(id, place) {
    if ('trail' in place) return place.trail === '-' ? undefined : recordedWithdrawal(id, place.trail);
    const all = await createOperator(await socketOf(place)).withdrawals();
    const found = all.find((one) => one.id === id);
    if (!found) return undefined;
    const { atSeconds, why } = found;
    const common = { since: timestamp(atSeconds), why };
    if (found.kind === 'block') return { what: 'block', of: found.identity, ...common };
    return { what: `revoke ${found.what}`, of: found.of, ...common };
  },
});

/** By the record of the command. */
async function recordedWithdrawal(id: string, trail: string): Promise<ShownWithdrawal | undefined> {
  const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '-');
  for await (const line of openLines(trail)) {
    const record = line.includes(id) ? readLine(line) : undefined;
    if (record?.id !== id && record?.withdrawal !== id) continue;
    const { event, identity, what, of, at, why, token, time } = record;
    if (event === 'revocation') {
      const jti = isJsonObject(token) ? text(token.jti) : '-';
      return { what: 'revoke chain', of: jti, since: text(time), why: 'its client asked to revoke it' };
    }
    if (event === 'block') return { what: 'block', of: text(identity), since: text(at), why: text(why) };
    if (event === 'revoke') return { what: `revoke ${text(what)}`, of: text(of), since: text(at), why: text(why) };
  }
  return undefined;
}

/** A line that is no JSON object is none of ours. */
function readLine(line: string): JsonObject | undefined {
  const read = readJson(line);
  return read.ok && isJsonObject(read.value) ? read.value : undefined;
}

/** What the broker would come to before any rule; and behind what it refuses, whom the claims would be of. */
async function judgeClaims(configuration: Configuration, asked: OfflineClaims): Promise<JudgedClaims> {
  const { claims, header, nowSeconds } = asked;
  const client = configuration.clients.find(({ settings }) => settings.id === asked.client)?.settings;
  const facts = factsOf(configuration);
  const routed = routeOf(configuration, asked);
  const foreseen = routed.open && foresee(routed.open, asked);
  const lacking = header && routed.open && (await lackingKey(routed.open, header));
  const source = facts.find(({ name }) => name === routed.open?.config.name);
  const causeOf = (refusal: CredentialRefusal, about = source): Cause => {
    const cause = credentialCause({
      refusal,
      claims,
      header: header?.header,
      source: about,
      sources: facts,
      nowSeconds,
    });
    return asked.role === 'actor' ? { ...cause, by: cause.by === undefined ? 'actor' : `actor of ${cause.by}` } : cause;
  };
  const refusals: readonly CredentialRefusal[] = [
    ...(foreseen?.refusals ?? []),
    ...(lacking ? [{ role: asked.role, reason: 'key_unknown', lacking } as const] : []),
  ];
  const { endsAtSeconds } = foreseen ?? {};
  const carried = routed.open?.verifier.carries?.(claims);
  // Within the leeway a credential is proved, and nothing can be issued that would not outlive it (core/issue.ts).
  const expired = refusals.some(({ reason }) => reason === 'expired');
  const over = endsAtSeconds !== undefined && Math.floor(endsAtSeconds) <= Math.floor(nowSeconds);
  return {
    principal: foreseen?.principal,
    causes: [
      ...(routed.refusal ? [causeOf(routed.refusal, routed.named ? source : undefined)] : []),
      ...refusals.map((refusal) => causeOf(refusal)),
    ],
    presenter: source && foreseen && presenterOf(asked, source, foreseen, client),
    carried: carried?.ok ? carried.value : undefined,
    lacking,
    timed: header !== undefined || claims.exp !== undefined,
    endsAtSeconds,
    over: over && !expired ? causeOf({ role: 'subject', reason: 'expired' }) : undefined,
  };
}

/** Why such a credential may not be presented so. Of our own tokens the audience is their own. */
function presenterOf(
  { claims, role }: OfflineClaims,
  source: SourceFacts,
  { presenter }: Foreseen,
  client: Parameters<typeof presenterCause>[1],
): Cause | undefined {
  const audience = source.table.kind === SELF.kind ? String(claims.aud) : source.audience;
  if (presenter === 'client') return presenterCause({ ...source, audience }, client);
  return role === 'actor' && !client ? actorWithoutClient(source) : undefined;
}

/** Somebody of whom only the name is known. */
function namedPrincipal(
  configuration: Configuration,
  identity: string,
): { readonly ok: true; readonly principal: Principal } | { readonly ok: false; readonly problem: string } {
  const sources = namedSources(configuration);
  const found = readIdentity(sources, identity);
  if (!found.ok) return found;
  const claims = createTold(configuration)(found.source, identity);
  const view = sources.find(({ name }) => name === found.source);
  const subject = typeof claims.sub === 'string' ? claims.sub : '';
  const kind = view?.table.kind ?? '';
  return {
    ok: true,
    principal: { source: found.source, kind, issuer: view?.issuer ?? '', subject, name: identity, claims },
  };
}

/** Who acts, and acted before; where nobody may act so, as if they might. */
function actingIn({ verifiers }: Configuration, request: Acting<Principal>): ReturnType<OfflinePolicy['acting']> {
  const { actor, carried } = request;
  const delegation = delegationOf(request, verifiers.whoIs);
  if (typeof delegation !== 'string') return { delegation, cause: undefined };
  const actors = carried?.actors ?? [];
  return {
    delegation: {
      actor,
      actors,
      nested: nestedOf([request.subject, actor], actors, verifiers.whoIs),
      restricted: false,
      scopesMax: carried?.scopesMax,
    },
    cause: delegationCause(delegation, request, verifiers.whoIs),
  };
}

function foresee({ verifier }: OpenSource, { claims, header, nowSeconds, role }: OfflineClaims): Foreseen {
  if (verifier.foresee) return verifier.foresee(claims, header, nowSeconds, role);
  const assumed = verifier.assume(claims);
  return {
    principal: assumed.ok ? assumed.value : undefined,
    refusals: assumed.ok ? [] : [assumed.refusal],
    endsAtSeconds: undefined,
    presenter: 'self',
  };
}

interface Routed {
  /** The responsible source; or, where there is none, the one that was probably meant. */
  readonly open: OpenSource | undefined;
  readonly refusal: CredentialRefusal | undefined;
  /** Whether the source was chosen by name. */
  readonly named: boolean;
}

function routeOf({ sources, verifiers }: Configuration, { source: name, claims }: OfflineClaims): Routed {
  const { iss } = claims;
  const named = sources.find(({ config }) => config.name === name);
  if (named) {
    const { issuer, otherIssuers, kind } = named.config;
    const fits =
      iss === undefined || kind === 'spiffe' || iss === issuer || otherIssuers.some((other) => other === iss);
    const refusal = fits ? undefined : ({ role: 'subject', reason: 'issuer_unknown' } as const);
    return { open: named, refusal, named: true };
  }
  const routed = verifiers.responsible(claims);
  if (routed.ok)
    return { open: sources.find(({ verifier }) => verifier === routed.value), refusal: undefined, named: false };
  const near =
    typeof iss === 'string'
      ? nearestIssuer(
          iss,
          sources.map(({ config }) => config),
        )
      : undefined;
  const meant = routed.refusal.reason === 'issuer_unknown' ? near?.source.name : undefined;
  return { open: sources.find(({ config }) => config.name === meant), refusal: routed.refusal, named: false };
}

const factsOf = ({ config, compiled }: Configuration): readonly SourceFacts[] =>
  config.sources.map((source) => ({
    ...source,
    table: tableOf(source.kind),
    require: compiled.sources.find(({ name }) => name === source.name)?.require ?? [],
  }));

/** What a source's file of keys lacks for a token. Keys that are fetched are not known here. */
async function lackingKey({ config, keys }: OpenSource, { alg, kid }: TokenHeader): Promise<LackingFile | undefined> {
  const algorithm = tableOf(config.kind).algorithms.find((known) => known === alg);
  const found = algorithm && (await keys.keys.find({ alg: algorithm, kid }));
  return found?.found === 'none' ? lackingFile(found, { alg, kid }).lacking : undefined;
}
