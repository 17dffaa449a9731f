// What a principal can have, of whom a name is known and what its source requires of everyone: by each rule surely, or under conditions on
// claims that the name does not tell.

import { claimKey } from '../../core/claim-path.ts';
import { CLIENTS_SOURCE } from '../../core/client.ts';
import { actorMatches, type CompiledPolicy, conditionsOf } from '../compiled.ts';
import { type Condition, isPattern } from '../evaluate.ts';
import { implies } from './implication.ts';
import type { KnowledgeOf } from './known.ts';
import {
  type Cut,
  cutsOf,
  type Entry,
  entriesOf,
  grantsScopes,
  isExcluded,
  knownActors,
  requireOf,
  withValues,
} from './walk.ts';
import { knownParameters, openConditions, type PartialPrincipal } from './weigh.ts';

export interface CanQuestion {
  readonly subject: PartialPrincipal;
  /** Every client that there is, as it would be proved. */
  readonly clients: readonly { readonly id: string; readonly principal: PartialPrincipal }[];
  readonly scopes: readonly string[] | undefined;
  readonly now: number;
}

export interface Can extends Entry {
  /** The client that must ask; undefined: the principal itself, or who acts. */
  readonly client: string | undefined;
  /** Of the entry's conditions, those that nobody can tell: none, and it can have it. */
  readonly open: readonly Condition[];
  /** Denies that may fire, each with what it hangs on. */
  readonly unless: readonly Cut[];
  /** The deny that certainly fires. */
  readonly denied: Cut | undefined;
}

/** What a source's `require` tells of every principal that it proves. */
export const requiring =
  (require: readonly Condition[], told: KnowledgeOf): KnowledgeOf =>
  (path) => {
    const known = told(path);
    if (known.is !== 'unknown') return known;
    const exact = require.find(
      (one) => one.form === 'one' && claimKey(one.path) === claimKey(path) && one.values.length === 1,
    );
    const [value] = exact?.values ?? [];
    return value === undefined || isPattern(value) ? known : { is: 'known', value };
  };

/** Everything that the principal can have, surely or perhaps. */
export function can(policy: CompiledPolicy, question: CanQuestion): readonly Can[] {
  const { subject, scopes, now } = question;
  const require = requireOf(policy, subject.source);
  const knowledge = requiring(require, subject.knowledge);
  return entriesOf(policy, now)
    .filter((entry) => entry.source === subject.source && grantsScopes(entry, scopes))
    .flatMap((entry): Can[] => {
      const match = entry.rule.matches.find(({ source }) => source === entry.source);
      const captured = match && knownParameters(entry.rule, match, { knowledge });
      if (!captured) return [];
      const known = withValues(entry, captured);
      const open = openConditions('allow', known.conditions, { knowledge });
      if (!open || isExcluded(require, open, 'allow')) return [];
      const left = open.filter((condition) => !require.some((one) => implies(one, condition)));
      const actors = knownActors(policy, known.rule);
      return askersOf(known, question).map((client) => ({
        ...known,
        client: client?.id,
        open: left,
        ...cutting(cutsOf(policy, known, now), {
          subject: { ...subject, knowledge },
          client,
          require,
          actors,
        }),
      }));
    });
}

type Client = CanQuestion['clients'][number];

/** Who may ask by an entry: the clients that it names, or the principal, which may be a client itself; what is proved as one always is. */
function askersOf({ rule }: Entry, { subject, clients }: CanQuestion): readonly (Client | undefined)[] {
  if (rule.clients) return clients.filter(({ id }) => rule.clients?.includes(id));
  const acts = ({ principal }: Client): boolean =>
    actorMatches(rule).some(
      (match) =>
        match.source === principal.source && openConditions('allow', conditionsOf(match), principal) !== undefined,
    );
  const itself = clients.filter((client) => client.principal.name === subject.name || acts(client));
  return subject.source === CLIENTS_SOURCE ? itself : [undefined, ...itself];
}

interface Cutting {
  readonly subject: PartialPrincipal;
  readonly client: Client | undefined;
  readonly require: readonly Condition[];
  readonly actors: ReturnType<typeof knownActors>;
}

function cutting(cuts: readonly Cut[], { subject, client, require, actors }: Cutting): Pick<Can, 'unless' | 'denied'> {
  const unless: Cut[] = [];
  let denied: Cut | undefined;
  for (const cut of cuts) {
    if (cut.rule.clients && !(client && cut.rule.clients.includes(client.id))) continue;
    const left = hangsOn(cut, { subject, client, require, actors });
    if (!left) continue;
    // Where several may act, a deny of one of them takes nothing away from the others.
    const isSure = cut.of !== 'actor' || actors.length === 1;
    if (left.length === 0 && isSure && cut.of !== 'earlier') denied ??= cut;
    else unless.push({ ...cut, conditions: cut.of === 'actor' && !isSure ? cut.conditions : left });
  }
  return { unless, denied };
}

/** The conditions of a deny that nobody can tell; undefined where it never fires. */
function hangsOn(cut: Cut, { subject, client, require, actors }: Cutting): readonly Condition[] | undefined {
  // Who acts, or acted before, is whoever the request brings.
  if (cut.of === 'earlier') return cut.conditions;
  if (cut.of === 'actor') {
    const [only] = actors.filter(({ source }) => source === cut.source);
    return cut.conditions.filter((condition) => !only?.conditions.some((one) => implies(one, condition)));
  }
  const who = cut.of === 'subject' ? subject : client?.principal;
  if (!who || who.source !== cut.source) return undefined;
  const open = openConditions('deny', cut.conditions, who);
  return open?.filter((condition) => cut.of === 'client' || !require.some((one) => implies(one, condition)));
}
