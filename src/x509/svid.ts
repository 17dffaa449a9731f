// The SPIFFE profile of X.509 (X509-SVID §2 to §5): which workload a chain proves, judged against the authorities of that workload's
// own trust domain and of no other (SX-09). Which authorities those are is the caller's to say, by the domain of `svidId`.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import { parseSpiffeId, type SpiffeId } from '../parsing/spiffe-id.ts';
import type { Certificate } from './certificate.ts';
import type { Chain } from './chain.ts';
import { findPath, type Purpose, authorityProblem as pathProblem } from './path.ts';

export type SvidIdFound =
  | { readonly ok: true; readonly id: SpiffeId }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** The workload that a leaf claims to be. Unproved: it only says whose authorities have to be asked. */
export function svidId({ uriNames }: Certificate): SvidIdFound {
  const [name, ...more] = uriNames;
  if (name === undefined) return { ok: false, problem: 'uri_missing' };
  // SX-01: also where both are the same, and where the second is of another scheme.
  if (more.length > 0) return { ok: false, problem: 'uri_several' };
  const id = parseSpiffeId(name);
  if (id === undefined) return { ok: false, problem: 'spiffe_id' };
  return id.path === '' ? { ok: false, problem: 'spiffe_id_path' } : { ok: true, id };
}

export interface SvidInput {
  readonly chain: Chain;
  /** The X.509 authorities of the leaf's own trust domain. */
  readonly anchors: readonly Certificate[];
  readonly nowSeconds: number;
  readonly purpose: Purpose;
}

export type SvidJudged =
  | {
      readonly ok: true;
      readonly id: SpiffeId;
      readonly leaf: Certificate;
      /** When all of the path is valid. The verdict must be given again after its end. */
      readonly notBeforeSeconds: number;
      readonly notAfterSeconds: number;
    }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** Whether a chain proves the workload that its leaf names. Never throws. */
export function judgeSvid({ chain, anchors, nowSeconds, purpose }: SvidInput): SvidJudged {
  const [leaf, ...others] = chain;
  const claimed = svidId(leaf);
  if (!claimed.ok) return claimed;
  const problem = profileProblem(leaf);
  if (problem !== undefined) return { ok: false, problem };
  const found = findPath({ leaf, others, anchors, nowSeconds, purpose, authorityProblem });
  if (!found.ok) return found;
  const { notBeforeSeconds, notAfterSeconds } = found;
  return { ok: true, id: claimed.id, leaf, notBeforeSeconds, notAfterSeconds };
}

/** What would be held against an authority of a bundle whatever it signs; undefined where nothing would. Never throws. */
export const judgeAuthority = (
  authority: Certificate,
  { nowSeconds, purpose }: Pick<SvidInput, 'nowSeconds' | 'purpose'>,
): CertificateProblem | undefined =>
  pathProblem(authority, [], { nowSeconds, purpose }) ?? authorityProblem(authority, true);

/** What X509-SVID §4 asks of a leaf beyond RFC 5280; the rest stands in path.ts. */
function profileProblem({ isAuthority, keyUsage }: Certificate): CertificateProblem | undefined {
  if (isAuthority) return 'leaf_authority';
  if (keyUsage === undefined) return 'key_usage_missing';
  if (!keyUsage.critical) return 'key_usage_not_critical';
  return keyUsage.cRLSign ? 'leaf_signs' : undefined;
}

/** X509-SVID §3.2: a signing certificate may have an ID, and then one without a path. */
function authorityProblem({ uriNames, keyUsage }: Certificate, isAnchor: boolean): CertificateProblem | undefined {
  // §4.3: signing certificates have keyCertSign. Roots that OpenSSL makes by default have no key usage, and stand in bundles.
  if (keyUsage === undefined && !isAnchor) return 'issuer_key_usage';
  const ids = uriNames.filter((name) => /^spiffe:/i.test(name)).map(parseSpiffeId);
  return ids.length > 1 || ids.some((id) => id?.path !== '') ? 'issuer_spiffe_id' : undefined;
}
