// YAML as operators write it, read strictly: one document of plain data, with the position of everything in it.
// Anchors, aliases, merges, directives, second documents, unknown tags, unsafe integers, duplicate keys, keys that are not
// text, numbers that YAML would rewrite and empty documents do not load; every problem is reported, but the first of syntax alone.
// YAML 1.2.2 core schema. What a document means is decided elsewhere.

import { EVENT_ID, type Event, parseEvents, YAMLException } from 'js-yaml';
import { YAML_BYTES_MAX, YAML_DEPTH_MAX } from '../core/limits.ts';
import { type Fault, offsetOf, readEvents, TOO_DEEP } from './yaml-events.ts';

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
  /** The lint rule that says so, where one does. */
  readonly lint?: string;
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

/** Whether a value of a document is a map. Says nothing of what stands in it. */
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of a document that is neither empty nor made of others. */
export type Scalar = string | number | boolean;

export const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

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
  const faults: Fault[] = [];
  const read = readOne(text, faults);
  const lineStarts = lineStartsOf(text);
  if (faults.length > 0 || !read) {
    const told = faults.sort((a, b) => a.at - b.at);
    return failed(told.map(({ at, path, message }) => ({ file, ...position(lineStarts, at), path, message })));
  }
  const { value, place } = read;
  const document = { file, value, locate: (path: YamlPath) => position(lineStarts, offsetOf(place, path)) };
  return { ok: true, document: Object.freeze(document) };
}

/** Inside `{ }` and `[ ]` an unquoted brace is YAML's own. */
const REFERENCE = '${';

const failed = (problems: readonly Problem[]): YamlRead => ({ ok: false, problems });

/** The one document. What is wrong is added to `faults`: the first fault of syntax ends the reading. */
function readOne(text: string, faults: Fault[]): ReturnType<typeof readEvents> | undefined {
  const fault = (at: number, message: string) => void faults.push({ at, path: '', message });
  const events = eventsOf(text, fault);
  if (!events) return undefined;
  const [first] = events;
  if (first?.type === EVENT_ID.DOCUMENT && first.directives.length > 0)
    fault(0, 'directives (%YAML, %TAG) are not taken');
  const more = events.findIndex((event, index) => index > 0 && event.type === EVENT_ID.DOCUMENT);
  if (more > 0) fault(startOf(events[more + 1]), 'a file holds one document; this is a second one');

  const read = events.length > 1 ? readEvents(text, events.slice(1).values(), faults) : undefined;
  if ((read === undefined || read.value === null) && faults.length === 0) fault(0, 'is empty');
  return read;
}

function eventsOf(text: string, fault: (at: number, message: string) => void): readonly Event[] | undefined {
  try {
    return parseEvents(text, { maxDepth: YAML_DEPTH_MAX + 1 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const at = error.mark?.position ?? 0;
    if (error.reason.includes('maxDepth')) fault(at, TOO_DEEP);
    else if (text.startsWith(REFERENCE, at - 1)) fault(at, `put a value with ${REFERENCE}...} in quotes here`);
    else fault(at, error.reason);
    return undefined;
  }
}

const startOf = (event: Event | undefined): number => {
  if (event?.type === EVENT_ID.SCALAR) return event.valueStart;
  return event && 'start' in event ? event.start : 0;
};

/** A line ends at LF, CR LF or CR alone. */
function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (const { index, 0: end } of text.matchAll(/\r\n?|\n/g)) starts.push(index + end.length);
  return starts;
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
