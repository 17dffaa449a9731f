// What the parts that compile one rule share: the world that it is compiled against, the rule in work, and how its problems are said.
// It judges nothing.

import { closest } from '../../parsing/closest.ts';
import { problemAt } from '../../parsing/problems.ts';
import type { Parameters } from '../../parsing/template.ts';
import type { Problem, YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import type { ReadCondition, TableRows } from './match.ts';
import type { PinSource } from './pins.ts';

export type RuleSource = PinSource & {
  readonly rows: TableRows;
  /** The most that its principals can get; undefined: anything. */
  readonly reach: readonly string[] | undefined;
};

export interface RuleTarget {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly defaultScopes: readonly string[];
  readonly address: string;
  readonly parameters: readonly string[];
  /** Set where a cloud issues it, with the shortest lifetime that it gives. */
  readonly cloud?: { readonly floorSeconds: number };
}

/** What every rule is compiled against. */
export interface RuleContext {
  /** In the order of their names. */
  readonly sources: readonly RuleSource[];
  readonly targets: ReadonlyMap<string, RuleTarget>;
  /** Ids of the registered clients. */
  readonly clients: readonly string[];
}

/** What the files of a folder may speak of; undefined: anything. */
export interface FolderScope {
  readonly trust?: readonly string[] | undefined;
  readonly reach?: readonly string[] | undefined;
}

/** One rule in work: as written, or as one row makes it. */
export interface Work {
  readonly context: RuleContext;
  readonly document: YamlDocument;
  readonly path: YamlPath;
  /** Of every configured folder that the file stands in; all of them hold. */
  readonly scopes: readonly FolderScope[];
  /** What `each` and `with` bind. */
  readonly bound: Parameters;
  readonly problems: Problem[];
  readonly warnings: Problem[];
  /** Every condition, with its place: the linter points there. Those on who acts are apart. */
  readonly reads: ReadCondition[];
  readonly actorReads: ReadCondition[];
}

/** Notes a problem at a path within the rule. */
export function report(work: Work, path: YamlPath, message: string): void {
  work.problems.push(problemAt(work.document, [...work.path, ...path], message));
}

/** What was probably meant, or what there is. */
export function meant(word: string, known: readonly string[]): string {
  const near = closest(word, known);
  return near === undefined ? `; there are: ${known.join(', ') || 'none'}` : `; did you mean ${near}?`;
}
