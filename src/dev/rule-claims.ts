// What the policies say of a source, turned round: claims that would satisfy one of its allow rules, for `token --as` to fill in what nobody
// gave. It reads policies as they are written and judges nothing: a claim that is missing here is an example instead.

import type { Json } from '../core/json.ts';
import { isMap, readYaml } from '../parsing/yaml.ts';
import { fieldPath, type PlatformTable } from '../platforms/table.ts';

export interface Wanted {
  /** Names and texts of the policy files. */
  readonly texts: readonly (readonly [string, string])[];
  readonly source: string;
  readonly table: PlatformTable;
  readonly target: string;
  readonly given: Readonly<Record<string, string>>;
}

/** A path of member names, and what stands there. */
export type ClaimAt = readonly [readonly string[], Json];

type Entry = Readonly<Record<string, unknown>>;

/** Of the rules that allow the target, else of all, the one that agrees with most of what was given; the first of equals. */
export function claimsOfRules({ texts, source, table, target, given }: Wanted): readonly ClaimAt[] {
  const subjects = texts
    .flatMap(([file, text]) => rulesOf(file, text))
    .filter(({ allow, subject }) => allow !== undefined && isMap(subject) && listOf(subject.trust).includes(source))
    .map(({ allow, subject }) => ({
      allows: listOf(isMap(allow) ? Object.keys(allow) : allow).includes(target),
      claims: isMap(subject) ? claimsOf(subject, table) : [],
    }));
  const allowing = subjects.filter(({ allows }) => allows);
  const agreeing = ({ claims }: { readonly claims: readonly ClaimAt[] }) =>
    Object.entries(given).filter(([field, text]) =>
      claims.some(([path, value]) => samePath(path, fieldPath(table, field)) && String(value) === text),
    ).length;
  const [best] = (allowing.length > 0 ? allowing : subjects).sort((one, other) => agreeing(other) - agreeing(one));
  return best?.claims ?? [];
}

function rulesOf(file: string, text: string): readonly Entry[] {
  const read = readYaml(file, text);
  const value = read.ok ? read.document.value : undefined;
  return isMap(value) && Array.isArray(value.rules) ? value.rules.filter(isMap) : [];
}

function claimsOf(subject: Entry, table: PlatformTable): readonly ClaimAt[] {
  const block = subject[table.kind];
  const fields = isMap(block) ? Object.entries(block) : [];
  return [
    ...fields.flatMap(([field, condition]) => claimAt(fieldPath(table, field), condition)),
    ...('sub' in subject ? claimAt(['sub'], subject.sub) : []),
    ...('claims' in subject ? nested([], subject.claims) : []),
  ];
}

const nested = (path: readonly string[], value: unknown): readonly ClaimAt[] =>
  isMap(value) && !('has' in value)
    ? Object.entries(value).flatMap(([name, inner]) => nested([...path, name], inner))
    : claimAt(path, value);

/** What satisfies a condition: its value, the first of several, a list that has it; a `*` stands for a word. */
function claimAt(path: readonly string[], condition: unknown): readonly ClaimAt[] {
  if (isMap(condition)) return claimAt(path, condition.has).map(([at, value]) => [at, [value]]);
  const [value] = listOf(condition);
  if (typeof value === 'number' || typeof value === 'boolean') return [[path, value]];
  // A parameter that a row or the caller binds is not known here.
  if (typeof value !== 'string' || /<[^>]*>/.test(value)) return [];
  return [[path, value.replaceAll(/\*+/g, 'example')]];
}

const samePath = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, at) => name === other[at]);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
