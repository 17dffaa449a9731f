// Verdicts about the certificates of a live connection. Every request is judged again, but finding a path anew each time
// would hand whoever connects a lever: a verdict is kept by the connection's certificates and by the very authorities it was made
// with, and a good one for as long as every certificate of its path is valid. Another bundle, or a moment past, and it is made anew.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import type { PresentedCertificates } from '../core/client.ts';
import type { Certificate } from '../x509/certificate.ts';

/** What a path search says. Times in seconds since the epoch, of the whole path. */
export type PathVerdict =
  | { readonly ok: true; readonly notBeforeSeconds: number; readonly notAfterSeconds: number }
  | { readonly ok: false; readonly problem: CertificateProblem };

interface Kept<Verdict> {
  readonly anchors: readonly Certificate[];
  readonly verdict: Verdict;
  /** The whole second in which it was made. */
  readonly second: number;
}

export type JudgeKept<Verdict extends PathVerdict> = (
  presented: PresentedCertificates,
  anchors: readonly Certificate[],
  nowSeconds: number,
  judge: () => Verdict,
) => Verdict;

/** Verdicts of one judge, kept for as long as their connections live. */
export function createKeptVerdicts<Verdict extends PathVerdict>(): JudgeKept<Verdict> {
  const kept = new WeakMap<PresentedCertificates, Kept<Verdict>>();
  return (presented, anchors, nowSeconds, judge) => {
    const known = kept.get(presented);
    if (known?.anchors === anchors && holdsAt(known, nowSeconds)) return known.verdict;
    const verdict = judge();
    kept.set(presented, { anchors, verdict, second: Math.floor(nowSeconds) });
    return verdict;
  };
}

/** A refusal is kept for its second: certificates that are not valid yet may become so. */
const holdsAt = ({ verdict, second }: Kept<PathVerdict>, nowSeconds: number): boolean =>
  verdict.ok
    ? nowSeconds >= verdict.notBeforeSeconds && nowSeconds <= verdict.notAfterSeconds
    : second === Math.floor(nowSeconds);
