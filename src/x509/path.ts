// The path from a certificate to an anchor (RFC 5280 §6.1), searched from the leaf upwards over the certificates at hand in any order:
// cross-signed, doubled, superfluous or hostile ones cost a bounded number of signature checks and decide nothing. No leeway: a
// certificate says when it is valid to the second. No revocation: SVIDs are short-lived, and a removed anchor ends them at once.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import {
  NAME_COMPARISONS_MAX,
  PATH_CERTIFICATES_MAX,
  PATH_SIGNATURES_MICROSECONDS_MAX,
} from '../core/limits-outside.ts';
import { signatureMicroseconds, signedBy } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { constraintProblem } from './name-constraints.ts';
import type { GeneralName } from './names.ts';

export type Purpose = 'client' | 'server';

export interface PathInput {
  readonly leaf: Certificate;
  /** What came with it, in any order; proves nothing by itself. */
  readonly others: readonly Certificate[];
  /**
   * Where a path may end. Of an anchor its name and key are trusted, not its signature (RFC 5280 §6.1.1 d); what else it says
   * of itself is held against it like against any authority: validity, cA, key usage, path length, name constraints.
   */
  readonly anchors: readonly Certificate[];
  readonly nowSeconds: number;
  readonly purpose: Purpose;
  /** What a profile demands of each authority beyond RFC 5280. */
  readonly authorityProblem?: (authority: Certificate, isAnchor: boolean) => CertificateProblem | undefined;
}

export type PathFound =
  | {
      readonly ok: true;
      /** From the leaf to the anchor. */
      readonly path: readonly Certificate[];
      /** When all of the path is valid, the anchor included. */
      readonly notBeforeSeconds: number;
      readonly notAfterSeconds: number;
    }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** id-kp-clientAuth, id-kp-serverAuth and anyExtendedKeyUsage (RFC 5280 §4.2.1.12), the content of their identifiers in hex. */
const PURPOSES: Readonly<Record<Purpose, string>> = { client: '2b06010505070302', server: '2b06010505070301' };
const ANY_PURPOSE = '551d2500';

/** Finds one path on which everything holds, or says what ended the longest attempt. Never throws. */
export function findPath(input: PathInput): PathFound {
  const { leaf, anchors, nowSeconds, purpose } = input;
  if (anchors.some(({ sha256 }) => sha256 === leaf.sha256)) return { ok: false, problem: 'leaf_is_anchor' };
  const problem = leafProblem(leaf, nowSeconds, purpose);
  if (problem !== undefined) return { ok: false, problem };
  const search = createSearch(input);
  const path = search.extend([leaf]);
  if (path === undefined) return { ok: false, problem: search.problem() };
  return {
    ok: true,
    path,
    notBeforeSeconds: Math.max(...path.map(({ notBeforeSeconds }) => notBeforeSeconds)),
    notAfterSeconds: Math.min(...path.map(({ notAfterSeconds }) => notAfterSeconds)),
  };
}

/** Whatever the leaf stands for: it is valid now, no authority, and may sign handshakes for this purpose. */
function leafProblem(leaf: Certificate, nowSeconds: number, purpose: Purpose): CertificateProblem | undefined {
  const { keyUsage, extendedKeyUsage } = leaf;
  const side = outside(leaf, nowSeconds);
  if (side !== undefined) return side === 'before' ? 'not_yet_valid' : 'expired';
  if (leaf.isAuthority) return 'leaf_authority';
  if (leaf.unprocessed !== undefined) return leaf.unprocessed;
  if (leaf.key === undefined) return 'key';
  // RFC 5280 §4.2.1.9: keyCertSign belongs to authorities.
  if (keyUsage?.keyCertSign) return 'leaf_signs';
  if (keyUsage && !keyUsage.digitalSignature) return 'key_usage';
  if (extendedKeyUsage && !extendedKeyUsage.includes(PURPOSES[purpose])) return 'extended_key_usage';
  // RFC 5280 §4.2.1.6, SX-03.
  if (leaf.subject.rdns.length === 0 && !leaf.namesCritical) return 'names_not_critical';
  return undefined;
}

/** On which side of its validity an instant is; undefined within it, both ends included (RFC 5280 §4.1.2.5). */
function outside(
  { notBeforeSeconds, notAfterSeconds }: Certificate,
  nowSeconds: number,
): 'before' | 'after' | undefined {
  if (nowSeconds >= notBeforeSeconds && nowSeconds <= notAfterSeconds) return undefined;
  return nowSeconds < notBeforeSeconds ? 'before' : 'after';
}

interface Search {
  /** The path to an anchor that begins with these certificates, or undefined where there is none. */
  extend(path: readonly Certificate[]): readonly Certificate[] | undefined;
  problem(): CertificateProblem;
}

