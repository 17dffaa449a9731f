// From the YAML library's nodes to plain data with offsets: refuses what only a node shows (anchors, aliases, merges, keys that are
// not text or are there twice, numbers that YAML would rewrite). The library's tree is ten times as large as what is kept.

import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { YAML_DEPTH_MAX } from '../core/limits.ts';

type Steps = readonly (string | number)[];

/** Something wrong at an offset of the text. */
export interface Fault {
  readonly at: number;
  readonly path: string;
  readonly message: string;
}

/** The offset of a scalar, or of a collection with those inside it, in the shape of the value. */
type Place = number | Branch;

interface Branch {
  readonly at: number;
  readonly inside: readonly Place[] | ReadonlyMap<string, Place>;
}

interface Read {
  readonly value: unknown;
  readonly place: Place;
}

export const TOO_DEEP = `is nested too deeply; at most ${YAML_DEPTH_MAX} levels are read`;

/** The plain value of a tree of nodes; what is wrong in it is added to `faults`. */
export const readNodes = (root: Node, faults: Fault[]): Read => walk(root, [], faults, undefined);

/** The offset of an entry, or of the nearest parent that exists. */
export function offsetOf(root: Place, path: Steps): number {
  let place = root;
  for (const step of path) {
    const next = typeof place === 'number' ? undefined : inside(place, step);
    if (next === undefined) break;
    place = next;
  }
  return typeof place === 'number' ? place : place.at;
}

function inside({ inside: entries }: Branch, step: string | number): Place | undefined {
  if (entries instanceof Map) return typeof step === 'string' ? entries.get(step) : undefined;
  return typeof step === 'number' && Array.isArray(entries) ? entries[step] : undefined;
}

/** A path as people write it: `trust.github.require`, `rules[3].name`, `claims["kubernetes.io"]`. */
export function renderPath(path: Steps): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** `start` is the offset of the key, where there is one: a problem of an entry is reported where the entry begins. */
function walk(node: Node | null, path: (string | number)[], faults: Fault[], start: number | undefined): Read {
  const at = start ?? node?.range?.[0] ?? 0;
  if (node === null) return { value: null, place: at };
  const problem = path.length > YAML_DEPTH_MAX ? TOO_DEEP : nodeProblem(node);
  if (problem !== undefined) {
    faults.push({ at: node.range?.[0] ?? at, path: renderPath(path), message: problem });
    if (problem === TOO_DEEP) return { value: null, place: at };
  }
  if (isMap(node)) return walkMap(node.items as Pair[], path, faults, at);
  if (isSeq(node)) return walkList(node.items as (Node | null)[], path, faults, at);
  return { value: isScalar(node) ? node.value : null, place: at };
}

interface Pair {
  readonly key: Node | null;
  readonly value: Node | null;
}

function walkList(items: readonly (Node | null)[], path: (string | number)[], faults: Fault[], at: number): Read {
  const value: unknown[] = [];
  const places: Place[] = [];
  for (const item of items) {
    path.push(value.length);
    const read = walk(item, path, faults, undefined);
    path.pop();
    value.push(read.value);
    places.push(read.place);
  }
  return { value, place: { at, inside: places } };
}

function walkMap(items: readonly Pair[], path: (string | number)[], faults: Fault[], at: number): Read {
  const value: Record<string, unknown> = Object.create(null);
  const places = new Map<string, Place>();
  for (const pair of items) {
    const keyAt = pair.key?.range?.[0] ?? at;
    const name = isScalar(pair.key) ? pair.key.value : undefined;
    const problem = keyProblem(pair.key, name, places);
    if (problem !== undefined || typeof name !== 'string') {
      faults.push({ at: keyAt, path: renderPath(path), message: problem ?? 'keys must be text' });
      continue;
    }
    path.push(name);
    const read = walk(pair.value, path, faults, keyAt);
    path.pop();
    value[name] = read.value;
    places.set(name, read.place);
  }
  return { value, place: { at, inside: places } };
}

function nodeProblem(node: Node): string | undefined {
  if (isAlias(node)) return 'aliases are not taken: write it out';
  if ('anchor' in node && node.anchor !== undefined) return 'anchors are not taken';
  return isScalar(node) ? scalarProblem(node) : undefined;
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
