import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { TRACE_RULES_MAX } from '../../src/core/limits.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { githubJob, NOW, policyOf, principalOf, question, TARGETS } from '../support/policy.ts';

const JOB = 'trust: github, github: { repository_id: 74, ref: refs/heads/main }';
const ENV = 'trust: github, github: { repository_id: 74, environment: prod, ref: refs/heads/main }';

/** Rules, one on each line, from their members. */
const rulesOf = (...rules: readonly string[]) =>
  createPolicy(policyOf(`rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`));
const allow = (name: string, more = 'allow: [deploy]') => `name: ${name}, subject: { ${JOB} }, ${more}`;

const outcome = (policy: ReturnType<typeof rulesOf>, asked: Parameters<typeof question>) => {
  const decision = policy.decide(question(...asked));
  return decision.granted ? `${decision.grant.rule.name} ${decision.grant.lifetimeSeconds}` : decision.refusal.reason;
};

describe('a decision', () => {
  it('is no by default, and yes where one rule grants the whole request', () => {
    const policy = rulesOf(allow('r'));
    expect(outcome(policy, [githubJob(), 'deploy'])).toBe('r 300');
    expect(outcome(policy, [githubJob({ repository_id: '75' }), 'deploy'])).toBe('no_rule');
    expect(outcome(policy, [principalOf('eks', {}), 'deploy'])).toBe('no_rule');
    expect(policy.decide(question({ ...githubJob(), source: 'nowhere' }, 'deploy'))).toMatchObject({
      granted: false,
      trace: [],
    });
  });

  it('never joins two rules: scopes of one and scopes of another are no grant of both', () => {
    const policy = rulesOf(allow('a', 'allow: { ledger: [read] }'), allow('b', 'allow: { ledger: [write] }'));
    expect(outcome(policy, [githubJob(), 'ledger', { scopes: ['read'] }])).toBe('a 3600');
    expect(outcome(policy, [githubJob(), 'ledger', { scopes: ['read', 'write'] }])).toBe('scope_not_allowed');
  });

  it('takes the longest lifetime, then the smallest name; the target caps every rule', () => {
    const ledger = (lifetime: string) => `allow: { ledger: all }, lifetime: ${lifetime}`;
    expect(outcome(rulesOf(allow('a', ledger('5m')), allow('b', ledger('30m'))), [githubJob(), 'ledger'])).toBe(
      'b 1800',
    );
    expect(outcome(rulesOf(allow('b', ledger('30m')), allow('a', ledger('30m'))), [githubJob(), 'ledger'])).toBe(
      'a 1800',
    );
    expect(outcome(rulesOf(allow('b', ledger('12h')), allow('a', ledger('2h'))), [githubJob(), 'ledger'])).toBe(
      'a 3600',
    );
    expect(outcome(rulesOf(allow('b', ledger('5m')), allow('a', ledger('1m'))), [githubJob(), 'ledger'])).toBe('b 300');
  });

  it('caps a rule by the target also where what the target requires of everyone is longer', () => {
    const targets = TARGETS.map((one) =>
      one.name === 'deploy' ? { ...one, require: { lifetimeMaxSeconds: 900 } } : one,
    );
    const text = `rules:\n  - { ${allow('r', 'allow: [deploy], lifetime: 20m')} }\n`;
    expect(outcome(createPolicy(policyOf(text, { targets })), [githubJob(), 'deploy'])).toBe('r 300');
  });

  it('names the smallest of equal rules and of fired denies, in whatever shapes the index keeps them', () => {
    // Two shapes; the one that comes first by a rule that does not match holds the larger of the names that do.
    const job = (name: string, ids: string) =>
      `name: ${name}, subject: { trust: github, github: { ${ids}, ref: refs/heads/main } }, allow: [deploy]`;
    const never = (name: string, claim: string) =>
      `name: ${name}, subject: { trust: github, claims: { ${claim} } }, deny: all`;
    const many = Array.from({ length: 2 * TRACE_RULES_MAX }, (_, index) => index);
    const allows = [
      ...many.map((index) => job(`a${index}`, `repository_id: 9${index}`)),
      job('z', 'repository_id: 74'),
      job('m', 'repository_id: 74, repository_owner_id: 65'),
    ];
    expect(outcome(rulesOf(...allows), [githubJob(), 'deploy'])).toBe('m 300');
    const denies = [
      ...many.map((index) => never(`a${index}`, `actor: nobody-${index}`)),
      never('z', 'actor: octocat'),
      never('m', 'event_name: push'),
    ];
    expect(rulesOf(allow('r'), ...denies).decide(question(githubJob(), 'deploy'))).toMatchObject({
      refusal: { reason: 'target_denied', rule: 'm' },
    });
  });

  it('A-124: a deny wins over any number of allows, wherever it stands', () => {
    const bots = 'name: never, subject: { trust: github, claims: { actor: ["dependabot[bot]", mallory] } }, deny: all';
    for (const policy of [rulesOf(bots, allow('r')), rulesOf(allow('r'), bots)]) {
      expect(outcome(policy, [githubJob(), 'deploy'])).toBe('r 300');
      expect(policy.decide(question(githubJob({ actor: 'Mallory' }), 'deploy'))).toMatchObject({
        refusal: { reason: 'target_denied', rule: 'never' },
      });
    }
  });

  it('a deny of one target leaves the others', () => {
    const policy = rulesOf(
      allow('r', 'allow: { deploy: all, ledger: all }'),
      `name: d, anyone: { claims: { actor: octocat } }, deny: [ledger]`,
    );
    expect(outcome(policy, [githubJob(), 'ledger'])).toBe('target_denied');
    expect(outcome(policy, [githubJob(), 'deploy'])).toBe('r 300');
  });

  it('a deny fires on the wrong type, an allow never does, and an absent claim is false for both', () => {
    const deny = 'name: d, subject: { trust: github, claims: { team: x } }, deny: all';
    const policy = rulesOf(allow('r'), deny);
    const job = (change: JsonObject) => outcome(policy, [githubJob(change), 'deploy']);
    expect(job({ team: 'y' })).toBe('r 300');
    expect(job({})).toBe('r 300');
    expect(job({ team: 'x' })).toBe('target_denied');
    expect(job({ team: ['x'] })).toBe('target_denied');
    expect(job({ team: null })).toBe('target_denied');
    const typed = rulesOf(`name: r, subject: { ${JOB}, claims: { team: x } }, allow: [deploy]`);
    expect(outcome(typed, [githubJob({ team: ['x'] }), 'deploy'])).toBe('no_rule');
    expect(outcome(typed, [githubJob({ team: 'x' }), 'deploy'])).toBe('r 300');
  });

  it('a deny whose other part is certainly false does not fire on an unknown', () => {
    const policy = rulesOf(
      allow('r'),
      'name: d, subject: { trust: github, claims: { team: x, actor: mallory } }, deny: all',
    );
    expect(outcome(policy, [githubJob({ team: 5 }), 'deploy'])).toBe('r 300');
    expect(outcome(policy, [githubJob({ team: 5, actor: 'mallory' }), 'deploy'])).toBe('target_denied');
  });

  it('a deny without trust is about every source, and one with a block about every source of that kind', () => {
    const k8s = { sub: 's', 'kubernetes.io': { namespace: 'p', serviceaccount: { name: 'a' } } };
    const pod =
      'name: r, subject: { trust: [eks, onprem], kubernetes: { namespace: p, serviceaccount: a } }, allow: [deploy]';
    const policy = rulesOf(allow('g'), pod, 'name: d, anyone: { kubernetes: { namespace: p } }, deny: all');
    expect(outcome(policy, [principalOf('onprem', k8s), 'deploy'])).toBe('target_denied');
    expect(outcome(policy, [githubJob(), 'deploy'])).toBe('g 300');
    expect(outcome(rulesOf(pod, 'name: d, anyone: { sub: s }, deny: all'), [principalOf('eks', k8s), 'deploy'])).toBe(
      'target_denied',
    );
  });

  it('A-118: the same claims from another source of the same kind match nothing', () => {
    const pod = 'name: r, subject: { trust: eks, kubernetes: { namespace: p, serviceaccount: a } }, allow: [deploy]';
    const claims = { sub: 's', 'kubernetes.io': { namespace: 'p', serviceaccount: { name: 'a' } } };
    expect(outcome(rulesOf(pod), [principalOf('eks', claims), 'deploy'])).toBe('r 300');
    expect(outcome(rulesOf(pod), [principalOf('onprem', claims), 'deploy'])).toBe('no_rule');
  });

  it('ends a rule with its last day in UTC, allow and deny alike', () => {
    const until = 'until: 2026-09-21';
    const end = Date.UTC(2026, 8, 22) / 1000;
    const policy = rulesOf(allow('r', `allow: [deploy], ${until}`));
    expect(outcome(policy, [githubJob(), 'deploy', { now: end - 0.001 }])).toBe('r 300');
    expect(outcome(policy, [githubJob(), 'deploy', { now: end }])).toBe('no_rule');
    const denied = rulesOf(
      allow('r'),
      `name: d, subject: { trust: github, claims: { actor: octocat } }, deny: all, ${until}`,
    );
    expect(outcome(denied, [githubJob(), 'deploy', { now: NOW }])).toBe('target_denied');
    expect(outcome(denied, [githubJob(), 'deploy', { now: end }])).toBe('r 300');
  });

  it('preview rules change nothing and say what they would do', () => {
    const policy = rulesOf(
      allow('p-allow', 'allow: [deploy], mode: preview'),
      'name: p-deny, subject: { trust: github, claims: { actor: octocat } }, deny: all, mode: preview',
    );
    expect(policy.decide(question(githubJob(), 'deploy'))).toMatchObject({
      granted: false,
      refusal: { reason: 'no_rule' },
      would: [
        { rule: 'p-allow', would: 'allow' },
        { rule: 'p-deny', would: 'deny' },
      ],
    });
    const both = rulesOf(
      allow('r'),
      'name: p-deny, subject: { trust: github, claims: { actor: octocat } }, deny: all, mode: preview',
    );
    expect(both.decide(question(githubJob(), 'deploy'))).toMatchObject({
      granted: true,
      would: [{ rule: 'p-deny', would: 'deny' }],
    });
    expect(both.decide(question(githubJob({ actor: 'x' }), 'deploy')).would).toEqual([]);
  });
});

