// Compiles one rule: whom it is about, source by source, and what it allows or denies. The schema has judged its shape;
// here is what the shape cannot say: that sources and targets exist, that an allow rule pins its subject, and that nothing
// stands in a rule where it would have no meaning.

import { TOKEN_LIFETIME_SECONDS_MAX } from '../core/limits.ts';
import { closest } from '../parsing/closest.ts';
import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../parsing/yaml.ts';
import { type AllowedTarget, byName, type CompiledRule, type SourceMatch } from './compiled.ts';
import { compileConditions, type ReadCondition, type TableRows } from './match.ts';
import { choosePin, type PinSource } from './pins.ts';
import type { WrittenRule } from './schema.ts';

type Who = NonNullable<WrittenRule['subject']>;

export type RuleSource = PinSource & { readonly rows: TableRows };

/** What every rule is compiled against. */
export interface RuleContext {
  /** In the order of their names. */
  readonly sources: readonly RuleSource[];
  readonly targets: ReadonlyMap<string, { readonly scopes: readonly string[] }>;
  /** Ids of the registered clients. */
  readonly clients: readonly string[];
}

/** One rule in work. */
interface Work {
  readonly context: RuleContext;
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Compiles a rule of the right shape. `rule` is missing where there are problems. */
export function compileRule(
  context: RuleContext,
  document: YamlDocument,
  path: YamlPath,
  written: WrittenRule,
): { rule: CompiledRule | undefined; problems: readonly Problem[]; warnings: readonly Problem[] } {
  const work: Work = { context, document, path, problems: [], warnings: [] };
  const rule = written.deny === undefined ? allowRule(work, written) : denyRule(work, written);
  return { rule: work.problems.length > 0 ? undefined : rule, problems: work.problems, warnings: work.warnings };
}

function allowRule(work: Work, written: WrittenRule): CompiledRule | undefined {
  if (written.anyone) report(work, ['anyone'], 'stands in denies only: an allow rule pins its subject');
  if (written.allow === undefined) report(work, [], 'neither allows nor denies anything: it needs allow or deny');
  if (!written.subject) report(work, [], 'an allow rule needs a subject');
  if ((written.lifetime ?? 0) > TOKEN_LIFETIME_SECONDS_MAX)
    report(work, ['lifetime'], `is longer than any target allows: at most ${TOKEN_LIFETIME_SECONDS_MAX} s`);
  const matches = written.subject ? matchesOf(work, 'subject', written.subject, true) : [];
  const allow = written.allow === undefined ? [] : allowed(work, written.allow);
  return Object.freeze({
    ...baseOf(work, written, matches),
    effect: 'allow',
    clients: clientsOf(work, written.client),
    allow,
    lifetimeSeconds: written.lifetime,
  });
}

function denyRule(work: Work, written: WrittenRule): CompiledRule | undefined {
  if (written.allow !== undefined) report(work, ['allow'], 'a rule allows or denies; it cannot do both');
  if (written.lifetime !== undefined) report(work, ['lifetime'], 'means nothing in a deny');
  if (written.subject && written.anyone) report(work, ['anyone'], 'a deny has a subject or anyone, not both');
  const key = written.anyone ? 'anyone' : 'subject';
  const who = written.anyone ?? written.subject;
  if (!who) report(work, [], 'a deny needs a subject, or anyone');
  const matches = who ? matchesOf(work, key, who, false) : [];
  const deny = written.deny === 'all' || written.deny === undefined ? 'all' : Object.freeze([...new Set(written.deny)]);
  if (deny !== 'all') for (const [index, name] of deny.entries()) knownTarget(work, ['deny', index], name);
  const whose = written.anyone ? 'anyone' : 'subject';
  return Object.freeze({
    ...baseOf(work, written, matches),
    effect: 'deny',
    clients: clientsOf(work, written.client),
    deny,
    whose,
  });
}

const baseOf = ({ document, path }: Work, written: WrittenRule, matches: readonly SourceMatch[]) => ({
  name: written.name,
  at: `${document.file}:${document.locate(path).line}`,
  owner: written.owner,
  why: written.why,
  mode: written.mode,
  untilSeconds: written.until,
  matches: Object.freeze(matches),
});

/** The clients that a rule names: registered ones, each by its exact id. */
function clientsOf(work: Work, written: WrittenRule['client']): readonly string[] | undefined {
  if (written === undefined) return undefined;
  const ids = typeof written === 'string' ? [written] : written;
  const { clients } = work.context;
  for (const [index, id] of ids.entries())
    if (!clients.includes(id))
      report(
        work,
        typeof written === 'string' ? ['client'] : ['client', index],
        `${id} is no client${meant(id, clients)}`,
      );
  return Object.freeze([...new Set(ids)].sort());
}

/** One match for each source that the rule speaks of. */
function matchesOf(work: Work, key: 'subject' | 'anyone', who: Who, pinned: boolean): readonly SourceMatch[] {
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
  const byTable = new Map<unknown, readonly ReadCondition[]>();
  return sources.map((source) => {
    const read = byTable.get(source.table) ?? conditionsOf(work, key, written, source, byTable.size === 0);
    byTable.set(source.table, read);
    const conditions = read.map(({ condition }) => condition);
    return pinned ? pinnedMatch(work, key, source, conditions) : match(source, [], [], conditions);
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
  const chosen = sources.filter(({ name }) => trust === undefined || listed.includes(name));
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
}

/** Every condition, typed by one source's table. What is wrong under several tables alike is reported once. */
function conditionsOf(
  work: Work,
  key: string,
  who: WrittenWho,
  { rows }: RuleSource,
  first: boolean,
): readonly ReadCondition[] {
  const base = [...work.path, key];
  const { document } = work;
  const parts = who.kinds.map((kind) =>
    compileConditions({ document, base: [...base, kind], written: who.blocks[kind], rows, form: 'fields' }),
  );
  if (who.sub !== undefined)
    parts.push(compileConditions({ document, base, written: { sub: who.sub }, rows, form: 'claims' }));
  if (who.claims !== undefined)
    parts.push(compileConditions({ document, base: [...base, 'claims'], written: who.claims, rows, form: 'claims' }));
  for (const problem of parts.flatMap(({ problems }) => problems))
    if (first || !work.problems.some((before) => before.path === problem.path && before.message === problem.message))
      work.problems.push(problem);
  return parts.flatMap(({ conditions }) => conditions);
}

function pinnedMatch(
  work: Work,
  key: string,
  source: RuleSource,
  conditions: readonly ReadCondition['condition'][],
): SourceMatch {
  const pin = choosePin(source, conditions);
  for (const message of pin.problems) report(work, [key], message);
  for (const message of pin.warnings) work.warnings.push(problemAt(work.document, [...work.path, key], message));
  if (source.subjects === 'people')
    report(work, [key], `${source.name} proves people: their rules need actor or impersonate, which are not built yet`);
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

function allowed(work: Work, written: NonNullable<WrittenRule['allow']>): readonly AllowedTarget[] {
  if (Array.isArray(written)) {
    for (const [index, name] of written.entries()) {
      const target = knownTarget(work, ['allow', index], name);
      if (target && target.scopes.length > 0)
        report(work, ['allow', index], `${name} has scopes: write { ${name}: all } or { ${name}: [...] }`);
    }
    const names = [...new Set(written)].sort();
    return Object.freeze(names.map((target) => Object.freeze({ target, scopes: 'all' as const })));
  }
  const entries = Object.entries(written);
  if (entries.length === 0) report(work, ['allow'], 'is empty: it names no target');
  const targets = entries.map(([name, scopes]): AllowedTarget => {
    const target = knownTarget(work, ['allow', name], name);
    if (target && scopes !== 'all') knownScopes(work, name, target.scopes, scopes);
    return Object.freeze({
      target: name,
      scopes: scopes === 'all' ? scopes : Object.freeze([...new Set(scopes)].sort()),
    });
  });
  return Object.freeze(targets.sort((a, b) => byName({ name: a.target }, { name: b.target })));
}

function knownTarget(work: Work, path: YamlPath, name: string) {
  const { targets } = work.context;
  const target = targets.get(name);
  if (!target) report(work, path, `${name} is no target${meant(name, [...targets.keys()])}`);
  return target;
}

function knownScopes(work: Work, name: string, known: readonly string[], scopes: readonly string[]): void {
  for (const [index, scope] of scopes.entries())
    if (!known.includes(scope))
      report(work, ['allow', name, index], `${name} has no scope ${scope}${meant(scope, known)}`);
}

/** What was probably meant, or what there is. */
function meant(word: string, known: readonly string[]): string {
  const near = closest(word, known);
  return near === undefined ? `; there are: ${known.join(', ') || 'none'}` : `; did you mean ${near}?`;
}

function report(work: Work, path: YamlPath, message: string): void {
  work.problems.push(problemAt(work.document, [...work.path, ...path], message));
}
