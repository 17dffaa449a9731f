import { describe, expect, it } from 'vitest';
import { askedFor, unknownTarget } from '../../../src/policy/explain/asked-for.ts';
import { explainQuestion } from '../../../src/policy/explain/explain.ts';
import { compileTexts, githubJob, principalOf, question, TARGETS, target } from '../../support/policy.ts';

const ROWS = 'rows: [{ repo: shop, id: 74 }, { repo: cart, id: 75 }]\n';
const RULES = `rules:
  - name: production
    each: { repo: p1.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: production, ref: refs/heads/main } }
    allow: [live]
  - name: staging
    each: { repo: p1.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: staging } }
    allow: [staging]
  - name: main
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [deploy]
  - name: own-space
    subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }
    allow: [space]
`;
const compiled = compileTexts([RULES, ROWS], {
  targets: [
    ...TARGETS,
    target('live', { address: 'https://live.example/<repo>' }),
    target('staging', { address: 'https://staging.example/<repo>' }),
    target('space', { address: 'https://<ns>.spaces.example' }),
  ],
});
if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
const { policy } = compiled;
const causeOf = (subject: ReturnType<typeof githubJob>, asked: string | readonly string[]) =>
  explainQuestion(policy, question(subject, asked)).cause;
const job = (environment: string) => githubJob({ environment });
const pod = (namespace: string) =>
  principalOf('eks', {
    sub: `system:serviceaccount:${namespace}:api`,
    'kubernetes.io': { namespace, serviceaccount: { name: 'api' } },
  });

describe('an address that rules make', () => {
  it('is looked up over all rules: a wrong environment is a wrong environment, and no wrong target', () => {
    expect(causeOf(job('prod'), 'https://live.example/shop')).toMatchObject({
      reason: 'target_unknown',
      by: expect.stringMatching(/^nearest production\[shop\] \(/),
      what: 'environment',
      presented: '"prod"',
      expected: '"production"',
    });
    expect(causeOf(job('production'), 'https://live.example/shop')).toBeUndefined();
  });

  it('names a rule for it before rules for other targets, however much nearer those come', () => {
    const stranger = causeOf(job('production'), 'https://staging.example/cart');
    expect(stranger).toMatchObject({ by: expect.stringContaining('nearest staging[cart] '), what: 'repository_id' });
    expect(causeOf(job('production'), 'https://staging.example/shop')).toMatchObject({
      by: expect.stringContaining('nearest staging[shop] '),
      what: 'environment',
      hint: undefined,
    });
  });

  it('that captured claims make for somebody else is what those claims would have to be', () => {
    expect(causeOf(pod('payments'), 'https://search.spaces.example')).toMatchObject({
      reason: 'target_unknown',
      by: expect.stringContaining('nearest own-space '),
      what: 'namespace',
      presented: '"payments"',
      expected: '"search"',
    });
    expect(causeOf(pod('search'), 'https://search.spaces.example')).toBeUndefined();
    expect(causeOf(pod('search'), ['space', 'https://payments.spaces.example'])).toMatchObject({ what: 'namespace' });
  });

  it('is an unknown target only where no rule makes it', () => {
    const none = 'https://live.example/nothing';
    expect(causeOf(job('production'), none)).toMatchObject({
      reason: 'target_unknown',
      by: undefined,
      what: 'target',
      presented: `"${none}"`,
    });
    expect(unknownTarget(policy, ['live', none])).toEqual({ asked: `"${none}"`, meant: undefined });
    expect(unknownTarget(policy, ['live', 'https://live.example/cart', 'deploy'])).toBeUndefined();
    expect(unknownTarget(policy, ['liev'])).toEqual({ asked: '"liev"', meant: 'live' });
    expect(askedFor(policy, []).known).toBe(false);
  });
});
