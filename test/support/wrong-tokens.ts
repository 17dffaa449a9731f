// Tokens that are wrong in one way that people meet, against a configuration that has a rule for each; and what `explain` says first
// of each. `<issuer>`, `<exp>`, `<nbf>` and `<iat>` stand for what is another in every run.

import {
  type Claims,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  jwtSvid,
  kubernetesProjected,
} from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, type TestBroker } from './broker.ts';

export const EKS = 'https://oidc.eks.eu-west-1.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB';
const OTHER_EKS = 'https://oidc.eks.eu-west-1.amazonaws.com/id/11110123456789ABCDEF0123456789AB';

const SOURCES = `trust:
  eks: { kind: kubernetes, issuer: ${EKS}, jwks: { file: ./cluster.json } }
  young: { kind: oidc, issuer: https://young.example, subjects: workloads, presenter: self, tokens: [jwt], maxAge: 1m, jwks: { file: ./login.json } }
`;
const TARGETS = `targets:
  vault: { kind: token, audience: https://vault.example }
  tried: { kind: token, audience: https://tried.example }
  gone: { kind: token, audience: https://gone.example }
  teams: { kind: token, audience: https://teams.example }
  subs: { kind: token, audience: https://subs.example }
`;
const RULES = `rules:
  - name: production
    subject:
      trust: github
      github: { repository_id: 74, environment: production, ref: refs/heads/main }
    allow: [deploy]
  - name: legacy
    subject:
      trust: github
      github: { repository_id: 74, ref: refs/heads/main }
      claims: { sub: "repo:octo-org/octo-repo:environment:production" }
    allow: [vault]
  - name: immutable
    subject:
      trust: github
      github: { repository_id: 74, ref: refs/heads/main }
      claims: { sub: "repo:octo-org@65/octo-repo@74:ref:refs/heads/main" }
    allow: [subs]
  - name: tried
    mode: preview
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [tried]
  - name: gone
    until: 2026-01-31
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [gone]
  - name: pods
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { ledger: [postings:read] }
  - name: mesh
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/api }
    allow: { ledger: [postings:read] }
  - name: teams
    subject: { trust: login, sub: worker-1, claims: { team: 7 } }
    allow: [teams]
  - name: never-bots
    why: "Bots never deploy."
    subject: { trust: github, claims: { actor: ["dependabot[bot]", "renovate[bot]"] } }
    deny: all
`;

/** Configuration of the broker that the tokens are for. */
export const WRONG_TOKENS_WORLD = {
  config: (yaml: string): string => yaml.replace('trust:\n', SOURCES).replace('targets:\n', TARGETS),
  policies: { 'rules.yaml': RULES },
};

/** A token and what is asked for with it. */
export interface Wrong {
  readonly platform: keyof TestBroker['keys'];
  readonly claims: Claims;
  readonly target: string;
  readonly scope?: string;
}

export type Tokens = ReturnType<typeof tokensFor>;

/** Tokens that are right but for what a test changes. */
export function tokensFor({ issuer, now }: Pick<TestBroker, 'issuer' | 'now'>) {
  const job = (change: Claims = {}, target = 'deploy'): Wrong => ({
    platform: 'github',
    claims: { ...githubEnvironment(issuer, now()), ...change },
    target,
  });
  const push = (change: Claims, target: string): Wrong => ({
    platform: 'github',
    claims: { ...githubPush(issuer, now()), ...change },
    target,
  });
  const pod = (change: Claims = {}, cluster = CLUSTER_ISSUER): Wrong => ({
    platform: 'cluster',
    claims: { ...kubernetesProjected(cluster, issuer, now()), ...change },
    target: 'ledger',
  });
  const account = (namespace: string, name: string): Claims => {
    const claims = kubernetesProjected(CLUSTER_ISSUER, issuer, now());
    const inner = claims['kubernetes.io'] as Claims;
    return {
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io': { ...inner, namespace, serviceaccount: { ...(inner.serviceaccount as Claims), name } },
    };
  };
  const svid = (id: string): Wrong => ({
    platform: 'mesh',
    claims: jwtSvid(id, issuer, now()),
    target: 'ledger',
  });
  const worker = (change: Claims): Wrong => {
    const claims = {
      iss: 'https://login.example',
      sub: 'worker-1',
      aud: issuer,
      iat: now(),
      exp: now() + 300,
      team: 7,
    };
    return { platform: 'login', claims: { ...claims, ...change }, target: 'teams' };
  };
  const minutes = (count: number): number => now() + count * 60;
  return { job, push, pod, account, svid, worker, minutes, now, issuer };
}

