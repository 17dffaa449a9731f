import { describe, expect, it } from 'vitest';
import { explainQuestion, refusalSentence } from '../../src/policy/explain.ts';
import { githubJob, policyOf, question } from '../support/policy.ts';

const RULES = `rules:
  - name: production
    why: "a repo deploys to the role that has its name; ask in #platform"
    subject: { trust: github, github: { repository_id: 74, environment: production, ref: refs/heads/main } }
    allow: [deploy]
  - name: other-repository
    subject: { trust: github, github: { repository_id: 75, ref: main } }
    allow: [deploy]
  - name: pods
    subject: { trust: eks, kubernetes: { namespace: p, serviceaccount: a } }
    allow: [deploy]
  - name: over
    subject: { trust: github, github: { repository_id: 74, ref: main } }
    allow: [deploy]
    until: 2020-01-01
  - name: bots
    subject: { trust: github, claims: { actor: "renovate[bot]" } }
    deny: all
`;
const policy = policyOf(RULES);
const job = githubJob({ environment: 'production', ref: 'refs/heads/dev' });

describe('an explanation', () => {
  it('lists every rule of the policy, nearest first, with the first condition that failed', () => {
    const { rules, decision } = explainQuestion(policy, question(job, 'deploy'));
    expect(decision.granted).toBe(false);
    expect(rules.map(({ rule, failed }) => [rule, failed?.part, failed?.what])).toEqual([
      ['bots', 'claims', 'actor'],
      ['production', 'claims', 'ref'],
      ['over', 'pin', 'ref'],
      ['other-repository', 'pin', 'repository_id'],
      ['pods', 'source', 'trust'],
    ]);
    expect(rules[1]?.failed).toMatchObject({ presented: '"refs/heads/dev"', expected: '"refs/heads/main"' });
  });

  it('says which rules have ended: they decide nothing', () => {
    const { rules, decision } = explainQuestion(policy, question(job, 'deploy'));
    expect(rules.filter(({ ended }) => ended).map(({ rule }) => rule)).toEqual(['over']);
    expect(decision.trace.map(({ rule }) => rule)).not.toContain('over');
  });

  it('gives a hint where people stumble', () => {
    const hints = (change: object) =>
      Object.fromEntries(
        explainQuestion(policy, question(githubJob({ ...job.claims, ...change }), 'deploy')).rules.map(
          ({ rule, hint }) => [rule, hint],
        ),
      );
    expect(hints({ ref: 'refs/heads/Main' }).production).toBe('they differ in letter case only');
    expect(hints({ ref: 'refs/heads/main' }).over).toBe('write the whole ref: "refs/heads/main"');
    expect(hints({ repository_id: 74 }).production).toContain('mind the quotes');
    expect(hints({}).production).toBeUndefined();
  });
});

describe('the sentence for a refused caller', () => {
  const sentence = (subject: typeof job, target: string) => {
    const asked = question(subject, target);
    const { decision } = explainQuestion(policy, asked);
    const nearest = !decision.granted && 'nearest' in decision.refusal ? decision.refusal.nearest : undefined;
    return refusalSentence({ principal: { ...subject, name: 'github:repository_id:74' }, ask: asked.ask, nearest });
  };

  it('names the rule, its place, the claim, what was presented and expected, and whom to ask', () => {
    expect(sentence(job, 'deploy')).toBe(
      'no rule lets github:repository_id:74 have deploy; nearest production (p0.yaml:2): ref was "refs/heads/dev", must be "refs/heads/main". ' +
        'a repo deploys to the role that has its name; ask in #platform.',
    );
  });

  it('says nothing about rules whose identifiers do not match', () => {
    expect(sentence(githubJob({ repository_id: '76' }), 'deploy')).toBe(
      'no rule lets github:repository_id:74 have deploy.',
    );
  });

  it('is printable ASCII and bounded, whatever the caller sent', () => {
    const text = sentence(
      githubJob({ ...job.claims, ref: `refs/\u202e\n${'x'.repeat(5000)}` }),
      `\u0000${'y'.repeat(5000)}`,
    );
    expect(text).toMatch(/^[\x20-\x7e]+$/);
    expect(text.length).toBeLessThanOrEqual(600);
  });
});
