// Compiles policy files into one immutable value, or says everything that is wrong with them, each at its file and line.
// Nothing half right comes out: a policy without rules, a rule without a pin, a name that is there twice, a target or source
// that does not exist are all errors. The same code runs in `check`, at start and on reload.

import { createHash } from 'node:crypto';
import type { Tell } from '../core/principal.ts';
import { claimKey } from '../core/record.ts';
import { problemAt, problemsFromZod } from '../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../parsing/yaml.ts';
import type { PlatformTable } from '../platforms/table.ts';
import {
  byName,
  type CompiledPolicy,
  type CompiledRule,
  type CompiledSource,
  type CompiledTarget,
} from './compiled.ts';
import { compileRequire, tableRows } from './match.ts';
import { compileRule, type RuleContext, type RuleSource } from './rule.ts';
import { fileSchema, hasBlock, ruleSchema } from './schema.ts';
import { builtFile, builtRule } from './unbuilt.ts';

/** A trust source, as policy needs to know it. */
export interface SourceView {
  readonly name: string;
  readonly kind: string;
  readonly table: PlatformTable;
  /** For SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly subjects: 'workloads' | 'people';
  /** Claims that pin people. */
  readonly pins: readonly string[];
  readonly tell: Tell;
  /** As written; undefined for none. Its problems are reported where it was written, by compileRequire. */
  readonly require: unknown;
}

/** A target, as policy needs to know it. */
export interface TargetView extends Omit<CompiledTarget, 'require'> {
  readonly require?: {
    readonly sources?: readonly string[];
    readonly proof?: boolean;
    readonly lifetimeMaxSeconds?: number;
  };
}

export interface PolicyInput {
  readonly documents: readonly YamlDocument[];
  readonly sources: readonly SourceView[];
  readonly targets: readonly TargetView[];
  /** Ids of the registered clients. */
  readonly clients: readonly string[];
}

