// What a kind of trust source is to the rest: its options, where its keys come from, and how it makes a verifier. Adding a kind
// is one file that exports a `SourceKind`, and one line in compose.ts.

import type { z } from 'zod';
import type { Foreseen } from '../core/cause.ts';
import type { PresentedCertificates } from '../core/client.ts';
import type { JsonObject } from '../core/json.ts';
import type { KeyOrigin, KeySource, Outbound } from '../core/outside.ts';
import type { Clock } from '../core/ports.ts';
import type { Carried, Principal, ProvedPrincipal, ReplayClass, Role, Tell } from '../core/principal.ts';
import type { CredentialRefusal, Result, UnavailableRefusal } from '../core/refusal.ts';
import type { SentAs } from '../core/request.ts';
import type { UnprovedJws } from '../parsing/jws.ts';
import type { PlatformTable } from '../platforms/table.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { Chain } from '../x509/chain.ts';

/** What every source has, whatever its kind: resolved configuration. */
export interface SourceSettings {
  readonly name: string;
  /** The one `aud` value that its tokens must bear. */
  readonly audience: string;
  /** Our own issuer: the one `aud` value of assertions that authenticate a client (RFC 7523bis §4, SC-02). */
  readonly ownIssuer: string;
  /** Whether other values may stand beside it in `aud`. */
  readonly otherAudiences: boolean;
  /** Nothing made from a token of it has scopes that the token has not. */
  readonly scopesAreCeiling: boolean;
  readonly replay: ReplayClass | undefined;
  readonly tell: Tell | undefined;
  readonly maxAgeSeconds: number | undefined;
  /** The source's `require`, compiled: the name of the first claim that fails it. */
  readonly unmetRequirement: (claims: JsonObject) => string | undefined;
  /** The source's `require`, as written. */
  readonly require: Readonly<Record<string, unknown>>;
}

/** What the header of a token says. */
export type UnprovedHeader = Pick<UnprovedJws, 'header' | 'alg' | 'kid' | 'typ'>;

/** How a source is found for a token: by its trust domain, or by its issuer, byte for byte. */
export type Responsibility =
  | { readonly trustDomain: string }
  | { readonly issuer: string; readonly otherIssuers?: readonly string[]; readonly audience: string };

export interface SourceVerifier {
  readonly source: string;
  readonly kind: string;
  readonly responsibility: Responsibility;
  /** Who learns why its principals are refused. */
  readonly tell: Tell;
  /** Proves a parsed token. Waits for keys at most KEYS_WAIT_MS, after all local checks. Throws only for faults. */
  verify(
    jws: UnprovedJws,
    tokenType: SentAs,
    role: Role,
    nowSeconds: number,
  ): Promise<Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal>>;
  /** Proves a signed request, which is no JWT; absent where the kind takes none. As `verify` otherwise. */
  verifyRequest?(
    text: string,
    role: Role,
    nowSeconds: number,
  ): Promise<Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal>>;
  /** Proves a chain whose leaf is in the name of the source; absent where the kind proves nobody by certificates. */
  verifyCertificates?(
    presented: PresentedCertificates,
    chain: Chain,
    role: Role,
    nowSeconds: number,
  ): Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal>;
  /** The principal that these claims would make: every check of claims but those of time, and no proof. For `explain`. */
  assume(claims: JsonObject): Result<Principal, CredentialRefusal>;
  /** The claims that a name of its principals tells, without its source; undefined where none of them has it. */
  told(name: string): JsonObject | undefined;
  /** What a token with these claims says beside who it is about. For `explain` and tests; absent where the kind takes no tokens. */
  carries?(claims: JsonObject): Result<Carried | undefined, CredentialRefusal>;
  /**
   * What `verify` would come to before it looks for keys, times included, and the principal in spite of it. For `explain`. Without a
   * `header` there are claims alone: one that has no `exp` is not judged by time. Absent where the kind takes no tokens.
   */
  foresee?(claims: JsonObject, header: UnprovedHeader | undefined, nowSeconds: number, role?: Role): Foreseen;
}

/** What a verifier is made with, beside its settings and options. */
export interface SourceParts {
  readonly keys: KeySource;
  /** None where the origin of the keys is no bundle. */
  readonly authorities: Authorities;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Text of every file that configuration names, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
}

export interface SourceKind<Options extends z.ZodObject = z.ZodObject> {
  readonly kind: string;
  readonly table: PlatformTable;
  readonly options: Options;
  /** `iss` of its tokens; for SPIFFE `spiffe://<trust domain>`. */
  issuer(options: z.infer<Options>, ownIssuer: string): string;
  /** Further issuers of the same party, whose tokens the source proves too (KB-10). */
  otherIssuers?(options: z.infer<Options>): readonly string[];
  /** Nothing in its credentials names a source, so that there is at most one of the kind. */
  readonly alone?: true;
  /** The one `aud` value of its tokens, where the platform and not the job chooses it; else it is our issuer unless written. */
  audience?(options: z.infer<Options>): string | undefined;
  /** Whom its tokens are about. */
  subjects(options: z.infer<Options>): 'workloads' | 'people';
  /** Claims that pin a person, beside `sub`. */
  pins(options: z.infer<Options>): readonly string[];
  keyOrigin(options: z.infer<Options>): KeyOrigin;
  create(settings: SourceSettings, options: z.infer<Options>, parts: SourceParts): SourceVerifier;
}
