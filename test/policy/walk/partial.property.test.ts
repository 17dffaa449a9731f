// Decisions on principals that are partly known against decisions on what they may be: whatever is told as certain holds for every
// completion, and nothing is left open where nothing is unknown.

import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { type KnowledgeOf, knowing, UNKNOWN } from '../../../src/policy/walk/known.ts';
import { judgePartial, type PartialDecision } from '../../../src/policy/walk/partial.ts';
import { NOW, question } from '../../support/policy.ts';
import { delegationOf } from '../../support/policy-people-worlds.ts';
import { asks, clientOf, principal, rulesIn, worldPolicy } from '../../support/policy-worlds.ts';

const NAMED: readonly (readonly string[])[] = [
  ['repository_id'],
  ['ref'],
  ['environment'],
  ['actor'],
  ['runner_environment'],
  ['team'],
  ['sub'],
  ['groups'],
  ['department'],
  ['acr'],
  ['auth_time'],
  ['kubernetes.io', 'namespace'],
  ['kubernetes.io', 'serviceaccount', 'name'],
  ['kubernetes.io', 'pod', 'name'],
];

const VALUES: readonly (Json | undefined)[] = [
  ...['1', '2', 'refs/heads/main', 'refs/heads/b', 'refs/tags/x', 'production', 'STAGING', 'x', 'y', 'self-hosted'],
  ...['evil', 'payments', 'shop', 'api', 'web', 'api-0', 'gateway', 'spiffe://example.org/ns/payments'],
  ...['alice', 'mfa', 'pwd', NOW - 10, NOW - 400, 5],
  ['x'],
  ['finance'],
  undefined,
];

/** The claims with another value at a path; undefined: without it. */
function changed(claims: JsonObject, [name = '', ...rest]: readonly string[], value: Json | undefined): JsonObject {
  const { [name]: before, ...others } = claims;
  if (rest.length === 0) return value === undefined ? others : { ...others, [name]: value };
  const inner = typeof before === 'object' && before !== null && !Array.isArray(before) ? (before as JsonObject) : {};
  return { ...others, [name]: changed(inner, rest, value) };
}

const key = (path: readonly string[]): string => path.join('/');

/** What is known where some claims are hidden, and some texts stand as their hashes. */
const forgetting =
  (claims: JsonObject, hidden: ReadonlySet<string>, cut: ReadonlySet<string>): KnowledgeOf =>
  (path) => {
    if (hidden.has(key(path))) return UNKNOWN;
    const known = knowing(claims)(path);
    return cut.has(key(path)) && known.is === 'known' && typeof known.value === 'string'
      ? { is: 'cut', of: 'text', sha256: hash('sha256', known.value) }
      : known;
  };

const hidden = fc.uniqueArray(fc.constantFrom(...NAMED), { maxLength: 4 });
const cut = fc.uniqueArray(fc.constantFrom(...NAMED), { maxLength: 2 });
const completions = fc.array(fc.array(fc.constantFrom(...VALUES), { minLength: 4, maxLength: 4 }), {
  minLength: 8,
  maxLength: 8,
});

const scene = principal.chain((subject) =>
  fc.record({
    subject: fc.constant(subject),
    client: clientOf(subject),
    delegation: delegationOf(subject),
    ask: asks,
    hidden,
    cut,
    hiddenTeam: fc.boolean(),
  }),
);
const scenes = fc.array(scene, { minLength: 60, maxLength: 60 });

type Scene = typeof scene extends fc.Arbitrary<infer One> ? One : never;

