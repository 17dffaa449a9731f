// One vector: chains that differ in one defect, and the exact problem of the one that has it. `good` is the twin.

import type { CertificateProblem } from '../../../src/core/certificate-problem.ts';
import type { Key, Mint, Plan } from './mint.ts';

export interface Presented {
  /** DER, the leaf first. */
  readonly chain: readonly Buffer[];
  /** PKCS #8 PEM of the leaf's key. */
  readonly key: string;
  /** DER of the trust domain's X.509 authorities. */
  readonly anchors: readonly Buffer[];
  /** Why it cannot be presented over TLS by Node as it stands, where it cannot. */
  readonly unpresentable?: string;
}

export interface Vector {
  /** The defect. */
  readonly name: string;
  /** The row, section or attack that it is of. */
  readonly of: string;
  readonly expected: CertificateProblem;
  readonly bad: Presented;
  readonly good: Presented;
}

/** What differs from the good chain; `chain` and `anchors` arrange what was made. */
export interface Plans {
  readonly root?: Plan;
  readonly middle?: Plan;
  readonly leaf?: Plan;
  readonly leafKey?: Key;
  readonly chain?: (made: Made) => readonly Buffer[];
  readonly anchors?: (made: Made) => readonly Buffer[];
  readonly unpresentable?: string | undefined;
}

export interface Made {
  readonly root: Buffer;
  readonly middle: Buffer;
  readonly leaf: Buffer;
}

export function present(mint: Mint, plans: Plans = {}): Presented {
  const made = { root: mint.root(plans.root), middle: mint.middle(plans.middle), leaf: mint.leaf(plans.leaf) };
  const key = (plans.leafKey ?? mint.keys.leaf).privateKey;
  return {
    chain: plans.chain?.(made) ?? [made.leaf, made.middle],
    anchors: plans.anchors?.(made) ?? [made.root],
    key: String(key.export({ format: 'pem', type: 'pkcs8' })),
    ...(plans.unpresentable !== undefined && { unpresentable: plans.unpresentable }),
  };
}

/** What is wrong, the row it is of, the problem, the bad chain, the good one, why the bad one cannot be presented. */
export type Row = readonly [
  name: string,
  of: string,
  expected: CertificateProblem,
  bad: Plans,
  good?: Plans,
  unpresentable?: string,
];

export const vectorOf = (mint: Mint, [name, of, expected, bad, good, unpresentable]: Row): Vector => ({
  name,
  of,
  expected,
  bad: present(mint, { unpresentable, ...bad }),
  good: present(mint, good),
});
