// Who acts for the subject of a request, and who has acted before, by what its credential says. That nobody acts for itself, that no chain
// is a loop or grows without end, and that `may_act` is obeyed, holds whatever policy says (TX-43, TX-45, TX-50). The same for principals
// that are proved (prove.ts) and for those that are only assumed (`explain`, tests of policies).

import { chainOf, fits, isActor, mayAct, namesOf } from './actor.ts';
import type { Delegation } from './decision.ts';
import type { Verifiers } from './ports.ts';
import type { Actors, Carried, Principal } from './principal.ts';
import type { CredentialRefusal } from './refusal.ts';

/** Everybody of a request, and what the subject's credential says beside who it is about. */
export interface Acting<P extends Principal> {
  readonly subject: P;
  readonly client: { readonly principal: P } | undefined;
  /** By an actor token. */
  readonly actor: P | undefined;
  readonly carried: Carried | undefined;
}

/** Why nobody may act so. */
export type DelegationProblem = Extract<
  CredentialRefusal['reason'],
  'actor_is_subject' | 'actor_repeated' | 'chain_too_long' | 'may_act_unmet'
>;

/** Who acts, and who has acted before; or why nobody may act so. */
export function delegationOf<P extends Principal>(
  request: Acting<P>,
  whoIs: Verifiers['whoIs'],
): Delegation<P> | DelegationProblem {
  const { subject, actor, carried } = request;
  const actors = carried?.actors ?? [];
  const acting = actingIn(request);
  if (actor && isSubject(actor, request)) return 'actor_is_subject';
  const hasActed = (who: P): boolean =>
    actors.slice(1).some((earlier) => isActor(earlier, who) || namesOf(earlier, whoIs).includes(who.name));
  if (acting && hasActed(acting)) return 'actor_repeated';
  // Policy may still decide that nobody is added; what is carried must fit all the same, with the issuers that it may lack.
  if (!fits(chainOf(acting, actors))) return 'chain_too_long';
  if (carried?.mayAct && !(acting && mayAct(carried.mayAct, acting, subject.issuer))) return 'may_act_unmet';
  return {
    actor,
    actors,
    nested: nestedOf([subject, actor], actors, whoIs),
    restricted: carried?.mayAct !== undefined,
    scopesMax: carried?.scopesMax,
  };
}

/**
 * Whoever is in the tokens of a request beside those whom they prove: those who act already, and who is in an own token by the name that
 * another source gave. A deny of that one, for anyone, is not left behind by one exchange. No other source is called `self`.
 */
export const nestedOf = (
  proved: readonly (Pick<Principal, 'source' | 'issuer' | 'subject'> | undefined)[],
  actors: Actors,
  whoIs: Verifiers['whoIs'],
): readonly Principal[] => [
  ...proved.flatMap((one) => (one?.source === 'self' ? whoIs({ iss: one.issuer, sub: one.subject, others: {} }) : [])),
  ...actors.flatMap((earlier) => whoIs(earlier)),
];

/** Who acts now, if anybody does: whom an actor token proves, or a client that is not the subject itself (policy/acting.ts). */
function actingIn<P extends Principal>({ subject, actor, client }: Acting<P>): P | undefined {
  if (actor) return actor;
  return client && client.principal.name !== subject.name ? client.principal : undefined;
}

/** By whatever the subject is known: its name, its own proof, or the first proof of its chain. */
function isSubject<P extends Principal>({ name, issuer, subject: sub }: P, { subject, carried }: Acting<P>): boolean {
  const proofs = [{ iss: subject.issuer, sub: subject.subject }, carried?.own?.origin];
  return name === subject.name || proofs.some((proof) => proof?.iss === issuer && proof.sub === sub);
}
