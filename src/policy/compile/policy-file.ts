// One policy file, read: its rules with its defaults under them, its tests, and everything that is wrong with the file itself.
// Rules are not looked at here; each is compiled, and reported, apart.

import { problemAt, problemsFromZod } from '../../parsing/problems.ts';
import { isMap, type Problem, type YamlDocument } from '../../parsing/yaml.ts';
import { withDefaults } from './expand.ts';
import { type defaultsSchema, fileSchema, type WrittenTest } from './schema.ts';

export interface PolicyFile {
  /** As written, with the file's defaults under each. */
  readonly rules: readonly unknown[];
  readonly tests: readonly WrittenTest[];
  readonly problems: readonly Problem[];
}

/** Never throws. Rules come out also where something else in the file is wrong. */
export function readPolicyFile(document: YamlDocument, schema: ReturnType<typeof defaultsSchema>): PolicyFile {
  const read = fileSchema.safeParse(document.value);
  const problems: Problem[] = [];
  const defaults = readDefaults(document, schema, problems);
  if (!read.success) problems.push(...problemsFromZod(document, [], read.error, fileSchema));
  // Tests that are wrong do not hide what is wrong with the rules beside them.
  const written: unknown = isMap(document.value) ? document.value.rules : undefined;
  const rules: readonly unknown[] = Array.isArray(written) ? written : [];
  return {
    rules: defaults ? rules.map((rule) => withDefaults(rule, defaults)) : rules,
    tests: read.data?.tests ?? [],
    problems,
  };
}

/** The file's defaults, as written; undefined where there are none, or they are wrong. */
function readDefaults(
  document: YamlDocument,
  schema: ReturnType<typeof defaultsSchema>,
  problems: Problem[],
): Readonly<Record<string, unknown>> | undefined {
  if (!isMap(document.value) || document.value.defaults === undefined) return undefined;
  const at = ['defaults'];
  const { defaults: value } = document.value;
  const read = schema.safeParse(value);
  if (!read.success) {
    problems.push(...problemsFromZod(document, at, read.error, schema));
    return undefined;
  }
  if (isMap(value) && Object.keys(value).length === 0)
    problems.push(problemAt(document, at, 'is empty: it says nothing'));
  return isMap(value) ? value : undefined;
}
