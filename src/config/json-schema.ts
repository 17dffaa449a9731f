// The JSON Schemas that editors complete and check by, generated from the schemas that load the files, so that both always agree.
// Draft 07, because editors' YAML support knows no later one in full. They describe what may be written, not what it becomes.

import { z } from 'zod';
import type { Kinds } from './config.ts';
import { configSchema } from './schema.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The schema of exchequer.yaml. */
export const configJsonSchema = (kinds: Kinds): JsonSchema =>
  draft07(configSchema(kinds), 'https://exchequer.example/exchequer.schema.json', 'exchequer.yaml');

/** The schema of a policy file, from the schema that policies are compiled with. */
export const policyJsonSchema = (policy: z.ZodType): JsonSchema =>
  draft07(policy, 'https://exchequer.example/policy.schema.json', 'Exchequer policy');

/** The text of a schema's file, with its last newline. */
export const renderJsonSchema = (schema: JsonSchema): string => `${JSON.stringify(schema, null, 2)}\n`;

/** Both files by name: what `config/*.schema.json` must hold. */
export const schemaFiles = (kinds: Kinds, policy: z.ZodType): ReadonlyMap<string, string> =>
  new Map([
    ['exchequer.schema.json', renderJsonSchema(configJsonSchema(kinds))],
    ['policy.schema.json', renderJsonSchema(policyJsonSchema(policy))],
  ]);

function draft07(schema: z.ZodType, id: string, title: string): JsonSchema {
  const json = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // `z.undefined()` marks what is not built: nothing is valid there.
      if (zodSchema._zod.def.type === 'undefined') jsonSchema.not = {};
    },
  });
  const { $schema = 'http://json-schema.org/draft-07/schema#', ...rest } = json;
  return { $schema, $id: id, title, ...rest };
}
