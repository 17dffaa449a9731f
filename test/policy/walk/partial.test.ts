// Decisions on partly known principals, one case for each step at which what may be and what must be part.

import { describe, expect, it } from 'vitest';
import { NOBODY_ACTS } from '../../../src/core/decision.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { type Knowledge, knowing, UNKNOWN } from '../../../src/policy/walk/known.ts';
import { judgePartial } from '../../../src/policy/walk/partial.ts';
import { GITHUB_PUSH, policyOf, question } from '../../support/policy.ts';
import { WORLD_TARGETS } from '../../support/policy-worlds.ts';

const rule = (name: string, more: string): string =>
  `{ name: ${name}, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main${more}`;

/** What is decided about a push of whose actor only this is known. */
const decided = (rules: readonly string[], actor: Knowledge, target = 'deploy') => {
  const policy = policyOf(`rules: [${rules.join(', ')}]`, { targets: WORLD_TARGETS });
  const claims: JsonObject = GITHUB_PUSH;
  const asked = question(
    { source: 'github', kind: 'github', issuer: '', subject: '', name: 'github:x', claims },
    target,
  );
  const decision = judgePartial(policy, {
    ...asked,
    client: undefined,
    delegation: { ...NOBODY_ACTS, nested: [] },
    subject: {
      source: 'github',
      name: 'github:x',
      knowledge: (path) => (path[0] === 'actor' ? actor : knowing(claims)(path)),
    },
  });
  return {
    outcome: decision.outcome,
    rules: 'grants' in decision ? decision.grants.map((grant) => grant.rule.name) : [],
    reasons: 'reasons' in decision ? decision.reasons : [],
  };
};

const ALLOW = rule('sure', ' } }, allow: [deploy] }');
const ACTOR = rule('actor', ', actor: octocat } }, allow: [deploy], lifetime: 60s }');
const DENY = '{ name: no, subject: { trust: github, github: { actor: robot } }, deny: [deploy] }';

describe('judgePartial', () => {
  it('grants surely where a rule that is sure lives longer than one that is open', () => {
    expect(decided([ALLOW, ACTOR], UNKNOWN)).toEqual({ outcome: 'granted', rules: ['sure'], reasons: [] });
  });

  it('leaves open what hangs on an unknown claim, and tells it where the claim is known', () => {
    expect(decided([ACTOR], UNKNOWN)).toEqual({ outcome: 'undetermined', rules: ['actor'], reasons: ['no_rule'] });
    expect(decided([ACTOR], { is: 'absent' })).toEqual({ outcome: 'refused', rules: [], reasons: ['no_rule'] });
  });

  it('leaves open whether a deny fires: on an unknown claim, and on one that is no text', () => {
    const open = { outcome: 'undetermined', rules: ['sure'], reasons: ['target_denied'] };
    expect(decided([ALLOW, DENY], UNKNOWN)).toEqual(open);
    expect(decided([ALLOW, DENY], { is: 'other', than: undefined })).toEqual(open);
    expect(decided([ALLOW, DENY], { is: 'known', value: 5 })).toEqual({
      outcome: 'refused',
      rules: [],
      reasons: ['target_denied'],
    });
    expect(decided([ALLOW, DENY], { is: 'absent' })).toEqual({ outcome: 'granted', rules: ['sure'], reasons: [] });
  });

  it('leaves open whether rules make two addresses of one name', () => {
    const one = rule('a', ' } }, with: { repo: shop }, allow: [one] }');
    const two = rule('b', ', actor: octocat } }, with: { repo: web }, allow: [one] }');
    expect(decided([one, two], UNKNOWN, 'one').reasons).toEqual(['target_ambiguous']);
    expect(decided([one, two], { is: 'absent' }, 'one').outcome).toBe('granted');
    expect(decided([one, two], { is: 'known', value: 'octocat' }, 'one')).toMatchObject({
      outcome: 'refused',
      reasons: ['target_ambiguous'],
    });
  });

  it('refuses surely where the target is for other sources, whatever is unknown', () => {
    const vault = rule('vault', ', actor: octocat } }, allow: [vault] }');
    expect(decided([vault], UNKNOWN, 'vault')).toEqual({
      outcome: 'refused',
      rules: [],
      reasons: ['no_rule', 'target_requirement_unmet'],
    });
  });
});
