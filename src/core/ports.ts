// What the path needs from the world. Each interface is implemented in one stage folder and handed over by compose.ts;
// its comment is the contract: what it may throw, whether calls may overlap, and what it never does.

import type { PresentedClient, ProvedClient } from './client.ts';
import type { Decision, ProvedGrant, Question } from './decision.ts';
import type { JsonObject } from './json.ts';
import type { Principal, ProvedPrincipal, Role } from './principal.ts';
import type { ExchangeRecord } from './record.ts';
import type { ClientRefusal, CredentialRefusal, Result, UnavailableRefusal } from './refusal.ts';
import type { Credential, GrantType, IssuedTokenType } from './request.ts';

/** The clock. `nowSeconds` is wall time with milliseconds; `elapsedMs` only ever grows. Never throws. */
export interface Clock {
  nowSeconds(): number;
  elapsedMs(): number;
}

/** Unguessable bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/**
 * Proves credentials. Exactly one source is responsible for a token. Refusals are returned; it throws
 * only for faults of ours. May wait for keys up to KEYS_WAIT_MS, after all local checks. Calls may overlap.
 */
export interface Verifiers {
  verify(
    credential: Credential,
    role: Role,
    nowSeconds: number,
  ): Promise<Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal>>;
}

/**
 * Authenticates OAuth clients: exactly one method each. Undefined where nobody claims to be a client; a registered `client_id` is
 * such a claim. Refusals are returned; throws only for faults. May wait for keys as `Verifiers` do. Calls may overlap.
 */
export interface Clients {
  authenticate(
    presented: PresentedClient,
    grantType: GrantType,
    nowSeconds: number,
  ): Promise<Result<ProvedClient | undefined, ClientRefusal | CredentialRefusal | UnavailableRefusal>>;
}

/** Pure policy. Same arguments, same decision: no I/O, no clock, no state. Never throws. */
export interface Policy {
  /** SHA-256, hex, of everything it was compiled from. */
  readonly digest: string;
  decide<P extends Principal>(question: Question<P>): Decision<P>;
  /** Keys (record.ts `claimKey`) of the claims that some rule, the source's `require` or its kind's table names. */
  claimsNamed(source: string): ReadonlySet<string>;
}

