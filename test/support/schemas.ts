// The JSON Schemas that config/ holds for editors, generated from what loads the files. Run it to write them:
// `node test/support/schemas.ts`. test/documents.test.ts compares.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS, TRUST_KINDS } from '../../src/compose-kinds.ts';
import { schemaFiles } from '../../src/config/json-schema.ts';
import { POLICY_DEFINITIONS, policySchema } from '../../src/policy/compile/schema.ts';

/** File names in config/, and what they must hold. */
export const expectedSchemas = (): ReadonlyMap<string, string> =>
  schemaFiles(KINDS, policySchema(TRUST_KINDS.map(({ table }) => table)), POLICY_DEFINITIONS);

if (import.meta.main)
  for (const [name, text] of expectedSchemas()) writeFileSync(join(import.meta.dirname, '../../config', name), text);
