import { describe, expect, it } from 'vitest';
import { CIRCLECI } from '../../../src/platforms/circleci.ts';
import { HCP_TERRAFORM } from '../../../src/platforms/hcp-terraform.ts';
import { compileTexts, policyOf, problemsOf, SOURCES, TARGETS } from '../../support/policy.ts';

/** One rule, from its members. */
const rule = (members: string) => `rules:\n  - { name: r, ${members} }\n`;
const JOB = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';
const messages = (text: string) => problemsOf(text).map((line) => line.replace(/^\S+ /, ''));

describe('a policy', () => {
  it('A-105: without any file or any rule does not load', () => {
    expect(compileTexts([])).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('no policy file') }],
    });
    expect(messages('rules: []')).toEqual(['rules no file holds a rule: nothing could ever be granted']);
    expect(compileTexts(['rules: []', rule(`${JOB}, allow: [deploy]`)]).ok).toBe(true);
  });

  it('reports every problem of every file at once, each at its line and column', () => {
    const found = compileTexts([
      `rules:\n  - name: a\n    ${JOB}\n    allow: [deplox]\n  - name: b\n    subjects: {}\n    allow: [deploy]\n`,
      `rules:\n  - name: c\n    ${JOB}\n    allow: { ledger: [reed] }\n    mode: audit\n`,
      'rule: []',
    ]);
    expect(
      found.ok ? [] : found.problems.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`),
    ).toEqual([
      'p0.yaml:4:13 deplox is no target; did you mean deploy?',
      expect.stringMatching(/^p0.yaml:6:5 is not known here.*did you mean subject\?$/),
      expect.stringMatching(/^p1.yaml:5:5 is not one of its values; allowed: enforce, preview/),
      expect.stringMatching(/^p2.yaml:1:1 is not known here.*rules/),
      'p2.yaml:1:1 holds none of rules, rows and tests',
    ]);
  });

  it('knows a rule name once over all files', () => {
    const one = rule(`${JOB}, allow: [deploy]`);
    const found = compileTexts([one, one]);
    expect(found.ok ? [] : found.problems).toMatchObject([
      { file: 'p1.yaml', path: 'rules[0].name', message: 'the name r is taken by the rule at p0.yaml:2' },
    ]);
  });

  it('is deeply frozen plain data, and its digest depends on content and not on order', () => {
    const [a, b] = [rule(`${JOB}, allow: [deploy]`), rule(`${JOB}, allow: [deploy]`).replace('name: r', 'name: s')];
    const both = compileTexts([a, b]);
    const turned = compileTexts([a, b], { sources: [...SOURCES].reverse(), targets: [...TARGETS].reverse() });
    if (!both.ok || !turned.ok) throw new Error('both must load');
    expect(turned.policy.digest).toBe(both.policy.digest);
    expect(both.policy.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(policyOf(a).digest).not.toBe(policyOf(a.replace('main', 'dev')).digest);
    expect(structuredClone(both.policy)).toEqual(both.policy);
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const inner of Object.values(value)) walk(inner);
    };
    walk(both.policy);
  });

  it.each([
    ['allow: [deploy]', 'an allow rule needs a subject'],
    [JOB, 'neither allows nor denies'],
    [`${JOB}, allow: [deploy], deny: all`, 'cannot do both'],
    [`anyone: { claims: { actor: x } }, allow: [deploy]`, 'stands in denies only'],
    [`deny: all`, 'a deny needs a subject, or anyone'],
    [`anyone: {}, deny: all`, 'it would deny everybody'],
    [`${JOB}, deny: all, lifetime: 5m`, 'means nothing in a deny'],
    [
      `subject: { github: { actor: x }, gitlab: { user_login: x } }, deny: all`,
      'no token has both: write a rule for each',
    ],
    [
      `anyone: { github: { actor: x }, gitlab: { user_login: x } }, deny: all`,
      'no token has both: write a rule for each',
    ],
    [`subject: { trust: gitlab, gitlab: { runner_id: "NaN" } }, deny: all`, 'must be a number in these tokens'],
    [`subject: { trust: gitlab, gitlab: { runner_id: "Infinity" } }, deny: all`, 'must be a number in these tokens'],
    [`${JOB}, allow: [deploy], lifetime: 13h`, 'is longer than any target allows'],
    [`${JOB}, allow: [deploy], lifetime: 5`, 'must be a duration'],
    [`${JOB}, allow: [deploy], until: 2027-02-30`, 'is no day of the calendar'],
    [`${JOB}, allow: [deploy], until: tomorrow`, 'must be a day such as'],
    [`${JOB}, allow: []`, 'is an empty list'],
    [`${JOB}, allow: {}`, 'it names no target'],
    [`${JOB}, allow: [ledger]`, 'ledger has scopes: write { ledger: all }'],
    [`${JOB}, allow: { ledger: [] }`, 'is an empty list'],
    [`${JOB}, allow: { ledger: [reed] }`, 'ledger has no scope reed; did you mean read?'],
    [`${JOB}, deny: [nowhere]`, 'nowhere is no target'],
    [
      `${JOB.replace('trust: github', 'trust: githob')}, allow: [deploy]`,
      'githob is no trust source; did you mean github?',
    ],
    [`${JOB.replace('trust: github', 'trust: eks')}, allow: [deploy]`, 'eks is of kind kubernetes'],
    [`${JOB.replace('trust: github, ', '')}, allow: [deploy]`, 'needs trust'],
    [
      `${JOB.replace('name', 'nome')}, allow: [deploy], why: "a\\u202eb"`,
      'must be one line without control characters',
    ],
  ])('a rule with %s does not load', (members, message) => {
    expect(messages(rule(members)).join('\n')).toContain(message);
    expect(problemsOf(rule(`${JOB}, allow: { ledger: all, deploy: all }, lifetime: 12h, until: 2027-02-28`))).toEqual(
      [],
    );
  });
});

const subject = (text: string) =>
  messages(rule(`subject: ${text}, allow: [deploy]`)).map((line) => line.replace(/^\S+ /, ''));

describe('a pin', () => {
  it.each([
    '{ trust: github, github: { repository_id: 74, ref: refs/heads/main } }',
    '{ trust: github, github: { repository_id: [74, 75], ref: "refs/heads/*" } }',
    '{ trust: github, github: { repository_id: 74, environment: prod, ref: "refs/tags/v*" } }',
    '{ trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }',
    '{ trust: gitlab, claims: { project_id: 20, environment: production } }',
    '{ trust: [eks, onprem], kubernetes: { namespace: payments, serviceaccount: api } }',
    '{ trust: mesh, sub: spiffe://example.org/ns/payments/sa/api }',
    '{ trust: mesh, sub: "spiffe://example.org/ns/payments/sa/*" }',
    '{ trust: mesh, sub: "spiffe://example.org/ns/**" }',
    '{ trust: idp, sub: worker-7 }',
    '{ trust: idp, sub: [worker-7, worker-8] }',
  ])('%s loads', (text) => {
    expect(subject(text)).toEqual([]);
  });

  it.each([
    ['{ trust: github }', 'does not pin repository_id'],
    ['{ trust: github, sub: "repo:acme/shop:ref:refs/heads/main" }', 'does not pin repository_id'],
    ['{ trust: github, github: { repository: acme/shop, ref: refs/heads/main } }', 'does not pin repository_id'],
    [
      '{ trust: github, github: { repository_id: 74 } }',
      'does not pin its context: one of environment, ref, event_name: pull_request must',
    ],
    ['{ trust: github, github: { repository_id: "7*", ref: refs/heads/main } }', 'does not pin repository_id'],
    ['{ trust: github, github: { repository_id: "*", ref: refs/heads/main } }', 'does not pin repository_id'],
    ['{ trust: github, github: { repository_id: 74, ref: "refs/tags/v*" } }', 'which that of ref is not'],
    ['{ trust: github, github: { repository_id: 74, environment: "*" } }', 'which that of environment is not'],
    ['{ trust: github, github: { repository_id: 74, event_name: push } }', 'does not pin its context'],
    ['{ trust: github, github: { repository_id: 74, event_name: [pull_request, push] } }', 'does not pin its context'],
    ['{ trust: gitlab, gitlab: { project_path: a/b, ref_path: refs/heads/main } }', 'does not pin project_id'],
    ['{ trust: eks, kubernetes: { namespace: payments } }', 'does not pin serviceaccount'],
    ['{ trust: eks, kubernetes: { namespace: "pay*", serviceaccount: api } }', 'does not pin namespace'],
    ['{ trust: eks, sub: "system:serviceaccount:payments:api" }', 'does not pin namespace'],
    ['{ trust: mesh }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://example.org/*" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://example.org/**" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://*/ns/x" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://example.org/ns/*/sa/api" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://example.org/ns/pay*" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://example.org/ns/../x" }', 'does not pin sub'],
    ['{ trust: mesh, sub: "spiffe://other.org/ns/x" }', 'is not in the trust domain of mesh'],
    ['{ trust: mesh, sub: "spiffe://example.org.evil/ns/x" }', 'is not in the trust domain of mesh'],
    ['{ trust: idp, sub: "worker-*" }', 'does not pin sub'],
    ['{ trust: idp, claims: { tid: acme } }', 'does not pin sub'],
    ['{ trust: idp, sub: "" }', 'does not pin sub'],
  ])('A-105 A-106 %s does not load', (text, message) => {
    expect(subject(text).join('\n')).toContain(message);
  });

  it("leaves to the source's require what that pins exactly", () => {
    const loose = SOURCES.map((source) =>
      source.name === 'github' ? { ...source, require: { event_name: 'push' } } : source,
    );
    const text = rule(`${JOB}, allow: [deploy]`);
    expect(problemsOf(text, { sources: loose }).join()).toContain('does not pin repository_owner_id');
    expect(problemsOf(text)).toEqual([]);
  });

  it('of pull requests loads where somebody accepts them, and says why', () => {
    const pulls =
      'subject: { trust: github, github: { repository_id: 74, event_name: pull_request } }, allow: [deploy]';
    expect(problemsOf(rule(pulls))).toEqual([expect.stringContaining('whoever can open a pull request')]);
    expect(problemsOf(rule(`${pulls}, accept: { accepts-pull-requests: "reads a cache" }`))).toEqual([]);
  });

  it('"*" as a whole Kubernetes name loads with a warning', () => {
    const found = compileTexts([
      rule('subject: { trust: eks, kubernetes: { namespace: payments, serviceaccount: "*" } }, allow: [deploy]'),
    ]);
    expect(found.ok && found.warnings.map(({ line, lint }) => `${line} ${lint}`)).toEqual([
      '2 service-account-wildcard',
    ]);
  });

  it('people are pinned by sub or a listed claim', () => {
    const person = (text: string) => subject(`{ trust: people, ${text} }, actor: client, client: gateway`);
    expect(person('sub: alice')).toEqual([]);
    expect(person('claims: { groups: { has: finance } }')).toEqual([]);
    expect(person('claims: { email: a@acme.example, email_verified: true }')).toEqual([]);
    expect(person('claims: { email: a@acme.example }')[0]).toContain('without email_verified');
    expect(person('claims: { acr: mfa }')[0]).toContain('does not pin anybody');
    expect(person('claims: { department: finance }')[0]).toContain('does not pin anybody');
    expect(person('claims: { groups: { has: "fin*" } }')[0]).toContain('does not pin anybody');
  });

  it('a deny needs none', () => {
    expect(problemsOf(rule('subject: { trust: people, claims: { department: x } }, deny: all'))).toEqual([]);
    expect(problemsOf(rule('anyone: { claims: { actor: x } }, deny: [deploy]'))).toEqual([]);
  });

  it('names the claims that a rule, the require or the table speaks of', () => {
    const policy = policyOf(rule(`subject: { trust: idp, sub: w, claims: { a: { b: c } } }, allow: [deploy]`));
    const named = policy.sources.find(({ name }) => name === 'idp')?.claimsNamed;
    expect(named).toEqual(['a\u0000b', 'email_verified', 'sub']);
  });
});

describe('a second context', () => {
  const [source] = SOURCES;
  if (!source) throw new Error('the test has sources');
  const problems = (phase: string, require: object = {}) => {
    const sources = [{ ...source, name: 'tf', kind: 'hcp-terraform', table: HCP_TERRAFORM, require }];
    const subject = `subject: { trust: tf, hcp-terraform: { organization_id: o-1, workspace_id: w-1${phase} } }`;
    const compiled = compileTexts([rule(`${subject}, allow: [deploy]`)], { sources });
    return compiled.ok ? [] : compiled.problems.map(({ message }) => message);
  };

  it('is pinned too: plan and apply of one workspace are not one identity', () => {
    expect(problems(', run_phase: apply')).toEqual([]);
    const none = ['does not pin its context: one of run_phase, operation must'];
    expect(problems('')).toEqual(none);
    expect(problems('', { run_phase: ['plan', 'apply'] })).toEqual(none);
    expect(problems('', { run_phase: 'apply' })).toEqual([]);
  });
});

describe('a context that is a list', () => {
  const [source] = SOURCES;
  if (!source) throw new Error('the test has sources');
  const sources = [{ ...source, name: 'circle', kind: 'circleci', table: CIRCLECI, require: {} }];
  const problems = (contexts: string) => {
    const ids = 'org-id: o-1, project-id: p-1';
    const text = rule(
      `subject: { trust: circle, circleci: { ${ids}, vcs-origin: github.com/a/b${contexts} } }, allow: [deploy]`,
    );
    const compiled = compileTexts([text], { sources });
    return compiled.ok ? [] : compiled.problems.map(({ message }) => message);
  };

  it('pins by an exact element, and by nothing looser', () => {
    expect(problems(', context-ids: { has: aaaaaaaa }')).toEqual([]);
    const none = expect.stringContaining('does not pin its context: one of vcs-ref, context-ids must');
    expect(problems('')).toEqual([none]);
    expect(problems(', context-ids: { has: "*" }')).toEqual([none]);
  });
});
