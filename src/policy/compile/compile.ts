// Compiles policy files into one immutable value, or says everything that is wrong with them, each at its file and line.
// Nothing half right comes out: a policy without rules, a rule without a pin, a name that is there twice, a target or source
// that does not exist are all errors. The same code runs in `check`, at start and on reload.

import { problemAt } from '../../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import { byName, type CompiledPolicy } from '../compiled.ts';
import type { Finding } from '../lint/finding.ts';
import { type LintedRule, lintRules } from '../lint/lint.ts';
import { type Expanded, expandRule } from './expand.ts';
import { compileRequire, tableRows } from './match.ts';
import { readPolicyFile } from './policy-file.ts';
import { createRenderingCheck } from './renderings.ts';
import type { FolderScope } from './rule-work.ts';
import { defaultsSchema, hasBlock, ruleSchema, type WrittenTest } from './schema.ts';
import { seal } from './seal.ts';
import { readTables, type Table } from './tables.ts';
import { type CompileContext, compileVariants, once, type RuleRead } from './variants.ts';
import type { SourceView, TargetView } from './views.ts';

export interface PolicyInput {
  readonly documents: readonly YamlDocument[];
  /** What each file may speak of, by its name; none where it stands in no restricted folder. */
  readonly scopes?: ReadonlyMap<string, readonly FolderScope[]>;
  readonly sources: readonly SourceView[];
  readonly targets: readonly TargetView[];
  /** Ids of the registered clients. */
  readonly clients: readonly string[];
  /** Our own: no rule makes it the address of a target. */
  readonly issuer?: string;
  /** Seconds since the epoch: what ends soon is found by it, and nothing else. */
  readonly now?: number;
}

/** One test of a policy, and where it stands: plain data, as everything that a thread hands back. */
export interface PolicyTest {
  readonly written: WrittenTest;
  readonly place: Omit<Problem, 'message'>;
}

export type PolicyCompiled =
  | {
      readonly ok: true;
      readonly policy: CompiledPolicy;
      readonly warnings: readonly Problem[];
      /** Of every severity, accepted ones too. */
      readonly findings: readonly Finding[];
      readonly tests: readonly PolicyTest[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Compiles. Pure: the same input gives the same digest, whatever the order of files, rules, sources and targets. */
export function compilePolicy(input: PolicyInput): PolicyCompiled {
  const work = compileAll(input);
  const { rules, problems, warnings } = work;
  const findings = lintRules({ rules, sources: input.sources, targets: input.targets, now: input.now ?? 0 });
  for (const { severity, accepted, problem } of findings)
    if (accepted === undefined && severity !== 'info') (severity === 'error' ? problems : warnings).push(problem);
  if (problems.length > 0) return { ok: false, problems: problems.sort(byPlace) };
  const policy = seal(
    work.context,
    rules.map(({ rule }) => rule),
  );
  return { ok: true, policy, warnings: warnings.sort(byPlace), findings, tests: work.tests };
}

interface CompileWork {
  readonly context: CompileContext;
  readonly rules: readonly LintedRule[];
  readonly tests: readonly PolicyTest[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

function compileAll(input: PolicyInput): CompileWork {
  const context = contextOf(input);
  const { tables, problems: tableProblems } = readTables(input.documents);
  const problems: Problem[] = [...tableProblems];
  const warnings: Problem[] = [];
  const rules: LintedRule[] = [];
  const tests: PolicyTest[] = [];
  const names = new Map<string, string>();
  const columns = new Map<Table, Set<string>>();
  const rendering = createRenderingCheck(input.targets, input.issuer);
  let written = 0;
  for (const document of input.documents) {
    const file = readPolicyFile(document, context.defaults);
    problems.push(...file.problems);
    written += file.rules.length;
    const scopes = input.scopes?.get(document.file) ?? [];
    tests.push(
      ...file.tests.map((test, index) => ({ written: test, place: problemAt(document, ['tests', index], '') })),
    );
    for (const [index, one] of file.rules.entries()) {
      const path = ['rules', index];
      const expanded = expandRule(document, path, one, tables);
      const read = compileVariants(context, { document, path, expanded, scopes, rendering });
      problems.push(...expanded.problems, ...read.problems, ...duplicates(names, document, path, one));
      warnings.push(...read.warnings);
      rules.push(...read.rules);
      noteColumns(columns, expanded, read);
    }
  }
  problems.push(...unusedColumns(columns));
  if (written === 0 && problems.length === 0) problems.push(noRules(input.documents));
  return { context, rules, tests, problems: [...once(problems)], warnings };
}

/** `require` is judged where it is written; here only what compiles counts towards pins. */
const NOWHERE: YamlDocument = { file: '', value: null, locate: () => ({ line: 1, column: 1 }) };

function contextOf({ sources, targets, clients }: PolicyInput): CompileContext {
  const rows = new Map(sources.map(({ table }) => [table, tableRows(table)]));
  const tables = new Map(sources.filter(({ table }) => hasBlock(table)).map(({ table }) => [table.kind, table]));
  return {
    sources: [...sources].sort(byName).map((view) => {
      const require = compileRequire({ source: view, document: NOWHERE, base: [] });
      const requirements = require.ok ? require.conditions : [];
      return { ...view, requirements, rows: rows.get(view.table) ?? tableRows(view.table) };
    }),
    targets: new Map([...targets].sort(byName).map((target) => [target.name, target])),
    clients: [...clients].sort(),
    schema: ruleSchema([...tables.values()]),
    defaults: defaultsSchema([...tables.values()]),
  };
}

/** A column is used where it names the rows, or a rule that uses its table has it in a text, or in a target, or is wrong otherwise. */
function noteColumns(columns: Map<Table, Set<string>>, { tables, problems }: Expanded, read: RuleRead): void {
  const wrong = problems.length + read.problems.length > 0;
  for (const { table, column } of tables) {
    const used = columns.get(table) ?? new Set([column]);
    columns.set(table, used);
    for (const name of wrong ? table.columns : read.parameters) used.add(name);
  }
}

function unusedColumns(columns: ReadonlyMap<Table, ReadonlySet<string>>): readonly Problem[] {
  return [...columns].flatMap(([{ document, columns: names }, used]) =>
    names
      .filter((name) => !used.has(name))
      .map((name) => problemAt(document, ['rows', 0, name], `no rule that uses this table uses <${name}>`)),
  );
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

const byPlace = (a: Problem, b: Problem): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1;
