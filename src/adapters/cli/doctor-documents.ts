// The documents by which the world verifies our tokens, as they are served: of this very issuer, fit for clouds (CA-01, CG-03), and the broker's
// own byte for byte. An older copy, or another broker's, refuses everybody whose key it lacks.

import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { ISSUER_SLOW_MS } from '../../core/limits-outside.ts';
import { readJson } from '../../parsing/json.ts';
import { type Fetched, type Reach, textOf } from './doctor-reach.ts';
import { about, type Finding } from './doctor-report.ts';
import { judgeDocuments, type PublicDocuments } from './public-documents.ts';

export interface Served {
  readonly metadata: Fetched;
  /** What its `jwks_uri` gives; undefined where it has none to ask. */
  readonly jwks: Fetched | undefined;
}

export interface DocumentFacts {
  readonly issuer: string;
  /** The broker's own; undefined where it could not be asked. */
  readonly own: PublicDocuments | undefined;
  readonly reach: Reach;
}

/** Where keys are, by the metadata of whoever; undefined where it names no https address. */
export function jwksUriOf(metadata: string): string | undefined {
  const uri = objectOf(metadata)?.jwks_uri;
  return typeof uri === 'string' && URL.parse(uri)?.protocol === 'https:' ? uri : undefined;
}

export function documentFindings(
  { metadata, jwks }: Served,
  { issuer, own, reach }: DocumentFacts,
): readonly Finding[] {
  const { ok, fail, warn, unknown } = about(reach.area);
  const [document, set] = [textOf(metadata, reach), jwks && textOf(jwks, reach)];
  if ('problem' in document) return [document.problem];
  if (set && 'problem' in set) return [set.problem];
  const judged = judgeDocuments({ issuer, metadata: document.text, jwks: set?.text ?? '' });
  if (!judged.ok) return [fail(`${metadata.url}: ${judged.problem}`, reach.mend.answer)];
  const slowest = Math.round(Math.max(metadata.elapsedMs, jwks?.elapsedMs ?? 0));
  return [
    ok(`${metadata.url} and its ${judged.kids.length} keys are of this issuer, and fit clouds`),
    ...(slowest <= ISSUER_SLOW_MS
      ? []
      : [
          warn(
            `they took ${slowest} ms; AWS waits 5 s and then refuses`,
            'find what is slow between here and the broker',
          ),
        ]),
    ...(own
      ? [...sameMetadata(document.text, own, reach), ...sameKeys(set?.text ?? '', own, reach)]
      : [unknown("whether they are the broker's own, byte for byte", 'run doctor where the broker runs')]),
  ];
}

function sameMetadata(text: string, own: PublicDocuments, { area, mend }: Reach): readonly Finding[] {
  const { ok, fail } = about(area);
  return text === own.metadata
    ? [ok("the metadata is the broker's own, byte for byte")]
    : [fail("the metadata is not the broker's own: an older copy, or another broker's", mend.answer)];
}

/** By the names of keys where there is a difference. */
function sameKeys(text: string, own: PublicDocuments, { area, mend }: Reach): readonly Finding[] {
  const { ok, warn, fail } = about(area);
  if (text === own.jwks) return [ok("the key set is the broker's own, byte for byte")];
  const [theirs, ours] = [keysOf(text), keysOf(own.jwks)];
  const lacking = [...ours.keys()].filter((kid) => !theirs.has(kid));
  const foreign = [...theirs.keys()].filter((kid) => !ours.has(kid));
  const other = [...ours].filter(([kid, key]) => theirs.has(kid) && theirs.get(kid) !== key).map(([kid]) => kid);
  return [
    ...(lacking.length === 0
      ? []
      : [
          fail(
            `the key set lacks ${lacking.join(', ')}: what it signs is refused by whoever reads this set`,
            mend.answer,
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          fail(
            `the key set has ${foreign.join(', ')}, which this broker does not have: revoked, or another's`,
            mend.answer,
          ),
        ]),
    ...(other.length === 0 ? [] : [fail(`the key set has another key by the name ${other.join(', ')}`, mend.answer)]),
    ...(lacking.length + foreign.length + other.length === 0
      ? [warn("the key set has the broker's own keys in other bytes", mend.answer)]
      : []),
  ];
}

/** Keys by `kid`, each as one text whatever the order of its members. */
function keysOf(text: string): ReadonlyMap<string, string> {
  const keys = objectOf(text)?.keys;
  return new Map(
    (Array.isArray(keys) ? keys : [])
      .filter(isJsonObject)
      .map((key) => [String(key.kid), JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)))]),
  );
}

function objectOf(text: string): JsonObject | undefined {
  const read = readJson(text);
  return read.ok && isJsonObject(read.value) ? read.value : undefined;
}
