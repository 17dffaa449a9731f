// Attacks on CI identities and on rules that pin them too loosely: tokens over TLS in the shapes of GitHub and
// GitLab, and policy files that must not load. Each token differs in one claim from one that is granted.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Claims, githubEnvironment, githubPush, gitlabPush } from '../../src/adapters/cli/demo/platforms.ts';
import { type Attack, createAttack, refused } from '../support/attack.ts';
import { mint, POLICIES, startTestBroker, type TestBroker } from '../support/broker.ts';

const RULES = `
rules:
  - name: production
    subject: { trust: github, github: { repository_id: 74, environment: production, runner_environment: github-hosted } }
    allow: [secret]
  - name: workflow
    subject:
      trust: github
      github: { repository_id: 75, ref: refs/heads/main, job_workflow_ref: octo-org/ci/.github/workflows/wf.yml@refs/heads/main }
    allow: [secret]
  - name: gitlab-environment
    subject: { trust: gitlab, gitlab: { project_id: 20, environment: Production } }
    allow: [secret]
  - name: never-disabled
    subject: { trust: gitlab, claims: { user_login: disabled } }
    deny: [deploy]
`;

let broker: TestBroker;
let attack: Attack;
beforeAll(async () => {
  broker = await startTestBroker({ policies: { ...POLICIES, 'ci.yaml': RULES } });
  attack = createAttack(broker);
});
afterAll(() => broker.stop());

type Base = 'push' | 'environment' | 'workflow' | 'gitlab' | 'gitlabEnvironment';
const BASES: Readonly<Record<Base, readonly ['github' | 'gitlab', string, () => Claims]>> = {
  push: ['github', 'deploy', () => githubPush(broker.issuer, broker.now())],
  environment: ['github', 'secret', () => githubEnvironment(broker.issuer, broker.now())],
  workflow: [
    'github',
    'secret',
    () => ({
      ...githubPush(broker.issuer, broker.now()),
      repository_id: '75',
      job_workflow_ref: 'octo-org/ci/.github/workflows/wf.yml@refs/heads/main',
    }),
  ],
  gitlab: ['gitlab', 'deploy', () => gitlabPush(broker.issuer, broker.now())],
  gitlabEnvironment: [
    'gitlab',
    'secret',
    () => ({ ...gitlabPush(broker.issuer, broker.now()), environment: 'Production' }),
  ],
};

async function present(base: Base, change: Claims): Promise<string> {
  const [platform, audience, claims] = BASES[base];
  const text = JSON.stringify({ ...claims(), jti: randomUUID(), ...change });
  return attack.exchange(await mint(broker, platform, JSON.parse(text)), { audience });
}

