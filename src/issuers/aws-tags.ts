// Session tags (CA-06): who a session is for, and claims that were proved, as CloudTrail shows them and as policies in AWS compare them by
// `aws:PrincipalTag`. No two values are one tag value, and none is cut that somebody may look for a part of; nothing is a tag unless the
// target says so, since a role must permit any.

import { type Json, type JsonObject, valueAt } from '../core/json.ts';
import { AWS_TAG_VALUE_CHARACTERS_MAX } from '../core/limits-cloud.ts';
import type { IssueOrder } from '../core/ports.ts';
import { OWN_TAGS, pathsOf, tagKey } from './aws-carry.ts';
import type { AwsOptions } from './aws-options.ts';
import { actorName, encodeName } from './cloud-names.ts';

/** Letters, digits, spaces and `_.:/=+-@`; `=` begins an escape. What begins with a colon is a list. */
const TAG = { plain: /^[\p{L}\p{N} _.:/+@-]$/u, neverFirst: /^:$/, charactersMax: AWS_TAG_VALUE_CHARACTERS_MAX };
/** An element of a list, between colons. */
const ELEMENT = { plain: /^[\p{L}\p{N} _./+@-]$/u, charactersMax: AWS_TAG_VALUE_CHARACTERS_MAX };

/** `https://aws.amazon.com/tags`, or nothing where the target wants none; undefined where a claim is nothing that can be a tag. */
export function tagsOf(
  { id, grant: { subject, actors } }: Pick<IssueOrder, 'id' | 'grant'>,
  { session }: Pick<AwsOptions, 'session'>,
): JsonObject | undefined {
  const [actor] = actors;
  const own = { subject: subject.name, actor: actor && actorName(actor), decision: id };
  const tags = new Map<string, string>();
  for (const key of session?.tags ? OWN_TAGS : []) {
    const name = own[key];
    if (name !== undefined) tags.set(key, encodeName(name, TAG));
  }
  for (const path of (session?.carry ?? []).flatMap((carried) => pathsOf(carried))) {
    const value = valueAt(subject.claims, path);
    if (value === undefined) continue;
    const text = tagValue(value);
    if (text === undefined) return undefined;
    tags.set(tagKey(path), text);
  }
  if (tags.size === 0) return {};
  return {
    'https://aws.amazon.com/tags': {
      principal_tags: Object.fromEntries([...tags].map(([key, value]) => [key, [value]])),
      ...(session?.transitive ? { transitive_tag_keys: [...tags.keys()] } : {}),
    },
  };
}

/** A scalar as it is, and a list of them as `:a:b:`, so that a policy can ask for one: `*:a:*`. A list that would be cut is none. */
function tagValue(value: Json): string | undefined {
  if (!Array.isArray(value)) return isScalar(value) ? encodeName(String(value), TAG) : undefined;
  const texts = value.flatMap((one) => (isScalar(one) ? encodeName(String(one), ELEMENT) : []));
  const text = `:${texts.map((one) => `${one}:`).join('')}`;
  return texts.length < value.length || text.length > AWS_TAG_VALUE_CHARACTERS_MAX ? undefined : text;
}

const isScalar = (value: Json): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);
