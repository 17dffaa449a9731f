// No decision depends on the names of files, on which file holds a rule, or on any order: of files, of rules, of rows. What is compiled is the
// same but for the places of rules, and so is every decision.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { CompiledPolicy } from '../../src/policy/compiled.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { CLIENTS, documentOf, NOW, question } from '../support/policy.ts';
import { delegationOf } from '../support/policy-people-worlds.ts';
import {
  asks,
  clientOf,
  principal,
  rulesIn,
  WORLD_SOURCES,
  WORLD_TARGETS,
  type Written,
} from '../support/policy-worlds.ts';

const ROWS = ['1', '2', '3'].map((id) => ({ repo: `repo${id}`, id }));
const TABLED: Written = {
  name: 'tabled',
  each: { repo: 'table.yaml' },
  subject: { trust: 'github', github: { repository_id: '<id>', ref: 'refs/heads/main' } },
  allow: ['one'],
};

/** `files`: rules by the file that holds them. */
function compiled(files: readonly (readonly [string, readonly Written[]])[], rows: readonly object[]): CompiledPolicy {
  const documents = [
    ...files
      .filter(([, rules]) => rules.length > 0)
      .map(([file, rules]) => documentOf(JSON.stringify({ rules }), file)),
    documentOf(JSON.stringify({ rows }), 'table.yaml'),
  ];
  const read = compilePolicy({ documents, sources: WORLD_SOURCES, targets: WORLD_TARGETS, clients: CLIENTS });
  if (!read.ok) throw new Error(JSON.stringify(read.problems[0]));
  return read.policy;
}

const placeless = (value: unknown): string =>
  JSON.stringify(value, (key, member: unknown) => (key === 'at' || key === 'digest' ? undefined : member));

const shuffled = <Value>(values: readonly Value[], keys: readonly number[]): Value[] =>
  values
    .map((value, index) => ({ value, key: keys[index % keys.length] ?? 0, index }))
    .sort((a, b) => a.key - b.key || b.index - a.index)
    .map(({ value }) => value);

const scene = principal.chain((subject) =>
  fc.record({
    subject: fc.constant(subject),
    client: clientOf(subject),
    delegation: delegationOf(subject),
    ask: asks,
  }),
);

describe('a policy', () => {
  it('is the same whatever its files are called, and whatever stands where in them', () => {
    let granted = 0;
    fc.assert(
      fc.property(
        rulesIn(),
        fc.array(fc.nat(1000), { minLength: 30, maxLength: 30 }),
        fc.array(scene, { minLength: 30, maxLength: 30 }),
        (rules, keys, scenes) => {
          const all = [...rules, TABLED];
          const before = compiled([['a.yaml', all]], ROWS);
          const mixed = shuffled(all, keys);
          const cut = (keys[0] ?? 0) % (all.length + 1);
          const after = compiled(
            [
              ['z.yaml', mixed.slice(0, cut)],
              ['0.yaml', mixed.slice(cut)],
            ],
            shuffled(ROWS, keys),
          );
          expect(placeless(after)).toBe(placeless(before));
          for (const { subject, client, delegation, ask } of scenes) {
            const asked = question(subject, ask.targets, {
              now: NOW,
              ...(ask.scopes && { scopes: ask.scopes }),
              ...(client && { client }),
              delegation,
            });
            const decision = createPolicy(before).decide(asked);
            if (decision.granted) granted += 1;
            expect(placeless(createPolicy(after).decide(asked))).toBe(placeless(decision));
          }
        },
      ),
      { numRuns: 80 },
    );
    expect(granted).toBeGreaterThan(12);
  });
});
