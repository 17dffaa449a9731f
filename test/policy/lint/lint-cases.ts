// For every lint about rules one policy that fires it and a twin that does not. `¦` stands before the place where the finding must
// stand, and is taken out before the policy is read.

import { AWS } from '../../../src/platforms/aws.ts';
import { AWS_CALLER_IDENTITY } from '../../../src/platforms/aws-caller-identity.ts';
import { AZURE_DEVOPS } from '../../../src/platforms/azure-devops.ts';
import { BITBUCKET } from '../../../src/platforms/bitbucket.ts';
import { BUILDKITE } from '../../../src/platforms/buildkite.ts';
import { CIRCLECI } from '../../../src/platforms/circleci.ts';
import { ENTRA } from '../../../src/platforms/entra.ts';
import { FLY } from '../../../src/platforms/fly.ts';
import { FORGEJO } from '../../../src/platforms/forgejo.ts';
import { GITHUB } from '../../../src/platforms/github.ts';
import { GITLAB } from '../../../src/platforms/gitlab.ts';
import { GOOGLE } from '../../../src/platforms/google.ts';
import { HCP_TERRAFORM } from '../../../src/platforms/hcp-terraform.ts';
import { KUBERNETES } from '../../../src/platforms/kubernetes.ts';
import { OIDC } from '../../../src/platforms/oidc.ts';
import { SPACELIFT } from '../../../src/platforms/spacelift.ts';
import { SPIFFE } from '../../../src/platforms/spiffe.ts';
import { VERCEL } from '../../../src/platforms/vercel.ts';
import type { SourceView } from '../../../src/policy/compile/views.ts';
import { SELF_SOURCE, source } from '../../support/policy.ts';

const OWNER = { repository_owner_id: 65 };

export const LINT_SOURCES: readonly SourceView[] = [
  source('github', GITHUB, { require: OWNER }),
  source('prod', GITHUB, { require: { ...OWNER, environment: 'production' } }),
  source('ghes', GITHUB, { issuer: 'https://ghes.example/_services/token', require: OWNER }),
  source('enterprise', GITHUB, { issuer: `${GITHUB.issuer}/acme`, require: OWNER }),
  source('codeberg', FORGEJO, { require: OWNER }),
  source('gitlab', GITLAB, { require: { namespace_id: 72 } }),
  source('lab', GITLAB, { issuer: 'https://lab.example', require: { namespace_id: 72 } }),
  source('buildkite', BUILDKITE, { require: { organization_id: 'o' } }),
  source('hooks', BUILDKITE, { require: { organization_id: 'o', build_source: 'webhook' } }),
  source('circleci', CIRCLECI, { require: { 'org-id': 'o' } }),
  source('rerun', CIRCLECI, { require: { 'org-id': 'o', 'ssh-rerun': [true, false] } }),
  source('bitbucket', BITBUCKET, { require: { workspaceUuid: 'w' } }),
  source('devops', AZURE_DEVOPS),
  source('fly', FLY),
  source('applied', HCP_TERRAFORM, { require: { organization_id: 'o' } }),
  source('spacelift', SPACELIFT),
  source('vercel', VERCEL, { require: { owner_id: 't' } }),
  source('google', GOOGLE),
  source('aws', AWS),
  source('sts', AWS_CALLER_IDENTITY, { require: { account: '111122223333' } }),
  source('entra', ENTRA),
  source('eks', KUBERNETES),
  source('gke', KUBERNETES, {
    issuer: 'https://container.googleapis.com/v1/projects/p/locations/l/clusters/c',
  }),
  source('mesh', SPIFFE, { issuer: 'spiffe://example.org' }),
  source('idp', OIDC),
  source('people', OIDC, { subjects: 'people' }),
  SELF_SOURCE,
];

export interface LintCase {
  readonly lint: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** Members of a rule after its name, in flow form. */
  readonly fires: string;
  readonly twin: string;
}

export const allow = (subject: string) => `subject: { ${subject} }, allow: [deploy]`;
export const deny = (subject: string) => `subject: { ${subject} }, deny: all`;
export const github = (fields: string, trust = 'github') =>
  allow(`trust: ${trust}, github: { repository_id: 74, ${fields} }`);
const gitlab = (fields: string) => allow(`trust: gitlab, gitlab: { project_id: 20, ${fields} }`);
const MAIN = 'ref: refs/heads/main';
const OLD = '"repo:acme/shop:ref:refs/heads/main"';
const NEW = '"repo:acme@65/shop@74:ref:refs/heads/main"';

