// Lints about GitHub, Forgejo and GitLab: contexts that anyone with push rights chooses, events that outsiders start, `sub` that
// administrators change, reusable workflows that move. Attacks.

import { type Expected, isPattern } from '../evaluate.ts';
import { matchesPattern } from '../pattern.ts';
import {
  accepts,
  admits,
  type LintText,
  orRule,
  own,
  places,
  type RuleLint,
  required,
  ruleIf,
  says,
  withValue,
} from './lint-view.ts';

const GITHUB = ['github'];
const ACTIONS = ['github', 'forgejo'];
const GHES = '/_services/token';
export const OUTSIDERS: readonly string[] = [
  'pull_request_target',
  'workflow_run',
  'issue_comment',
  'pull_request_comment',
];
const MERGE_REQUEST = 'merge_request_event';

const IMMUTABLE = /^repo:[^/:]*@[^/:]*\//;
const JOINED = /^repo:[^/:@]+-[0-9]+\/[^/:@]+-[0-9]+(?::|$)/;
const ABUSABLE = /^(?:workflow|environment|ref|context|head_ref|base_ref):/;

export const SUBJECT_LINTS: readonly RuleLint[] = [
  {
    name: 'subject-of-one-form',
    row: 'L09',
    severity: 'warning',
    when: '`sub` of GitHub is stated in its old form only, or in its immutable form only',
    why: 'repositories created, renamed or opted in since 2026-07-15 have the other form of `sub`',
    mend: 'leave `sub` out, `repository_id` says the same; or list both forms',
    kinds: GITHUB,
    fires: (view) =>
      places(
        own(view, 'sub').filter(({ condition }) => {
          const texts = condition.values.map((value) => (isPattern(value) ? value.text : String(value)));
          const immutable = texts.filter((text) => IMMUTABLE.test(text)).length;
          return (
            texts.every((text) => text.startsWith('repo:')) &&
            (immutable === 0 || immutable === texts.length) &&
            !view.source.issuer.endsWith(GHES)
          );
        }),
      ),
  },
  {
    name: 'joined-ids',
    row: 'L10',
    severity: 'error',
    when: '`sub` of GitHub joins names and ids with a hyphen: `repo:org-123/repo-456:...`',
    why: 'anybody can register names that end so: GitHub withdrew this form, and joins ids with `@`',
    mend: 'leave `sub` out, `repository_id` says the same',
    kinds: GITHUB,
    fires: (view) => withValue(view, ['sub'], (text) => JOINED.test(text)),
  },
  {
    name: 'joined-ids-forgejo',
    row: 'L10',
    severity: 'warning',
    when: '`sub` of Forgejo joins names and ids with a hyphen',
    why: 'anybody can register names that end so',
    mend: 'leave `sub` out, `repository_id` says the same',
    kinds: ['forgejo'],
    fires: (view) => withValue(view, ['sub'], (text) => JOINED.test(text)),
  },
  {
    name: 'abusable-subject',
    row: 'L19',
    severity: 'error',
    when: '`sub` begins with a part that every repository chooses: workflow, environment, ref, context, head_ref, base_ref',
    why: 'anybody on the platform can make a `sub` that begins so',
    mend: 'leave `sub` out, and state the claims themselves',
    kinds: ACTIONS,
    effect: 'allow',
    fires: (view) => withValue(view, ['sub'], (text) => ABUSABLE.test(text)),
  },
  {
    name: 'customised-subject',
    row: 'L20',
    severity: 'warning',
    when: '`sub` is stated where administrators of a repository, or the job, can change what it is made of (GitHub, GitLab, Buildkite)',
    why: 'its parts can be changed by others than you: then it matches nothing, or more',
    mend: 'leave `sub` out, and state the claims themselves',
    kinds: ['github', 'gitlab', 'buildkite'],
    fires: (view) => places(own(view, 'sub')),
  },
  {
    name: 'unescaped-subject',
    row: 'L22',
    severity: 'warning',
    when: '`sub` is stated for a source on GitHub Enterprise Server',
    why: 'up to version 3.18 a colon in the name of an environment is not escaped in `sub`, so that one part reads as two',
    mend: 'leave `sub` out, and state the claims themselves',
    kinds: GITHUB,
    fires: (view) => (view.source.issuer.endsWith(GHES) ? places(own(view, 'sub')) : []),
  },
];

/** Whether a pattern takes what a pull request runs as. */
const isPull = (value: Expected): boolean =>
  isPattern(value) && ['merge', 'head'].some((end) => matchesPattern(value, `refs/pull/1/${end}`));