export type PolicyCompiled =
  | { readonly ok: true; readonly policy: CompiledPolicy; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Compiles. Pure: the same input gives the same digest, whatever the order of files, rules, sources and targets. */
export function compilePolicy(input: PolicyInput): PolicyCompiled {
  const context = contextOf(input);
  const rules: CompiledRule[] = [];
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const names = new Map<string, string>();
  let written = 0;
  for (const document of input.documents) {
    const file = readFile(document);
    problems.push(...file.problems);
    written += file.rules.length;
    for (const [index, one] of file.rules.entries()) {
      const read = readRule(context, document, ['rules', index], one);
      problems.push(...read.problems, ...duplicates(names, document, ['rules', index], one));
      warnings.push(...read.warnings);
      if (read.rule) rules.push(read.rule);
    }
  }
  if (written === 0 && problems.length === 0) problems.push(noRules(input.documents));
  if (problems.length > 0) return { ok: false, problems: problems.sort(byPlace) };
  return { ok: true, policy: seal(context, rules), warnings: warnings.sort(byPlace) };
}

interface CompileContext extends RuleContext {
  readonly targets: ReadonlyMap<string, TargetView>;
  readonly schema: ReturnType<typeof ruleSchema>;
}

/** `require` is judged where it is written; here only what compiles counts towards pins. */
const NOWHERE: YamlDocument = { file: '', value: null, locate: () => ({ line: 1, column: 1 }) };

function contextOf({ sources, targets, clients }: PolicyInput): CompileContext {
  const rows = new Map(sources.map(({ table }) => [table, tableRows(table)]));
  const tables = new Map(sources.filter(({ table }) => hasBlock(table)).map(({ table }) => [table.kind, table]));
  return {
    sources: [...sources].sort(byName).map((view) => {
      const require = compileRequire({ source: view, document: NOWHERE, base: [] });
      const { name, table, issuer, subjects, pins } = view;
      const requirements = require.ok ? require.conditions : [];
      return { name, table, issuer, subjects, pins, requirements, rows: rows.get(table) ?? tableRows(table) };
    }),
    targets: new Map([...targets].sort(byName).map((target) => [target.name, target])),
    clients: [...clients].sort(),
    schema: ruleSchema([...tables.values()]),
  };
}

function readFile(document: YamlDocument): { rules: readonly unknown[]; problems: readonly Problem[] } {
  const built = builtFile(document);
  const read = fileSchema.safeParse(built.value);
  if (read.success) return { rules: read.data.rules, problems: built.problems };
  return { rules: [], problems: [...built.problems, ...problemsFromZod(document, [], read.error, fileSchema)] };
}

interface RuleRead {
  readonly rule: CompiledRule | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function readRule(context: CompileContext, document: YamlDocument, path: YamlPath, written: unknown): RuleRead {
  const built = builtRule(document, path, written);
  const read = context.schema.safeParse(built.value);
  if (!read.success) {
    const problems = [...built.problems, ...problemsFromZod(document, path, read.error, context.schema)];
    return { rule: undefined, problems, warnings: [] };
  }
  const { rule, problems, warnings } = compileRule(context, document, path, read.data);
  return { rule, problems: [...built.problems, ...problems], warnings };
}

/** Names are unique over all files, also those of rules that do not compile. */
function duplicates(
  names: Map<string, string>,
  document: YamlDocument,
  path: YamlPath,
  written: unknown,
): readonly Problem[] {
  const name = typeof written === 'object' && written !== null && 'name' in written ? written.name : undefined;
  if (typeof name !== 'string') return [];
  const before = names.get(name);
  if (before === undefined) names.set(name, `${document.file}:${document.locate(path).line}`);
  return before === undefined
    ? []
    : [problemAt(document, [...path, 'name'], `the name ${name} is taken by the rule at ${before}`)];
}

function noRules([first]: readonly YamlDocument[]): Problem {
  if (first) return problemAt(first, ['rules'], 'no file holds a rule: nothing could ever be granted');
  return {
    file: '',
    line: 1,
    column: 1,
    path: 'policies',
    message: 'there is no policy file: nothing could ever be granted',
  };
}

function seal(context: CompileContext, unsorted: readonly CompiledRule[]): CompiledPolicy {
  const rules = Object.freeze([...unsorted].sort(byName));
  const targets = Object.freeze([...context.targets.values()].map(compiledTarget));
  const named = pathsNamed(rules);
  const sources = Object.freeze(context.sources.map((source) => compiledSource(source, named.get(source.name))));
  const digest = createHash('sha256').update(JSON.stringify({ sources, targets, rules })).digest('hex');
  return Object.freeze({ digest, sources, targets, rules });
}

const compiledTarget = (target: TargetView): CompiledTarget =>
  Object.freeze({
    name: target.name,
    kind: target.kind,
    address: target.address,
    scopes: Object.freeze([...target.scopes]),
    defaultScopes: Object.freeze([...target.defaultScopes]),
    lifetimeSecondsMax: target.lifetimeSecondsMax,
    require: Object.freeze({
      sources: target.require?.sources && Object.freeze([...target.require.sources]),
      proof: target.require?.proof === true,
      lifetimeMaxSeconds: target.require?.lifetimeMaxSeconds,
    }),
  });

/** Every claim path that a rule names, by source. */
function pathsNamed(rules: readonly CompiledRule[]): ReadonlyMap<string, ReadonlySet<string>> {
  const named = new Map<string, Set<string>>();
  for (const { matches } of rules)
    for (const { source, ids, context, claims } of matches) {
      const keys = named.get(source) ?? new Set<string>();
      named.set(source, keys);
      for (const conditions of [ids, context, claims]) for (const { path } of conditions) keys.add(claimKey(path));
    }
  return named;
}

function compiledSource(source: RuleSource, named: ReadonlySet<string> | undefined): CompiledSource {
  const { name, table, issuer, requirements } = source;
  const keys = new Set(named);
  for (const [field, row] of Object.entries(table.claims)) keys.add(claimKey(row.path ?? [field]));
  for (const { path } of requirements) keys.add(claimKey(path));
  return Object.freeze({
    name,
    kind: table.kind,
    issuer,
    require: Object.freeze([...requirements]),
    claimsNamed: Object.freeze([...keys].sort()),
  });
}

const byPlace = (a: Problem, b: Problem): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1;
