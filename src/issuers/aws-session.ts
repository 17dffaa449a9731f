// The session that a role is assumed for: which role, who it is for and in whose name, and what it is narrowed to. Everything in it is
// proved, granted or the operator's; of the caller's own there is nothing but what narrows it. What AWS would not take, or
// what a parameter would make wider, is refused before AWS is asked; no part of it is ever left out.

import { SESSION_POLICY_TEXT } from '../core/cloud.ts';
import type { Json, JsonObject } from '../core/json.ts';
import {
  AWS_AUDIENCE_CHARACTERS_MAX,
  AWS_POLICY_ARNS_MAX,
  AWS_POLICY_CHARACTERS_MAX,
  AWS_ROLE_NAME_CHARACTERS_MAX,
  AWS_SESSION_NAME_CHARACTERS_MAX,
  AWS_SESSION_NAME_CHARACTERS_MIN,
  AWS_SUBJECT_CHARACTERS_MAX,
} from '../core/limits-cloud.ts';
import type { IssueOrder } from '../core/ports.ts';
import { type CloudRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import { type Parameters, parametersIn, render } from '../parsing/template.ts';
import type { AwsOptions } from './aws-options.ts';
import { tagsOf } from './aws-tags.ts';
import { awsPins } from './aws-trust.ts';
import { encodeName, partiesName } from './cloud-names.ts';
import type { TargetPlace } from './kind.ts';

/** One session, as STS is asked for it. */
export interface AwsSession {
  readonly role: string;
  readonly account: string;
  readonly name: string;
  /** `arn:aws:sts::<account>:assumed-role/<role name>/<session name>`: the path of the role is not in it. */
  readonly principal: string;
  readonly audience: string;
  readonly subject: string;
  /** Claims of the assertion that AWS alone reads. */
  readonly more: JsonObject;
  /** JSON. */
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
}

/** Why AWS is not asked at all, beside `tag_unfit` (docs/clouds/aws.md). */
type Unfit =
  | 'role_unfit'
  | 'audience_unfit'
  | 'subject_too_long'
  | 'policy_parameter_unfit'
  | 'policy_too_long'
  | 'policy_arns_too_many';

/** `[\w+=,.@-]{2,64}`; `=` begins an escape. */
export const SESSION_NAME = {
  plain: /^[\w.@-]$/,
  // Our names are full of both, and read well so: `cluster+system+serviceaccount+payments+api`.
  instead: { ':': '+', '/': ',' },
  charactersMin: AWS_SESSION_NAME_CHARACTERS_MIN,
  charactersMax: AWS_SESSION_NAME_CHARACTERS_MAX,
};
/** What a parameter may bring into an ARN: no wildcard, and no segment more. */
const IN_ROLE = /^[\w+=,.@-]+$/;
const ACCOUNT = /^[0-9]{12}$/;
/** Wildcards, and the beginning of a variable: no value brings one into a policy. */
const WIDENS = /[*?$]/;

export function sessionOf(order: IssueOrder, parts: TargetPlace, chosen: AwsOptions): Result<AwsSession, CloudRefusal> {
  const { subject, actors, parameters } = order.grant;
  const pins = awsPins(parts, chosen, parameters);
  const { role } = pins;
  const [, partition = '', , , account = '', path = ''] = role.split(':');
  const roleName = path.slice(path.lastIndexOf('/') + 1);
  const name = encodeName(
    chosen.session?.name === undefined ? partiesName(subject.name, actors) : render(chosen.session.name, parameters),
    SESSION_NAME,
  );
  const tags = tagsOf(order, chosen);
  const session = {
    ...pins,
    account,
    name,
    principal: `arn:${partition}:sts::${account}:assumed-role/${roleName}/${name}`,
    more: {
      ...(chosen.session?.sourceIdentity
        ? { 'https://aws.amazon.com/source_identity': encodeName(subject.name, SESSION_NAME) }
        : {}),
      ...tags,
    },
    ...narrowedTo(order, chosen),
  };
  const problem = tags === undefined ? 'tag_unfit' : unfit(session, roleName, { chosen, parameters });
  return problem === undefined
    ? ok(session)
    : refuse({ reason: 'cloud_refused', target: parts.target, cloud: 'aws', problem });
}

/** By the target's own policies, or where it has none, by the caller's: never both (aws.ts). */
function narrowedTo(
  { session, grant: { parameters } }: IssueOrder,
  { policy, policyArns }: AwsOptions,
): Pick<AwsSession, 'policy' | 'policyArns'> {
  return policy === undefined && policyArns === undefined
    ? { policy: session?.policy, policyArns: session?.policyArns ?? [] }
    : {
        policy: policy === undefined ? undefined : JSON.stringify(renderAll(policy, parameters)),
        policyArns: (policyArns ?? []).map((arn) => render(arn, parameters)),
      };
}

function unfit(
  { account, subject, audience, policy, policyArns }: AwsSession,
  roleName: string,
  { chosen, parameters }: { readonly chosen: AwsOptions; readonly parameters: Parameters },
): Unfit | undefined {
  const bound = (texts: readonly string[]) => texts.flatMap(parametersIn).map((name) => parameters[name] ?? '');
  if (
    !ACCOUNT.test(account) ||
    roleName.length > AWS_ROLE_NAME_CHARACTERS_MAX ||
    !bound([chosen.role]).every((value) => IN_ROLE.test(value))
  )
    return 'role_unfit';
  if (audience.length > AWS_AUDIENCE_CHARACTERS_MAX) return 'audience_unfit';
  if (subject.length > AWS_SUBJECT_CHARACTERS_MAX) return 'subject_too_long';
  const inPolicies = bound([...textsIn(chosen.policy ?? null), ...(chosen.policyArns ?? [])]);
  if (inPolicies.some((value) => !fitsPolicy(value))) return 'policy_parameter_unfit';
  if ((policy?.length ?? 0) > AWS_POLICY_CHARACTERS_MAX) return 'policy_too_long';
  return policyArns.length > AWS_POLICY_ARNS_MAX ? 'policy_arns_too_many' : undefined;
}

const fitsPolicy = (value: string): boolean => value !== '' && !WIDENS.test(value) && SESSION_POLICY_TEXT.test(value);

/** Texts inside values, so that no parameter can end one. */
function renderAll(value: Json, parameters: Parameters): Json {
  if (typeof value === 'string') return render(value, parameters);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => renderAll(item, parameters));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renderAll(item, parameters)]));
}

const textsIn = (value: Json): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];
