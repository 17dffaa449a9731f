// The JSON Schemas for editors, generated from what loads the files.

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configJsonSchema, policyJsonSchema, renderJsonSchema, schemaFiles } from '../../src/config/json-schema.ts';
import { KINDS } from './kinds.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly propertyNames?: Node;
  readonly pattern?: string;
  readonly oneOf?: readonly Node[];
  readonly required?: readonly string[];
  readonly not?: Node;
  readonly const?: string;
}

const schema = JSON.parse(renderJsonSchema(configJsonSchema(KINDS))) as Node & { readonly $schema: string };
const { trust, keys } = schema.properties ?? {};
const sources = typeof trust?.additionalProperties === 'object' ? (trust.additionalProperties.oneOf ?? []) : [];

describe('configJsonSchema', () => {
  it('is draft 07 and strict', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    expect(schema.additionalProperties).toBe(false);
  });

  it('has an arm for each kind, with the common options beside its own', () => {
    expect(sources.map((arm) => arm.properties?.kind?.const)).toEqual(['oidc', 'spiffe']);
    for (const arm of sources) expect(arm.additionalProperties).toBe(false);
    expect(Object.keys(sources[1]?.properties ?? {})).toEqual(
      expect.arrayContaining(['trustDomain', 'audience', 'replay']),
    );
    expect(sources[0]?.properties?.privateNetwork?.description).toBe('permits private addresses');
  });

  it('describes what is written: durations are text, defaults are not required', () => {
    expect(keys?.properties?.rotateEvery).toMatchObject({ type: 'string', pattern: '^[1-9][0-9]{0,7}[smhd]$' });
    expect(keys?.required).toEqual(['directory']);
  });

  it('lets nothing stand where something is not built', () => {
    expect(sources[0]?.properties?.only).toMatchObject({
      not: {},
      description: 'Reserved: `only` is not built yet.',
    });
  });

  it('knows the form of names', () => {
    expect(trust?.propertyNames?.pattern).toBe('^[a-z][a-z0-9-]{0,62}$');
  });
});

describe('schemaFiles', () => {
  it('holds both files as text that ends in a newline', () => {
    const policy = z.strictObject({ rules: z.array(z.string()).describe('The rules.') });
    const files = schemaFiles(KINDS, policy, {});
    expect([...files.keys()]).toEqual(['exchequer.schema.json', 'policy.schema.json']);
    expect(files.get('policy.schema.json')).toBe(renderJsonSchema(policyJsonSchema(policy, {})));
    expect(files.get('policy.schema.json')).toMatch(/"The rules\."[\s\S]*\}\n$/);
  });
});
