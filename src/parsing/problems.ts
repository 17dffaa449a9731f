// Turns a schema's issues into problems that name a file, a line and a column, what is wrong, what is allowed, and what was
// probably meant. It reads values only from the document as written, where `${...}` still stands for what it is replaced with:
// what came from an environment variable or a file cannot reach a message from here.

import type { z } from 'zod';
import { closest, closestKey } from './closest.ts';
import { allowedKeys } from './schema-keys.ts';
import { isMap, type Problem, type YamlDocument, type YamlPath } from './yaml.ts';
import { renderPath } from './yaml-events.ts';

type Issue = z.core.$ZodIssue;
type UnionIssue = Extract<Issue, { code: 'invalid_union' }>;

/** Problems of a value read from `document` at `base`. With its `schema`, unknown keys are answered with the allowed ones. */
export function problemsFromZod(
  document: YamlDocument,
  base: YamlPath,
  error: z.ZodError,
  schema?: z.core.$ZodType,
): readonly Problem[] {
  return error.issues.flatMap((issue) => problemsOf({ document, base, schema }, issue, []));
}

/** One problem at a path. */
export function problemAt(document: YamlDocument, path: YamlPath, message: string): Problem {
  return { file: document.file, ...document.locate(path), path: renderPath(path), message };
}

interface Place {
  readonly document: YamlDocument;
  readonly base: YamlPath;
  readonly schema: z.core.$ZodType | undefined;
}

/** `outer` is the path of the union that the issue stands in, below the base. */
function problemsOf(place: Place, issue: Issue, outer: YamlPath): readonly Problem[] {
  const { document, base, schema } = place;
  const inner = [...outer, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const path = [...base, ...inner];
  const value = valueIn(document.value, path);
  if (issue.code === 'unrecognized_keys') {
    const allowed = schema ? allowedKeys(schema, inner, valueIn(document.value, base)) : [];
    return issue.keys.map((key) =>
      problemAt(document, [...path, key], `is not known here${choices(allowed, key, closestKey)}`),
    );
  }
  if (issue.code === 'invalid_union') {
    const arm = meantArm(issue);
    if (arm) return arm.flatMap((one) => problemsOf(place, one, inner));
    const forms = isMap(value) && schema ? allowedKeys(schema, inner, valueIn(document.value, base)) : [];
    if (issue.errors.length > 0 && forms.length > 0)
      return [problemAt(document, path, `is in none of its forms${choices(forms, undefined)}`)];
  }
  return [problemAt(document, path, messageOf(issue, value))];
}

/** The arm of a union that was meant: it took the value's own type, and fewer things are wrong in it than in any other. */
function meantArm({ errors }: UnionIssue): readonly Issue[] | undefined {
  const inside = errors
    .filter((issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0))
    .sort((a, b) => a.length - b.length);
  const [first, second] = inside;
  return first && first.length !== second?.length ? first : undefined;
}

function messageOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeMessage(issue, value);
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      if (value === undefined) return `is missing${choices(allowed, undefined)}`;
      return allowed.length === 1 ? `must be ${allowed[0]}` : notAmong(allowed, value);
    }
    case 'invalid_union':
      return unionMessage(issue, value);
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    case 'too_small':
      if (!issue.message.startsWith('Too small')) return issue.message;
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      return `must ${measure(issue.origin)} at least ${issue.minimum}`;
    case 'too_big':
      if (!issue.message.startsWith('Too big')) return issue.message;
      return `must ${measure(issue.origin)} at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const measure = (origin: string): string =>
  origin === 'string'
    ? 'be of a length of'
    : ['array', 'set', 'map'].includes(origin)
      ? 'have a number of entries of'
      : 'be';

function unionMessage(issue: UnionIssue, value: unknown): string {
  const kinds = 'options' in issue ? (issue.options ?? []).map(String) : [];
  if (kinds.length > 0) return value === undefined ? `is missing${choices(kinds, undefined)}` : notAmong(kinds, value);
  if (value === undefined) return 'is missing';
  if (issue.message !== 'Invalid input') return issue.message;
  const types = issue.errors
    .flat()
    .flatMap((one) => (one.code === 'invalid_type' && one.path.length === 0 ? [typeName(one.expected)] : []));
  if (types.length === 0) return 'is in none of its forms';
  return `must be ${[...new Set(types)].join(' or ')}, and is ${typeOf(value)}`;
}

const notAmong = (allowed: readonly string[], value: unknown): string =>
  `is not one of its values${choices(allowed, typeof value === 'string' ? value : undefined)}`;

function typeMessage(issue: Extract<Issue, { code: 'invalid_type' }>, value: unknown): string {
  const own = issue.message.startsWith('Invalid input') ? undefined : issue.message;
  if (value === undefined) return `is missing: ${own ?? `must be ${typeName(issue.expected)}`}`;
  return own ?? `must be ${typeName(issue.expected)}, and is ${typeOf(value)}`;
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'a map'],
  ['record', 'a map'],
  ['null', 'empty'],
  ['undefined', 'absent'],
  ['never', 'absent'],
]);

const typeName = (type: string): string => TYPE_NAMES.get(type) ?? type;

function typeOf(value: unknown): string {
  if (value === null) return 'empty';
  return typeName(Array.isArray(value) ? 'array' : typeof value);
}

function choices(allowed: readonly string[], written: string | undefined, pick = closest): string {
  const list = allowed.length > 0 ? `; allowed: ${allowed.join(', ')}` : '';
  const meant = written === undefined || written.includes('${') ? undefined : pick(written, allowed);
  return meant === undefined ? list : `${list}; did you mean ${meant}?`;
}

function valueIn(root: unknown, path: YamlPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
