// Who acted in a recorded request, and who had acted before: by its actor token as the record names it, and by the chain that it kept. What a
// record does not say stays unknown and is never guessed.

import { chainOf } from '../../core/actor.ts';
import { nestedOf } from '../../core/delegation.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Verifiers } from '../../core/ports.ts';
import type { Actor, Actors, Principal } from '../../core/principal.ts';
import type { ActorRule } from '../compiled.ts';
import { type KnowledgeOf, knowing, UNKNOWN } from '../walk/known.ts';
import type { PartialDelegation, PartialPrincipal } from '../walk/weigh.ts';
import type { RecordedIdentity, RecordedRequest } from './recorded.ts';

/** What configuration tells of identities. */
export interface IdentitiesKnown {
  readonly whoIs: Verifiers['whoIs'];
  /** The claims that a name tells, as its source gives names. */
  readonly told: (source: string, name: string) => JsonObject;
}

/** Policy looks at a principal's source, name and claims; its kind decides nothing. */
export const principalOf = ({ source, iss, sub, name }: RecordedIdentity, claims: JsonObject): Principal => ({
  source,
  kind: '',
  issuer: iss,
  subject: sub,
  name,
  claims,
});

/** Whoever a record names without claims: its `sub`, and what its name tells. */
export function identityKnown({ source, sub, name }: RecordedIdentity, { told }: IdentitiesKnown): PartialPrincipal {
  const known: KnowledgeOf = knowing({ sub, ...told(source, name) });
  return { source, name, knowledge: (path) => (known(path).is === 'known' ? known(path) : UNKNOWN) };
}

/** A part of the record that would have to say more. */
type Missing = 'act' | 'scope';

/** Who acts, and who acted before; or the part of the record that does not say it. */
export function recordedDelegation(
  request: RecordedRequest,
  known: IdentitiesKnown,
): Omit<PartialDelegation, 'scopesMax'> | Missing {
  const earlier = earlierOf(request);
  if (!earlier) return 'act';
  const { actor, claims } = request;
  return {
    actor: actor && identityKnown(actor, known),
    actors: earlier,
    nested: nestedIn(request, earlier, known).map(({ source, name, claims: told }) => ({
      source,
      name,
      knowledge: knowing(told),
    })),
    restricted: names(claims, 'may_act'),
  };
}

/** Whoever was in its tokens beside those whom they proved. */
export const nestedIn = (
  { subject, actor }: Pick<RecordedRequest, 'subject' | 'actor'>,
  earlier: Actors,
  { whoIs }: IdentitiesKnown,
): readonly Principal[] =>
  nestedOf(
    [subject, actor].map((one) => one && principalOf(one, {})),
    earlier,
    whoIs,
  );

/** Whether the subject's credential had a claim of this name. */
const names = ({ known, named }: RecordedRequest['claims'], claim: string): boolean =>
  Object.hasOwn(known, claim) || named.some((name) => name === claim || name.startsWith(`${claim}/`));

/**
 * Who acted by the subject's own credential. A granted request is recorded with whoever acts by what was issued at the head: that is not
 * one of them, but where he was before and was not added again, which decides nothing that he does not decide himself.
 */
function earlierOf({ claims, actors, actor, client, was }: RecordedRequest): Actors | undefined {
  if (!names(claims, 'act')) return claims.complete || !actors ? [] : undefined;
  if (!actors) return undefined;
  const [head, ...rest] = actors.map(actorNamed);
  const acting = was.granted && [actor, client].some((one) => one && head && isNamed(head, one));
  return acting && rest.length > 0 ? rest : actors.map(actorNamed);
}

const actorNamed = ({ iss, sub, name }: NonNullable<RecordedRequest['actors']>[number]): Actor => ({
  iss,
  sub,
  others: name === undefined ? {} : { sub_id: { format: 'opaque', id: name } },
});

const isNamed = ({ iss, sub }: Actor, identity: RecordedIdentity): boolean =>
  iss === identity.iss && sub === identity.sub;

/** Whoever would act by a rule that grants, and everybody who acted before. */
export function actorsGranted(rule: ActorRule, { subject, client, actor }: RecordedRequest, earlier: Actors): Actors {
  const acting =
    rule.by === 'token' ? actor : rule.by === 'client' && client?.name !== subject.name ? client : undefined;
  return chainOf(acting && principalOf(acting, {}), earlier);
}

/** The scopes that the subject's own token had, where they are a ceiling; `scope` where the record does not say them. */
export function recordedCeiling(
  { claims, asked, was }: RecordedRequest,
  isCeiling: boolean,
): readonly string[] | undefined | Missing {
  if (!isCeiling) return undefined;
  const { scope } = claims.known;
  if (typeof scope === 'string') return scope.split(' ').filter((one) => one !== '');
  if (claims.complete && !names(claims, 'scope')) return [];
  // What was granted it had.
  const wanted = asked?.scopes;
  return was.granted && was.scopes && (!wanted || wanted.every((one) => was.scopes?.some((had) => had === one)))
    ? was.scopes
    : 'scope';
}
