import { describe, expect, it } from 'vitest';
import { explainQuestion, refusalSentence } from '../../../src/policy/explain/explain.ts';
import { githubJob, policyOf, principalOf, question } from '../../support/policy.ts';

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
  it('lists every rule of the policy, the one that lacks least first and then nearest first, with the first condition that failed', () => {
    const { rules, decision } = explainQuestion(policy, question(job, 'deploy'));
    expect(decision.granted).toBe(false);
    expect(rules.map(({ rule, failed }) => [rule, failed?.part, failed?.what])).toEqual([
      ['production', 'claims', 'ref'],
      ['bots', 'claims', 'actor'],
      ['over', 'pin', 'ref'],
      ['other-repository', 'pin', 'repository_id'],
      ['pods', 'source', 'trust'],
    ]);
    expect(rules[0]?.failed).toMatchObject({ presented: '"refs/heads/dev"', expected: '"refs/heads/main"' });
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
    expect(hints({ ref: 'refs/heads/main' }).over).toBe('a rule needs the whole ref, as the token has it');
    expect(hints({ repository_id: 74 }).production).toContain('mind the quotes');
    expect(hints({}).production).toBeUndefined();
  });
});

describe('the cause of a refusal', () => {
  const causeOf = (text: string, subject: typeof job, target = 'deploy', scopes?: readonly string[]) => {
    const asked = question(subject, target, scopes ? { scopes } : {});
    return explainQuestion(policyOf(`rules:\n${text}`), asked).cause;
  };
  const rule = (name: string, github: string, more = 'allow: [deploy]') =>
    `  - { name: ${name}, subject: { trust: github, github: { ${github} } }, ${more} }\n`;
  const right = githubJob({ environment: 'production' });

  it('is none where it is granted', () => {
    expect(causeOf(rule('a', 'repository_id: 74, ref: refs/heads/main'), right)).toBeUndefined();
  });

  it('is the rule that lacks least, and names what else it lacks', () => {
    const two = rule('a', 'repository_id: 74, environment: staging, ref: refs/heads/dev');
    const one = rule('b', 'repository_id: 74, environment: production, ref: refs/heads/dev');
    expect(causeOf(two + one, right)).toMatchObject({ by: 'nearest b (p0.yaml:3)', what: 'ref', hint: undefined });
    expect(causeOf(two, right)).toMatchObject({ what: 'environment', hint: 'it also lacks ref' });
  });

  it('is the wrong branch of this repository before the right branch of another, and a rule for the target before others', () => {
    const other = rule('a', 'repository_id: 75, ref: refs/heads/main');
    const branch = rule('b', 'repository_id: 74, ref: refs/heads/dev');
    expect(causeOf(other + branch, right)).toMatchObject({ by: 'nearest b (p0.yaml:3)', what: 'ref' });
    const elsewhere = rule('c', 'repository_id: 74, ref: refs/heads/dev', 'allow: { ledger: all }');
    expect(causeOf(elsewhere + branch, right)).toMatchObject({ by: 'nearest b (p0.yaml:3)' });
  });

  it('is a preview, or a rule that has ended, where that alone is in the way', () => {
    const branch = rule('b', 'repository_id: 74, ref: refs/heads/dev');
    const tried = rule('a', 'repository_id: 74, ref: refs/heads/main', 'mode: preview, allow: [deploy]');
    expect(causeOf(branch + tried, right)).toMatchObject({ what: 'mode', presented: 'preview', expected: 'enforce' });
    const over = rule('a', 'repository_id: 74, ref: refs/heads/main', 'until: 2020-01-01, allow: [deploy]');
    expect(causeOf(branch + over, right)).toMatchObject({ what: 'until', presented: '2020-01-01', expected: 'later' });
    const both = rule('a', 'repository_id: 74, ref: refs/heads/dev', 'until: 2020-01-01, allow: [deploy]');
    expect(causeOf(both, right)).toMatchObject({ what: 'ref', hint: 'it has ended on 2020-01-01' });
  });

  it('is another source of the same kind, where the rest matches, and never one of another kind', () => {
    const pods =
      '  - { name: pods, subject: { trust: onprem, kubernetes: { namespace: p, serviceaccount: a } }, allow: [deploy] }\n';
    const claims = {
      sub: 'system:serviceaccount:p:a',
      'kubernetes.io': { namespace: 'p', serviceaccount: { name: 'a' } },
    };
    expect(causeOf(pods, principalOf('eks', claims))).toMatchObject({
      what: 'trust',
      presented: '"eks"',
      expected: '"onprem"',
    });
    expect(causeOf(pods, right)).toMatchObject({
      by: undefined,
      what: 'trust',
      presented: '"github"',
      expected: '"onprem"',
    });
  });

  it('is the client that a rule names, the scope it does not give, or the target', () => {
    const through = rule('a', 'repository_id: 74, ref: refs/heads/main', 'client: gateway, allow: [deploy]');
    expect(causeOf(through, right)).toMatchObject({ what: 'client', presented: undefined, expected: '"gateway"' });
    const reads = rule('a', 'repository_id: 74, ref: refs/heads/main', 'allow: { ledger: [read] }');
    const hint = 'the target has it, and the rule does not give it';
    expect(causeOf(reads, right, 'ledger', ['write'])).toMatchObject({ reason: 'scope_not_allowed', hint });
    const typo = 'the target has no such scope: did you mean write?';
    expect(causeOf(reads, right, 'ledger', ['wirte'])).toMatchObject({ what: 'scope', hint: typo });
    expect(causeOf(reads, right, 'ledgre')).toMatchObject({ reason: 'target_unknown', hint: 'did you mean ledger?' });
  });

  it('of a target that demands a source is that source, and of several targets that there are several', () => {
    const vault = rule('a', 'repository_id: 74, ref: refs/heads/main', 'allow: [vault]');
    expect(causeOf(vault, right, 'vault')).toMatchObject({ by: 'target vault', what: 'trust', expected: '"mesh"' });
    const { cause } = explainQuestion(policyOf(`rules:\n${vault}`), question(right, ['vault', 'deploy']));
    expect(cause).toMatchObject({ reason: 'targets_differ', presented: '"vault" or "deploy"', expected: 'one target' });
  });

  it('of a deny is what it fired on, also where it could not tell', () => {
    const allow = rule('a', 'repository_id: 74, ref: refs/heads/main');
    const deny =
      '  - { name: bots, why: Never., subject: { trust: github, claims: { actor: bot, repository_id: 74 } }, deny: all }\n';
    expect(causeOf(allow + deny, githubJob({ actor: 'bot' }))).toMatchObject({
      by: 'bots (p0.yaml:3) denies it',
      what: 'actor',
      presented: '"bot"',
      expected: 'anything but "bot"',
      hint: 'so is repository_id; Never.',
    });
    expect(causeOf(allow + deny, githubJob({ actor: ['bot'] }))?.hint).toContain('actor has another type');
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
