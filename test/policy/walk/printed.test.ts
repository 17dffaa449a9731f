import { describe, expect, it } from 'vitest';
import { printedRules } from '../../../src/policy/walk/printed.ts';
import { policyOf } from '../../support/policy.ts';

describe('a compiled policy for people', () => {
  it('shows what counts of a rule: its pin apart from other conditions, and nothing that it does not say', () => {
    // A condition on a list was printed as `has a list that has ...`.
    const policy = policyOf(`rules:
  - name: shop
    why: ask
    subject:
      trust: github
      github: { repository_id: 74, ref: refs/heads/main }
      claims: { groups: { has: ops }, actor_id: [1, 2] }
    allow: [deploy]
`);
    expect(printedRules(policy)).toEqual({
      shop: {
        at: 'p0.yaml:2',
        mode: 'enforce',
        why: 'ask',
        subject: {
          github: {
            pin: { repository_id: '"74"', ref: '"refs/heads/main"' },
            claims: { groups: 'a list that has "ops"', actor_id: '"1" or "2"' },
          },
        },
        allow: { deploy: 'all' },
      },
    });
  });
});
