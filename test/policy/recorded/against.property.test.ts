// Generated policies, principals and requests: what is told of a record by another policy is what that policy decides on the claims as
// they were, and nothing is left untold whose claims were all recorded.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { createComparison } from '../../../src/policy/recorded/against.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { createReplay } from '../../../src/policy/recorded/replay.ts';
import { compileTexts, githubJob, question } from '../../support/policy.ts';
import { lineOf, REPLAY_NAMES, recordOf } from '../../support/recorded.ts';

const LONG = ['a', 'b', 'c'].map((letter) => `org/${'x'.repeat(300)}${letter}`);
const MANY = Array.from({ length: 80 }, (_, index) => `team-${index}`);

/** Claims that the table names, that it does not, that are nested, and that are too long for a record. */
const claims = fc
  .record(
    {
      repository_id: fc.constantFrom('74', '75'),
      ref: fc.constantFrom('refs/heads/main', 'refs/heads/dev', ''),
      actor: fc.constantFrom<Json>('octocat', 'mallory', 5, null),
      workflow_ref: fc.constantFrom<Json>(...LONG, 'org/short'),
      team: fc.constantFrom<Json>('red', 'blue', 7),
      teams: fc.constantFrom<Json>(['team-1'], MANY, 'team-1'),
      deep: fc.constantFrom<Json>({ er: 'red' }, { er: { most: 'red' } }, 'red', { 'er/most': 'red' }),
    },
    { requiredKeys: ['repository_id'] },
  )
  .map((one): JsonObject => one);

const condition = fc.constantFrom<readonly [string, Json]>(
  ['actor', 'octocat'],
  ['actor', 'MALLORY'],
  ['actor', 'o*'],
  ['workflow_ref', LONG[0] ?? ''],
  ['workflow_ref', 'org/*'],
  ['team', 'red'],
  ['team', ['red', 'blue']],
  ['team', 're*'],
  ['teams', { has: 'team-1' }],
  ['teams', { has: 'team-79' }],
  ['deep', { er: 'red' }],
  ['deep', 'red'],
  ['deep', { er: { most: 'red' } }],
);

const rule = fc.record({
  deny: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  mode: fc.constantFrom('enforce', 'enforce', 'enforce', 'preview', 'retire'),
  id: fc.constantFrom('74', '75'),
  ref: fc.constantFrom('refs/heads/main', 'refs/heads/*'),
  conditions: fc.uniqueArray(condition, { minLength: 1, maxLength: 2, selector: ([name]) => name }),
  target: fc.constantFrom('deploy', 'ledger'),
  scopes: fc.subarray(['read', 'write', 'admin'], { minLength: 1 }),
  lifetime: fc.constantFrom('30s', '10m'),
});

type Rule = typeof rule extends fc.Arbitrary<infer One> ? One : never;

const written = (one: Rule, index: number) => ({
  name: `r${index}`,
  mode: one.deny && one.mode === 'retire' ? 'enforce' : one.mode,
  subject: {
    trust: 'github',
    github: { repository_id: one.id, ref: one.ref },
    ...(one.conditions.length > 0 ? { claims: Object.fromEntries(one.conditions) } : {}),
  },
  ...(one.deny
    ? { deny: [one.target] }
    : { allow: one.target === 'ledger' ? { ledger: one.scopes } : ['deploy'], lifetime: one.lifetime }),
});

const policyOf = (rules: readonly Rule[]) => {
  const compiled = compileTexts([JSON.stringify({ rules: rules.map(written) })]);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.policy;
};

const ask = fc.record({
  targets: fc.constantFrom(['deploy'], ['ledger'], ['nowhere'], ['https://api.example/ledger']),
  scopes: fc.option(fc.subarray(['read', 'write'], { minLength: 1 }), { nil: undefined }),
});

/** `rules` are the new policy's; the old one has the first of them, and so names fewer claims. */
const world = fc.record({
  rules: fc.array(rule, { minLength: 4, maxLength: 12 }),
  kept: fc.nat(3),
  requests: fc.array(fc.record({ claims, ask }), { minLength: 20, maxLength: 40 }),
});

describe('a record against another policy', () => {
  it('is told only as the other policy decides on the claims as they were', () => {
    const told = { whole: 0, partly: 0, untold: 0 };
    fc.assert(
      fc.property(world, ({ rules, kept, requests }) => {
        const before = createPolicy(policyOf(rules.slice(0, Math.max(1, kept))));
        const compiled = policyOf(rules);
        const after = createPolicy(compiled);
        const compare = createComparison(
          compiled,
          createReplay({ ...REPLAY_NAMES, policy: compiled, clients: new Map() }),
        );
        for (const {
          claims: more,
          ask: { targets, scopes },
        } of requests) {
          const subject = githubJob({ ref: 'refs/heads/main', ...more });
          const asking = scopes ? { subject, targets, scopes } : { subject, targets };
          const recorded = readRecorded(JSON.parse(lineOf(before, asking)));
          if (recorded.is !== 'decided') throw new Error('the record does not read');
          const change = compare(recorded.request);

          const truth = after.decide(question(subject, targets, scopes ? { scopes } : {}));
          const was = recordOf(before, asking);
          const named = after.claimsNamed('github');
          const others = was.otherClaims.some(
            (name) => named.has(name.replaceAll('/', '\u0000')) || name.startsWith('deep'),
          );
          const cut = was.claims.some(({ value }) => JSON.stringify(value).length > 250);
          told[change.is === 'untold' ? 'untold' : others || cut ? 'partly' : 'whole'] += 1;
          if (change.is === 'untold') expect(others || cut).toBe(true);
          else if (was.outcome === 'refused') expect(change.is).toBe(truth.granted ? 'granted' : 'same');
          else if (!truth.granted) expect(change.is).toBe('refused');
          else {
            const { lifetimeSeconds, scopes: now } = truth.grant;
            const shorter = (was.exp ?? 0) - was.time > lifetimeSeconds + 10;
            const other = JSON.stringify(now) !== JSON.stringify(was.scopes);
            expect(change.is).toBe(shorter || other ? 'changed' : 'same');
          }
        }
      }),
      { numRuns: 80 },
    );
    // Each of the three has been met often enough to mean something.
    expect(Math.min(...Object.values(told))).toBeGreaterThan(12);
  });
});
