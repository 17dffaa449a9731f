// Files that a source's options name, as `{ file: path }`, `ca: path` or `bootstrap: path`: made absolute, read once, and kept by
// their path, so that what is verified later is what was loaded, and a file that is missing is a problem of loading. A `tokenFile` only has to be there:
// it is a secret that somebody renews, so it is read anew for every use and is part of no digest.

import { resolve } from 'node:path';
import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../parsing/yaml.ts';
import type { ConfigFiles } from './files.ts';
import { reasonOf } from './interpolate.ts';

type Options = Readonly<Record<string, unknown>>;

export interface References {
  /** The options with absolute paths; what they name has been read into `files`. */
  resolve(options: Options, at: YamlPath): Options;
  /** The absolute path of a file that is read anew for every use: it only has to be there. */
  probe(path: string, at: YamlPath): string;
  /** The text of a file that is kept out of `files`, and whose absence is somebody else's to judge. */
  readApart(path: string, at: YamlPath): { readonly text: string } | { readonly problem: Problem };
  readonly files: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

const unreadable = (error: unknown): string => `the file cannot be read (${reasonOf(error)})`;

/** Members of options that hold the path of a file. */
const PATHS = ['file', 'ca', 'bootstrap'];
/** The member that holds the path of a file that is read anew for every use. */
const RENEWED = 'tokenFile';

export function createReferences(input: {
  readonly document: YamlDocument;
  readonly base: string;
  readonly files: ConfigFiles;
}): References {
  const texts = new Map<string, string>();
  const problems: Problem[] = [];

  const attempt = <Found>(use: (path: string) => Found, path: string, at: YamlPath): Found | undefined => {
    try {
      return use(path);
    } catch (error) {
      problems.push(problemAt(input.document, at, unreadable(error)));
      return undefined;
    }
  };

  const read = (path: string, at: YamlPath): string | undefined => attempt(input.files.read, path, at);

  const probe = (name: string, at: YamlPath): string => {
    const path = resolve(input.base, name);
    attempt(input.files.probe, path, at);
    return path;
  };

  const member = (name: string, value: unknown, at: YamlPath): unknown => {
    if (typeof value !== 'string' || !(name === RENEWED || PATHS.includes(name))) return inside(value, at);
    if (name === RENEWED) return probe(value, at);
    const path = resolve(input.base, value);
    const text = texts.get(path) ?? read(path, at);
    if (text !== undefined) texts.set(path, text);
    return path;
  };

  const inside = (value: unknown, at: YamlPath): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => inside(item, [...at, index]));
    return typeof value === 'object' && value !== null ? members(value, at) : value;
  };

  const members = (value: object, at: YamlPath): Options =>
    Object.fromEntries(Object.entries(value).map(([name, item]) => [name, member(name, item, [...at, name])]));

  return Object.freeze({
    resolve: members,
    probe,
    readApart(path: string, at: YamlPath) {
      try {
        return { text: input.files.read(resolve(input.base, path)) };
      } catch (error) {
        return { problem: problemAt(input.document, at, unreadable(error)) };
      }
    },
    files: texts,
    problems,
  });
}