function createSearch(input: PathInput): Search {
  const anchored = new Set(input.anchors.map(({ sha256 }) => sha256));
  const bySubject = Map.groupBy(distinct([...input.anchors, ...input.others]), ({ subject }) => subject.der);
  let comparisons = NAME_COMPARISONS_MAX;
  let microseconds = PATH_SIGNATURES_MICROSECONDS_MAX;
  let farthest: { readonly problem: CertificateProblem; readonly certificates: number } | undefined;

  const note = (problem: CertificateProblem, certificates: number): void => {
    if (farthest === undefined || certificates > farthest.certificates) farthest = { problem, certificates };
  };
  const spend = (count: number): boolean => {
    comparisons -= count;
    return comparisons >= 0;
  };
  const stopped = (): boolean => comparisons < 0 || microseconds < 0;

  /** What is wrong with this authority as the next one on the path. The signature comes last: it is what costs. */
  const stepProblem = (authority: Certificate, path: readonly Certificate[]): CertificateProblem | undefined => {
    const problem =
      authorityProblem(authority, path, input) ??
      input.authorityProblem?.(authority, anchored.has(authority.sha256)) ??
      constraintsProblem(authority, path, spend);
    if (problem !== undefined) return problem;
    microseconds -= authority.key === undefined ? 0 : signatureMicroseconds(authority.key);
    if (microseconds < 0) return 'path_too_costly';
    return isSignedBy(path.at(-1), authority) ? undefined : 'signature_invalid';
  };

  const extend = (path: readonly Certificate[]): readonly Certificate[] | undefined => {
    const last = path.at(-1);
    if (last === undefined) return undefined;
    const tooLong = path.length >= PATH_CERTIFICATES_MAX;
    if (tooLong || last.signed.algorithm === undefined) {
      note(tooLong ? 'path_too_long' : 'signature_algorithm', path.length);
      return undefined;
    }
    for (const authority of likelyFirst(bySubject.get(last.issuer.der) ?? [], last)) {
      if (path.some((one) => isSameEntity(one, authority))) continue;
      const problem = stepProblem(authority, path);
      const longer = [...path, authority];
      if (problem !== undefined) note(problem, path.length);
      else if (anchored.has(authority.sha256)) return longer;
      const found = problem === undefined ? extend(longer) : undefined;
      if (found !== undefined || stopped()) return found;
    }
    note('issuer_unknown', path.length);
    return undefined;
  };

  return { extend, problem: () => (stopped() ? 'path_too_costly' : (farthest?.problem ?? 'issuer_unknown')) };
}

const distinct = (certificates: readonly Certificate[]): readonly Certificate[] => [
  ...new Map(certificates.map((one) => [one.sha256, one])).values(),
];

/** One name with one key: a path that came back to it would go in circles (RFC 4158 §5.2). */
const isSameEntity = (one: Certificate, other: Certificate): boolean =>
  one.subject.der === other.subject.der && one.keyDer === other.keyDer;

/** Those whose key the certificate says it was signed with come first. Only the order: key identifiers are not signed by anyone. */
function likelyFirst(authorities: readonly Certificate[], { authorityKeyId }: Certificate): readonly Certificate[] {
  if (authorities.length < 2 || authorityKeyId === undefined) return authorities;
  const [likely, others] = [true, false].map((is) =>
    authorities.filter(({ subjectKeyId }) => (subjectKeyId === authorityKeyId) === is),
  );
  return [...(likely ?? []), ...(others ?? [])];
}

function isSignedBy(certificate: Certificate | undefined, { key }: Certificate): boolean {
  if (certificate === undefined || key === undefined) return false;
  const { algorithm, bytes, signature } = certificate.signed;
  return algorithm !== undefined && signedBy(key, { algorithm, bytes, signature });
}

/** RFC 5280 §6.1.4, but for names. `path` is what this authority stands above, the leaf first; nothing where it is judged by itself. */
export function authorityProblem(
  authority: Certificate,
  path: readonly Certificate[],
  input: Pick<PathInput, 'nowSeconds' | 'purpose'>,
): CertificateProblem | undefined {
  const { keyUsage, extendedKeyUsage, pathLength } = authority;
  if (!authority.isAuthority) return 'issuer_not_authority';
  if (keyUsage && !keyUsage.keyCertSign) return 'issuer_key_usage';
  if (authority.unprocessed !== undefined) return authority.unprocessed;
  const side = outside(authority, input.nowSeconds);
  if (side !== undefined) return side === 'before' ? 'issuer_not_yet_valid' : 'issuer_expired';
  if (authority.key === undefined) return 'issuer_key';
  // An authority that names purposes vouches for no other: RFC 5280 leaves it open, OpenSSL and browsers hold it so.
  const purposes = [PURPOSES[input.purpose], ANY_PURPOSE];
  if (extendedKeyUsage && !extendedKeyUsage.some((one) => purposes.includes(one))) return 'issuer_extended_key_usage';
  // Self-issued certificates do not count, nor does the leaf.
  const below = path.slice(1).filter(({ selfIssued }) => !selfIssued).length;
  if (pathLength !== undefined && below > pathLength) return 'path_length';
  return undefined;
}

/** RFC 5280 §6.1.3 (b) and (c): every certificate below, but for self-issued authorities. */
function constraintsProblem(
  { nameConstraints }: Certificate,
  path: readonly Certificate[],
  spend: (comparisons: number) => boolean,
): CertificateProblem | undefined {
  if (nameConstraints === undefined) return undefined;
  for (const [index, certificate] of path.entries()) {
    if (index > 0 && certificate.selfIssued) continue;
    const problem = constraintProblem(nameConstraints, namesOf(certificate), spend);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** All that a constraint may speak about: alternative names, the subject, and mail addresses in the subject. */
function namesOf({ names, subject }: Certificate): readonly GeneralName[] {
  if (subject.rdns.length === 0) return names;
  const emails = subject.emails.map((text) => ({ form: 'email', text }) as const);
  return [...names, { form: 'directory', name: subject }, ...emails];
}
