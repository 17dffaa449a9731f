// Generated policies and principals against a decision written straight from docs/architecture.md, "Rules": no index, no sorting, no sharing.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { compileTexts, principalOf, question } from '../support/policy.ts';

interface TestRule {
  readonly effect: 'allow' | 'deny';
  readonly preview: boolean;
  readonly ids: readonly string[];
  readonly refs: readonly string[];
  readonly actor: string | undefined;
  readonly target: 'deploy' | 'ledger';
  readonly scopes: readonly string[];
  readonly lifetime: number;
}

const rule: fc.Arbitrary<TestRule> = fc.record({
  effect: fc.oneof(
    { weight: 20, arbitrary: fc.constant('allow' as const) },
    { weight: 1, arbitrary: fc.constant('deny' as const) },
  ),
  preview: fc.constantFrom(false, false, false, true),
  ids: fc.uniqueArray(fc.constantFrom('1', '2', '3'), { minLength: 1, maxLength: 2 }),
  refs: fc.uniqueArray(fc.constantFrom('refs/heads/a', 'refs/heads/b', 'refs/heads/*', 'refs/*/a'), {
    minLength: 1,
    maxLength: 2,
  }),
  actor: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
  target: fc.constantFrom('deploy', 'ledger'),
  scopes: fc.uniqueArray(fc.constantFrom('read', 'write', 'admin'), { minLength: 1, maxLength: 3 }),
  lifetime: fc.constantFrom(60, 120),
});

const job = fc.record({
  repository_id: fc.constantFrom('1', '2', '3', '1', '2', '3', '4'),
  ref: fc.constantFrom('refs/heads/a', 'refs/heads/b', 'refs/heads/c', 'refs/tags/a', ''),
  actor: fc.constantFrom<string | number | undefined>('x', 'y', 'z', 5, undefined),
});

const ask = fc.record({
  target: fc.constantFrom('deploy', 'ledger', 'ledger', 'deploy', 'nowhere'),
  scopes: fc.option(fc.uniqueArray(fc.constantFrom('read', 'write', 'admin', 'root'), { minLength: 1, maxLength: 2 }), {
    nil: undefined,
  }),
});

const written = (one: TestRule, index: number) => ({
  name: `r${String(index).padStart(3, '0')}`,
  subject: {
    trust: 'github',
    github: { repository_id: one.ids, ref: one.refs, ...(one.actor === undefined ? {} : { actor: one.actor }) },
  },
  ...(one.preview ? { mode: 'preview' } : {}),
  ...(one.effect === 'deny'
    ? { deny: [one.target] }
    : { allow: one.target === 'ledger' ? { ledger: one.scopes } : ['deploy'], lifetime: `${one.lifetime}s` }),
});

/** Files of JSON, which is YAML. */
const files = (rules: readonly object[], perFile: number): readonly string[] => {
  const texts: string[] = [];
  for (let start = 0; start < rules.length; start += perFile)
    texts.push(JSON.stringify({ rules: rules.slice(start, start + perFile) }));
  return texts;
};

const policyOf = (rules: readonly object[], perFile = 100) => {
  const compiled = compileTexts(files(rules, perFile));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems[0]));
  return createPolicy(compiled.policy);
};

const claimsOf = (one: { repository_id: string; ref: string; actor: string | number | undefined }): JsonObject => ({
  repository_id: one.repository_id,
  ref: one.ref,
  ...(one.actor === undefined ? {} : { actor: one.actor }),
});

function matchesRef(pattern: string, ref: string): boolean {
  const [wanted, had] = [pattern.split('/'), ref.split('/')];
  return (
    wanted.length === had.length &&
    wanted.every((segment, index) => (segment === '*' ? had[index] !== '' : segment === had[index]))
  );
}

