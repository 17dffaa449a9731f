// The claims of a principal as its record kept them: in full, cut with the SHA-256 of the whole, by name only, or not at all, which means
// that the credential had none. Where a record says that it left claims out, nothing is absent any more.

import { claimKey } from '../../core/claim-path.ts';
import { blankObject, isJsonObject, type Json, type JsonObject, putAt } from '../../core/json.ts';
import { RECORDED_VALUE_BYTES_MAX } from '../../core/limits.ts';
import type { Knowledge, KnowledgeOf } from '../walk/known.ts';

export interface RecordedClaims {
  /** Those whose whole value is recorded, as they were nested. */
  readonly known: JsonObject;
  /** By claimKey. */
  readonly cut: ReadonlyMap<string, Extract<Knowledge, { is: 'cut' }>>;
  /** Present, their values not recorded: paths joined by `/`. */
  readonly named: readonly string[];
  /** Whether what is not listed was absent. */
  readonly complete: boolean;
}

/** Reads them from a record. */
export function claimsOf({ claims, otherClaims, leftOut }: JsonObject): RecordedClaims {
  const known = blankObject();
  const cut = new Map<string, Extract<Knowledge, { is: 'cut' }>>();
  for (const claim of isList(claims) ? claims : []) {
    if (!isJsonObject(claim) || !isList(claim.path)) continue;
    const path = claim.path.filter((name) => typeof name === 'string');
    const { value = null, sha256 } = claim;
    if (typeof sha256 !== 'string') putAt(known, path, value);
    else cut.set(claimKey(path), { is: 'cut', of: typeof value === 'string' ? 'text' : 'list', sha256 });
  }
  const named = isList(otherClaims) ? otherClaims.filter((name) => typeof name === 'string') : [];
  // `claims`, `otherClaims`, or how many of either.
  const complete = !(isList(leftOut) ? leftOut : []).some((what) => /^(?:claims|otherClaims)\b/.test(String(what)));
  return { known, cut, named, complete };
}

/** What is known of each claim. */
export function recordedKnowledge({ known, cut, named, complete }: RecordedClaims): KnowledgeOf {
  const names = new Set(named);
  const parents = new Set(named.flatMap((name) => parentsOf(name)));
  return (path) => {
    let value: Json = known;
    for (const [index, name] of path.entries()) {
      // Something of the record stands for it, or for what it is a part of.
      if (!isJsonObject(value)) return { is: 'mistyped' };
      if (Object.hasOwn(value, name)) {
        value = value[name] ?? null;
        continue;
      }
      const whole = cut.get(claimKey(path));
      if (whole) return whole;
      if (path.some((_, end) => end >= index && end < path.length - 1 && cut.has(claimKey(path.slice(0, end + 1)))))
        return { is: 'mistyped' };
      return complete && !mayBeNamed(path, names, parents) ? { is: 'absent' } : { is: 'unknown' };
    }
    return { is: 'known', value };
  };
}

/**
 * Whether the record names a claim here, above or below without its value. Joined paths can be read in more than one way where a name
 * has a `/` itself, and long names are cut: then too it may be.
 */
function mayBeNamed(path: readonly string[], names: ReadonlySet<string>, parents: ReadonlySet<string>): boolean {
  const joined = path.join('/');
  if (parents.has(joined) || joined.length * 3 > RECORDED_VALUE_BYTES_MAX) return true;
  return path.some((_, index) => names.has(path.slice(0, index + 1).join('/')));
}

/** Whether all that a policy asks of these claims is known: then they can be decided on as they are. */
export function areWhole({ cut, named, complete }: RecordedClaims, paths: AskedPaths): boolean {
  if (!complete || cut.size > 0 || paths.long) return false;
  for (const name of named) {
    if (paths.above.has(name)) return false;
    if (name.includes('/') && parentsOf(name).some((parent) => paths.joined.has(parent))) return false;
  }
  return true;
}

/** The claims that a policy looks at, of one source. */
export interface AskedPaths {
  /** Joined by `/`. */
  readonly joined: ReadonlySet<string>;
  /** The same, and all that they are parts of. */
  readonly above: ReadonlySet<string>;
  /** One of them is longer than records write names. */
  readonly long: boolean;
}

export function askedPaths(claimsNamed: readonly string[]): AskedPaths {
  const paths = claimsNamed.map((key) => key.split(claimKey(['', ''])));
  const joined = new Set(paths.map((path) => path.join('/')));
  return {
    joined,
    above: new Set(paths.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join('/')))),
    long: [...joined].some((name) => name.length * 3 > RECORDED_VALUE_BYTES_MAX),
  };
}

/** All that a joined path is a part of. */
function parentsOf(name: string): readonly string[] {
  const parents: string[] = [];
  for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1)) parents.push(name.slice(0, end));
  return parents;
}

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
