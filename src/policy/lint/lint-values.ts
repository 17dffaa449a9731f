// Lints about single values, in a rule and in a source's `require`: what loads as a value and that no token can have. Such a rule grants
// nothing, and such a deny denies nobody, without a word. Says nothing of what some token may have.

import type { ClaimRow, PlatformTable } from '../../platforms/table.ts';
import { fieldPath } from '../../platforms/table.ts';
import { type Condition, type Expected, isPattern, textOf } from '../evaluate.ts';
import type { LintText, RuleLint } from './lint-view.ts';

export interface ValueLint extends LintText {
  /** Whether no token has this value; `field` is that of the table, where it has one. */
  readonly is: (value: Expected, field: string, table: PlatformTable) => boolean;
}

/**
 * Anchors, groups of alternatives, `.*`, classes with a range or a count, escapes. `v1.*` is a pattern of ours, `dependabot[bot]` and
 * `auth0|7` are names, and `ACME\svc` is one at a directory.
 */
const REGEX =
  /^\^|\([^()]*\|[^()]*\)|(?:^|[^0-9*>])\.[*+]|\[\^?\w-\w|\][+*?]|\\(?:[dsw](?![A-Za-z])|[.+*?/()[\]{}^$|])/;

/** Claims that hold a whole ref. What GitLab calls `ref` and Buildkite `build_branch` is a short name. */
const REFS: Readonly<Record<string, readonly string[]>> = {
  github: ['ref'],
  forgejo: ['ref'],
  gitlab: ['ref_path'],
  circleci: ['vcs-ref'],
  'azure-devops': ['rpo_ref'],
};

/** Claims that hold a whole ref, or a commit, after an `@`. */
const WORKFLOW_REFS = ['workflow_ref', 'job_workflow_ref'];
const PREFIX = 'refs/';

/** The part of a value that no wildcard or parameter stands for, from its beginning. */
const headOf = (value: Expected): string => (isPattern(value) ? (value.literals[0] ?? '') : String(value));

function isShortRef(value: Expected, field: string, { kind }: PlatformTable): boolean {
  const head = headOf(value);
  if (REFS[kind]?.includes(field)) return !head.startsWith(PREFIX) && !PREFIX.startsWith(head);
  if (kind !== 'github' || !WORKFLOW_REFS.includes(field)) return false;
  const [, ref = ''] = /@([^@]*)$/.exec(head) ?? [];
  return !ref.startsWith(PREFIX) && !PREFIX.startsWith(ref) && !/^[0-9a-f]{40,64}$/i.test(ref);
}

const FORGE_IDS = ['repository_id', 'repository_owner_id', 'actor_id', 'run_id', 'run_number', 'run_attempt'];

/** Claims that hold a number that the platform counts, as text. */
const NUMERIC: Readonly<Record<string, readonly string[]>> = {
  github: [...FORGE_IDS, 'enterprise_id', 'check_run_id'],
  forgejo: FORGE_IDS,
  gitlab: ['project_id', 'namespace_id', 'job_project_id', 'job_namespace_id', 'user_id', 'pipeline_id', 'job_id'],
};

const isNumeric = (field: string, { kind }: PlatformTable): boolean => NUMERIC[kind]?.includes(field) === true;

function neverMatches(value: Expected, row: ClaimRow | undefined): boolean {
  if (isPattern(value) || !row) return false;
  return row.form ? !row.form.test(String(value)) : row.equals !== undefined && row.equals !== value;
}

export const VALUE_LINTS: readonly ValueLint[] = [
  {
    name: 'looks-like-regex',
    row: '-',
    severity: 'warning',
    when: 'a value looks like a regular expression: `^main$`, `(main|release)`, `.*`, `[a-z]+`, `\\d`',
    why: 'is no regular expression here, but compared as it stands: "*" is the rest of one segment, and there is nothing else',
    mend: 'list the values, or write "*" at the end of a segment',
    is: (value) => REGEX.test(textOf(value)),
  },
  {
    name: 'short-ref',
    row: '-',
    severity: 'warning',
    when: '`ref` of GitHub and Forgejo, `ref_path` of GitLab, `vcs-ref` of CircleCI or `rpo_ref` of Azure DevOps does not begin with `refs/`, nor what stands after the `@` of a workflow of GitHub',
    why: 'is the short name of a ref, which no token has there',
    mend: 'write the whole ref, such as refs/heads/main or refs/tags/v1',
    is: isShortRef,
  },
  {
    name: 'not-an-id',
    row: '-',
    severity: 'warning',
    when: 'an id that GitHub, Forgejo or GitLab counts is stated as something else than a number',
    why: 'is no number, so that no token has it as this id',
    mend: 'look the id up: the page of the platform says where it stands',
    is: (value, field, table) => isNumeric(field, table) && !isPattern(value) && !/^[1-9][0-9]*$/.test(String(value)),
  },
  {
    name: 'never-matches',
    row: '-',
    severity: 'warning',
    when: 'a value is stated in a form that the tokens of its platform never have: an account of AWS without its twelve digits, an ARN that is none of a role, an id of Entra in upper case',
    why: 'is in a form that no token of this kind has',
    mend: 'copy it from a token, as text: YAML drops the first zero of a number',
    is: (value, field, { claims }) => neverMatches(value, Object.hasOwn(claims, field) ? claims[field] : undefined),
  },
];

/** The first value that no token has, as it is written. */
export function strangeValue(lint: ValueLint, condition: Condition, table: PlatformTable): string | undefined {
  const field = fieldOf(condition, table);
  const found = condition.values.find((value) => lint.is(value, field, table));
  return found === undefined ? undefined : textOf(found);
}

/** The field of the table that a condition is about, also where it was written as a claim. */
export function fieldOf({ what, path }: Pick<Condition, 'what' | 'path'>, table: PlatformTable): string {
  const isPathOf = (field: string) => {
    const own = fieldPath(table, field);
    return own.length === path.length && own.every((name, index) => name === path[index]);
  };
  if (Object.hasOwn(table.claims, what) && isPathOf(what)) return what;
  return Object.keys(table.claims).find(isPathOf) ?? '';
}

export const VALUE_RULE_LINTS: readonly RuleLint[] = VALUE_LINTS.map((lint) => ({
  ...lint,
  fires: (view) =>
    view.own.flatMap(({ condition, at }) => {
      const text = strangeValue(lint, condition, view.source.table);
      return text === undefined ? [] : [{ at, text }];
    }),
}));
