// Which claims of a subject become session tags, as a target names them, and the keys that the tags have (CA-06). A claim inside another is
// written as it is nested, as everywhere, and its key joins the names by a slash: `kubernetes.io/namespace`.

import { z } from 'zod';
import { AWS_TAG_KEY_CHARACTERS_MAX, AWS_TAGS_MAX } from '../core/limits-cloud.ts';

/** A claim by its name, or the claims inside one. */
export type Carried = string | { readonly [claim: string]: Carried | readonly Carried[] };

/** Keys of the session tags that are the broker's own. */
export const OWN_TAGS = ['subject', 'actor', 'decision'] as const;

const name = z.string().min(1, { error: 'must not be empty' });
const nested: z.ZodType<Carried> = z.lazy(() =>
  z.union([name, z.record(name, z.union([nested, z.array(nested).min(1)]))], {
    error: 'must be the name of a claim, or claims inside one: { kubernetes.io: namespace }',
  }),
);

export const carry = z
  .array(nested)
  .min(1)
  .describe("Claims of the subject's as session tags, by their names; the role must permit sts:TagSession.");

/** The paths of the claims that are meant. */
export function pathsOf(carried: Carried, above: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof carried === 'string') return [[...above, carried]];
  return Object.entries(carried).flatMap(([claim, inner]) =>
    (isList(inner) ? inner : [inner]).flatMap((one) => pathsOf(one, [...above, claim])),
  );
}

const isList = (value: Carried | readonly Carried[]): value is readonly Carried[] => Array.isArray(value);

export const tagKey = (path: readonly string[]): string => path.join('/');

/** The keys of every tag that a session can have. */
export const tagKeys = ({ tags, carry }: TagChoice): readonly string[] => [
  ...(tags ? OWN_TAGS : []),
  ...(carry ?? []).flatMap((carried) => pathsOf(carried).map(tagKey)),
];

interface TagChoice {
  readonly tags?: true | undefined;
  readonly carry?: readonly Carried[] | undefined;
}

const KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u;

/** What AWS would not take of these tags. It compares keys without case. */
export function tagsProblem(choice: TagChoice): string | undefined {
  const keys = tagKeys(choice);
  const folded = keys.map((key) => key.toLowerCase());
  const twice = keys.find((_, index) => folded.indexOf(folded[index] ?? '') < index);
  if (twice !== undefined) {
    const own = choice.tags && OWN_TAGS.some((key) => key === twice.toLowerCase());
    return own ? `the tag ${twice} is the broker's own where \`tags\` is written` : `two tags are called ${twice}`;
  }
  const unfit = keys.find(
    (key) => key.length > AWS_TAG_KEY_CHARACTERS_MAX || !KEY.test(key) || key.toLowerCase().startsWith('aws:'),
  );
  if (unfit !== undefined) return `${JSON.stringify(unfit)} is no key of a session tag`;
  return keys.length > AWS_TAGS_MAX ? `a session has at most ${AWS_TAGS_MAX} tags` : undefined;
}
