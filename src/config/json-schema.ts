// The JSON Schemas that editors complete and check by, generated from the schemas that load the files, so that both always agree.
// Draft 07, because editors' YAML support knows no later one in full. They describe what may be written, not what it becomes.

import { z } from 'zod';
import { exampleClaim } from '../platforms/examples.ts';
import type { Kinds } from './config.ts';
import { configSchema } from './schema.ts';
import { EXAMPLES } from './schema-examples.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The schema of exchequer.yaml. */
export const configJsonSchema = (kinds: Kinds): JsonSchema =>
  withOwnTokens(draft07(configSchema(kinds), 'https://exchequer.example/exchequer.schema.json', 'exchequer.yaml'));

/** `trust.self` is an arm of its own, in which the name says the kind; under other names it is none. */
function withOwnTokens(schema: JsonSchema): JsonSchema {
  const trust = schema.properties?.trust;
  const arms = isNode(trust) && isNode(trust.additionalProperties) ? trust.additionalProperties.oneOf : undefined;
  if (!isNode(trust) || !Array.isArray(arms)) return schema;
  const isOwn = (arm: Node) =>
    isNode(arm.properties) && isNode(arm.properties.kind) && arm.properties.kind.const === 'self';
  const { required: _, ...self } = arms.find(isOwn) ?? {};
  const others = { oneOf: arms.filter((arm) => !isOwn(arm)) };
  const named = { ...trust, properties: { self }, additionalProperties: others };
  return { ...schema, properties: { ...schema.properties, trust: named } };
}

/** The schema of a policy file, from the schema that policies are compiled with. */
export function policyJsonSchema(policy: z.ZodType, definitions: Node): JsonSchema {
  const schema = draft07(policy, 'https://exchequer.example/policy.schema.json', 'Exchequer policy');
  const { definitions: own, ...rest } = schema;
  return { ...rest, definitions: { ...(isNode(own) ? own : {}), ...definitions } };
}

/** The text of a schema's file, with its last newline. */
export const renderJsonSchema = (schema: JsonSchema): string => `${JSON.stringify(schema, null, 2)}\n`;

/** Both files by name: what `config/*.schema.json` must hold. */
export const schemaFiles = (kinds: Kinds, policy: z.ZodType, definitions: Node): ReadonlyMap<string, string> =>
  new Map([
    ['exchequer.schema.json', renderJsonSchema(configJsonSchema(kinds))],
    ['policy.schema.json', renderJsonSchema(policyJsonSchema(policy, definitions))],
  ]);

function draft07(schema: z.ZodType, id: string, title: string): JsonSchema {
  const json = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // `z.undefined()` marks what is not built: nothing is valid there.
      if (zodSchema._zod.def.type !== 'undefined') return;
      jsonSchema.not = {};
      jsonSchema.description ??= 'Must not stand here.';
    },
  });
  const { $schema = 'http://json-schema.org/draft-07/schema#', ...rest } = json;
  return { $schema, $id: id, title, ...withExamples(rest) };
}

type Node = Readonly<Record<string, unknown>>;

/** The schema with an example at each member that has no closed set of values. */
function withExamples(schema: Node): Node {
  const walk = (node: unknown, above: readonly string[]): unknown => {
    if (Array.isArray(node)) return node.map((one) => walk(one, above));
    if (!isNode(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        key === 'properties' && isNode(value) ? members(value, above) : walk(value, above),
      ]),
    );
  };
  const members = (properties: Node, above: readonly string[]): Node => {
    const kind = isNode(properties.kind) ? String(properties.kind.const) : undefined;
    return Object.fromEntries(
      Object.entries(properties).map(([name, node]) => {
        const inner = walk(node, [...above, name]);
        const example = isNode(inner) && isOpen(inner) ? exampleOf([...above, name], kind) : undefined;
        return [name, isNode(inner) && example !== undefined ? { ...inner, examples: [example] } : inner];
      }),
    );
  };
  const result = walk(schema, []);
  return isNode(result) ? result : schema;
}

/** Where values are somebody's choice, and no list of members says what may stand there. */
const isOpen = (node: Node): boolean =>
  !['properties', 'not', 'enum', 'const', 'examples'].some((key) => key in node) && node.type !== 'boolean';

/** By the names of the members from the root, and the kind of what the last of them is a member of. */
function exampleOf(path: readonly string[], kind: string | undefined): unknown {
  const [member = '', above = 'config', twice] = path.toReversed();
  // A claim in the block of its kind: `rules.subject.github.ref`.
  if (twice === 'subject' || twice === 'anyone' || twice === 'actor') return exampleClaim(member);
  return EXAMPLES[`${kind}.${member}`] ?? EXAMPLES[`${above}.${member}`] ?? EXAMPLES[member];
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
