// Lints about clusters and clouds: service accounts that everybody in a namespace or project has, principals that are no roles.
// Attacks.

import type { PlatformTable } from '../../platforms/table.ts';
import { type Condition, isPattern } from '../evaluate.ts';
import { type LintText, type MatchView, own, places, type RuleLint, ruleIf, withValue } from './lint-view.ts';

const isAny = ({ values }: Condition): boolean =>
  values.some((value) => isPattern(value) && value.text === '*' && !value.subtree);

const anyOf = (view: MatchView, field: string) => own(view, field).filter(({ condition }) => isAny(condition));

/** Accounts that a project has without anybody making them, and that whatever runs there uses. */
const DEFAULT_ACCOUNT =
  /^(?:[0-9]+-compute@developer\.gserviceaccount\.com|[^@]+@(?:appspot|cloudbuild)\.gserviceaccount\.com)$/;
const NO_ROLE = /^arn:aws[a-z-]*:(?:iam|sts)::[^:]*:(?:user|root|assumed-role|federated-user)(?:\/|$)/;

/** Said of a rule, and of a source's `require`. */
export const CALLER_CHOSEN: LintText = {
  name: 'caller-chosen-claim',
  row: 'L38',
  severity: 'error',
  when: 'a rule, or the `require` of a source, states a claim that whoever asks for the token fills in: `request_tags` of AWS',
  why: 'whoever asks for the token chooses the value',
  mend: 'state what the platform fills in: the role, `principal_tags`, the function or instance',
};

/** Whether the condition is about a claim that the table keeps out of rules, or anything in it. */
export function isCallerChosen({ claims }: PlatformTable, { path }: Condition): boolean {
  return Object.entries(claims).some(
    ([field, { never, path: of = [field] }]) => never !== undefined && of.every((name, index) => path[index] === name),
  );
}

export const CLOUD_LINTS: readonly RuleLint[] = [
  {
    ...CALLER_CHOSEN,
    kinds: ['aws'],
    fires: (view) => places(view.own.filter(({ condition }) => isCallerChosen(view.source.table, condition))),
  },
  {
    name: 'every-service-account',
    row: 'L34, L54',
    severity: 'error',
    when: '`namespace` and `serviceaccount` are both `"*"`',
    why: 'every pod of the cluster has this',
    mend: 'name a namespace, and a service account in it',
    kinds: ['kubernetes'],
    effect: 'allow',
    fires: (view) => ruleIf(anyOf(view, 'namespace').length > 0 && anyOf(view, 'serviceaccount').length > 0),
  },
  {
    name: 'service-account-wildcard',
    row: 'L34',
    severity: 'warning',
    when: 'one of `namespace` and `serviceaccount` is `"*"`',
    why: 'whoever can create a pod in a namespace has every service account there, and whoever can create a namespace has a new one',
    mend: 'name the service accounts, or accept this for a namespace that is one tenant',
    kinds: ['kubernetes'],
    effect: 'allow',
    fires(view) {
      const [namespaces, accounts] = [anyOf(view, 'namespace'), anyOf(view, 'serviceaccount')];
      return namespaces.length > 0 && accounts.length > 0 ? [] : places([...namespaces, ...accounts]);
    },
  },
  {
    name: 'default-service-account',
    row: 'L34',
    severity: 'warning',
    when: 'the service account is `default`',
    why: 'every pod of the namespace that names no service account has it',
    mend: 'make a service account for this workload',
    kinds: ['kubernetes'],
    effect: 'allow',
    fires: (view) => withValue(view, ['serviceaccount'], (text) => text === 'default'),
  },
  {
    name: 'default-compute-account',
    row: 'L36',
    severity: 'warning',
    when: 'the account is one that Google makes for a project: the default of Compute Engine, App Engine or Cloud Build',
    why: 'whatever runs in the project has it unless it says otherwise',
    mend: 'make a service account for this workload',
    kinds: ['google'],
    effect: 'allow',
    fires: (view) => withValue(view, ['email'], (text) => DEFAULT_ACCOUNT.test(text)),
  },
  {
    name: 'not-a-role',
    row: 'L38',
    severity: 'error',
    when: 'the ARN is that of a user, of the root of an account, or of a session',
    why: 'a user or root is a person, a session is named by whoever opens it; tokens with such a `sub` prove nothing',
    mend: 'state the ARN of the role: arn:aws:iam::ACCOUNT:role/NAME',
    kinds: ['aws'],
    fires: (view) => withValue(view, ['role'], (text) => NO_ROLE.test(text)),
  },
];
