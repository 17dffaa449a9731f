// Whom a rule is about, source by source: its conditions, typed by each source's table, and in an allow rule the pin among them.
// What could never match, and a source or block that does not exist, does not load.

import type { SourceMatch } from '../compiled.ts';
import type { Condition } from '../evaluate.ts';
import { compileConditions, type ReadCondition } from './match.ts';
import { choosePin, type Reaches } from './pins.ts';
import { meant, type RuleSource, report, type Work } from './rule-work.ts';
import type { WrittenRule } from './schema.ts';

type Who = NonNullable<WrittenRule['subject']>;

/** One match for each source that the rule speaks of. `reaches`: for an allow rule, which is pinned; undefined for a deny. */
export function matchesOf(
  work: Work,
  key: 'subject' | 'anyone' | 'actor',
  who: Who,
  reaches: Reaches | undefined,
): readonly SourceMatch[] {
  const pinned = reaches !== undefined;
  const { trust, sub, claims, ...others } = who;
  const blocks: Readonly<Record<string, unknown>> = others;
  const kinds = Object.keys(blocks).filter((kind) => blocks[kind] !== undefined);
  if (pinned && trust === undefined) report(work, [key], 'names no trust source: an allow rule needs trust');
  if (!pinned && trust === undefined && sub === undefined && claims === undefined && kinds.length === 0)
    report(work, [key], 'is empty: it would deny everybody');
  const sources = sourcesOf(work, key, trust, kinds);
  if (sources.length === 0 && kinds.length > 1)
    report(work, [key], `has ${kinds.join(' and ')} claims, and no token has both: write a rule for each`);
  const written = { sub, claims, blocks, kinds };
  // What an actor presents reaches no target: nothing of it is captured.
  const captures = pinned && key === 'subject';
  const byTable = new Map<unknown, readonly ReadCondition[]>();
  return sources.map((source) => {
    const known = byTable.get(source.table);
    const read = known ?? readConditions(work, key, { ...written, captures }, source, byTable.size === 0);
    if (!known) (key === 'actor' ? work.actorReads : work.reads).push(...read);
    byTable.set(source.table, read);
    const conditions = read.map(({ condition }) => condition);
    return reaches ? pinnedMatch(work, key, source, conditions, reaches) : match(source, [], [], conditions);
  });
}

function sourcesOf(work: Work, key: string, trust: Who['trust'], kinds: readonly string[]): readonly RuleSource[] {
  const { sources } = work.context;
  const listed = typeof trust === 'string' ? [trust] : (trust ?? []);
  for (const [index, name] of listed.entries())
    if (!sources.some((source) => source.name === name)) {
      const at = typeof trust === 'string' ? [key, 'trust'] : [key, 'trust', index];
      report(
        work,
        at,
        `${name} is no trust source${meant(
          name,
          sources.map((source) => source.name),
        )}`,
      );
    }
  for (const { trust: scope } of work.scopes)
    for (const name of trust === undefined ? [] : listed)
      if (scope && !scope.includes(name))
        report(work, [key, 'trust'], `this folder speaks of ${scope.join(', ')} only, and not of ${name}`);
  const inScope = (name: string) => work.scopes.every(({ trust: scope }) => !scope || scope.includes(name));
  const chosen = sources.filter(({ name }) => (trust === undefined ? inScope(name) : listed.includes(name)));
  for (const kind of kinds)
    for (const { name, table } of chosen)
      if (table.kind !== kind && trust !== undefined)
        report(work, [key, kind], `${name} is of kind ${table.kind}, so its tokens have no ${kind} claims`);
  return chosen.filter(({ table }) => kinds.every((kind) => kind === table.kind));
}

interface WrittenWho {
  readonly sub: Who['sub'];
  readonly claims: Who['claims'];
  readonly blocks: Readonly<Record<string, unknown>>;
  readonly kinds: readonly string[];
  readonly captures: boolean;
}

/** Every condition, typed by one source's table. What is wrong under several tables alike is reported once. */
function readConditions(
  work: Work,
  key: string,
  who: WrittenWho,
  { rows }: RuleSource,
  first: boolean,
): readonly ReadCondition[] {
  const base = [...work.path, key];
  const common = { document: work.document, rows, captures: who.captures };
  const parts = who.kinds.map((kind) =>
    compileConditions({ ...common, base: [...base, kind], written: who.blocks[kind], form: 'fields' }),
  );
  if (who.sub !== undefined)
    parts.push(compileConditions({ ...common, base, written: { sub: who.sub }, form: 'claims' }));
  if (who.claims !== undefined)
    parts.push(compileConditions({ ...common, base: [...base, 'claims'], written: who.claims, form: 'claims' }));
  for (const problem of parts.flatMap(({ problems }) => problems))
    if (first || !work.problems.some((before) => before.path === problem.path && before.message === problem.message))
      work.problems.push(problem);
  return parts.flatMap(({ conditions }) => conditions);
}

function pinnedMatch(
  work: Work,
  key: string,
  source: RuleSource,
  conditions: readonly Condition[],
  reaches: Reaches,
): SourceMatch {
  const pin = choosePin(source, conditions, reaches);
  for (const message of pin.problems) report(work, [key], message);
  return match(source, pin.ids, pin.context, pin.claims);
}

const match = (
  source: RuleSource,
  ids: SourceMatch['ids'],
  context: SourceMatch['context'],
  claims: SourceMatch['claims'],
): SourceMatch =>
  Object.freeze({
    source: source.name,
    ids: Object.freeze([...ids]),
    context: Object.freeze([...context]),
    claims: Object.freeze([...claims]),
  });