const forges: readonly LintCase[] = [
  [
    'partial-parameter',
    'warning',
    'subject: { trust: github, github: { repository_id: 74, ¦repository: acme/<repo>, ref: refs/heads/main } }, allow: [per-repo, deploy]',
    'subject: { trust: github, github: { repository_id: 74, repository: acme/<repo>, ref: refs/heads/main } }, allow: [per-repo]',
  ],
  [
    'name-without-id',
    'warning',
    deny('trust: github, github: { ¦repository: acme/shop }'),
    deny('trust: github, github: { repository: acme/shop, repository_id: 74 }'),
  ],
  [
    'name-without-id',
    'warning',
    deny('trust: github, github: { ¦actor: octocat }'),
    deny('trust: github, github: { actor: "dependabot[bot]" }'),
  ],
  [
    'name-without-id',
    'warning',
    deny('trust: gitlab, gitlab: { ¦project_path: acme/shop }'),
    deny('trust: gitlab, gitlab: { project_id: 20 }'),
  ],
  [
    'name-without-id',
    'warning',
    deny('trust: google, google: { ¦email: a@p.iam.gserviceaccount.com }'),
    deny('trust: google, google: { sub: "103" }'),
  ],
  [
    'name-without-id',
    'warning',
    deny('trust: idp, claims: { ¦email: a@acme.example }'),
    deny('trust: idp, sub: alice'),
  ],
  [
    'id-across-instances',
    'warning',
    allow('trust: [gitlab, lab], gitlab: { ¦project_id: 20, ref_path: refs/heads/main }'),
    allow('trust: lab, gitlab: { project_id: 20, ref_path: refs/heads/main }'),
  ],
  [
    'id-across-instances',
    'warning',
    allow('trust: [github, ghes], github: { ¦repository_id: 74, ref: refs/heads/main }'),
    allow('trust: [github, enterprise], github: { repository_id: 74, ref: refs/heads/main }'),
  ],
  ['subject-of-one-form', 'warning', github(`${MAIN}, ¦sub: ${OLD}`), github(`${MAIN}, sub: [${OLD}, ${NEW}]`)],
  ['subject-of-one-form', 'warning', github(`${MAIN}, ¦sub: ${NEW}`), github(`${MAIN}, sub: ${OLD}`, 'ghes')],
  ['joined-ids', 'error', github(`${MAIN}, ¦sub: "repo:acme-65/shop-74:${MAIN}"`), github(`${MAIN}, sub: ${NEW}`)],
  [
    'joined-ids-forgejo',
    'warning',
    allow(`trust: codeberg, forgejo: { repository_id: 74, ${MAIN}, ¦sub: "repo:acme-65/shop-74:${MAIN}" }`),
    allow(`trust: codeberg, forgejo: { repository_id: 74, ${MAIN}, sub: ${OLD} }`),
  ],
  ['accepts-pull-requests', 'error', github('¦event_name: pull_request'), github(`${MAIN}, event_name: push`)],
  ['accepts-pull-requests', 'error', github('¦ref: refs/pull/7/merge'), github('ref: refs/heads/pull/7')],
  // Only what begins with `refs/pull/` counted, and a wildcard over `pull` took every pull request without a word.
  ['accepts-pull-requests', 'error', github('¦ref: refs/*/*/merge'), github('ref: refs/*/merge')],
  [
    'accepts-pull-requests',
    'error',
    github(`${MAIN}, ¦sub: "repo:acme/shop:pull_request"`),
    github(`${MAIN}, sub: ${OLD}`),
  ],
  [
    'outsider-events',
    'warning',
    github(`${MAIN}, ¦event_name: [push, pull_request_target]`),
    github(`${MAIN}, event_name: [push, release]`),
  ],
  ['environment-alone', 'warning', github('¦environment: production'), github(`environment: production, ${MAIN}`)],
  [
    'environment-alone',
    'warning',
    github('¦environment: production'),
    github('environment: production, ref_protected: "true"'),
  ],
  [
    'environment-alone',
    'warning',
    gitlab('¦environment: production'),
    gitlab('environment: production, environment_protected: "true"'),
  ],
  ['ref-without-environment', 'info', github(`¦${MAIN}`), github(`${MAIN}, environment: production`)],
  ['tag-pattern', 'warning', github('¦ref: "refs/tags/*"'), github('ref: "refs/tags/*", ref_protected: "true"')],
  ['tag-pattern', 'warning', gitlab('¦ref_path: "refs/tags/*"'), gitlab('ref_path: refs/tags/v1')],
  [
    'tag-pattern',
    'warning',
    allow('trust: buildkite, buildkite: { pipeline_id: p, ¦build_tag: "v*", build_branch: main }'),
    allow('trust: buildkite, buildkite: { pipeline_id: p, build_tag: v1, build_branch: main }'),
  ],
  [
    'moving-workflow',
    'warning',
    github(`${MAIN}, ¦job_workflow_ref: "acme/ci/.github/workflows/d.yml@refs/tags/v3"`),
    github(`${MAIN}, job_workflow_ref: "acme/ci/.github/workflows/d.yml@refs/heads/main"`),
  ],
  [
    'moving-workflow',
    'warning',
    github(`${MAIN}, ¦job_workflow_ref: "acme/ci/.github/workflows/d.yml@refs/heads/*"`),
    github(`${MAIN}, job_workflow_ref: "acme/ci/.github/workflows/d.yml@refs/tags/v3", job_workflow_sha: abc`),
  ],
  [
    'abusable-subject',
    'error',
    github(`${MAIN}, ¦sub: "environment:production:repository_owner:acme"`),
    github(`${MAIN}, sub: "repository_owner:acme:environment:production"`),
  ],
  [
    'customised-subject',
    'warning',
    gitlab('ref_path: refs/heads/main, ¦sub: "project_path:acme/shop:ref_type:branch:ref:main"'),
    gitlab('ref_path: refs/heads/main'),
  ],
  ['unescaped-subject', 'warning', github(`${MAIN}, ¦sub: ${OLD}`, 'ghes'), github(`${MAIN}, sub: ${OLD}`)],
  [
    'deny-by-chosen-text',
    'warning',
    deny('trust: github, github: { ¦workflow: Release }'),
    deny('trust: github, github: { workflow: Release, repository_id: 74 }'),
  ],
  [
    'ref-without-type',
    'warning',
    gitlab('environment: production, ¦ref: main'),
    gitlab('environment: production, ref: main, ref_type: branch'),
  ],
  [
    'public-repository',
    'warning',
    github('event_name: pull_request, ¦repository_visibility: public'),
    github('event_name: pull_request, repository_visibility: private'),
  ],
  [
    'public-repository',
    'warning',
    gitlab('ref_path: refs/heads/main, pipeline_source: [push, merge_request_event], ¦project_visibility: public'),
    gitlab('ref_path: refs/heads/main, pipeline_source: push, project_visibility: public'),
  ],
  [
    'self-hosted-runners',
    'warning',
    github(`${MAIN}, ¦runner_environment: [github-hosted, self-hosted]`),
    github(`${MAIN}, runner_environment: github-hosted`),
  ],
].map(([lint = '', severity, fires = '', twin = '']) => ({ lint, severity, fires, twin }) as LintCase);

