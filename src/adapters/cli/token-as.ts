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
    order: {
      readonly source: string;
      readonly target: string;
      readonly claims: Claims;
      readonly client: string | undefined;
      readonly actor: string | undefined;
    },
  ): Promise<SignedForDev>;
  /** The parameters of a request beside its subject token: who acts, and what authenticates the client. Rejects likewise. */
  beside(
    place: BrokerPlace,
    order: {
      readonly target: string;
      readonly subject: string | undefined;
      readonly client: string | undefined;
      readonly actor: { readonly source: string; readonly claims: Claims } | undefined;
    },
  ): Promise<{ readonly parameters: Claims }>;
}

type Claims = Readonly<Record<string, string>>;

export interface AsFlags {
  readonly as?: string;
  readonly claim?: readonly string[];
  readonly actor?: string;
  readonly actorClaim?: readonly string[];
  readonly client?: string;
  readonly broker?: string;
  readonly from?: string;
}

/** What is wrong with these flags together. */
export function asProblem({ as, claim, actor, actorClaim, client, broker, from }: AsFlags): string | undefined {
  if (as === undefined && claim !== undefined) return '--claim is for --as';
  if (actor === undefined && actorClaim !== undefined) return '--actor-claim is for --actor';
  if (as !== undefined && (broker !== undefined || from !== undefined))
    return '--as excludes --broker and --from: what dev signs is for dev alone';
  if ((actor !== undefined || client !== undefined) && broker !== undefined)
    return '--actor and --client exclude --broker: what dev signs is for dev alone';
  if (!claimsOf(claim ?? [])) return '--claim must be name=value';
  return claimsOf(actorClaim ?? []) ? undefined : '--actor-claim must be name=value';
}

/** Who acts and who asks, as flags say it; undefined where neither does. */
export function besideOf(
  { as, actor, actorClaim = [], client }: AsFlags,
  target: string,
): Parameters<SignAsTools['beside']>[1] | undefined {
  if (actor === undefined && client === undefined) return undefined;
  const acting = actor === undefined ? undefined : { source: actor, claims: claimsOf(actorClaim) ?? {} };
  return { target, subject: as, client, actor: acting };
}

/** By name; undefined where one is no `name=value`. A name that stands twice counts as it stands last. */
export function claimsOf(claims: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = claims.map((claim) => /^([^=]+)=(.*)$/s.exec(claim)?.slice(1));
  return pairs.every((pair) => pair !== undefined) ? Object.fromEntries(pairs) : undefined;
}
