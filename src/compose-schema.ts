// The JSON Schemas, composed: the general ones from every kind there is, and those of one deployment from the names in its exchequer.yaml,
// which is read and neither resolved nor judged.

import { basename, resolve } from 'node:path';
import type { SchemaTools } from './adapters/cli/schema.ts';
import { KINDS, TRUST_KINDS } from './compose-kinds.ts';
import { namesIn, narrowed } from './config/deployment-schema.ts';
import { createConfigFiles } from './config/files.ts';
import { reasonOf } from './config/interpolate.ts';
import { configJsonSchema, policyJsonSchema, renderJsonSchema } from './config/json-schema.ts';
import { readYaml, type YamlRead } from './parsing/yaml.ts';
import { POLICY_DEFINITIONS, policySchema } from './policy/compile/schema.ts';

export const schemaTools: SchemaTools = Object.freeze({
  schema(of, config) {
    const general =
      of === 'config'
        ? configJsonSchema(KINDS)
        : policyJsonSchema(policySchema(TRUST_KINDS.map(({ table }) => table)), POLICY_DEFINITIONS);
    if (config === undefined) return { ok: true, text: renderJsonSchema(general) };
    const read = readFile(config);
    if (!read.ok) return read;
    const kinds = TRUST_KINDS.map(({ kind }) => kind);
    return { ok: true, text: renderJsonSchema(narrowed(general, namesIn(read.document.value), kinds)) };
  },
} satisfies SchemaTools);

function readFile(path: string): YamlRead {
  const file = basename(path);
  try {
    return readYaml(file, createConfigFiles().read(resolve(path)));
  } catch (error) {
    return {
      ok: false,
      problems: [{ file, line: 1, column: 1, path: '', message: `cannot be read (${reasonOf(error)})` }],
    };
  }
}
