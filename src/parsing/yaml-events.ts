// From the YAML library's events to plain data with offsets: refuses what only an event shows (anchors, aliases, tags, merges, keys
// that are not text or are there twice, numbers that YAML would rewrite). YAML 1.2.2 core schema, §10.3.

import {
  boolCoreTag,
  EVENT_ID,
  type Event,
  floatCoreTag,
  getScalarValue,
  intCoreTag,
  NOT_RESOLVED,
  nullCoreTag,
  SCALAR_STYLE,
} from 'js-yaml';
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

/** The plain value of one document's events, from its first node on; what is wrong in it is added to `faults`. */
export function readEvents(text: string, events: Iterator<Event>, faults: Fault[]): Read {
  const reader: Reader = { text, events, faults, path: [] };
  const root = next(reader);
  return readNode(reader, root, root ? offsetIn(root, 0) : 0);
}

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

interface Reader {
  readonly text: string;
  readonly events: Iterator<Event>;
  readonly faults: Fault[];
  /** Where the reader is; grows and shrinks with it. */
  readonly path: (string | number)[];
}

type NodeEvent = Exclude<Event, { readonly type: typeof EVENT_ID.POP | typeof EVENT_ID.DOCUMENT }>;
type ScalarEvent = Extract<Event, { readonly type: typeof EVENT_ID.SCALAR }>;

/** The next node, or undefined at the end of the collection that is being read. */
function next({ events }: Reader): NodeEvent | undefined {
  const { value, done } = events.next();
  return done || value.type === EVENT_ID.POP || value.type === EVENT_ID.DOCUMENT ? undefined : value;
}

/** `start`: where the entry begins that the node is the value of; a problem of an entry is reported there. */
function readNode(reader: Reader, event: NodeEvent | undefined, start: number): Read {
  if (!event) return { value: null, place: start };
  reportProperties(reader, event);
  switch (event.type) {
    case EVENT_ID.ALIAS:
      return { value: null, place: start };
    case EVENT_ID.SCALAR:
      return { value: readScalar(reader, event, start), place: start };
    case EVENT_ID.SEQUENCE:
      return readList(reader, start);
    case EVENT_ID.MAPPING:
      return readMap(reader, start);
  }
}

function readList(reader: Reader, at: number): Read {
  const value: unknown[] = [];
  const places: Place[] = [];
  for (let event = next(reader); event; event = next(reader)) {
    reader.path.push(value.length);
    const read = readNode(reader, event, offsetIn(event, at));
    reader.path.pop();
    value.push(read.value);
    places.push(read.place);
  }
  return { value, place: { at, inside: places } };
}

function readMap(reader: Reader, at: number): Read {
  const value: Record<string, unknown> = Object.create(null);
  const places = new Map<string, Place>();
  for (let key = next(reader); key; key = next(reader)) {
    const keyAt = offsetIn(key, at);
    const name = readKey(reader, key, keyAt);
    const problem = key.type === EVENT_ID.ALIAS ? undefined : nameProblem(name, places);
    if (problem !== undefined) fault(reader, keyAt, problem);
    reader.path.push(typeof name === 'string' ? name : '?');
    // What stands under a key that cannot be taken is read all the same: its own problems are the operator's too.
    const read = readNode(reader, next(reader), keyAt);
    reader.path.pop();
    if (typeof name !== 'string' || problem !== undefined) continue;
    value[name] = read.value;
    places.set(name, read.place);
  }
  return { value, place: { at, inside: places } };
}

/** A key's value; undefined for a key that is an alias or a collection. */
function readKey(reader: Reader, key: NodeEvent, at: number): unknown {
  if (key.type !== EVENT_ID.SCALAR) {
    readNode(reader, key, at);
    return undefined;
  }
  reportProperties(reader, key);
  return plainValue(reader.text, key);
}

const fault = ({ faults, path }: Reader, at: number, message: string): void =>
  void faults.push({ at, path: renderPath(path), message });

/** Where a node stands; `otherwise` where there is nothing of it in the text. */
function offsetIn(event: NodeEvent, otherwise: number): number {
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
  const at = event.type === EVENT_ID.SCALAR ? event.valueStart : event.start;
  const quoted = event.type === EVENT_ID.SCALAR && event.style !== SCALAR_STYLE.PLAIN && at > 0 ? at - 1 : at;
  return quoted < 0 ? otherwise : quoted;
}

/** Aliases, anchors and tags, at their own places. `!!str` alone is taken: it says what quotes say. */
function reportProperties(reader: Reader, event: NodeEvent): void {
  if (event.type === EVENT_ID.ALIAS) fault(reader, event.anchorStart - 1, 'aliases are not taken: write it out');
  else if (event.anchorStart >= 0) fault(reader, event.anchorStart - 1, 'anchors are not taken');
  if (event.type === EVENT_ID.ALIAS || event.tagStart < 0 || isText(reader.text, event)) return;
  fault(reader, event.tagStart, 'tags are not taken');
}

const isText = (text: string, event: NodeEvent): boolean =>
  event.type === EVENT_ID.SCALAR && text.slice(event.tagStart, event.tagEnd) === '!!str';

function nameProblem(name: unknown, before: ReadonlyMap<string, Place>): string | undefined {
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

function readScalar(reader: Reader, event: ScalarEvent, start: number): unknown {
  const value = plainValue(reader.text, event);
  const problem = numberProblem(value, reader.text.slice(event.valueStart, event.valueEnd));
  if (problem !== undefined) fault(reader, offsetIn(event, start), problem);
  return value;
}

const CORE_TAGS = [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag];
/** What a plain scalar that is not text begins with. */
const NOT_TEXT = new Set('-+.~0123456789nNtTfF');

/** A plain scalar by the core schema; anything quoted, and any block, is text. */
function plainValue(text: string, event: ScalarEvent): unknown {
  const source = getScalarValue(text, event);
  if (event.style !== SCALAR_STYLE.PLAIN || isText(text, event) || (source !== '' && !NOT_TEXT.has(source.charAt(0))))
    return source;
  for (const tag of CORE_TAGS) {
    const value = tag.resolve(source, false, tag.tagName);
    if (value !== NOT_RESOLVED) return value;
  }
  return source;
}

/** YAML rewrites `007`, `0x1F` and `1.10`; an id written so would silently become another one. */
function numberProblem(value: unknown, source: string): string | undefined {
  if (typeof value !== 'number') return undefined;
  if (!Number.isFinite(value)) return 'is not a finite number; put text in quotes';
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is beyond 2^53 and would be rounded; put it in quotes';
  if (source !== String(value)) return `would be read as ${value}; put it in quotes, or write it so`;
  return undefined;
}
