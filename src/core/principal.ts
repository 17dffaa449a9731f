// Who somebody is: the claims of a principal, and the proof that turns them into a proved one.
// A proved principal is made in one place only, by a verifier, after every check of its credential; nothing else may
// call `asProved` (test/architecture.test.ts). What is merely assumed, by `explain` and tests, never gets the brand.

import type { JsonObject } from './json.ts';

/** How often a credential may be spent: once, once for each target, or as often as it is valid (core/spend.ts). */
export type ReplayClass = 'once' | 'once-per-target' | 'reusable';

/** Who learns why a principal of a source was refused: the caller too, or the operator's records only. */
export type Tell = 'caller' | 'operator';

/** Where a credential stands in a request. */
export type Role = 'subject' | 'actor' | 'client';

/** An identity, proved or assumed. */
export interface Principal {
  /** The configured name of the trust source. */
  readonly source: string;
  /** The kind of that source: `github`, `kubernetes`, `spiffe`, `oidc`, ... */
  readonly kind: string;
  /** `iss` as the credential says it; for SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  /** `sub`, byte for byte. */
  readonly subject: string;
  /** The one name under which the principal is issued, recorded, blocked and pinned by others. */
  readonly name: string;
  readonly claims: JsonObject;
}

/** What verification found out beside the identity. */
export interface Proof {
  /**
   * SHA-256, hex, of a token's signing input, the same for every spelling of one signature, or of a certificate; undefined
   * for a shared secret, of which nothing is recorded.
   */
  readonly sha256: string | undefined;
  readonly jti: string | undefined;
  /** Seconds since the epoch; nothing made from the credential outlives it. Kubernetes: the earlier of `exp` and `warnafter`. */
  readonly expiresAt: number;
  readonly replay: ReplayClass;
  readonly tell: Tell;
  /** Whether the credential may be presented by the workload itself, without an OAuth client. */
  readonly presenter: 'self' | 'client';
  /** The one `aud` value of its source that the credential bore: what a client must be registered for to present it. */
  readonly audience: string;
  /** The key that the credential is bound to: its `cnf`. */
  readonly boundTo: Confirmation | undefined;
  /** Seconds since the epoch: `iat`, or the start of a certificate's validity; absent where the credential says neither. */
  readonly issuedAt?: number | undefined;
  /** Its handle (parsing/token-handle.ts); absent where it has no `jti`. */
  readonly handle?: string | undefined;
  /** What it says beside who it is about; absent where it says nothing more. */
  readonly carried?: Carried | undefined;
  /** Absent where nothing is known of what its platform puts into tokens: then no claim is unknown. */
  readonly accounted?: AccountedClaims | undefined;
}

/** How a token is held to a key: the claim `cnf` with its one member (RFC 8705 §3.1, RFC 9449 §6.1). */
export type Confirmation = { readonly 'x5t#S256': string } | { readonly jkt: string };

/** The first proof of a chain, byte for byte. It decides nothing. */
export interface Origin {
  readonly iss: string;
  readonly sub: string;
}

/** One actor, as a token names it. */
export interface Actor {
  readonly iss: string;
  readonly sub: string;
  /** Its other members, byte for byte as they were found; `act` is none of them. */
  readonly others: JsonObject;
}

/** The current actor first, the earliest last; empty where nobody acts. */
export type Actors = readonly Actor[];

/** What a token says that what is made from it must say again, or obey. */
export interface Carried {
  /** `act`: who acts already. */
  readonly actors: Actors;
  /** `may_act`: who may. */
  readonly mayAct: JsonObject | undefined;
  /** Scopes that nothing made from it exceeds; undefined where it sets no such bound. */
  readonly scopesMax: readonly string[] | undefined;
  /** How a person was authenticated; absent in what workloads have. */
  readonly authentication: Authentication | undefined;
  /** Of one of our own tokens: what it was made of, and where the chain began. */
  readonly own: { readonly lineage: readonly string[]; readonly origin: Origin; readonly clientId: string } | undefined;
}

/** How a person authenticated (OpenID Connect Core §2). */
export interface Authentication {
  /** Seconds since the epoch. */
  readonly authTime: number;
  readonly acr: string | undefined;
}

/** What claims say of it. An `auth_time` of another type says nothing: then nothing is confirmed. */
export function authenticationOf({ auth_time: authTime, acr }: JsonObject): Authentication | undefined {
  if (typeof authTime !== 'number' || !Number.isSafeInteger(authTime)) return undefined;
  return { authTime, acr: typeof acr === 'string' ? acr : undefined };
}

/** Claims that somebody has thought about, as keys of their paths (core/claim-path.ts): made once for a kind. */
export interface AccountedClaims {
  readonly keys: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

declare const proved: unique symbol;

/** A principal whose credential passed every check of its source. */
export type ProvedPrincipal = Principal & { readonly proof: Proof; readonly [proved]: true };

/** Marks a principal as proved. For verifiers only, after every check has passed. */
export const asProved = (principal: Principal, proof: Proof): ProvedPrincipal =>
  Object.freeze({ ...principal, proof }) as ProvedPrincipal;
