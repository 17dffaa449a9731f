// Who acts in what an allow rule grants: nobody, the client, or whom an actor token proves; or a rule that lets a client have a token in
// somebody's own name. Earlier actors never count (TX-42), and none of them is ever dropped: what was acted for stays acted for (TX-43).

import { chainOf } from '../core/actor.ts';
import type { Delegation, Question } from '../core/decision.ts';
import type { Actors, Principal } from '../core/principal.ts';
import type { ActorRule } from './compiled.ts';
import { display } from './evaluate.ts';
import type { Failed } from './failed.ts';
import { failedMatch, type Passes } from './failed-match.ts';

/** Whether two are one, by the name that no two identities share: an own token is about whom its source proved first. */
export const isSame = (a: Pick<Principal, 'name'> | undefined, b: Pick<Principal, 'name'> | undefined): boolean =>
  a !== undefined && b !== undefined && a.name === b.name;

const no = (presented: string | undefined, expected: string): Failed => ({
  part: 'actor',
  what: 'actor',
  presented: presented === undefined ? undefined : display(presented),
  expected,
  held: 0,
  identified: true,
});

type Named = Pick<Principal, 'source' | 'name'>;

/** Who asks and who acts, as far as it is known who they are; of a decision, or of one on principals that are partly known. */
export interface ActingIn<P extends Named = Named> {
  readonly subject: P;
  readonly client: { readonly principal: P } | undefined;
  readonly delegation: { readonly actor: P | undefined } & Pick<Delegation<Principal>, 'actors' | 'restricted'>;
}

/** Why a rule does not match who acts; undefined where it does. */
export function failedActor(rule: ActorRule, question: ActingIn<Principal>, passes: Passes): Failed | undefined {
  const { actor } = question.delegation;
  if (rule.by !== 'token' || !actor) return failedActing(rule, question);
  const match = rule.matches.find(({ source }) => source === actor.source);
  const failed = failedMatch(rule.matches, match, actor, passes);
  return failed && { ...failed, part: 'actor', what: `actor ${failed.what}`, identified: true };
}

/** The same but for the claims of an actor: whether anybody acts in the way that a rule wants. */
export function failedActing(
  rule: ActorRule,
  { client, delegation: { actor, actors, restricted } }: ActingIn,
): Failed | undefined {
  switch (rule.by) {
    case 'token':
      return actor ? undefined : no(undefined, 'an actor token');
    case 'client':
      if (actor) return no(actor.name, 'the client');
      return client ? undefined : no(undefined, 'the client');
    case 'impersonation':
    case 'nobody':
      if (actor) return no(actor.name, 'none');
      if (rule.by === 'nobody' && actors[0]) return no(actors[0].sub, 'none');
      // The client has been judged to be the one whom `may_act` names, and would not be named.
      return restricted ? no(undefined, 'whom may_act names') : undefined;
  }
}

/** Who acts by a rule that matches; undefined where nobody does but those who acted before. */
export function actingBy<P extends Named>(
  rule: ActorRule,
  {
    subject,
    client,
    delegation: { actor },
  }: Pick<ActingIn<P>, 'subject' | 'client'> & {
    readonly delegation: { readonly actor: P | undefined };
  },
): P | undefined {
  if (rule.by === 'token') return actor;
  return rule.by === 'client' && client && !isSame(client.principal, subject) ? client.principal : undefined;
}

/** Everybody who acts by a rule that matches, the current one first: those who acted before stay, whatever the rule says. */
export const actorsBy = (
  rule: ActorRule,
  question: Pick<Question<Principal>, 'subject' | 'client' | 'delegation'>,
): Actors => chainOf(actingBy(rule, question), question.delegation.actors);

/** The clients that satisfy a rule which names none: one that is the subject, or the actor, itself. */
export const ownClients = (
  client: { readonly id: string; readonly principal: Pick<Principal, 'name'> } | undefined,
  subject: Pick<Principal, 'name'>,
  actor: Pick<Principal, 'name'> | undefined,
): readonly string[] =>
  client && (isSame(client.principal, subject) || isSame(client.principal, actor)) ? [client.id] : [];
