// Differences of policies against differences of decisions: where two policies decide otherwise about a principal, some gain or loss
// is about it and the target; and what only stands elsewhere, or in another order, is no difference.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/core/decision.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { failedActor } from '../../../src/policy/acting.ts';
import { createPolicy, partiesOf } from '../../../src/policy/decide.ts';
import { holds } from '../../../src/policy/evaluate.ts';
import { type DenyChange, diffPolicies, type PolicyDiff, type Side } from '../../../src/policy/walk/diff.ts';
import type { Entry } from '../../../src/policy/walk/walk.ts';
import { NOW, question } from '../../support/policy.ts';
import { delegationOf } from '../../support/policy-people-worlds.ts';
import { asks, clientOf, principal, rulesIn, type Written, worldPolicy } from '../../support/policy-worlds.ts';

const scene = principal.chain((subject) =>
  fc.record({
    subject: fc.constant(subject),
    client: clientOf(subject),
    delegation: delegationOf(subject),
    ask: asks,
  }),
);
type Scene = typeof scene extends fc.Arbitrary<infer One> ? One : never;
const scenes = fc.array(scene, { minLength: 60, maxLength: 60 });

const side = (rules: readonly Written[]): Side => ({ policy: worldPolicy(rules), proofs: new Map() });

/** Two lists of rules that share some. */
const pair = fc.tuple(rulesIn(24), rulesIn(6), fc.infiniteStream(fc.nat(5))).map(([rules, more, random]) => {
  const added = more.map((rule, index) => ({ ...rule, name: `s${index}` }));
  return [rules, [...rules.filter(() => random.next().value !== 0), ...added]] as const;
});

const outcome = (decision: Decision<Principal>): string =>
  decision.granted
    ? JSON.stringify([
        decision.grant.parameters,
        decision.grant.scopes,
        decision.grant.lifetimeSeconds,
        decision.grant.actors,
      ])
    : 'refused';

function entryCovers({ source, target, conditions, rule }: Entry, one: Scene): boolean {
  const { subject, client, delegation, ask } = one;
  return (
    source === subject.source &&
    (ask.targets.includes(target.name) || target.parameters.length > 0 || ask.targets.includes(target.address)) &&
    conditions.every((condition) => holds(condition, subject.claims) === 'true') &&
    failedActor(rule.actor, one, (truth) => truth === 'true') === undefined &&
    (rule.clients
      ? client !== undefined && rule.clients.includes(client.id)
      : client === undefined || [subject, delegation.actor].some((who) => who?.name === client.principal.name))
  );
}

const denyFires = ({ rule, source, conditions }: DenyChange, one: Scene): boolean =>
  (rule.whose === 'anyone' ? partiesOf<Principal>(one) : [one.subject]).some(
    (who) => who.source === source && conditions.every((condition) => holds(condition, who.claims) !== 'false'),
  );

const isCovered = ({ gains, losses }: PolicyDiff, one: Scene): boolean =>
  [gains, losses].some(
    ({ entries, denies }) =>
      entries.some((each) => entryCovers(each, one)) || denies.some((each) => denyFires(each, one)),
  );

const isNothing = ({ gains, losses }: PolicyDiff): boolean =>
  [gains, losses].every(({ entries, denies }) => entries.length === 0 && denies.length === 0);

describe('diffPolicies', () => {
  it('names whoever is decided about otherwise', () => {
    let differ = 0;
    let quiet = 0;
    fc.assert(
      fc.property(pair, scenes, ([before, after], all) => {
        const [old, fresh] = [side(before), side(after)];
        const diff = diffPolicies(old, fresh, NOW);
        const decide = [createPolicy(old.policy).decide, createPolicy(fresh.policy).decide] as const;
        for (const one of all) {
          const { subject, client, delegation, ask } = one;
          const asked = question(subject, ask.targets, {
            ...(ask.scopes && { scopes: ask.scopes }),
            ...(client && { client }),
            delegation,
          });
          const [was, is] = decide.map((each) => outcome(each(asked)));
          if (was === is) continue;
          differ += 1;
          expect(isCovered(diff, one)).toBe(true);
        }
        quiet += all.filter((one) => !isCovered(diff, one)).length;
      }),
      { numRuns: 150 },
    );
    expect(differ).toBeGreaterThan(25);
    expect(quiet).toBeGreaterThan(250);
  });

  it('finds nothing where rules have other names and another order', () => {
    fc.assert(
      fc.property(rulesIn(), fc.infiniteStream(fc.nat()), (rules, random) => {
        const moved = rules
          .map((rule, index) => ({ rule: { ...rule, name: `moved${index}` }, key: random.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ rule }) => rule);
        expect(isNothing(diffPolicies(side(rules), side(moved), NOW))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