it('a preview rule does not say that it would allow what a deny, or the target itself, refuses to everyone', () => {
  const preview = allow('p', 'allow: [deploy, vault], mode: preview');
  const deny = 'name: d, subject: { trust: github, claims: { actor: octocat } }, deny: [deploy]';
  expect(rulesOf(preview).decide(question(githubJob(), 'deploy')).would).toEqual([{ rule: 'p', would: 'allow' }]);
  expect(rulesOf(preview, deny).decide(question(githubJob(), 'deploy')).would).toEqual([]);
  expect(rulesOf(preview).decide(question(githubJob(), 'vault')).would).toEqual([]);
});

describe('targets', () => {
  const policy = rulesOf(
    allow('r', 'allow: { deploy: all, ledger: all }'),
    `name: v, subject: { ${JOB} }, allow: [vault]`,
  );

  it('RI-04: are found by name, by address byte for byte, and by any spelling of one resource', () => {
    expect(outcome(policy, [githubJob(), 'https://api.example/deploy'])).toBe('r 300');
    expect(outcome(policy, [githubJob(), 'HTTPS://API.Example:443/deploy'])).toBe('r 300');
    expect(outcome(policy, [githubJob(), 'https://api.example/Deploy'])).toBe('target_unknown');
    expect(outcome(policy, [githubJob(), 'https://api.example/deploy/'])).toBe('target_unknown');
  });

  it('TX-08 A-127: several values must name one target; none, or an unknown one, names nothing', () => {
    expect(outcome(policy, [githubJob(), ['deploy', 'https://api.example/deploy']])).toBe('r 300');
    expect(outcome(policy, [githubJob(), ['deploy', 'ledger']])).toBe('targets_differ');
    expect(outcome(policy, [githubJob(), ['deploy', 'nowhere']])).toBe('target_unknown');
    expect(outcome(policy, [githubJob(), []])).toBe('target_unknown');
    expect(outcome(policy, [githubJob(), '__proto__'])).toBe('target_unknown');
  });

  it('stay unknown to those whose principals match no rule', () => {
    const stranger = githubJob({ repository_id: '75' });
    for (const asked of ['deploy', 'nowhere', 'vault']) expect(outcome(policy, [stranger, asked])).toBe('no_rule');
    expect(outcome(policy, [stranger, ['deploy', 'ledger']])).toBe('no_rule');
  });

  it('an allowed principal without a rule for the target is told so apart', () => {
    expect(rulesOf(allow('r')).decide(question(githubJob(), 'ledger'))).toMatchObject({
      refusal: {
        reason: 'target_not_allowed',
        nearest: { rule: 'r', part: 'target', expected: '"deploy"', presented: '"ledger"' },
      },
    });
  });

  it('what a target requires of everyone is loosened by no rule', () => {
    expect(policy.decide(question(githubJob(), 'vault'))).toMatchObject({
      refusal: { reason: 'target_requirement_unmet', requirement: 'sources' },
    });
    const mesh = rulesOf(
      'name: m, subject: { trust: mesh, sub: spiffe://example.org/ns/a }, allow: [vault], lifetime: 5m',
    );
    expect(outcome(mesh, [principalOf('mesh', { sub: 'spiffe://example.org/ns/a' }), 'vault'])).toBe('m 60');
  });
});

