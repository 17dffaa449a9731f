// Turns a schema's issues into problems that name a file, a line and a column, what is wrong, what is allowed, and what was
// probably meant. It reads values only from the document as written, where `${...}` still stands for what it is replaced with:
// what came from an environment variable or a file cannot reach a message from here.

import type { z } from 'zod';
import { closest } from './closest.ts';
import { allowedKeys } from './schema-keys.ts';
import { type Problem, renderPath, type YamlDocument, type YamlPath } from './yaml.ts';

type Issue = z.core.$ZodIssue;

/** Problems of a value read from `document` at `base`. With `schema`, unknown keys are answered with the allowed ones. */
export function problemsFromZod(
  document: YamlDocument,
  base: YamlPath,
  error: z.ZodError,
  schema?: z.core.$ZodType,
): readonly Problem[] {
  return error.issues.flatMap((issue) => problemsOf(document, base, issue, schema));
}

/** One problem at a path. */
export function problemAt(document: YamlDocument, path: YamlPath, message: string): Problem {
  return { file: document.file, ...document.locate(path), path: renderPath(path), message };
}

function problemsOf(document: YamlDocument, base: YamlPath, issue: Issue, schema?: z.core.$ZodType): Problem[] {
  const path = [...base, ...steps(issue.path)];
  const value = valueIn(document.value, path);
  if (issue.code === 'unrecognized_keys') {
    const allowed = schema ? allowedKeys(schema, steps(issue.path), valueIn(document.value, base)) : [];
    return issue.keys.map((key) => problemAt(document, [...path, key], `is not known here${choices(allowed, key)}`));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The arm that got furthest is the one that was meant.
    const arms = issue.errors.map((issues) => issues.flatMap((inner) => problemsOf(document, path, inner)));
    const furthest = nearestArm(issue.errors);
    if (furthest !== undefined) return arms[furthest] ?? [];
  }
  return [problemAt(document, path, messageOf(issue, value))];
}

/** Of a union's arms, the only one that took the value's own type and failed inside it. */
function nearestArm(arms: readonly (readonly Issue[])[]): number | undefined {
  const inside = arms.flatMap((issues, index) =>
    issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0) ? [] : [index],
  );
  return inside.length === 1 ? inside[0] : undefined;
}

function messageOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeMessage(issue, value);
    case 'invalid_value': {
      if (value === undefined) return `is missing${choices(issue.values.map(String), undefined)}`;
      const allowed = issue.values.map(String);
      if (allowed.length === 1) return `must be ${allowed[0]}`;
      return `is not one of its values${choices(allowed, typeof value === 'string' ? value : undefined)}`;
    }
    case 'invalid_union':
      return unionMessage(issue, value);
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}

function unionMessage(issue: Extract<Issue, { code: 'invalid_union' }>, value: unknown): string {
  const types = issue.errors.flatMap((issues) =>
    issues.flatMap((inner) => (inner.code === 'invalid_type' ? [typeName(inner.expected)] : [])),
  );
  const said = issue.message !== 'Invalid input' ? issue.message : undefined;
  if (value === undefined) return said ?? 'is missing';
  if (said) return said;
  return types.length > 0
    ? `must be ${[...new Set(types)].join(' or ')}, and is ${typeOf(value)}`
    : 'is not in any of its forms';
}

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

function choices(allowed: readonly string[], written: string | undefined): string {
  const list = allowed.length > 0 ? `; allowed: ${allowed.join(', ')}` : '';
  const meant = written === undefined || written.includes('${') ? undefined : closest(written, allowed);
  return meant === undefined ? list : `${list}; did you mean ${meant}?`;
}

const steps = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((step) => (typeof step === 'symbol' ? String(step) : step));

function valueIn(root: unknown, path: YamlPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