export const ACTIONS_LINTS: readonly RuleLint[] = [
  {
    name: 'accepts-pull-requests',
    row: 'L11',
    severity: 'error',
    when: 'a rule accepts pull requests: `event_name: pull_request`, a `ref` that is or may be below `refs/pull/`, or such a `sub`',
    why: 'whoever can open a pull request runs code of his own with this rule, and all pull requests are one principal',
    mend: 'leave pull requests out, or give them a target that can only read and accept this',
    kinds: ACTIONS,
    effect: 'allow',
    fires: (view) => [
      ...admits(view, 'event_name', ['pull_request']).filter((at) => at !== undefined),
      ...withValue(view, ['ref'], (text, value) => text.startsWith('refs/pull/') || isPull(value)),
      ...withValue(view, ['sub'], (text) => text.split(':').includes('pull_request')),
    ],
  },
  {
    name: 'environment-alone',
    row: 'L14',
    severity: 'warning',
    when: '`environment` is pinned and nothing else says which code runs: no ref, workflow or protection',
    why: 'anyone with push rights can name an environment, from any branch',
    mend: 'state `ref` too; or protect the environment by branch rules or reviewers, and accept this',
    kinds: ['github', 'gitlab'],
    effect: 'allow',
    fires: (view) =>
      says(view, 'environment') && !says(view, ...(view.source.kind === 'github' ? GITHUB_CODE : GITLAB_CODE))
        ? orRule(places(own(view, 'environment')))
        : [],
  },
  {
    name: 'ref-without-environment',
    row: 'L15',
    severity: 'info',
    when: '`ref` is pinned on GitHub and no environment',
    why: 'an environment can ask for reviewers, which a branch cannot',
    mend: 'consider an environment with reviewers, pinned beside `ref`',
    kinds: GITHUB,
    effect: 'allow',
    fires: (view) => (says(view, 'environment') ? [] : places(own(view, 'ref'))),
  },
  {
    name: 'tag-pattern',
    row: 'L16',
    severity: 'warning',
    when: 'a pattern of tags is accepted and `ref_protected` is not stated',
    why: 'anyone with push rights can create a tag that fits',
    mend: 'protect the tags and state `ref_protected: "true"`, or name one tag',
    kinds: ['github', 'forgejo', 'gitlab', 'buildkite'],
    effect: 'allow',
    fires: (view) =>
      says(view, 'ref_protected')
        ? []
        : [
            ...withValue(view, ['ref', 'ref_path'], (text, value) => isPattern(value) && text.startsWith('refs/tags/')),
            ...withValue(view, ['build_tag'], (_, value) => isPattern(value)),
          ],
  },
  {
    name: 'moving-workflow',
    row: 'L18',
    severity: 'warning',
    when: '`job_workflow_ref` has a wildcard or names a tag, and `job_workflow_sha` is not stated',
    why: 'whoever can push to the called repository moves what this names, and chooses the code that runs',
    mend: 'state `job_workflow_sha`, or a protected branch after `@`',
    kinds: GITHUB,
    effect: 'allow',
    fires: (view) =>
      says(view, 'job_workflow_sha')
        ? []
        : withValue(view, ['job_workflow_ref'], (text, value) => isPattern(value) || text.includes('@refs/tags/')),
  },
];

const GITHUB_CODE = ['ref', 'ref_protected', 'job_workflow_ref', 'job_workflow_sha', 'workflow_ref', 'workflow_sha'];
const GITLAB_CODE = ['ref', 'ref_path', 'ref_protected', 'environment_protected', 'ci_config_ref_uri', 'ci_config_sha'];

export const GITLAB_LINTS: readonly RuleLint[] = [
  {
    name: 'ref-without-type',
    row: 'L27',
    severity: 'warning',
    when: '`ref` of GitLab is stated without `ref_type` and without `ref_path`',
    why: 'a branch and a tag of one name have the same `ref`',
    mend: 'state `ref_path`, which begins with refs/heads/ or refs/tags/',
    kinds: ['gitlab'],
    effect: 'allow',
    fires: (view) => (says(view, 'ref_type', 'ref_path') ? [] : places(own(view, 'ref'))),
  },
  {
    name: 'source-project',
    row: 'L28',
    severity: 'warning',
    when: 'merge request pipelines are not left out, and `job_project_id` is not stated',
    why: 'in a merge request `project_id` is the project that the change comes from, and the job may run in another',
    mend: 'state `job_project_id`, a `ref_path` below refs/heads/, or a `pipeline_source` without merge requests',
    kinds: ['gitlab'],
    effect: 'allow',
    fires(view) {
      const limited = says(view, 'pipeline_source') && admits(view, 'pipeline_source', [MERGE_REQUEST]).length === 0;
      const refs = [...own(view, 'ref_path').map(({ condition }) => condition), ...required(view, 'ref_path')];
      const branches = refs.some(({ values }) =>
        values.every((value) => /^refs\/(?:heads|tags)\//.test(isPattern(value) ? value.text : String(value))),
      );
      return ruleIf(!limited && !branches && !says(view, 'job_project_id'));
    },
  },
];

const VISIBILITY = { github: 'repository_visibility', gitlab: 'project_visibility' } as const;

/** Said of a rule, and of a source's `require`. */
export const OUTSIDER_EVENTS: LintText = {
  name: 'outsider-events',
  row: 'L12',
  severity: 'warning',
  when: 'a rule, or the `require` of a source, lists an event that is refused unless it is listed: pull_request_target, workflow_run, issue_comment, and pull_request_comment on Forgejo',
  why: 'outsiders can start such runs, and their tokens look like a push to the default branch',
  mend: 'list only the events that you need, such as [push, workflow_dispatch, release]',
};

export const EVENT_LINTS: readonly RuleLint[] = [
  {
    ...OUTSIDER_EVENTS,
    kinds: ACTIONS,
    effect: 'allow',
    fires: (view) =>
      places(own(view, 'event_name').filter(({ condition }) => OUTSIDERS.some((event) => accepts(condition, event)))),
  },
  {
    name: 'public-repository',
    row: 'L50',
    severity: 'warning',
    when: 'a public repository or project is accepted together with pull or merge requests, or events that outsiders start',
    why: 'anybody can open a pull request there',
    mend: 'leave these events out, or state another visibility',
    kinds: ['github', 'gitlab'],
    effect: 'allow',
    fires(view) {
      const github = view.source.kind === 'github';
      const reachable = github
        ? admits(view, 'event_name', ['pull_request', ...OUTSIDERS])
        : admits(view, 'pipeline_source', [MERGE_REQUEST]);
      const field = github ? VISIBILITY.github : VISIBILITY.gitlab;
      return reachable.length === 0 ? [] : admits(view, field, ['public']);
    },
  },
];
