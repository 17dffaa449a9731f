// Lints about who acts, and who confirmed: rules that leave out who acts, that are about everybody of a source, or that nobody can ever
// satisfy. Attacks.

import { wantedOf } from '../confirm.ts';
import { isPattern } from '../evaluate.ts';
import { type Hit, type MatchView, own, places, type RuleLint } from './lint-view.ts';

/** The name of a source, or a trust domain, and nothing else that is exact. */
const WHOLE_SOURCE = /^(?:spiffe:\/\/[^/]+|[^/:]+)[/:]*$/;

const everySubject = (view: MatchView): readonly Hit[] =>
  places(
    own(view, 'sub').filter(({ condition }) =>
      condition.values.some((value) => isPattern(value) && WHOLE_SOURCE.test(value.literals.join(''))),
    ),
  );

/** Where a rule wants an actor token and names no client, though no client ever is such an actor. */
function actorWithoutClient({ rule, whose, known, path }: MatchView): readonly Hit[] {
  if (whose !== 'subject' || rule.effect === 'deny' || rule.actor.by !== 'token' || rule.clients) return [];
  const actors = rule.actor.matches.map(({ source }) => known.get(source)?.source.kind);
  return actors.every((kind) => kind === 'spiffe') ? [] : [[...path, 'actor']];
}

/** Where what a rule grants must be confirmed, and whom it is about never confirms anything; or no context would do. */
function neverConfirmed({ rule, source, targets, path, whose }: MatchView): readonly Hit[] {
  if (rule.effect === 'deny' || whose !== 'subject') return [];
  const lasting = source.subjects === 'people';
  const own = rule.confirm ? [{ at: [...path, 'confirm'], confirms: [rule.confirm] }] : [];
  const ofTargets = rule.allow.flatMap(({ target: name, scopes }) => {
    const target = targets.get(name);
    const always = [rule.confirm, target?.require?.confirm];
    // Of all its scopes some may be had; one that is named is meant.
    const named = scopes === 'all' ? [] : scopes.map((scope) => target?.scopeConfirms?.[scope]);
    return [undefined, ...named].map((one) => ({
      at: [...path, 'allow', ...(hasScopes(target?.scopes) ? [name] : [])],
      confirms: [...always, one].filter((confirm) => confirm !== undefined),
    }));
  });
  return [...own, ...ofTargets]
    .filter(({ confirms }) => confirms.length > 0 && (!lasting || wantedOf(confirms) === undefined))
    .slice(0, 1)
    .map(({ at }) => at);
}

const hasScopes = (scopes: readonly string[] | undefined): boolean => scopes !== undefined && scopes.length > 0;

export const ACTOR_LINTS: readonly RuleLint[] = [
  {
    name: 'impersonation',
    row: '-',
    severity: 'error',
    when: 'a rule says `impersonate: true`',
    why: 'nobody is named who acts: whatever the client does with the token is done by whom it is about',
    mend: 'write `actor: client`, or accept this for a resource that cannot read `act`',
    effect: 'allow',
    fires: ({ rule, path, whose }) =>
      rule.effect === 'allow' && rule.actor.by === 'impersonation' && whose === 'subject'
        ? [[...path, 'impersonate']]
        : [],
  },
  {
    name: 'every-subject',
    row: '-',
    severity: 'warning',
    when: 'a rule for our own tokens is about everybody of a source: `sub: "people:*"`',
    why: 'whoever has come to a token for that audience, by whatever rule, goes on to the next one',
    mend: 'name whom it is about, or accept this where the rule of the first hop says who may',
    kinds: ['self'],
    effect: 'allow',
    fires: everySubject,
  },
  {
    name: 'actor-without-client',
    row: '-',
    severity: 'warning',
    when: 'a rule with `actor: {...}` names no client, and what it takes for an actor is more than SPIFFE workloads',
    why: 'then only a client that is the actor itself may ask, and a workload of no other kind is ever a client',
    mend: 'name the clients that may ask',
    effect: 'allow',
    fires: actorWithoutClient,
  },
  {
    name: 'never-confirmed',
    row: '-',
    severity: 'warning',
    when: 'a rule, its target or a scope that it names must be confirmed, and the rule is about workloads; or no authentication context satisfies all of them',
    why: 'only people confirm, and in one context at a time: this is never granted',
    mend: 'leave the confirmation out, or write the rule for people with contexts that fit',
    effect: 'allow',
    fires: neverConfirmed,
  },
];
