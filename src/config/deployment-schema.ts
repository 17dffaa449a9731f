// The JSON Schemas narrowed to one deployment: its own sources, targets with their scopes, and clients as the only names, and claim blocks of
// the kinds that it has. An editor then completes them and marks a misspelt one. Only names are read, so that a configuration that
// does not load yet has a schema already. A text with a parameter (`<repo>`) is left alone: what it becomes is not known here.

import type { z } from 'zod';
import { CLIENTS_SOURCE } from '../core/client.ts';
import { isMap } from '../parsing/yaml.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

export interface DeploymentNames {
  readonly sources: readonly { readonly name: string; readonly kind: string }[];
  readonly targets: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  readonly clients: readonly string[];
}

type Entry = Readonly<Record<string, unknown>>;

/** The names in a configuration as it was written. What is no name of ours is left out. */
export function namesIn(written: unknown): DeploymentNames {
  const { trust, targets, clients } = isMap(written) ? written : {};
  return {
    // `self: {}` needs no kind.
    sources: entriesOf(trust).map(([name, { kind }]) => ({ name, kind: name === 'self' ? name : String(kind) })),
    targets: entriesOf(targets).map(([name, { scopes }]) => ({
      name,
      scopes: isMap(scopes) ? Object.keys(scopes) : [],
    })),
    clients: entriesOf(clients).map(([name]) => name),
  };
}

const entriesOf = (value: unknown): readonly (readonly [string, Entry])[] =>
  isMap(value) ? Object.entries(value).map(([name, entry]) => [name, isMap(entry) ? entry : {}]) : [];

const PARAMETER = { type: 'string', pattern: '<[^>]*>' };

/** The schema with these names. `kinds`: all that there are, of which those without a source lose their claim block. */
export function narrowed(schema: JsonSchema, names: DeploymentNames, kinds: readonly string[]): JsonSchema {
  const configured = new Set(names.sources.map(({ kind }) => kind));
  const absent = new Set(kinds.filter((kind) => !configured.has(kind)));
  const narrow = narrowings(names);
  const walk = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(walk);
    if (!isMap(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        key === 'properties' && isMap(value) ? members(value) : key === 'examples' ? value : walk(value),
      ]),
    );
  };
  const members = (properties: Entry): Entry => {
    // Whom a rule is about: the one place where a block stands beside `trust`.
    const who = 'trust' in properties && 'claims' in properties;
    return Object.fromEntries(
      Object.entries(properties)
        .filter(([name]) => !(who && absent.has(name)))
        .map(([name, node]) => [name, replaced(narrow[name], node) ?? walk(node)]),
    );
  };
  const result = walk(schema);
  return isMap(result) ? result : schema;
}

/** The narrower node with what the general one says of itself, where it is one that holds names. */
function replaced(narrower: Entry | undefined, node: unknown): Entry | undefined {
  // In exchequer.yaml `trust` and `clients` are where the names come from.
  if (!narrower || !isMap(node) || 'propertyNames' in node || 'not' in node) return undefined;
  const { description } = node;
  return { ...(description === undefined ? {} : { description }), ...narrower };
}

/** By member name, wherever in a file it stands. */
function narrowings({ sources, targets, clients }: DeploymentNames): Readonly<Record<string, Entry>> {
  // Registered clients that ask for themselves are a source, which nobody writes down.
  const source = oneOf([...sources.map(({ name }) => name), ...(clients.length > 0 ? [CLIENTS_SOURCE] : [])]);
  const target = oneOf(targets.map(({ name }) => name));
  const client = oneOf(clients);
  return {
    trust: { anyOf: [source, listOf(source)] },
    sources: listOf(source),
    client: { anyOf: [client, listOf(client)] },
    allow: {
      anyOf: [listOf(oneOf(targets.flatMap(({ name, scopes }) => (scopes.length > 0 ? [] : [name])))), map(targets)],
    },
    deny: { anyOf: [{ const: 'all' }, listOf(target)] },
    reach: listOf(target),
    introspects: listOf(target),
  };
}

/** Every target with `all` or its scopes. */
const map = (targets: DeploymentNames['targets']): Entry => ({
  type: 'object',
  properties: Object.fromEntries(
    targets.map(({ name, scopes }) => [
      name,
      { anyOf: [{ const: 'all' }, ...(scopes.length > 0 ? [listOf(oneOf(scopes))] : [])] },
    ]),
  ),
  patternProperties: { [PARAMETER.pattern]: {} },
  additionalProperties: false,
});

const oneOf = (names: readonly string[]): Entry =>
  names.length > 0 ? { anyOf: [{ enum: names }, PARAMETER] } : PARAMETER;

const listOf = (items: Entry): Entry => ({ type: 'array', items, minItems: 1 });
