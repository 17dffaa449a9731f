// What an editor shows: every member of both files is described, and has an example that is valid where it stands, unless the schema itself
// lists what may stand there.

import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '../../src/config/schema-examples.ts';
import { expectedSchemas } from '../support/schemas.ts';

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every member, with the names that lead to it, and with the kind of what it is a member of. */
function* members(node: unknown, path: string): Generator<readonly [string, Node, string]> {
  if (Array.isArray(node)) for (const one of node) yield* members(one, path);
  if (!isNode(node)) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties' && isNode(value))
      for (const [name, member] of Object.entries(value)) {
        const kind = isNode(value.kind) ? `.${value.kind.const}.${name}` : '';
        if (isNode(member)) yield [`${path}.${name}`, member, kind];
        yield* members(member, `${path}.${name}`);
      }
    else if (key !== 'examples') yield* members(value, path);
  }
}

const SCHEMAS = [...expectedSchemas()].map(([name, text]) => {
  const { definitions, ...schema } = JSON.parse(text);
  return [name, [...members(schema, '')], definitions] as const;
});

const isClosed = (node: Node): boolean =>
  ['properties', 'not', 'enum', 'const'].some((key) => key in node) || node.type === 'boolean';

describe.each(SCHEMAS)('%s', (_name, all, definitions) => {
  it('has members, nested ones too', () => {
    expect(all.length).toBeGreaterThan(100);
  });

  it('describes every member', () => {
    expect(all.filter(([, { description }]) => typeof description !== 'string').map(([path]) => path)).toEqual([]);
  });

  it('has an example at every member that somebody fills in (src/config/schema-examples.ts)', () => {
    expect(all.filter(([, node]) => !isClosed(node) && !node.examples).map(([path]) => path)).toEqual([]);
  });

  it('has examples that are valid where they stand', () => {
    const ajv = new Ajv({ strict: false });
    const invalid = all.flatMap(([path, node]) =>
      (Array.isArray(node.examples) ? node.examples : [])
        .filter((example) => !ajv.validate({ ...node, definitions }, example))
        .map((example) => `${path} ${JSON.stringify(example)}`),
    );
    expect(invalid).toEqual([]);
  });
});

it('no example stands where no member has its name', () => {
  const paths = SCHEMAS.flatMap(([, all]) => all.flatMap(([path, , kind]) => [`.config${path}`, kind]));
  const unused = Object.keys(EXAMPLES).filter((key) => !paths.some((path) => path.endsWith(`.${key}`)));
  expect(unused).toEqual([]);
});
