// `token --as SOURCE --claim k=v`: the credential comes from a running `exchequer dev`, which signs it for one of its sources, and goes to
// that `dev` and to nobody else: its issuer and its authority are used, whatever a flag or a variable names for real brokers.

import type { BrokerPlace } from './place.ts';

/** Where `dev` is reached: its issuer, and the PEM text of its authority. */
export interface DevAddress {
  readonly issuer: string;
  readonly ca: string;
}

/** A credential of `dev`, and its type as a token exchange names it. */
export interface SignedForDev extends DevAddress {
  readonly token: string;
  readonly tokenType: string;
}

export interface SignAsTools {
  /** The `dev` that runs on this configuration, or undefined. */
  place(place: BrokerPlace): Promise<DevAddress | undefined>;
  /** Rejects with why there is none. */
  sign(
    place: BrokerPlace,
    order: { readonly source: string; readonly target: string; readonly claims: Readonly<Record<string, string>> },
  ): Promise<SignedForDev>;
}

export interface AsFlags {
  readonly as?: string;
  readonly claim?: readonly string[];
  readonly broker?: string;
  readonly from?: string;
}

/** What is wrong with these flags together. */
export function asProblem({ as, claim, broker, from }: AsFlags): string | undefined {
  if (as === undefined) return claim === undefined ? undefined : '--claim is for --as';
  if (broker !== undefined || from !== undefined)
    return '--as excludes --broker and --from: what dev signs is for dev alone';
  return claimsOf(claim ?? []) ? undefined : '--claim must be name=value';
}

/** By name; undefined where one is no `name=value`. A name that stands twice counts as it stands last. */
export function claimsOf(claims: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = claims.map((claim) => /^([^=]+)=(.*)$/s.exec(claim)?.slice(1));
  return pairs.every((pair) => pair !== undefined) ? Object.fromEntries(pairs) : undefined;
}