export const WRONG_TOKENS: readonly (readonly [title: string, wrong: (tokens: Tokens) => Wrong, cause: string])[] = [
  [
    'a wrong ref',
    (t) => t.job({ ref: 'refs/heads/dev' }),
    'no_rule: nearest production (policies/rules.yaml:2): ref was "refs/heads/dev", must be "refs/heads/main"',
  ],
  [
    'a tag instead of a branch',
    (t) => t.job({ ref: 'refs/tags/main' }),
    'no_rule: nearest production (policies/rules.yaml:2): ref was "refs/tags/main", must be "refs/heads/main"; one is a branch, the other a tag',
  ],
  [
    'a ref in another case',
    (t) => t.job({ ref: 'refs/heads/Main' }),
    'no_rule: nearest production (policies/rules.yaml:2): ref was "refs/heads/Main", must be "refs/heads/main"; they differ in letter case only',
  ],
  [
    'another environment',
    (t) => t.job({ environment: 'staging' }),
    'no_rule: nearest production (policies/rules.yaml:2): environment was "staging", must be "production"',
  ],
  [
    'no environment at all',
    (t) => t.push({}, 'deploy'),
    'no_rule: nearest production (policies/rules.yaml:2): environment was absent, must be "production"; the job names no environment; the token has ref "refs/heads/main"',
  ],
  [
    'another repository',
    (t) => t.job({ repository_id: '75', repository: 'octo-org/fork' }),
    'no_rule: nearest production (policies/rules.yaml:2): repository_id was "75", must be "74"; the token is of "octo-org/fork": an id never changes, and a name can',
  ],
  [
    'another owner',
    (t) => t.job({ repository_owner_id: '66' }),
    'requirement_unmet: github: repository_owner_id was "66", must be "65"; the token is of "octo-org": an id never changes, and a name can',
  ],
  [
    'a number instead of text',
    (t) => t.job({ repository_id: 74 }),
    'claim_invalid: github: repository_id was 74, must be text; the token has a number: is it of this platform at all?',
  ],
  [
    'another audience',
    (t) => t.job({ aud: 'https://github.com/octo-org' }),
    'audience_mismatch: github: aud was "https://github.com/octo-org", must be "<issuer>" alone; ask for a token for this audience',
  ],
  [
    'an audience with a slash',
    (t) => t.job({ aud: `${t.issuer}/` }),
    'audience_mismatch: github: aud was "<issuer>/", must be "<issuer>" alone; they differ in the slash at the end',
  ],
  [
    'an expired token',
    (t) => t.job({ iat: t.minutes(-70), nbf: t.minutes(-75), exp: t.minutes(-62.5) }),
    'expired: github: exp was <exp>, 62 minutes ago, must be later',
  ],
  [
    'a token of the future',
    (t) => t.job({ iat: t.minutes(10.5), nbf: t.minutes(10.5), exp: t.minutes(15) }),
    'not_yet_valid: github: nbf was <nbf>, in 10 minutes, must be earlier; compare the clocks of its issuer and of the broker',
  ],
  [
    'a token that lives too long',
    (t) => t.job({ exp: t.minutes(120) }),
    'lifetime_too_long: github: exp - iat was 2 hours, must be at most 15 minutes; tokens of this kind never live so long',
  ],
  [
    'a token that is too old',
    (t) => ({ ...t.worker({ iss: 'https://young.example', iat: t.minutes(-3.5) }), target: 'teams' }),
    "too_old: young: iat was <iat>, 3 minutes ago, must be at most 1 minute ago; the source's maxAge",
  ],
  [
    'another cluster that is configured',
    (t) => t.pod({}, EKS),
    'no_rule: nearest pods (policies/rules.yaml:27): trust was "eks", must be "cluster"; everything else matches: the credential is of another source than the rule',
  ],
  [
    'another cluster that is not',
    (t) => t.pod({}, OTHER_EKS),
    'issuer_unknown: nearest eks: iss was "https://oidc.eks.eu-west-1.amazonaws.com/id/11110123456789ABCDEF0123456789AB", must be "https://oidc.eks.eu-west-1.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB"; the id of another cluster, at the same host',
  ],
  [
    'another namespace',
    (t) => t.pod(t.account('billing', 'api')),
    'no_rule: nearest pods (policies/rules.yaml:27): namespace was "billing", must be "payments"',
  ],
  [
    'another service account',
    (t) => t.pod(t.account('payments', 'web')),
    'no_rule: nearest pods (policies/rules.yaml:27): serviceaccount was "web", must be "api"',
  ],
  [
    'a service account in another case',
    (t) => t.pod(t.account('payments', 'API')),
    'no_rule: nearest pods (policies/rules.yaml:27): serviceaccount was "API", must be "api"; they differ in letter case only',
  ],
  [
    'the immutable sub, where the rule has the legacy one',
    (t) => t.job({}, 'vault'),
    'target_not_allowed: nearest legacy (policies/rules.yaml:7): sub was "repo:octo-org@65/octo-repo@74:environment:production", must be "repo:octo-org/octo-repo:environment:production"; the token has the immutable sub (ids behind @), the rule the legacy one: pin repository_id instead',
  ],
  [
    'the legacy sub, where the rule has the immutable one',
    (t) => t.push({}, 'subs'),
    'no_rule: nearest immutable (policies/rules.yaml:13): sub was "repo:octo-org/octo-repo:ref:refs/heads/main", must be "repo:octo-org@65/octo-repo@74:ref:refs/heads/main"; the token has the legacy sub, the rule the immutable one (ids behind @): pin repository_id instead',
  ],
  [
    'pull_request_target',
    (t) => ({ platform: 'github', target: 'deploy', claims: githubPullRequestTarget(t.issuer, t.now()) }),
    'claim_forbidden: github: event_name was "pull_request_target", must be anything but that; nor may it be "workflow_run" or "issue_comment": outsiders can start such runs; only a require that lists it takes it',
  ],
  [
    "an enterprise's own issuer",
    (t) => t.job({ iss: 'https://token.actions.githubusercontent.com/octo-ent' }),
    'issuer_unknown: nearest github: iss was "https://token.actions.githubusercontent.com/octo-ent", must be "https://token.actions.githubusercontent.com"; the token is of the enterprise "octo-ent": the source names none',
  ],
  [
    'an issuer with a slash',
    (t) => t.worker({ iss: 'https://login.example/' }),
    'issuer_unknown: nearest login: iss was "https://login.example/", must be "https://login.example"; they differ in the slash at the end',
  ],
  [
    'text instead of a number',
    (t) => t.worker({ team: '7' }),
    'no_rule: nearest teams (policies/rules.yaml:33): team was "7", must be 7; the token has text, the rule a number: mind the quotes',
  ],
  [
    'an issuer over http',
    (t) => t.worker({ iss: 'http://login.example' }),
    'issuer_unknown: nearest login: iss was "http://login.example", must be "https://login.example"; http is not https',
  ],
  [
    'another sub',
    (t) => t.worker({ sub: 'worker-2' }),
    'no_rule: nearest teams (policies/rules.yaml:33): sub was "worker-2", must be "worker-1"',
  ],
  [
    'a rule that is only a preview',
    (t) => t.push({}, 'tried'),
    'no_rule: nearest tried (policies/rules.yaml:19): mode was preview, must be enforce; the rule is only tried; it would grant this',
  ],
  [
    'a rule that has ended',
    (t) => t.push({}, 'gone'),
    'no_rule: nearest gone (policies/rules.yaml:23): until was 2026-01-31, must be later; the rule has ended; it would grant this',
  ],
  [
    'a wrong scope',
    (t) => ({ ...t.pod(), scope: 'postings:write' }),
    'scope_not_allowed: nearest pods (policies/rules.yaml:27): scope was "postings:write", must be "postings:read"; the target has it, and the rule does not give it',
  ],
  [
    'a wrong target',
    (t) => ({ ...t.pod(), target: 'vault' }),
    'target_not_allowed: nearest pods (policies/rules.yaml:27): target was "vault", must be "ledger"',
  ],
  [
    'a target that does not exist',
    (t) => ({ ...t.pod(), target: 'legder' }),
    'target_unknown: target was "legder", must be "deploy" or "gone" or "ledger" or "secret" or "subs" or "teams" or "tried" or "vault"; did you mean ledger?',
  ],
  [
    'a denied bot',
    (t) => t.job({ actor: 'dependabot[bot]' }),
    'target_denied: never-bots (policies/rules.yaml:36) denies it: actor was "dependabot[bot]", must be anything but "dependabot[bot]" or "renovate[bot]"; Bots never deploy.',
  ],
  [
    'another trust domain',
    (t) => t.svid('spiffe://staging.example/ns/payments/sa/api'),
    'issuer_unknown: trust domain was "staging.example", must be "prod.example"; keys of one trust domain prove no other',
  ],
  [
    'another SPIFFE path',
    (t) => t.svid('spiffe://prod.example/ns/payments/sa/web'),
    'no_rule: nearest mesh (policies/rules.yaml:30): sub was "spiffe://prod.example/ns/payments/sa/web", must be "spiffe://prod.example/ns/payments/sa/api"',
  ],
  [
    'a token without a pod',
    (t) =>
      t.pod({
        'kubernetes.io': {
          ...(kubernetesProjected('', '', 0)['kubernetes.io'] as Claims),
          pod: undefined,
          node: undefined,
        },
      }),
    'claim_missing: cluster: pod was absent, must be text; the token is bound to no pod, node or secret: use the one that is projected into the pod',
  ],
];
