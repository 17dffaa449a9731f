// What a token says that what is made from it must say again or obey: `act` and `may_act` (RFC 8693 §4.1, §4.4), scopes that are a
// ceiling, how a person was authenticated, and in our own tokens `lineage` and `origin`. Of a client's or an actor's token none of the
// delegation is taken: one who is acted for proves nobody who acts.

import { isMayAct, namedBeside, readActors } from '../core/actor.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { LINEAGE_MAX } from '../core/limits-delegation.ts';
import { authenticationOf, type Carried, type Role } from '../core/principal.ts';
import { SELF } from '../platforms/self.ts';
import { type ClaimRefusal, subjectProblem } from './claims.ts';

/** How a source's tokens are read. */
export interface CarriedTerms {
  /** `iss` of the token, which an actor without one has. */
  readonly issuer: string;
  /** Its issuer is one that delegates. A platform's tokens are about a workload alone, and `act` in one of them is nobody's word. */
  readonly delegates: boolean;
  /** It speaks of people: `auth_time` and `acr` are theirs. */
  readonly people: boolean;
  /** Its scopes are a ceiling. */
  readonly scopesAreCeiling: boolean;
  /** It is one of ours. */
  readonly own: boolean;
}

/** What is wrong with these claims in this role; undefined where nothing is. */
export function carriedProblem(claims: JsonObject, role: Role, terms: CarriedTerms): ClaimRefusal | undefined {
  for (const claim of ['act', 'may_act'])
    if ((role !== 'subject' || !terms.delegates) && Object.hasOwn(claims, claim))
      return { reason: 'claim_unsupported', claim };
  const { act, may_act: mayAct, scope } = claims;
  const actors = act === undefined ? [] : readActors(act, terms.issuer);
  // The names that stand beside actors are ours to give: another's would be recorded, and blocked, as if we had.
  if (!actors || (!terms.own && actors.some((actor) => namedBeside(actor) !== undefined)))
    return { reason: 'claim_invalid', claim: 'act' };
  // Their names are issued, recorded and blocked like the subject's own: bounded, and without control characters.
  const names = actors.flatMap(({ iss, sub }) => [iss, sub]);
  if (names.some((sub) => subjectProblem({ sub }, SELF.kind))) return { reason: 'claim_invalid', claim: 'act' };
  if (mayAct !== undefined && !isMayAct(mayAct)) return { reason: 'claim_invalid', claim: 'may_act' };
  // Who acts and who may are two chains of one token: nobody could say which of them counts.
  if (act !== undefined && mayAct !== undefined) return { reason: 'claim_unsupported', claim: 'may_act' };
  if (terms.scopesAreCeiling && scope !== undefined && typeof scope !== 'string')
    return { reason: 'claim_invalid', claim: 'scope' };
  if (terms.own && !isLineage(claims.lineage)) return { reason: 'claim_invalid', claim: 'lineage' };
  return undefined;
}

/** The claims, judged before, as the path reads them; undefined where the token says nothing of this. */
export function carriedBy(claims: JsonObject, terms: CarriedTerms): Carried | undefined {
  const { act, may_act: mayAct, scope, lineage, origin } = claims;
  const carried: Carried = {
    actors: readActors(act, terms.issuer) ?? [],
    mayAct: isMayAct(mayAct) ? mayAct : undefined,
    scopesMax: terms.scopesAreCeiling ? scopesOf(scope) : undefined,
    authentication: terms.people ? authenticationOf(claims) : undefined,
    own: terms.own
      ? {
          lineage: isLineage(lineage) ? (lineage ?? []) : [],
          origin: originOf(origin),
          clientId: String(claims.client_id),
        }
      : undefined,
  };
  const says =
    carried.actors.length > 0 || carried.mayAct || carried.scopesMax || carried.authentication || carried.own;
  return says ? carried : undefined;
}

const scopesOf = (scope: Json | undefined): readonly string[] =>
  typeof scope === 'string' ? scope.split(' ').filter((one) => one !== '') : [];

function isLineage(lineage: Json | undefined): lineage is readonly string[] | undefined {
  if (lineage === undefined) return true;
  return (
    Array.isArray(lineage) && lineage.length <= LINEAGE_MAX && lineage.every((handle) => typeof handle === 'string')
  );
}

const originOf = (origin: Json | undefined): { readonly iss: string; readonly sub: string } => {
  const { iss, sub } = isJsonObject(origin) ? origin : {};
  return { iss: String(iss), sub: String(sub) };
};
