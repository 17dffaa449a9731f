// Four hundred repositories with a production and a staging role: under 450 lines of policy, loaded in under a second, and deciding exactly
// as eight hundred rules written by hand. No file name and no order changes a decision.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/policy/decide.ts';
import { compileTexts, githubJob, type PolicyTexts, question, TARGETS, target } from '../../support/policy.ts';

const REPOSITORIES = 400;
const WORLD: PolicyTexts = {
  targets: [...TARGETS, target('role', { address: 'arn:aws:iam::<account>:role/gha-<repo>' })],
};
const STAGES = [
  { stage: 'production', account: '111111111111', ref: 'refs/heads/main' },
  { stage: 'staging', account: '222222222222', ref: 'refs/heads/*' },
];
const idOf = (index: number) => 1_000 + index * 7;

const TABLE = `rows:\n${Array.from({ length: REPOSITORIES }, (_, index) => `  - { repo: service-${index}, id: ${idOf(index)} }\n`).join('')}`;
const RULES = `defaults: { owner: platform, why: "a repository deploys to the role of its name; ask #platform" }
rules:
${STAGES.map(
  ({ stage, account, ref }) => `  - name: ${stage}
    each: { repo: p0.yaml }
    subject:
      trust: github
      github: { repository: acme/<repo>, repository_id: <id>, environment: ${stage}, ref: ${ref} }
    with: { account: "${account}" }
    allow: [role]
    lifetime: 4m
`,
).join('')}`;
const BY_HAND = Array.from({ length: REPOSITORIES }, (_, index) =>
  STAGES.map(
    ({ stage, account, ref }) => `  - name: ${stage}-service-${index}
    subject:
      trust: github
      github: { repository: acme/service-${index}, repository_id: ${idOf(index)}, environment: ${stage}, ref: ${ref} }
    with: { account: "${account}", repo: service-${index} }
    allow: [role]
    lifetime: 4m
`,
  ).join(''),
);

function load(texts: readonly string[]) {
  const compiled = compileTexts(texts, WORLD);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems[0]));
  return createPolicy(compiled.policy);
}

const requests = fc.record({
  index: fc.integer({ min: 0, max: REPOSITORIES + 3 }),
  other: fc.integer({ min: 0, max: REPOSITORIES }),
  swapped: fc.boolean(),
  stage: fc.constantFrom('production', 'staging', 'Production', 'test', undefined),
  ref: fc.constantFrom('refs/heads/main', 'refs/heads/dev', 'refs/tags/v1', 'refs/heads/a/b'),
  ask: fc.constantFrom('role', 'production', 'staging', 'other', 'wrong'),
});

function asked({ index, other, ask }: { index: number; other: number; ask: string }): string {
  const role = (account: string, repository: number) => `arn:aws:iam::${account}:role/gha-service-${repository}`;
  switch (ask) {
    case 'production':
      return role('111111111111', index);
    case 'staging':
      return role('222222222222', index);
    case 'other':
      return role('111111111111', other);
    case 'wrong':
      return role('333333333333', index);
    default:
      return 'role';
  }
}

/** What a decision says, without the names of rules. */
const said = (decision: ReturnType<ReturnType<typeof load>['decide']>): unknown => {
  if (!decision.granted) return decision.refusal.reason;
  const { target: name, parameters, lifetimeSeconds, rule } = decision.grant;
  return { name, parameters, lifetimeSeconds, stage: /^(?:production|staging)/.exec(rule.name)?.[0] };
};

describe('four hundred repositories with two roles each', () => {
  const texts = [TABLE, RULES];
  const expanded = load(texts);
  const byHand = load([`rules:\n${BY_HAND.join('')}`]);

  it('are under 450 lines of policy', () => {
    expect(texts.join('').split('\n').length).toBeLessThan(450);
  });

  it('load in under a second', () => {
    const before = process.threadCpuUsage();
    load(texts);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(1);
  });

  it('decide as eight hundred rules written by hand', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(requests, (request) => {
        const { index, other, swapped, stage, ref } = request;
        const job = githubJob({
          repository: `acme/service-${index}`,
          repository_id: String(idOf(swapped ? other : index)),
          ref,
          ...(stage === undefined ? {} : { environment: stage }),
        });
        const [one, two] = [expanded, byHand].map((policy) => said(policy.decide(question(job, asked(request)))));
        expect(one).toEqual(two);
        seen.add(typeof one === 'string' ? one : 'granted');
      }),
      { numRuns: 3_000 },
    );
    expect([...seen].sort()).toEqual(['granted', 'no_rule', 'target_unknown']);
  });

  it('decide the same whatever the names and the order of files, rules and rows', () => {
    const lines = TABLE.trimEnd().split('\n').slice(1);
    const rules = BY_HAND.slice(0, 40)
      .join('')
      .split(/(?=^ {2}- name)/m);
    const jobs = Array.from({ length: 20 }, (_, index) =>
      githubJob({ repository: `acme/service-${index}`, repository_id: String(idOf(index)), environment: 'staging' }),
    );
    const answers = (policy: ReturnType<typeof load>) => jobs.map((job) => said(policy.decide(question(job, 'role'))));
    const order = fc.tuple(
      fc.shuffledSubarray(lines, { minLength: lines.length }),
      fc.shuffledSubarray(rules, { minLength: rules.length }),
      fc.boolean(),
    );
    const expected = answers(expanded);
    expect(expected).toContainEqual(expect.objectContaining({ stage: 'staging' }));
    fc.assert(
      fc.property(order, ([rows, shuffled, first]) => {
        const table = `rows:\n${rows.join('\n')}\n`;
        const named = load(first ? [table, RULES] : [RULES.replaceAll('p0.yaml', 'p1.yaml'), table]);
        expect(answers(named)).toEqual(expected);
        const half = shuffled.length / 2;
        const split = [shuffled.slice(0, half), shuffled.slice(half)].map((part) => `rules:\n${part.join('')}`);
        expect(answers(load(first ? split : split.reverse()))).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });
});
