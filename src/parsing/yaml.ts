// YAML as operators write it, read strictly: one document of plain data, with the position of everything in it.
// Anchors, aliases, merges, directives, second documents, unknown tags, unsafe integers, duplicate keys, keys that are not
// text, numbers that YAML would rewrite and empty documents do not load; every problem is reported, not the first alone.
// YAML 1.2.2 core schema. What a document means is decided elsewhere.

import { Composer, type Document, isScalar, type Node, Parser } from 'yaml';
import { YAML_BYTES_MAX } from '../core/limits.ts';
import { type Fault, offsetOf, readNodes, TOO_DEEP } from './yaml-nodes.ts';

/** 1-based; columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong in a file. `path` is written `trust.github.require`, and is empty for the whole document. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** Keys and indexes from the root. */
export type YamlPath = readonly (string | number)[];

export interface YamlDocument {
  readonly file: string;
  /** Objects have no prototype; arrays, text, numbers, booleans and null are JavaScript's own. */
  readonly value: unknown;
  /** Where an entry begins (its key, or its item); the nearest existing parent of what is missing. */
  locate(path: YamlPath): Position;
}

export type YamlRead =
  | { readonly ok: true; readonly document: YamlDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads one file. Never throws. */
export function readYaml(file: string, text: string): YamlRead {
  const bytes = Buffer.byteLength(text);
  if (bytes > YAML_BYTES_MAX)
    return failed([
      { file, line: 1, column: 1, path: '', message: `is ${bytes} bytes long; at most ${YAML_BYTES_MAX} are read` },
    ]);
  const lineStarts: number[] = [];
  const faults: Fault[] = [];
  const root = composeOne(text, lineStarts, faults);
  const read = root ? readNodes(root, faults) : undefined;
  if (faults.length > 0 || !read) {
    // A text that is too deep has little else to say, and says it once for every level.
    const deep = faults.filter(({ message }) => message === TOO_DEEP).slice(0, 1);
    const told = deep.length > 0 ? deep : faults.sort((a, b) => a.at - b.at);
    return failed(told.map(({ at, path, message }) => ({ file, ...position(lineStarts, at), path, message })));
  }
  const { value, place } = read;
  const document = { file, value, locate: (path: YamlPath) => position(lineStarts, offsetOf(place, path)) };
  return { ok: true, document: Object.freeze(document) };
}

/** Inside `{ }` and `[ ]` an unquoted brace is YAML's own. */
const REFERENCE = '${';

const failed = (problems: readonly Problem[]): YamlRead => ({ ok: false, problems });

/** The one document's root. Faults of syntax are collected; a text too deep for the parser is one fault. */
function composeOne(text: string, lineStarts: number[], faults: Fault[]): Node | undefined {
  const fault = (at: number, message: string) => faults.push({ at, path: '', message });
  // Keys are compared in `walk` instead: the library's own check takes quadratic time in one large map.
  const composer = new Composer({
    prettyErrors: false,
    uniqueKeys: false,
    resolveKnownTags: false,
    logLevel: 'silent',
  });
  const documents: Document.Parsed[] = [];
  try {
    for (const token of new Parser((offset) => lineStarts.push(offset)).parse(text)) {
      if (token.type === 'directive') fault(token.offset, 'directives (%YAML, %TAG) are not taken');
      documents.push(...composer.next(token));
    }
    documents.push(...composer.end());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fault(0, TOO_DEEP);
    return undefined;
  }
  const [first, second] = documents;
  for (const { errors, warnings } of documents)
    for (const { pos, message } of [...errors, ...warnings])
      fault(
        pos[0],
        text.startsWith(REFERENCE, pos[0] - 1) ? `put a value with ${REFERENCE}...} in quotes here` : message,
      );
  if (second) fault(second.range[0], 'a file holds one document; this is a second one');
  if (!first?.contents && faults.length === 0) fault(0, 'is empty');
  if (first && isScalar(first.contents) && first.contents.value === null && faults.length === 0) fault(0, 'is empty');
  return first?.contents ?? undefined;
}

function position(lineStarts: readonly number[], offset: number): Position {
  let low = 0;
  let high = lineStarts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return { line: Math.max(low, 1), column: offset - (lineStarts[low - 1] ?? 0) + 1 };
}
