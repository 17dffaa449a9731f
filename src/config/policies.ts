// The policy files below the configured folders, as texts: recursive, `*.yaml` and `*.yml`, names that begin with a dot skipped. A folder
// that cannot be read, and a set of folders without one policy, are errors: absence must not look like an empty policy.

import { extname, relative, resolve, sep } from 'node:path';
import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument } from '../parsing/yaml.ts';
import type { PolicyScope } from './config.ts';
import type { ConfigFiles } from './files.ts';
import { reasonOf } from './interpolate.ts';

export interface Policies {
  readonly problems: readonly Problem[];
  /** The folders, absolute. */
  readonly folders: readonly string[];
  /** Name and text of every file, in the order of their names. */
  readonly texts: readonly (readonly [string, string])[];
  /** By the name of a file: what every restricted folder that it stands in lets it speak of. */
  readonly scopes: ReadonlyMap<string, readonly PolicyScope[]>;
}

/** A folder as configured. */
export type PolicyFolder = string | ({ readonly path: string } & PolicyScope);

/** Reads every policy. Files are named relative to exchequer.yaml's folder, `base`. */
export function loadPolicies(input: {
  readonly document: YamlDocument;
  readonly base: string;
  readonly folders: readonly PolicyFolder[];
  readonly files: ConfigFiles;
}): Policies {
  const { document, base, files } = input;
  const problems: Problem[] = [];
  const texts: (readonly [string, string])[] = [];
  const pathOf = (folder: PolicyFolder): string => resolve(base, typeof folder === 'string' ? folder : folder.path);
  const folders = input.folders.map(pathOf);
  const paths = new Set<string>();
  const scopes = new Map<string, readonly PolicyScope[]>();
  for (const [index, folder] of folders.entries()) {
    try {
      const configured = input.folders[index];
      for (const { path } of files.list(folder).filter((one) => isPolicy(folder, one.path))) {
        paths.add(path);
        const name = relative(base, path);
        if (typeof configured === 'object') scopes.set(name, [...(scopes.get(name) ?? []), configured]);
      }
    } catch (error) {
      problems.push(problemAt(document, ['policies', index], `the folder cannot be read (${reasonOf(error)})`));
    }
  }
  if (paths.size === 0 && problems.length === 0)
    problems.push(problemAt(document, ['policies'], 'no folder holds a policy (*.yaml or *.yml)'));

  for (const path of [...paths].sort()) {
    const name = relative(base, path);
    try {
      texts.push([name, files.read(path)]);
    } catch (error) {
      problems.push({ file: name, line: 1, column: 1, path: '', message: `cannot be read (${reasonOf(error)})` });
    }
  }
  return { problems, folders, texts, scopes };
}

/** Below `folder`, no name on the way begins with a dot. A deny in `a.YAML` must not be left out without a word. */
function isPolicy(folder: string, path: string): boolean {
  const names = relative(folder, path).split(sep);
  return ['.yaml', '.yml'].includes(extname(path).toLowerCase()) && !names.some((name) => name.startsWith('.'));
}