/** The question of a scene, in both forms. */
function questions({ subject, client, delegation, ask, hidden, cut, hiddenTeam }: Scene) {
  const asked = question(subject, ask.targets, {
    ...(ask.scopes && { scopes: ask.scopes }),
    ...(client && { client }),
    delegation,
  });
  const knowledge = forgetting(subject.claims, new Set(hidden.map(key)), new Set(cut.map(key)));
  const knownClient = client && { ...client.principal, knowledge: knowing(client.principal.claims) };
  const { actor, nested } = delegation;
  const forgotten = new Set(hiddenTeam ? ['team'] : []);
  const partly = {
    ...asked,
    subject: { ...subject, knowledge },
    client: client && knownClient && { id: client.id, principal: knownClient },
    delegation: {
      ...delegation,
      actor: actor && { ...actor, knowledge: forgetting(actor.claims, forgotten, new Set()) },
      nested: nested.map((one) => ({ ...one, knowledge: knowing(one.claims) })),
    },
  };
  return { asked, partly };
}

/** What the actor may be, where its team is not known. */
function teamsOf({ delegation, hiddenTeam }: Scene): readonly Scene['delegation'][] {
  const { actor } = delegation;
  if (!actor || !hiddenTeam) return [delegation];
  const teams: readonly JsonObject[] = [{ team: 'red' }, {}];
  const { team: _, ...claims } = actor.claims;
  return teams.map((one) => ({ ...delegation, actor: { ...actor, claims: { ...claims, ...one } } }));
}

function agrees(partial: PartialDecision, decision: ReturnType<ReturnType<typeof createPolicy>['decide']>): void {
  if (partial.outcome === 'refused' || !decision.granted) {
    const reasons = partial.outcome === 'granted' ? [] : partial.reasons;
    expect(reasons).toContain(decision.granted ? 'granted' : decision.refusal.reason);
    return;
  }
  const { grant } = decision;
  const [found] = partial.grants.filter(({ rule }) => rule.name === grant.rule.name);
  expect(partial.grants.map(({ rule }) => rule.name)).toContain(grant.rule.name);
  expect(found?.target.name).toBe(grant.target);
  expect(found?.lifetimeSeconds).toBe(grant.lifetimeSeconds);
}

describe('judgePartial', () => {
  it('tells as certain only what holds for every completion', () => {
    const seen = { granted: 0, refused: 0, undetermined: 0 };
    fc.assert(
      fc.property(rulesIn(), scenes, completions, (rules, all, rows) => {
        const policy = worldPolicy(rules);
        const decide = createPolicy(policy).decide;
        for (const one of all) {
          const { subject, hidden } = one;
          const { asked, partly } = questions(one);
          const partial = judgePartial(policy, partly);
          seen[partial.outcome] += 1;
          const completed = (values: readonly (Json | undefined)[]): Principal => ({
            ...subject,
            claims: hidden.reduce((claims, path, index) => changed(claims, path, values[index]), subject.claims),
          });
          for (const each of [subject, ...rows.map(completed)])
            for (const delegation of teamsOf(one)) agrees(partial, decide({ ...asked, subject: each, delegation }));
        }
      }),
      { numRuns: 100 },
    );
    expect(seen.granted).toBeGreaterThan(10);
    expect(seen.refused).toBeGreaterThan(120);
    expect(seen.undetermined).toBeGreaterThan(15);
  });

  it('leaves nothing open where everything is known', () => {
    let granted = 0;
    const refused = new Set<string>();
    fc.assert(
      fc.property(rulesIn(), scenes, (rules, all) => {
        const policy = worldPolicy(rules);
        for (const one of all) {
          const { asked, partly } = questions({ ...one, hidden: [], cut: [], hiddenTeam: false });
          const partial = judgePartial(policy, partly);
          const decision = createPolicy(policy).decide(asked);
          expect(partial.outcome).toBe(decision.granted ? 'granted' : 'refused');
          agrees(partial, decision);
          if (decision.granted) granted += 1;
          else refused.add(decision.refusal.reason);
          if (partial.outcome === 'granted') expect(partial.grants).toHaveLength(1);
          if (partial.outcome === 'refused') expect(partial.reasons).toHaveLength(1);
        }
      }),
      { numRuns: 100 },
    );
    expect(granted).toBeGreaterThan(25);
    for (const reason of ['confirmation_wanted', 'scope_not_allowed', 'target_requirement_unmet', 'target_denied'])
      expect(refused).toContain(reason);
  });
});