describe('scopes', () => {
  const policy = rulesOf(
    allow('r', 'allow: { ledger: [write, read] }'),
    'name: all, subject: { trust: mesh, sub: spiffe://example.org/ns/a }, allow: { ledger: all }',
  );
  const mesh = principalOf('mesh', { sub: 'spiffe://example.org/ns/a' });

  it('A-137: come as asked, or as the target defaults, and are never cut down', () => {
    expect(policy.decide(question(githubJob(), 'ledger', { scopes: ['write', 'read'] }))).toMatchObject({
      grant: { scopes: ['write', 'read'] },
    });
    expect(policy.decide(question(githubJob(), 'ledger'))).toMatchObject({
      grant: { scopes: ['read'], clientId: githubJob().name },
    });
    expect(policy.decide(question(githubJob(), 'ledger', { scopes: ['read', 'admin'] }))).toMatchObject({
      refusal: {
        reason: 'scope_not_allowed',
        nearest: { rule: 'r', part: 'scope', presented: '"admin"', expected: '"read" or "write"' },
      },
    });
  });

  it('"all" is every scope of the target, and no other', () => {
    expect(outcome(policy, [mesh, 'ledger', { scopes: ['read', 'write', 'admin'] }])).toBe('all 3600');
    expect(outcome(policy, [mesh, 'ledger', { scopes: ['root'] }])).toBe('scope_not_allowed');
  });

  it('a rule must allow the default scopes as well', () => {
    const writer = rulesOf(allow('r', 'allow: { ledger: [write] }'));
    expect(outcome(writer, [githubJob(), 'ledger'])).toBe('scope_not_allowed');
    expect(outcome(writer, [githubJob(), 'ledger', { scopes: ['write'] }])).toBe('r 3600');
  });

  it('a deny comes before a missing scope', () => {
    const both = rulesOf(
      allow('r', 'allow: { ledger: [write] }'),
      'name: d, subject: { trust: github, sub: "repo:acme/shop:ref:refs/heads/main" }, deny: [ledger]',
    );
    expect(outcome(both, [githubJob(), 'ledger'])).toBe('target_denied');
  });
});

