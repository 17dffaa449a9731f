// The session that a role is assumed for: which role, who it is for and in whose name, and what it is narrowed to. Everything in it is
// proved, granted or the operator's; of the caller's own there is nothing but what narrows it.

import type { Json, JsonObject } from '../core/json.ts';
import { AWS_SESSION_NAME_CHARACTERS_MAX, AWS_TAG_VALUE_CHARACTERS_MAX } from '../core/limits-cloud.ts';
import type { IssueOrder } from '../core/ports.ts';
import { render } from '../parsing/template.ts';
import type { AwsOptions } from './aws-options.ts';
import { awsPins } from './aws-trust.ts';
import { actorName, encodeName, partiesName } from './cloud-names.ts';
import type { TargetPlace } from './kind.ts';

/** One session, as STS is asked for it. */
export interface AwsSession {
  readonly role: string;
  readonly account: string;
  readonly name: string;
  /** `arn:aws:sts::<account>:assumed-role/<role name>/<session name>`. */
  readonly principal: string;
  readonly audience: string;
  readonly subject: string;
  /** Claims of the assertion that AWS alone reads. */
  readonly more: JsonObject;
  /** JSON. */
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
}

/** `[\w+=,.@-]{2,64}`; `=` begins an escape. */
const NAME = { plain: /^[\w+,.@-]$/, charactersMax: AWS_SESSION_NAME_CHARACTERS_MAX };
/** Letters, digits, spaces and `_.:/=+-@`. */
const TAG = { plain: /^[\p{L}\p{N} _.:/+@-]$/u, charactersMax: AWS_TAG_VALUE_CHARACTERS_MAX };

export function sessionOf(order: IssueOrder, parts: TargetPlace, chosen: AwsOptions): AwsSession {
  const { subject, actors, parameters } = order.grant;
  const { role, audience, subject: pinned } = awsPins(parts, chosen, parameters);
  const [, partition = '', , , account = '', path = ''] = role.split(':');
  const name = encodeName(
    chosen.session?.name === undefined ? partiesName(subject.name, actors) : render(chosen.session.name, parameters),
    NAME,
  );
  return {
    role,
    account,
    name,
    principal: `arn:${partition}:sts::${account}:assumed-role/${path.slice(path.lastIndexOf('/') + 1)}/${name}`,
    audience,
    subject: pinned,
    more: {
      ...(chosen.session?.sourceIdentity
        ? { 'https://aws.amazon.com/source_identity': encodeName(subject.name, NAME) }
        : {}),
      ...tagsOf(order, chosen),
    },
    policy:
      chosen.policy === undefined
        ? order.session?.policy
        : JSON.stringify(renderAll(chosen.policy as Json, parameters)),
    policyArns: chosen.policyArns ?? order.session?.policyArns ?? [],
  };
}

/** `https://aws.amazon.com/tags` (CA-06); nothing where the target wants none, since a role must permit any. */
function tagsOf({ id, grant: { subject, actors } }: IssueOrder, { session }: AwsOptions): JsonObject {
  const [actor] = actors;
  const carried = (session?.carry ?? []).flatMap((claim) => {
    const value = subject.claims[claim];
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [[claim, String(value)] as const]
      : [];
  });
  const own = session?.tags
    ? [
        ['subject', subject.name] as const,
        ...(actor ? [['actor', actorName(actor)] as const] : []),
        ['decision', id] as const,
      ]
    : [];
  const tags = [...own, ...carried].map(([key, value]) => [key, [encodeName(value, TAG)]] as const);
  if (tags.length === 0) return {};
  return {
    'https://aws.amazon.com/tags': {
      principal_tags: Object.fromEntries(tags),
      ...(session?.transitive ? { transitive_tag_keys: tags.map(([key]) => key) } : {}),
    },
  };
}

/** Texts inside values, so that no parameter can end one. */
function renderAll(value: Json, parameters: Readonly<Record<string, string>>): Json {
  if (typeof value === 'string') return render(value, parameters);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => renderAll(item, parameters));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renderAll(item, parameters)]));
}
