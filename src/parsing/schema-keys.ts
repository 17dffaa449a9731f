// Which keys a schema allows at a path, so that an unknown key can be answered with the known ones. Issues do not carry them.
// It reads zod's public `_zod.def`; where a schema is of another sort it answers nothing, and the message says less.

import type { z } from 'zod';

type Def = z.core.$ZodTypes['_zod']['def'];

/** Keys allowed at `path` inside `schema`; `value` (as written) chooses among the arms of a discriminated union. */
export function allowedKeys(
  schema: z.core.$ZodType,
  path: readonly (string | number)[],
  value: unknown,
): readonly string[] {
  let found: readonly z.core.$ZodType[] = arms(schema, value);
  let inside = value;
  for (const step of path) {
    inside = member(inside, step);
    const next = inside;
    found = found.flatMap((arm) => child(arm, step)).flatMap((arm) => arms(arm, next));
  }
  return [...new Set(found.flatMap((arm) => keysOf(arm)))];
}

const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/** The schema without its wrappers, and without the arms of a union that the value's discriminator excludes. */
function arms(schema: z.core.$ZodType, value: unknown): readonly z.core.$ZodType[] {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return arms(def.innerType, value);
    case 'pipe':
      return arms(def.in, value);
    case 'lazy':
      return arms(def.getter(), value);
    case 'union':
      return chosen(def, value).flatMap((option) => arms(option, value));
    default:
      return [schema];
  }
}

function chosen(def: z.core.$ZodUnionDef, value: unknown): readonly z.core.$ZodType[] {
  const name = 'discriminator' in def && typeof def.discriminator === 'string' ? def.discriminator : undefined;
  if (name === undefined) return def.options;
  const wanted = member(value, name);
  return def.options.filter((option) => option._zod.propValues?.[name]?.has(wanted as string));
}

function child(schema: z.core.$ZodType, step: string | number): readonly z.core.$ZodType[] {
  const def = defOf(schema);
  if (def.type === 'object') {
    const found = Object.hasOwn(def.shape, step) ? def.shape[step] : undefined;
    return found ? [found] : [];
  }
  if (def.type === 'record') return [def.valueType];
  return def.type === 'array' ? [def.element] : [];
}

function keysOf(schema: z.core.$ZodType): readonly string[] {
  const def = defOf(schema);
  if (def.type !== 'object') return [];
  return Object.entries(def.shape).flatMap(([key, inner]) => (isForbidden(inner) ? [] : [key]));
}

/** A member that is known only so that it can be refused by name. */
function isForbidden(schema: z.core.$ZodType): boolean {
  const def = defOf(schema);
  if (def.type === 'optional') return isForbidden(def.innerType);
  return def.type === 'never' || def.type === 'undefined';
}

const member = (value: unknown, step: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string | number, unknown>)[step]
    : undefined;