/** These stand at the rule. */
const whole: readonly LintCase[] = [
  ['environment-alone', 'warning', github('event_name: pull_request', 'prod'), github(MAIN, 'prod')],
  [
    'source-project',
    'warning',
    gitlab('environment: production'),
    gitlab('environment: production, job_project_id: 20'),
  ],
  [
    'source-project',
    'warning',
    gitlab('ref_path: "refs/merge-requests/7/head"'),
    gitlab('ref_path: "refs/merge-requests/7/head", pipeline_source: push'),
  ],
  ['runner-unpinned', 'info', github(MAIN), github(`${MAIN}, runner_environment: github-hosted`)],
  [
    'recreated-cluster',
    'warning',
    allow('trust: gke, kubernetes: { namespace: shop, serviceaccount: api }'),
    allow('trust: gke, kubernetes: { namespace: shop, serviceaccount: api, uid: f5720c1d }'),
  ],
  [
    'fork-origin',
    'error',
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/main }'),
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/main, vcs-origin: github.com/acme/shop }'),
  ],
  // Wildcards silenced it: `*/*/*` is every repository of GitHub, and any fork has a name there.
  [
    'fork-origin',
    'error',
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/main, vcs-origin: "*/*/*" }'),
    // No rule could pin by a context: what is in a list was never taken for a pin.
    allow('trust: circleci, circleci: { project-id: p, context-ids: { has: c } }'),
  ],
  [
    'fork-origin',
    'error',
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/main, vcs-origin: github.com/acme/* }'),
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/*, vcs-origin: github.com/acme/shop }'),
  ],
  [
    'ssh-rerun',
    'warning',
    allow('trust: rerun, circleci: { project-id: p, vcs-ref: refs/heads/main, vcs-origin: github.com/acme/shop }'),
    allow(
      'trust: rerun, circleci: { project-id: p, vcs-ref: refs/heads/main, vcs-origin: github.com/acme/shop, ssh-rerun: false }',
    ),
  ],
  [
    'every-service-account',
    'error',
    allow('trust: eks, kubernetes: { namespace: "*", serviceaccount: "*" }'),
    allow('trust: eks, kubernetes: { namespace: shop, serviceaccount: "*" }'),
  ],
].map(([lint = '', severity, fires = '', twin = '']) => ({ lint, severity, fires: `¦${fires}`, twin }) as LintCase);

const others: readonly LintCase[] = [
  [
    'per-run-subject',
    'error',
    deny('trust: buildkite, ¦sub: "organization:a:pipeline:b:ref:main:commit:abc:step:c"'),
    deny('trust: buildkite, sub: "0184990a"'),
  ],
  ['per-run-subject', 'error', deny('trust: bitbucket, ¦sub: "{r}:{s}"'), deny('trust: bitbucket, sub: "{r}:*"')],
  [
    'per-run-subject',
    'error',
    deny('trust: circleci, ¦sub: "org/o/project/p/user/u"'),
    deny('trust: circleci, sub: "org/o/project/p/user/*"'),
  ],
  ['per-run-subject', 'error', deny('trust: fly, ¦sub: "acme:shop:m1"'), deny('trust: fly, sub: "acme:shop:*"')],
  [
    'deny-by-optional-claim',
    'error',
    deny('trust: buildkite, buildkite: { ¦queue_id: q }'),
    deny('trust: buildkite, buildkite: { pipeline_id: p }'),
  ],
  [
    'deny-by-optional-claim',
    'error',
    deny('trust: buildkite, claims: { ¦"agent_tag:tier": spot }'),
    deny('trust: buildkite, buildkite: { build_source: ui }'),
  ],
  [
    'plan-runs',
    'warning',
    allow('trust: applied, hcp-terraform: { workspace_id: w, ¦run_phase: [plan, apply] }'),
    allow('trust: applied, hcp-terraform: { workspace_id: w, run_phase: apply }'),
  ],
  [
    'proposed-runs',
    'warning',
    allow('trust: spacelift, spacelift: { callerType: stack, callerId: s, ¦runType: [TRACKED, PROPOSED] }'),
    allow('trust: spacelift, spacelift: { callerType: stack, callerId: s, runType: TRACKED }'),
  ],
  [
    'preview-deployments',
    'error',
    allow('trust: vercel, vercel: { project_id: p, ¦environment: [production, preview] }'),
    allow('trust: vercel, vercel: { project_id: p, environment: production }'),
  ],
  [
    'service-account-wildcard',
    'warning',
    allow('trust: eks, kubernetes: { namespace: shop, ¦serviceaccount: "*" }'),
    allow('trust: eks, kubernetes: { namespace: shop, serviceaccount: api }'),
  ],
  [
    'default-service-account',
    'warning',
    allow('trust: eks, kubernetes: { namespace: shop, ¦serviceaccount: default }'),
    allow('trust: eks, kubernetes: { namespace: default, serviceaccount: api }'),
  ],
  [
    'default-compute-account',
    'warning',
    allow('trust: google, google: { sub: "103", ¦email: 123456789012-compute@developer.gserviceaccount.com }'),
    allow('trust: google, google: { sub: "103", email: deployer@shop.iam.gserviceaccount.com }'),
  ],
  [
    'caller-chosen-claim',
    'error',
    deny('trust: aws, aws: { ¦request_tags: prod }'),
    deny('trust: aws, claims: { "https://sts.amazonaws.com/": { principal_tags: { env: prod } } }'),
  ],
  [
    'not-a-role',
    'error',
    allow('trust: aws, aws: { account: "123456789012", ¦role: "arn:aws:iam::123456789012:user/alice" }'),
    allow('trust: aws, aws: { account: "123456789012", role: "arn:aws:iam::123456789012:role/user/alice" }'),
  ],
].map(([lint = '', severity, fires = '', twin = '']) => ({ lint, severity, fires, twin }) as LintCase);

export const LINT_CASES: readonly LintCase[] = [...forges, ...whole, ...others];
