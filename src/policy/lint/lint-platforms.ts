// Lints about CI and deploy platforms beside GitHub and GitLab: `sub` with a part that no two runs share, claims that a job may leave
// out, builds of forks, runs of code that nobody has reviewed. Attacks.

import { isPattern } from '../evaluate.ts';
import { admits, own, places, type RuleLint, required, ruleIf, says, saysExactly, withValue } from './lint-view.ts';

/** What tells a `sub` that another run will not have. */
const PER_RUN: Readonly<Record<string, (sub: string) => boolean>> = {
  buildkite: (sub) => sub.includes(':commit:'),
  bitbucket: () => true,
  circleci: (sub) => sub.includes('/user/'),
  fly: () => true,
};

/** Claims that are in a token of Buildkite only where the job asks for them. */
const ASKED_FOR = ['build_id', 'cluster_id', 'cluster_name', 'queue_id', 'queue_key'];
const AGENT_TAG = 'agent_tag:';

export const PLATFORM_LINTS: readonly RuleLint[] = [
  {
    name: 'per-run-subject',
    row: 'L26',
    severity: 'error',
    when: 'the exact `sub` is stated where it holds the commit (Buildkite), the step (Bitbucket), the person (CircleCI) or the Machine (Fly.io)',
    why: 'the next run has another `sub`: an allow rule never matches again, and a deny no longer',
    mend: 'leave `sub` out, and state the claims themselves',
    kinds: Object.keys(PER_RUN),
    fires: (view) =>
      withValue(view, ['sub'], (text, value) => !isPattern(value) && (PER_RUN[view.source.kind]?.(text) ?? false)),
  },
  {
    name: 'fork-origin',
    row: 'L29',
    severity: 'error',
    when: 'a rule for CircleCI states neither `vcs-origin` nor `context-ids` exactly',
    why: 'builds of forks run in the project too, with the branch names that the fork chooses',
    mend: 'state `vcs-origin`, or a context that only some people may use',
    kinds: ['circleci'],
    effect: 'allow',
    fires: (view) => ruleIf(!saysExactly(view, 'vcs-origin', 'context-ids')),
  },
  {
    name: 'ssh-rerun',
    row: 'L29',
    severity: 'warning',
    when: 'runs of CircleCI that a person has a shell in are accepted: `require` lists `ssh-rerun: true` and the rule does not take it back',
    why: 'somebody sits in a shell beside this token',
    mend: 'state `ssh-rerun: false`',
    kinds: ['circleci'],
    effect: 'allow',
    fires: (view) => admits(view, 'ssh-rerun', [true]),
  },
  {
    name: 'deny-by-optional-claim',
    row: 'L30',
    severity: 'error',
    when: 'a deny for Buildkite states a claim that is in a token only where the job asks for it: cluster, queue, build id, agent tags',
    why: 'a job that does not ask for the claim is not denied',
    mend: 'deny by a claim that is always there, or require this one of the source',
    kinds: ['buildkite'],
    effect: 'deny',
    fires: (view) => [
      ...places(own(view, ...ASKED_FOR).filter(({ condition }) => required(view, condition.what).length === 0)),
      ...places(view.own.filter(({ condition }) => condition.path[0]?.startsWith(AGENT_TAG))),
    ],
  },
  {
    name: 'build-source-unpinned',
    row: '-',
    severity: 'warning',
    when: 'a rule for Buildkite does not say how builds come about: neither it nor `require` states `build_source`',
    why: 'whoever may start a build in the interface (`ui`) or by the API (`api`) names its branch and commit, and where forks are built their pull requests come as `webhook`',
    mend: 'state `build_source`, such as [webhook, schedule], and have branches of forks prefixed',
    kinds: ['buildkite'],
    effect: 'allow',
    fires: (view) => ruleIf(!says(view, 'build_source')),
  },
  {
    name: 'plan-runs',
    row: 'L31',
    severity: 'warning',
    when: 'plan runs of HCP Terraform are accepted: `require` or the rule lists `plan`',
    why: 'speculative plans run the code of pull requests',
    mend: 'state `run_phase: apply` (`operation: apply` for Stacks), and give plans a rule of their own that can only read',
    kinds: ['hcp-terraform'],
    effect: 'allow',
    fires: (view) => [...admits(view, 'run_phase', ['plan']), ...admits(view, 'operation', ['plan'])],
  },
  {
    name: 'proposed-runs',
    row: 'L32',
    severity: 'warning',
    when: 'proposed or testing runs of Spacelift are accepted',
    why: 'they run the code of pull requests, and `scope` is only what Spacelift advises',
    mend: 'state `runType: TRACKED`',
    kinds: ['spacelift'],
    effect: 'allow',
    fires: (view) => admits(view, 'runType', ['PROPOSED', 'TESTING']),
  },
  {
    name: 'preview-deployments',
    row: 'L33',
    severity: 'error',
    when: 'preview or development deployments of Vercel are accepted',
    why: 'previews run the code of any branch, development that of a laptop',
    mend: 'state `environment: production`',
    kinds: ['vercel'],
    effect: 'allow',
    fires: (view) => admits(view, 'environment', ['preview', 'development']),
  },
];

const HOSTED = ['github', 'gitlab', 'buildkite'];
const SELF_HOSTED = ['self-hosted'];

export const RUNNER_LINTS: readonly RuleLint[] = [
  {
    name: 'runner-unpinned',
    row: 'L44',
    severity: 'info',
    when: 'a rule for GitHub, GitLab or Buildkite does not say on whose runners jobs run',
    why: 'on self-hosted runners a token may outlive its job, and the next job may find it',
    mend: 'state `runner_environment` where the target is worth it',
    kinds: HOSTED,
    effect: 'allow',
    fires: (view) => ruleIf(!says(view, 'runner_environment')),
  },
  {
    name: 'self-hosted-runners',
    row: 'L44',
    severity: 'warning',
    when: '`runner_environment` accepts self-hosted runners',
    why: 'a self-hosted runner keeps what a job leaves behind, tokens among it',
    mend: "state the platform's own runners, or accept this for runners that live for one job",
    kinds: HOSTED,
    effect: 'allow',
    fires: (view) => admits(view, 'runner_environment', SELF_HOSTED),
  },
];
