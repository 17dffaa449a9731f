// Compiles every rule that one written rule means. What is wrong with all of them is said once, where the rule stands; what is wrong with
// some is said at the row that brought it.

import { problemAt, problemsFromZod } from '../../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import type { CompiledRule } from '../compiled.ts';
import type { LintedRule } from '../lint/lint.ts';
import { collect, type Expanded, type Variant } from './expand.ts';
import type { CheckRendering } from './renderings.ts';
import { compileRule } from './rule.ts';
import { targetNames } from './rule-targets.ts';
import type { FolderScope, RuleContext } from './rule-work.ts';
import type { defaultsSchema, ruleSchema } from './schema.ts';
import type { TargetView } from './views.ts';

/** What every rule is compiled against, and read by. */
export type CompileContext = RuleContext & {
  readonly targets: ReadonlyMap<string, TargetView>;
  readonly schema: ReturnType<typeof ruleSchema>;
  readonly defaults: ReturnType<typeof defaultsSchema>;
};

export interface VariantsInput {
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly expanded: Expanded;
  readonly scopes: readonly FolderScope[];
  readonly rendering: CheckRendering;
}

export interface RuleRead {
  readonly rules: readonly LintedRule[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Parameters that stand in its texts or in its targets. */
  readonly parameters: ReadonlySet<string>;
}

/** Every rule that one written rule means, and each problem once, however many rows have it. */
export function compileVariants(context: CompileContext, input: VariantsInput): RuleRead {
  const { document, path, expanded } = input;
  const parameters = new Set(expanded.used);
  const reads = expanded.variants.map((variant) => compileVariant(context, input, variant, parameters));
  // Where something else is wrong, what uses them may not have been read: that is said first.
  const whole = reads.length > 0 && reads.every(({ problems }) => problems.length === 0);
  const unused = expanded.constants
    .filter((name) => !parameters.has(name) && whole)
    .map((name) => problemAt(document, [...path, 'with', name], `neither the rule nor its targets use <${name}>`));
  const idle = expanded.tables
    .filter(({ table }) => whole && !table.columns.some((name) => parameters.has(name)))
    .map(({ column }) =>
      problemAt(
        document,
        [...path, 'each', column],
        'binds nothing: neither the rule nor its targets use a column of it',
      ),
    );
  const perVariant = reads.map(({ problems, variant }) => ({ problems, variant }));
  return {
    rules: reads.flatMap(({ linted }) => (linted ? [linted] : [])),
    problems: [...placed(input, perVariant), ...unused, ...idle],
    warnings: once(reads.flatMap(({ warnings }) => warnings)),
    parameters,
  };
}

interface VariantRead {
  readonly variant: Variant;
  readonly linted: LintedRule | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function compileVariant(
  context: CompileContext,
  { document, path, scopes, rendering }: VariantsInput,
  variant: Variant,
  parameters: Set<string>,
): VariantRead {
  const { written: value } = variant;
  const stray = unbound(document, path, value);
  const read = context.schema.safeParse(value);
  if (!read.success) {
    const wrong = problemsFromZod(document, path, read.error, context.schema);
    return { variant, linted: undefined, problems: [...stray, ...wrong], warnings: [] };
  }
  const written = read.data;
  for (const name of targetNames(written.allow))
    for (const parameter of context.targets.get(name)?.parameters ?? []) parameters.add(parameter);
  const { bound, label, rows } = variant;
  const compiled = compileRule(context, { document, path, written, scopes, bound, label });
  const { rule, reads, actorReads } = compiled;
  const clash = rule ? renderingProblems(context, rendering, rule) : [];
  const problems = [
    ...stray,
    ...compiled.problems,
    ...clash.map((message) => problemAt(document, [...path, 'allow'], message)),
  ];
  const linted =
    rule && problems.length === 0
      ? { rule, document, path, rows, reads, actorReads, accept: written.accept ?? {} }
      : undefined;
  return { variant, linted, problems, warnings: compiled.warnings };
}

const renderingProblems = (context: CompileContext, check: CheckRendering, rule: CompiledRule): readonly string[] =>
  rule.effect === 'deny'
    ? []
    : rule.allow.flatMap(({ target }) => {
        const view = context.targets.get(target);
        return (view && check(rule, view)) ?? [];
      });

const WHO = ['subject', 'anyone', 'actor'];

/** Parameters that nothing binds, where no claim could capture them. */
function unbound(document: YamlDocument, path: YamlPath, written: unknown): readonly Problem[] {
  if (typeof written !== 'object' || written === null) return [];
  return Object.entries(written).flatMap(([key, value]) => {
    // What stands in a condition is judged with it.
    if (WHO.includes(key)) return [];
    const found = new Set<string>();
    collect(value, found);
    return [...found].map((name) =>
      problemAt(
        document,
        [...path, key],
        `nothing binds <${name}>: each or with does, and claims of the subject for targets`,
      ),
    );
  });
}

/** A problem of every variant is the rule's; one of some is said at their rows. */
function placed(
  { document, path }: VariantsInput,
  reads: readonly { readonly variant: Variant; readonly problems: readonly Problem[] }[],
): readonly Problem[] {
  const count = new Map<string, number>();
  for (const { problems } of reads)
    for (const key of new Set(problems.map(keyOf))) count.set(key, (count.get(key) ?? 0) + 1);
  const said = new Set<string>();
  return reads.flatMap(({ variant: { rows, label }, problems }) =>
    problems.flatMap((problem) => {
      const row = rows.at(-1);
      const key = keyOf(problem);
      if (!row || count.get(key) === reads.length) {
        if (said.has(key)) return [];
        said.add(key);
        return [problem];
      }
      const rule = `${document.file}:${document.locate(path).line}`;
      return [problemAt(row.document, row.path, `makes ${label} of ${rule} wrong: ${problem.path} ${problem.message}`)];
    }),
  );
}

const keyOf = ({ file, line, column, path, message }: Problem): string =>
  JSON.stringify([file, line, column, path, message]);

/** Each once: several rules can say the same of one row. */
export function once(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()];
}
