// From the texts of policy files to a compiled policy, here or in a thread of its own: ten thousand rules take over a second, and
// a reload must not hold requests up that long (F-35, F-41). Both ways run the same code and give the same value.

import { Worker } from 'node:worker_threads';
import { POLICY_COMPILE_MS } from '../../core/limits.ts';
import { type Problem, readYaml, type YamlDocument } from '../../parsing/yaml.ts';
import { compilePolicy, type PolicyCompiled } from './compile.ts';
import type { FolderScope } from './rule-work.ts';
import type { SourceView, TargetView } from './views.ts';

/** Plain data, so that it can be handed to a thread. */
export interface PolicyTexts {
  /** Name and text of every file. */
  readonly texts: readonly (readonly [string, string])[];
  /** What each file may speak of, by its name. */
  readonly scopes: ReadonlyMap<string, readonly FolderScope[]>;
  readonly sources: readonly SourceView[];
  readonly targets: readonly TargetView[];
  readonly clients: readonly string[];
  /** Our own. */
  readonly issuer: string;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Reads and compiles; every problem of every file at once. */
export function compileTexts({ texts, ...world }: PolicyTexts): PolicyCompiled {
  const documents: YamlDocument[] = [];
  const problems: Problem[] = [];
  for (const [file, text] of texts) {
    const read = readYaml(file, text);
    if (read.ok) documents.push(read.document);
    else problems.push(...read.problems);
  }
  // Where no file can be read at all, that there is no rule is no second problem.
  if (documents.length === 0 && problems.length > 0) return { ok: false, problems };
  const compiled = compilePolicy({ documents, ...world });
  if (problems.length === 0) return compiled;
  return { ok: false, problems: compiled.ok ? problems : [...problems, ...compiled.problems] };
}

/** The same in a thread of its own, which is ended after POLICY_COMPILE_MS. Rejects where it could not finish. */
export async function compileTextsApart(input: PolicyTexts): Promise<PolicyCompiled> {
  const worker = new Worker(new URL('./compile-thread.ts', import.meta.url), { workerData: input });
  const { promise, resolve, reject } = Promise.withResolvers<PolicyCompiled>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread that compiles policies ended early')));
  const timer = setTimeout(
    () => reject(new Error(`policies did not compile within ${POLICY_COMPILE_MS} ms`)),
    POLICY_COMPILE_MS,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