describe('explaining', () => {
  it('nearest is the rule that failed latest, and only one whose identifiers matched', () => {
    const policy = rulesOf(
      `name: far, subject: { trust: github, github: { repository_id: 75, ref: refs/heads/main } }, allow: [deploy]`,
      `name: near, subject: { ${ENV} }, why: "ask #platform", allow: [deploy]`,
    );
    expect(policy.decide(question(githubJob({ environment: 'prod', ref: 'refs/heads/dev' }), 'deploy'))).toMatchObject({
      refusal: {
        reason: 'no_rule',
        nearest: {
          rule: 'near',
          at: 'p0.yaml:3',
          part: 'claims',
          what: 'ref',
          presented: '"refs/heads/dev"',
          expected: '"refs/heads/main"',
          why: 'ask #platform',
        },
      },
    });
    expect(policy.decide(question(githubJob({ environment: 'dev' }), 'deploy'))).toMatchObject({
      refusal: { reason: 'no_rule', nearest: { rule: 'near', part: 'pin', what: 'environment' } },
    });
    const away = policy.decide(question(githubJob({ repository_id: '76' }), 'deploy'));
    expect(away).toMatchObject({ refusal: { reason: 'no_rule' } });
    expect(away.granted ? '' : away.refusal).not.toHaveProperty('nearest');
  });

  it('the trace holds every rule found, nearest first, bounded, without the text of an unknown target', () => {
    const many = Array.from({ length: 40 }, (_, index) => allow(`r${index}`));
    const decision = rulesOf(...many).decide(question(githubJob(), 'eyJ.secret'));
    expect(decision.trace).toHaveLength(32);
    expect(JSON.stringify(decision)).not.toContain('secret');
    const two = rulesOf(allow('fits'), allow('other').replace('74', '75')).decide(question(githubJob(), 'deploy'));
    expect(two.trace.map(({ rule, failed }) => [rule, failed?.part])).toEqual([
      ['fits', undefined],
      ['other', 'pin'],
    ]);
  });

  it('presented values are cut', () => {
    const decision = rulesOf(`name: r, subject: { ${JOB}, claims: { team: x } }, allow: [deploy]`).decide(
      question(githubJob({ team: 'y'.repeat(9999) }), 'deploy'),
    );
    expect(decision.trace[0]?.failed?.presented?.length).toBeLessThanOrEqual(256);
  });

  it('names the claims to record', () => {
    const policy = rulesOf(allow('r'));
    expect(policy.claimsNamed('github').has('repository_id')).toBe(true);
    expect(policy.claimsNamed('nowhere').size).toBe(0);
  });
});
