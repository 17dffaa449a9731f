// What is wrong with a trust bundle, wherever it came from: what the broker's own reader took, what it left out and why, and what would
// be held against each authority whatever it signs. Shows public keys' names only.

import type { VerificationKey } from '../../core/outside.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { judgeAuthority } from '../../x509/svid.ts';
import { badCertificate, type Check, type Fact, type Inspection, no, unjudged, yes } from './inspect-report.ts';
import { certificateFacts } from './inspect-x509.ts';

/** A bundle as the broker reads it. */
export interface BundleSeen {
  readonly keys: readonly VerificationKey[];
  readonly authorities: readonly Certificate[];
  readonly ignored: readonly { readonly index: number; readonly why: string }[];
  readonly sequence?: bigint;
  readonly refreshHintSeconds?: number;
}

export type BundleRead =
  | { readonly ok: true; readonly bundle: BundleSeen }
  /** The end of a sentence that begins with the bundle. */
  | { readonly ok: false; readonly problem: string };

const BUNDLE = 'SPIFFE Trust Domain and Bundle';
/** Elements that others may have use for: a reader must ignore them, and no one is wrong (SB-04). */
const FOREIGN = ['has an unknown kty', 'has a use other than jwt-svid'];

export function inspectBundle(what: string, read: BundleRead, nowSeconds: number): Inspection {
  if (!read.ok) return { what, facts: [], checks: [no(`it ${read.problem}`, `${BUNDLE} §4`)] };
  const { keys, authorities, ignored, sequence, refreshHintSeconds } = read.bundle;
  const facts: readonly Fact[] = [
    ...(sequence === undefined ? [] : [['sequence', String(sequence)] as const]),
    ...(refreshHintSeconds === undefined
      ? []
      : [['refresh hint', `${refreshHintSeconds} s, within our bounds`] as const]),
    ...authorities.flatMap((authority, index) => certificateFacts(`authority ${index + 1}`, authority)),
    ...jwtKeyFacts(keys),
  ];
  const checks = [
    yes('it can be read', `${BUNDLE} §4`),
    ...ignored.map(({ index, why }) =>
      (FOREIGN.includes(why) ? unjudged : no)(`element ${index + 1} ${why}: not used`, `${BUNDLE} §4.2`),
    ),
    ...authorities.map((authority, index) => authorityCheck(`authority ${index + 1}`, authority, nowSeconds)),
    ...useChecks(authorities.length, keys.length),
  ];
  return { what, facts, checks };
}

/** A key stands once for each algorithm that it may have. */
function jwtKeyFacts(keys: readonly VerificationKey[]): readonly Fact[] {
  const byKid = Map.groupBy(keys, ({ kid }) => kid ?? 'without kid');
  return [...byKid].map(([kid, same]) => ['jwt key', `${kid} (${same.map(({ alg }) => alg).join(', ')})`]);
}

function authorityCheck(which: string, authority: Certificate, nowSeconds: number): Check {
  const problem = judgeAuthority(authority, { nowSeconds, purpose: 'client' });
  if (problem === undefined) return yes(`${which} may sign X.509-SVIDs`, 'RFC 5280 §6.1.4, X509-SVID §3.2 and §4');
  const check = badCertificate(problem);
  return { ...check, says: `${which}: ${check.says}` };
}

function useChecks(authorities: number, keys: number): readonly Check[] {
  if (authorities + keys === 0)
    return [no('nothing in it can be used: every SVID of the trust domain is invalid', `${BUNDLE} §4.1.3`)];
  return [
    authorities > 0
      ? yes('it proves X.509-SVIDs', 'X509-SVID §6.2')
      : unjudged('it proves no X.509-SVIDs: the trust domain has none', 'X509-SVID §6.2'),
    keys > 0
      ? yes('it proves JWT-SVIDs', 'JWT-SVID §6.2')
      : unjudged('it proves no JWT-SVIDs: the trust domain has none', 'JWT-SVID §6.2'),
  ];
}