describe('tokens of CI platforms', () => {
  it.each<readonly [string, Base, Claims]>([
    ['A-112 the immutable form of sub', 'push', { sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' }],
    ['A-114 a sub that the organisation shaped', 'push', { sub: 'repository_owner_id:65:x' }],
    ['A-111 a renamed repository of the same id', 'push', { repository: 'octo-org/renamed' }],
    ['A-110 an environment of GitHub in another case', 'environment', { environment: 'Production' }],
  ])('%s is granted: it is the same identity', async (_title, base, change) => {
    expect(await present(base, change)).toBe('200');
  });

  it.each<readonly [string, Base, Claims, string]>([
    ['A-107 a pull request', 'push', { event_name: 'pull_request', ref: 'refs/pull/1/merge' }, 'no_rule'],
    ['A-108 pull_request_target', 'push', { event_name: 'pull_request_target' }, 'claim_forbidden'],
    ['A-108 workflow_run', 'push', { event_name: 'workflow_run' }, 'claim_forbidden'],
    ['A-108 issue_comment', 'push', { event_name: 'issue_comment' }, 'claim_forbidden'],
    [
      'A-109 an environment with an encoded colon',
      'environment',
      { environment: 'production%3Aref%3Ax' },
      'target_not_allowed',
    ],
    ['A-109 an environment with a colon', 'environment', { environment: 'production:x' }, 'target_not_allowed'],
    [
      'A-110 an environment of GitLab in another case',
      'gitlabEnvironment',
      { environment: 'production' },
      'target_not_allowed',
    ],
    ['A-111 a repository of the same name', 'push', { repository_id: '999' }, 'no_rule'],
    ['A-111 an owner of the same name', 'push', { repository_owner_id: '999' }, 'requirement_unmet'],
    [
      'A-113 a name that looks like an id',
      'push',
      { repository_id: '7', sub: 'repo:octo-org-65/octo-repo-74:ref:refs/heads/main' },
      'no_rule',
    ],
    [
      'A-114 a sub that says what another says',
      'push',
      { repository_id: '1', sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' },
      'no_rule',
    ],
    [
      'A-115 a second @',
      'workflow',
      { job_workflow_ref: 'octo-org/ci/.github/workflows/wf.yml@fake.yml@refs/heads/main' },
      'no_rule',
    ],
    ['A-115 @@', 'workflow', { job_workflow_ref: 'octo-org/ci/.github/workflows/wf.yml@@refs/heads/main' }, 'no_rule'],
    ['A-115 no tail', 'workflow', { job_workflow_ref: 'octo-org/ci/.github/workflows/wf.yml' }, 'no_rule'],
    ['A-116 a tag of the name of the branch', 'push', { ref: 'refs/tags/refs/heads/main', ref_type: 'tag' }, 'no_rule'],
    ['A-116 a tag of GitLab', 'gitlab', { ref_path: 'refs/tags/main', ref_type: 'tag' }, 'no_rule'],
    ['A-117 a runner of their own', 'environment', { runner_environment: 'self-hosted' }, 'target_not_allowed'],
    ['A-117 a runner of no kind', 'environment', { runner_environment: undefined }, 'target_not_allowed'],
    ['A-118 another instance with the same sub', 'gitlab', { iss: 'https://gitlab.other.example' }, 'issuer_unknown'],
    [
      'A-119 the issuer of an enterprise',
      'push',
      { iss: 'https://token.actions.githubusercontent.com/octo-ent' },
      'issuer_unknown',
    ],
    ['A-121 a line break at the end', 'push', { ref: 'refs/heads/main\n' }, 'no_rule'],
    ['A-122 fifty thousand letters', 'push', { ref: 'a'.repeat(45_000) }, 'no_rule'],
    ['A-123 a full-width letter', 'push', { ref: 'refs/heads/ｍain' }, 'no_rule'],
    ['A-123 a dotless i', 'push', { ref: 'refs/heads/maın' }, 'no_rule'],
    ['A-123 a letter of no width', 'push', { ref: 'refs/heads/main\u200b' }, 'no_rule'],
    ['A-126 an id that is a number', 'push', { repository_id: 74 }, 'claim_invalid'],
    ['A-126 an id with a zero before it', 'push', { repository_id: '074' }, 'no_rule'],
    ['A-64 a person of GitLab', 'gitlab', { project_id: undefined, job_id: undefined }, 'claim_missing'],
  ])('%s is refused', async (_title, base, change, reason) => {
    expect(await present(base, {})).toBe('200');
    // What another rule lets the same identity have is no secret from it; the target is still not this rule's.
    const error = reason === 'target_not_allowed' ? 'invalid_target' : 'invalid_request';
    expect(await present(base, change)).toBe(`400 ${error} ${reason}`);
  });

  it('A-121 the same token is judged alike a hundred times', async () => {
    const verdicts = new Set<string>();
    for (let time = 0; time < 50; time += 1) {
      verdicts.add(await present('gitlab', {}));
      verdicts.add(await present('gitlab', { ref_path: 'refs/heads/main\n' }));
    }
    expect([...verdicts]).toEqual(['200', refused('no_rule')]);
  });

  it('A-41, A-124 a deny wins over the rule that grants, for as long as it stands', async () => {
    expect(await present('gitlab', { user_login: 'disabled' })).toBe('400 invalid_target target_denied');
    expect(await present('gitlab', { user_login: 'DISABLED' })).toBe('400 invalid_target target_denied');
    expect(await present('gitlab', {})).toBe('200');
  });

  it('A-127 whoever matches no rule cannot tell a target that exists from one that does not', async () => {
    const refusals = [];
    for (const audience of ['ledger', 'secret', 'https://secret.example', 'nowhere'])
      refusals.push(await attack.exchange(await mint(broker, 'login', loginClaims('stranger')), { audience }));
    expect(new Set(refusals)).toEqual(new Set([refused('no_rule')]));
    expect(await attack.exchange(await mint(broker, 'login', loginClaims('worker-1')))).toBe('200');
  });
});

const loginClaims = (sub: string): Claims => ({
  iss: 'https://login.example',
  sub,
  aud: broker.issuer,
  iat: broker.now(),
  exp: broker.now() + 300,
});

const rule = (subject: string, more = ''): string =>
  `rules:\n  - { name: loose, subject: ${subject}, allow: [secret]${more} }\n`;
const ofGithub = (fields: string): string => rule(`{ trust: github, github: { ${fields} } }`);

describe('policies that pin too little do not load', () => {
  const load = async (text: string): Promise<string> => {
    broker.write('policies/rules.yaml', text);
    return (await broker.broker.reload()).problems.join('\n');
  };
  afterAll(() => load(POLICIES['rules.yaml'] ?? ''));

  it('A-105 the control: a rule of this form loads', async () => {
    expect(await load(ofGithub('repository_id: 74, ref: refs/heads/main'))).toBe('');
  });

  it.each<readonly [string, string, string]>([
    ['A-105 the issuer alone', rule('{ trust: github }'), 'does not pin repository_id'],
    ['A-105 the ref alone', ofGithub('ref: refs/heads/main'), 'does not pin repository_id'],
    ['A-105 a sub alone', rule('{ trust: github, sub: "repo:o/r:ref:refs/heads/main" }'), 'does not pin repository_id'],
    [
      'A-106 an owner with any repository',
      ofGithub('repository: "octo-org/*", ref: refs/heads/main'),
      'does not pin repository_id',
    ],
    ['A-106 any id', ofGithub('repository_id: "*", ref: refs/heads/main'), 'does not pin repository_id'],
    ['A-106 the beginning of an id', ofGithub('repository_id: "7*", ref: refs/heads/main'), 'repository_id'],
    ['A-106 anything', rule('{ trust: github, sub: "*" }'), 'does not pin repository_id'],
    ['A-107 a repository in any context', ofGithub('repository_id: 74'), 'does not pin its context'],
    ['A-107 any ref', ofGithub('repository_id: 74, ref: "*"'), 'does not pin its context'],
    ['A-106 a wildcard over segments', ofGithub('repository_id: 74, ref: "refs/**"'), 'ref'],
    ['A-120 a regular expression', ofGithub('repository_id: 74, ref: { matches: "^refs/heads/(main|dev)$" }'), 'ref'],
    ['A-125 a field misspelt', ofGithub('repository_ids: 74, ref: refs/heads/main'), 'repository_ids'],
    ['A-125 a key twice', 'rules:\n  - name: a\n    name: b\n', 'rules.yaml'],
    ['A-125 a merge key', 'x: &a { name: b }\nrules:\n  - { <<: *a }\n', 'rules.yaml'],
    ['A-125 an id in octal', ofGithub('repository_id: 0123, ref: refs/heads/main'), 'repository_id'],
    ['A-125 an id beyond 2^53', ofGithub('repository_id: 9007199254740993, ref: refs/heads/main'), 'rules.yaml'],
    ['A-200 no rules at all', '', 'rules.yaml'],
  ])('%s', async (_title, text, problem) => {
    expect(await load(text)).toContain(problem);
  });

  it('A-120 what a regular expression would read as its own is only text', async () => {
    for (const ref of ['refs/heads/(main|dev)', 'refs/heads/m.in', '(?i)refs/heads/main', 'refs/heads/main$'])
      expect(await load(ofGithub(`repository_id: 74, ref: "${ref}"`))).toBe('');
  });
});