/** What an issuer is asked to make. */
export interface IssueOrder {
  /** Becomes `jti`: the decision id. */
  readonly id: string;
  readonly grant: ProvedGrant;
  readonly issuedTokenType: IssuedTokenType;
  /** Whole seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** What was made, ready for the caller. */
export interface Issued {
  readonly token: string;
  readonly tokenType: 'Bearer' | 'N_A';
  readonly issuedTokenType: IssuedTokenType;
}

/** What an issued thing says, read back from its own bytes. */
export interface IssuedFacts {
  readonly id: string;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** `cnf` `x5t#S256`; null for a bearer token, so that its absence is compared too. */
  readonly boundTo: string | null;
}

/** Makes one kind of output for one target. Never widens the order. Throws on any fault. Calls may overlap. */
export interface Issuer {
  issue(order: IssueOrder): Promise<Issued>;
  /** Parses what was issued. Does not verify its signature. Throws if it cannot be read. */
  read(issued: Issued): IssuedFacts;
  /** What `read` must give back for this order, and nothing else. */
  expect(order: IssueOrder): IssuedFacts;
}

/** What our own tokens are signed with. */
export type SigningAlgorithm = 'ES256' | 'RS256';

/** Signs a JWT. The key never leaves the implementation. Throws if there is no usable key. Calls may overlap. */
export interface Signer {
  sign(algorithm: SigningAlgorithm, typ: string, claims: JsonObject): Promise<string>;
}

/** One of our signing keys as operators see it: without its private part. Times are seconds since the epoch. */
export interface SigningKeyView {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly state: 'next' | 'current' | 'retired';
  readonly createdAtSeconds: number;
  readonly currentSinceSeconds?: number;
  readonly retiredAtSeconds?: number;
}

/** A key that was revoked, and the keys that there are since. */
export interface RevokedKey {
  readonly revoked: SigningKeyView;
  readonly keys: readonly SigningKeyView[];
}

/** One use of a credential that can be spent. */
export interface Spending {
  readonly purpose: Role;
  /**
   * As proved, not the operator's name for the source: a source that is renamed makes nothing spendable again. For a client's
   * assertion its `iss`, the `client_id`.
   */
  readonly issuer: string;
  readonly jti: string;
  /** Set for the class `once-per-target`. */
  readonly target: string | undefined;
}

/**
 * Remembers what has been spent. `claim` is atomic over every caller and every replica, and durable before it resolves;
 * it answers the decision that holds the claim: the caller's own `decision` where it won. It throws StoreUnavailable where it
 * cannot know; it never lets a credential pass unasked. `release` gives back a claim whose decision issued nothing; it never
 * rejects: what cannot be given back stays spent.
 */
export interface SpentStore {
  claim(spending: Spending, decision: string, untilSeconds: number): Promise<string>;
  release(spending: Spending, decision: string): Promise<void>;
}

/** Thrown by a store that cannot answer for certain. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/**
 * Takes records. Resolves once the record is durable as configured; rejects with AuditUnavailable where that did not
 * happen within RECORD_WRITE_MS, and then nothing may leave. Calls may overlap; records keep the order of the calls.
 */
export interface Audit {
  write(record: ExchangeRecord): Promise<void>;
}

/** Thrown when a record could not be written in time. */
export class AuditUnavailable extends Error {
  override readonly name = 'AuditUnavailable';
}

/** Told of every finished request, for metrics and logs. Never throws, never blocks. */
export interface Observer {
  exchanged(record: ExchangeRecord, elapsedMs: number): void;
  fault(decision: string, error: unknown): void;
}

/** Requests in work. `enter` returns the function that leaves; a reload waits until all who entered before it have left. */
export interface Epochs {
  enter(): () => void;
}

/** Everything that configuration decides, as one immutable value; swapped whole, never changed. */
export interface Snapshot {
  readonly generation: number;
  readonly clients: Clients;
  readonly verifiers: Verifiers;
  readonly policy: Policy;
  /** By target name. */
  readonly issuers: ReadonlyMap<string, Issuer>;
}

/**
 * Where the keys of a source come from. Sources with equal origins share one cache. `ca` and `file` are absolute paths of files that
 * configuration has read; a `tokenFile` is read anew for every request, because whoever mounts it renews it.
 */
export type KeyOrigin =
  /** `base` is where the discovery document is fetched from, where that is not the issuer itself. */
  | ({ readonly from: 'discovery'; readonly issuer: string; readonly base?: string } & OriginNetwork)
  | ({ readonly from: 'url'; readonly url: string } & OriginNetwork)
  | { readonly from: 'file'; readonly file: string }
  /** No keys at all: somebody else is asked about every token (TokenReview). */
  | { readonly from: 'none' }
  | BundleOrigin;

interface OriginNetwork {
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly privateNetwork: boolean;
}

/** Where the bundle of a SPIFFE trust domain comes from. It holds the keys of JWT-SVIDs and the authorities of X.509-SVIDs. */
export type BundleOrigin =
  | { readonly from: 'bundle'; readonly trustDomain: string; readonly file: string }
  | ({
      readonly from: 'bundle_endpoint';
      readonly trustDomain: string;
      readonly url: string;
      readonly profile:
        | { readonly name: 'https_web' }
        /** `bootstrap`: the file that vouches for the endpoint's first SVID, where the endpoint is of the trust domain it serves. */
        | { readonly name: 'https_spiffe'; readonly endpointId: string; readonly bootstrap?: string };
      /** Older bundles are not used any more; undefined: the last good one is kept until it is replaced. */
      readonly staleSecondsMax?: number;
    } & Pick<OriginNetwork, 'ca' | 'privateNetwork'>)
  | { readonly from: 'workload_api'; readonly trustDomain: string; readonly socket: string };

/** The keys of one origin, for verifiers. */
export interface KeySource {
  /**
   * The keys that may have signed under this header, at most KEYS_TRIED_MAX. An unknown `kid` may cause one refetch, within the
   * origin's cooldown, and waits for it at most KEYS_WAIT_MS. Never throws. Calls may overlap and share one fetch.
   */
  find(header: { readonly alg: SignatureAlgorithm; readonly kid: string | undefined }): Promise<KeysFound>;
}

export type KeysFound =
  | { readonly found: readonly VerificationKey[] }
  /** The origin's current keys are known, and none of them fits; `file`, with the `kid`s in it, where a file holds them. */
  | { readonly found: 'none'; readonly file?: { readonly path: string; readonly kids: readonly string[] } }
  /** The origin's keys are not known. */
  | { readonly found: 'unavailable'; readonly retryAfterSeconds: number };

/** One public key, bound to one algorithm. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly alg: SignatureAlgorithm;
  readonly key: CryptoKey;
}

export type SignatureAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'PS256'
  | 'PS384'
  | 'PS512';

/** The only way outward. Bounded in time and bytes; https only; never follows a redirect to another origin. Never throws. */
export interface Outbound {
  /** A GET, or a POST where the request has a body. A redirect of a POST, or of a request with a bearer, is not followed. */
  request(request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundRequest {
  readonly url: string;
  readonly bytesMax: number;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
  /** Permits private addresses for this origin; never link-local. */
  readonly privateNetwork?: boolean;
  readonly accept: string;
  /** Sent as `Authorization: Bearer`, to the URL's own origin alone. */
  readonly bearer?: string;
  /** Makes the request a POST; answers 200 and 201 are taken. */
  readonly body?: { readonly mediaType: string; readonly text: string };
  /** All of the request, redirects included; OUTBOUND_MS where absent. */
  readonly deadlineMs?: number;
  /**
   * Judges the server by its certificates (DER, leaf first, as presented) instead of by name and authority: the profile
   * `https_spiffe` (SPIFFE Federation §5.2.2). Gives what is wrong, or undefined. Asked before anything is sent.
   */
  readonly serverProblem?: (chain: readonly Uint8Array[]) => string | undefined;
  /** Our own certificate for the server, where it asks for one. */
  readonly identity?: TlsIdentity;
  /** An answer of 400 or above is given with its body, marked as `refused`, instead of as a problem. */
  readonly refusals?: true;
}

/** PEM texts. The key is secret: never printed, logged or put into a message. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

export type OutboundAnswer =
  /** `refused`: the server said no, and the body is its reason; only where the request takes `refusals`. */
  | { readonly ok: true; readonly body: Uint8Array; readonly refused?: OutboundRefused }
  | { readonly ok: false; readonly problem: OutboundProblem; readonly detail: string };

export interface OutboundRefused {
  readonly status: number;
  /** Whole seconds of `Retry-After`, where it says them. */
  readonly retryAfterSeconds: number | undefined;
}

export type OutboundProblem =
  | 'url'
  | 'address'
  | 'timeout'
  | 'too_large'
  | 'redirect'
  | 'tls'
  | 'network'
  | 'status'
  | 'encoding';

/**
 * One SPIFFE Workload API (SPIFFE Workload API §5 and §6), as its streams said last. Each message is the whole state: what is
 * absent has been taken back (SA-03). Reconnects by itself, and keeps what it has while the agent is away. Never throws.
 */
export interface WorkloadApi {
  /** The broker's own X.509-SVID, the first that is given; undefined before there is one, once it was taken back, and once expired. */
  identity(): WorkloadIdentity | undefined;
  /** By trust domain; undefined before the first message of that stream. A domain without an entry has none. */
  x509Bundles(): ReadonlyMap<string, readonly Uint8Array[]> | undefined;
  /** The JWK Set of each trust domain, as text; undefined before the first message of that stream. */
  jwtBundles(): ReadonlyMap<string, string> | undefined;
  /** Calls back after every message that changed anything. Gives the function that ends it. */
  onChange(listener: () => void): () => void;
  status(): WorkloadApiStatus;
}

export interface WorkloadIdentity {
  readonly spiffeId: string;
  /** PEM, leaf first, with its private key. */
  readonly tls: TlsIdentity;
  readonly expiresAtSeconds: number;
}

export interface WorkloadApiStatus {
  /** `connected`: every stream has delivered since it was opened last. */
  readonly state: 'connecting' | 'connected' | 'down';
  /** Wall time of the last message of any stream. */
  readonly updatedAtSeconds: number | undefined;
  /** Attempts that failed since the last message. */
  readonly failures: number;
  /** Without a byte of what the agent said. */
  readonly lastProblem: string | undefined;
}