function principalMatches(one: TestRule, claims: JsonObject): boolean {
  const { repository_id: id, ref, actor } = claims;
  if (!one.ids.some((wanted) => wanted === id)) return false;
  if (!one.refs.some((pattern) => matchesRef(pattern, String(ref)))) return false;
  if (one.actor === undefined) return true;
  return one.effect === 'deny' ? actor === one.actor || typeof actor === 'number' : actor === one.actor;
}

interface Oracle {
  readonly reason: string;
  readonly rule?: string;
}

function oracle(
  rules: readonly TestRule[],
  claims: JsonObject,
  asked: { target: string; scopes: readonly string[] | undefined },
): Oracle {
  const live = rules
    .map((one, index) => ({ ...one, name: written(one, index).name }))
    .filter((one) => !one.preview && principalMatches(one, claims));
  const allows = live.filter(({ effect }) => effect === 'allow');
  if (allows.length === 0) return { reason: 'no_rule' };
  if (asked.target === 'nowhere') return { reason: 'target_unknown' };
  if (live.some(({ effect, target }) => effect === 'deny' && target === asked.target))
    return { reason: 'target_denied' };
  const onTarget = allows.filter(({ target }) => target === asked.target);
  if (onTarget.length === 0) return { reason: 'target_not_allowed' };
  const wanted = asked.scopes ?? (asked.target === 'ledger' ? ['read'] : []);
  const granting = onTarget.filter(({ scopes, target }) =>
    wanted.every((scope) => target === 'ledger' && scopes.includes(scope)),
  );
  const longest = Math.max(...granting.map(({ lifetime }) => lifetime));
  const best = granting.find(({ lifetime }) => lifetime === longest);
  return best ? { reason: 'granted', rule: best.name } : { reason: 'scope_not_allowed' };
}

const decided = (
  policy: ReturnType<typeof policyOf>,
  claims: JsonObject,
  asked: { target: string; scopes: readonly string[] | undefined },
): Oracle => {
  const { target, scopes } = asked;
  const decision = policy.decide(question(principalOf('github', claims), target, scopes ? { scopes } : {}));
  return decision.granted ? { reason: 'granted', rule: decision.grant.rule.name } : { reason: decision.refusal.reason };
};

describe('decide', () => {
  it('agrees with an oracle, and so never allows without a matching allow rule', () => {
    let granted = 0;
    fc.assert(
      // Up to 90 rules: past 32 the index works, past 32 of one repository its second level.
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 90 }),
        fc.array(fc.tuple(job, ask), { minLength: 10, maxLength: 10 }),
        (rules, asks) => {
          const policy = policyOf(rules.map(written));
          for (const [one, asked] of asks) {
            const expected = oracle(rules, claimsOf(one), asked);
            if (expected.reason === 'granted') granted += 1;
            expect(decided(policy, claimsOf(one), asked)).toEqual(expected);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(granted).toBeGreaterThan(50);
  });

  it('is changed by no order of rules and no cut into files', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 50 }),
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 9 }),
        job,
        ask,
        (rules, random, perFile, one, asked) => {
          const inOrder = rules.map(written);
          const shuffled = inOrder.map((value) => ({ value, key: random.next().value })).sort((a, b) => a.key - b.key);
          const before = policyOf(inOrder);
          const after = policyOf(
            shuffled.map(({ value }) => value),
            perFile,
          );
          const asks = question(
            principalOf('github', claimsOf(one)),
            asked.target,
            asked.scopes ? { scopes: asked.scopes } : {},
          );
          const placeless = (value: unknown) => JSON.stringify(value).replaceAll(/p\d+\.yaml:\d+/g, 'at');
          expect(placeless(after.decide(asks))).toBe(placeless(before.decide(asks)));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('grants nobody anything under denies alone', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 20 }), job, ask, (rules, one, asked) => {
        const policy = policyOf(rules.map((each) => ({ ...each, effect: 'deny' as const })).map(written));
        expect(decided(policy, claimsOf(one), asked)).toEqual({ reason: 'no_rule' });
      }),
      { numRuns: 100 },
    );
  });
});
