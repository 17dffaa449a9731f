// YAML as operators write it, read strictly: one document of plain data, with the position of everything in it.
// Anchors, aliases, merges, directives, second documents, unknown tags, unsafe integers, duplicate keys, keys that are not
// text, numbers that YAML would rewrite and empty documents do not load; every problem is reported, not the first alone.
// YAML 1.2.2 core schema. What a document means is decided elsewhere.

import { Composer, type Document, isAlias, isMap, isScalar, isSeq, type Node, Parser, type Scalar } from 'yaml';
import { YAML_BYTES_MAX, YAML_DEPTH_MAX } from '../core/limits.ts';

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
  const read = root ? walk(root, [], faults) : undefined;
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

/** A path as people write it: `trust.github.require`, `rules[3].name`, `claims["kubernetes.io"]`. */
export function renderPath(path: YamlPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

const TOO_DEEP = `is nested too deeply; at most ${YAML_DEPTH_MAX} levels are read`;

/** Inside `{ }` and `[ ]` an unquoted brace is YAML's own. */
const REFERENCE = '${';

/** Something wrong at an offset of the text. */
interface Fault {
  readonly at: number;
  readonly path: string;
  readonly message: string;
}

/** Offsets, in the shape of the value: kept beside it, so that the parser's own large tree can be dropped. */
interface Place {
  readonly at: number;
  readonly inside?: ReadonlyMap<string | number, Place>;
}

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

interface Read {
  readonly value: unknown;
  readonly place: Place;
}

function walk(node: Node | null, path: (string | number)[], faults: Fault[], start?: number): Read {
  const at = start ?? node?.range?.[0] ?? 0;
  const fault = (message: string) => faults.push({ at: node?.range?.[0] ?? at, path: renderPath(path), message });
  if (path.length > YAML_DEPTH_MAX) {
    fault(TOO_DEEP);
    return { value: null, place: { at } };
  }
  if (node === null) return { value: null, place: { at } };
  if (isAlias(node)) {
    fault('aliases are not taken: write it out');
    return { value: null, place: { at } };
  }
  if ('anchor' in node && node.anchor !== undefined) fault('anchors are not taken');
  if (isMap(node)) return walkMap(node, path, faults, at);
  if (isSeq(node)) {
    const value: unknown[] = [];
    const inside = new Map<number, Place>();
    for (const [index, item] of node.items.entries()) {
      path.push(index);
      const read = walk(item as Node | null, path, faults);
      path.pop();
      value.push(read.value);
      inside.set(index, read.place);
    }
    return { value, place: { at, inside } };
  }
  if (!isScalar(node)) throw new Error('the YAML library gave a node of an unknown type');
  const problem = scalarProblem(node);
  if (problem) fault(problem);
  return { value: node.value, place: { at } };
}

function walkMap(node: Node & { items: unknown[] }, path: (string | number)[], faults: Fault[], at: number): Read {
  const value: Record<string, unknown> = Object.create(null);
  const inside = new Map<string, Place>();
  for (const pair of node.items as { key: Node | null; value: Node | null }[]) {
    const keyAt = pair.key?.range?.[0] ?? at;
    const name = isScalar(pair.key) ? pair.key.value : undefined;
    const problem = keyProblem(pair.key, name, inside);
    if (problem !== undefined || typeof name !== 'string') {
      faults.push({ at: keyAt, path: renderPath(path), message: problem ?? 'keys must be text' });
      continue;
    }
    path.push(name);
    const read = walk(pair.value, path, faults, keyAt);
    path.pop();
    value[name] = read.value;
    inside.set(name, read.place);
  }
  return { value, place: { at, inside } };
}

function keyProblem(key: Node | null, name: unknown, before: ReadonlyMap<string, Place>): string | undefined {
  if (isAlias(key)) return 'aliases are not taken: write it out';
  if (isScalar(key) && key.anchor !== undefined) return 'anchors are not taken';
  if (name === null) return 'a key is missing before the colon';
  if (typeof name === 'number' || typeof name === 'boolean')
    return `keys must be text: write "${String(name)}" in quotes`;
  if (typeof name !== 'string') return 'keys must be text';
  if (name === '<<') return 'merges (<<) are not taken: write it out';
  // Readers of plain objects skip or misread this one name, so a condition under it would silently not count.
  if (name === '__proto__') return '"__proto__" is not taken as a key';
  if (before.has(name)) return `the key ${JSON.stringify(name)} is there twice`;
  return undefined;
}

/** YAML rewrites `007`, `0x1F` and `1.10`; an id written so would silently become another one. */
function scalarProblem(node: Scalar): string | undefined {
  const { value, source } = node;
  if (typeof value !== 'number') return undefined;
  if (!Number.isFinite(value)) return 'is not a finite number; put text in quotes';
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is beyond 2^53 and would be rounded; put it in quotes';
  if (source !== String(value)) return `would be read as ${value}; put it in quotes, or write it so`;
  return undefined;
}

function offsetOf(root: Place, path: YamlPath): number {
  let place = root;
  for (const step of path) {
    const next = place.inside?.get(step);
    if (!next) break;
    place = next;
  }
  return place.at;
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
