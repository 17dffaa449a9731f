// For every lint about single values, and about pins that a page of a platform asks for, one policy that fires it and a twin that does not;
// marked as those of lint-cases.ts.

import { allow, deny, github, type LintCase } from './lint-cases.ts';

const MAIN = 'ref: refs/heads/main';
const gitlab = (fields: string) => allow(`trust: gitlab, gitlab: { ${fields} }`);

const REGEX: readonly (readonly [fires: string, twin: string])[] = [
  ['"^refs/heads/main$"', 'refs/heads/main'],
  ['"refs/heads/(main|release)"', '[refs/heads/main, refs/heads/release]'],
  ['"refs/heads/[a-z]+"', '"refs/heads/[bot]"'],
  ['"refs/tags/v[0-9]"', 'refs/tags/v9'],
  ['"refs/tags/v\\\\d+"', '"refs/heads/acme\\\\deploy"'],
  ['"refs/tags/v1\\\\.2"', 'refs/tags/v1.2'],
];

const rows: readonly (readonly [lint: string, fires: string, twin: string])[] = [
  ...REGEX.map(([fires, twin]) => ['looks-like-regex', github(`¦ref: ${fires}`), github(`ref: ${twin}`)] as const),
  [
    'looks-like-regex',
    deny('trust: github, github: { ¦ref: "refs/heads/.*" }'),
    deny('trust: github, github: { ref: "refs/tags/v1.*" }'),
  ],
  [
    'looks-like-regex',
    deny('trust: github, github: { ¦ref: "refs/heads/release.*" }'),
    deny('trust: github, github: { ref: "refs/heads/release-*" }'),
  ],
  ['looks-like-regex', deny('trust: idp, ¦sub: ".*"'), deny('trust: idp, sub: "auth0|7"')],
  [
    'looks-like-regex',
    deny('trust: idp, claims: { a: { ¦b: ".+@a.example" } }'),
    deny('trust: idp, claims: { a: { b: "a-*" } }'),
  ],
  ['short-ref', github('¦ref: main'), github(MAIN)],
  ['short-ref', github('¦ref: "heads/*"'), github('ref: "refs/heads/*"')],
  ['short-ref', github('¦ref: [refs/heads/main, v1]'), github('ref: [refs/heads/main, refs/tags/v1]')],
  [
    'short-ref',
    github(`${MAIN}, ¦job_workflow_ref: "acme/ci/.github/workflows/d.yml@main"`),
    github(`${MAIN}, job_workflow_ref: "acme/ci/.github/workflows/d.yml@refs/heads/main"`),
  ],
  [
    'short-ref',
    github(`${MAIN}, ¦workflow_ref: "acme/ci/.github/workflows/d.yml@v3"`),
    github(`${MAIN}, workflow_ref: "acme/ci/.github/workflows/d.yml@0123456789abcdef0123456789abcdef01234567"`),
  ],
  [
    'short-ref',
    allow('trust: codeberg, forgejo: { repository_id: 74, ¦ref: main }'),
    allow(`trust: codeberg, forgejo: { repository_id: 74, ${MAIN} }`),
  ],
  [
    'short-ref',
    gitlab('project_id: 20, ¦ref_path: main'),
    gitlab('project_id: 20, ref_path: refs/heads/main, ref: main'),
  ],
  [
    'short-ref',
    allow('trust: circleci, circleci: { project-id: p, ¦vcs-ref: main }'),
    allow('trust: circleci, circleci: { project-id: p, vcs-ref: refs/heads/main }'),
  ],
  [
    'short-ref',
    allow('trust: devops, azure-devops: { prj_id: p, def_id: d, ¦rpo_ref: main }'),
    allow('trust: devops, azure-devops: { prj_id: p, def_id: d, rpo_ref: refs/heads/main }'),
  ],
  [
    'not-an-id',
    allow(`trust: github, github: { ¦repository_id: 1O05, ${MAIN} }`),
    allow(`trust: github, github: { repository_id: 1005, ${MAIN} }`),
  ],
  ['not-an-id', github(`${MAIN}, ¦actor_id: octocat`), github(`${MAIN}, actor_id: "7"`)],
  [
    'not-an-id',
    deny('trust: github, claims: { ¦repository_owner_id: acme }'),
    deny('trust: github, claims: { repository_owner_id: "65" }'),
  ],
  [
    'not-an-id',
    gitlab('¦project_id: acme/shop, ref_path: refs/heads/main'),
    gitlab('project_id: 20, ref_path: refs/heads/main'),
  ],
  [
    'not-an-id',
    gitlab('project_id: 20, ref_path: refs/heads/main, ¦namespace_id: [72, acme]'),
    gitlab('project_id: 20, ref_path: refs/heads/main, namespace_id: 72'),
  ],
  [
    'never-matches',
    allow('trust: aws, aws: { ¦account: 12345678901, role: "arn:aws:iam::123456789012:role/a" }'),
    allow('trust: aws, aws: { account: 123456789012, role: "arn:aws:iam::123456789012:role/a" }'),
  ],
  [
    'never-matches',
    deny('trust: aws, claims: { "https://sts.amazonaws.com/": { ¦aws_account: "12345678901" } }'),
    deny('trust: aws, claims: { "https://sts.amazonaws.com/": { aws_account: "123456789012" } }'),
  ],
  [
    'never-matches',
    allow('trust: sts, aws-caller-identity: { role: deploy, ¦role_id: AIDAEXAMPLEEXAMPLE12 }'),
    allow('trust: sts, aws-caller-identity: { role: deploy, role_id: AROAEXAMPLEEXAMPLE12 }'),
  ],
  [
    'never-matches',
    allow('trust: entra, entra: { ¦oid: 72F988BF-86F1-41AF-91AB-2D7CD011DB47 }'),
    allow('trust: entra, entra: { oid: 72f988bf-86f1-41af-91ab-2d7cd011db47 }'),
  ],
  [
    'never-matches',
    deny('trust: google, google: { ¦email_verified: false }'),
    deny('trust: google, google: { email_verified: true }'),
  ],
  [
    'name-without-id',
    allow('trust: sts, aws-caller-identity: { ¦role: deploy }'),
    allow('trust: sts, aws-caller-identity: { role: deploy, role_id: AROAEXAMPLEEXAMPLE12 }'),
  ],
];

const whole: readonly (readonly [lint: string, fires: string, twin: string])[] = [
  [
    'build-source-unpinned',
    allow('trust: buildkite, buildkite: { pipeline_id: p, build_branch: main }'),
    allow('trust: buildkite, buildkite: { pipeline_id: p, build_branch: main, build_source: webhook }'),
  ],
  [
    'build-source-unpinned',
    allow('trust: buildkite, buildkite: { pipeline_id: p, build_tag: v1 }'),
    allow('trust: hooks, buildkite: { pipeline_id: p, build_tag: v1 }'),
  ],
];

export const VALUE_CASES: readonly LintCase[] = [
  ...rows,
  ...whole.map(([lint, fires, twin]) => [lint, `¦${fires}`, twin] as const),
].map(([lint, fires, twin]) => ({ lint, severity: 'warning', fires, twin }));
