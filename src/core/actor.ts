// Who acts for the subject of a token: the claim `act`, its chain, and the claim `may_act` (RFC 8693 §4.1 and §4.4). The current actor
// stands outermost and the earliest innermost. A chain is wrapped, never overwritten, cut or dropped (TX-43); earlier actors tell and
// never allow (TX-42). Reads and writes claims; who is proved to act is prove.ts's business, and who may is policy's.

import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { ACT_BYTES_MAX, ACTORS_MAX } from './limits-delegation.ts';
import type { Actor, Actors, Principal } from './principal.ts';

/** Members that say nothing about who somebody is (TX-40): inside an actor they would be taken for the token's own. */
const NO_IDENTITY = ['exp', 'nbf', 'iat', 'aud', 'jti', 'scope', 'cnf', 'may_act'];

const NOBODY: Actors = Object.freeze([]);

/**
 * Reads `act`, or gives undefined where it is no chain of actors: an object with `sub`, and `iss` where that is not `issuer`, whose
 * token it is; bounded in depth and bytes, and refused beyond, never cut.
 */
export function readActors(act: Json | undefined, issuer: string): Actors | undefined {
  // Nobody acts in most tokens, and each is asked twice.
  if (act === undefined) return NOBODY;
  const actors: Actor[] = [];
  if (Buffer.byteLength(JSON.stringify(act)) > ACT_BYTES_MAX) return undefined;
  for (let link: Json | undefined = act; link !== undefined; ) {
    if (!isJsonObject(link) || actors.length === ACTORS_MAX) return undefined;
    const { iss = issuer, sub, act: earlier, ...others }: JsonObject = link;
    if (typeof sub !== 'string' || sub === '' || typeof iss !== 'string' || iss === '') return undefined;
    if (NO_IDENTITY.some((member) => Object.hasOwn(others, member))) return undefined;
    actors.push({ iss, sub, others });
    link = earlier;
  }
  return actors;
}

/** The claim `act` of a chain; undefined where nobody acts. */
export const actOf = (actors: Actors): JsonObject | undefined =>
  actors.reduceRight<JsonObject | undefined>(
    (act, { iss, sub, others }) => ({ iss, sub, ...others, ...(act ? { act } : {}) }),
    undefined,
  );

/** Whether a chain may be issued: no deeper and no longer than can be read again. */
export const fits = (actors: Actors): boolean =>
  actors.length === 0 ||
  (actors.length <= ACTORS_MAX && Buffer.byteLength(JSON.stringify(actOf(actors))) <= ACT_BYTES_MAX);

/**
 * A proved principal as an actor: `iss` and `sub` as proved. Where its name is not made of its `sub` (a CI job, whose `sub` changes under
 * one identity), the name stands beside them as `sub_id` (RFC 9493 §3.2.3), so that a block of it finds it in every chain.
 */
export function actorOf({ issuer, subject, name, source, kind }: Principal): Actor {
  const isOfSub =
    kind === 'spiffe' || kind === 'self' || name.startsWith(`${source}:`) === false || isPlain(name, subject);
  return { iss: issuer, sub: subject, others: isOfSub ? {} : { sub_id: { format: 'opaque', id: name } } };
}

const isPlain = (name: string, subject: string): boolean => {
  const own = name.slice(name.indexOf(':') + 1);
  // In a name that is a whole `sub` no colon is encoded: one of several parts may only look like it.
  if (own.includes('%3A')) return false;
  try {
    return decodeURIComponent(own) === subject;
  } catch {
    return false;
  }
};

/** The name that stands beside `iss` and `sub`, where one does. */
export function namedBeside({ others: { sub_id: id } }: Actor): string | undefined {
  return isJsonObject(id) && id.format === 'opaque' && typeof id.id === 'string' ? id.id : undefined;
}

/** Whether an actor is this principal, as it would be named itself: one `sub` can stand for several CI jobs. */
export const isActor = (actor: Actor, principal: Principal): boolean =>
  actor.iss === principal.issuer &&
  actor.sub === principal.subject &&
  namedBeside(actor) === namedBeside(actorOf(principal));

/** The names that an actor may have: the one beside it, and those of whomever it can be. */
export const namesOf = (
  actor: Actor,
  whoIs: (actor: Actor) => readonly Pick<Principal, 'name'>[],
): readonly string[] => [
  ...[namedBeside(actor)].filter((name) => name !== undefined),
  ...whoIs(actor).map(({ name }) => name),
];

/** The chain with whoever acts now at its head: as it was, where that is who acts already. */
export function chainOf(acting: Principal | undefined, earlier: Actors): Actors {
  if (!acting || (earlier[0] && isActor(earlier[0], acting))) return earlier;
  return [actorOf(acting), ...earlier];
}

/** Whether a claim `may_act` can be obeyed: an object that names a `sub`, with texts and objects only. */
export const isMayAct = (claim: Json | undefined): claim is JsonObject =>
  isJsonObject(claim) && typeof claim.sub === 'string' && (claim.iss === undefined || typeof claim.iss === 'string');

/**
 * Whether `may_act` means this principal: every member of it, an absent `iss` standing for `issuer`, whose token it is (TX-45). Members
 * beside `iss` and `sub` are compared with the claims of the actor's own credential.
 */
export function mayAct(claim: JsonObject, actor: Principal, issuer: string): boolean {
  const { iss = issuer, sub, ...others } = claim;
  return (
    iss === actor.issuer &&
    sub === actor.subject &&
    Object.entries(others).every(
      ([member, value]) =>
        Object.hasOwn(actor.claims, member) && JSON.stringify(actor.claims[member]) === JSON.stringify(value),
    )
  );
}
