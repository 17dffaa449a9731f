// What the path needs from the world. Each interface is implemented in one stage folder and handed over by compose.ts;
// its comment is the contract: what it may throw, whether calls may overlap, and what it never does.

import type { PresentedClient, ProvedClient } from './client.ts';
import type { CloudCredential, CloudReach } from './cloud.ts';
import type { Decision, ProvedGrant, Question } from './decision.ts';
import type { JsonObject } from './json.ts';
import type { RequestRecord } from './own-token-record.ts';
import type { Actor, Authentication, Origin, Principal, ProvedPrincipal, Role } from './principal.ts';
import type { PresentedProof, ProvedKey } from './proof-of-possession.ts';
import type {
  ClientRefusal,
  CloudRefusal,
  CredentialRefusal,
  ProofRefusal,
  Result,
  SyntaxRefusal,
  UnavailableRefusal,
} from './refusal.ts';
import type { Ask, Credential, GrantType, IssuedTokenType, TokenRequest } from './request.ts';
import type { Standing, Withdrawal } from './withdrawal.ts';

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
  /** Everybody whom an actor in somebody's `act` can be, by the configured sources: assumed, and never proved. */
  whoIs(actor: Actor): readonly Principal[];
}

/** Reads our own tokens, whether or not they may be exchanged: signature, times, form. As `Verifiers` otherwise. */
export interface OwnTokens {
  verify(token: string, nowSeconds: number): Promise<Result<ProvedPrincipal, CredentialRefusal | UnavailableRefusal>>;
}

/** What somebody authenticates for. Who speaks of itself need not be registered, if its SVID says who it is; but it must be somebody. */
export type ClientPurpose = GrantType | 'introspection' | 'revocation' | 'cloud_identity';

/**
 * Authenticates OAuth clients: exactly one method each. Undefined where nobody claims to be a client, and none is needed for the
 * purpose; a registered `client_id` is such a claim. Refusals are returned; throws only for faults. May wait for keys as `Verifiers` do.
 * Calls may overlap.
 */
export interface Clients {
  authenticate(
    presented: PresentedClient,
    purpose: ClientPurpose,
    nowSeconds: number,
  ): Promise<Result<ProvedClient | undefined, ClientRefusal | CredentialRefusal | UnavailableRefusal>>;
}

/** Pure policy. Same arguments, same decision: no I/O, no clock, no state. Never throws. */
export interface Policy {
  /** SHA-256, hex, of everything it was compiled from. */
  readonly digest: string;
  decide<P extends Principal>(question: Question<P>): Decision<P>;
  /** Keys (claim-path.ts) of the claims that some rule, the source's `require` or its kind's table names. */
  claimsNamed(source: string): ReadonlySet<string>;
}

/** What an issuer is asked to make. */
export interface IssueOrder {
  /** Becomes `jti`: the decision id. */
  readonly id: string;
  readonly grant: ProvedGrant;
  readonly issuedTokenType: IssuedTokenType;
  /** What of a cloud session the caller narrows; undefined: nothing. */
  readonly session: Ask['session'];
  /** Whole seconds since the epoch. */
  readonly issuedAt: number;
  /** The latest that anything made for it may be valid until. */
  readonly expiresAt: number;
  /** Handles of the tokens that it is made of, oldest first (parsing/token-handle.ts). */
  readonly lineage: readonly string[];
  /** Everybody and everything that it is made from, as they can be withdrawn. */
  readonly standing: Standing;
  readonly origin: Origin;
  /** How the person was authenticated whom it is about. */
  readonly authentication: Authentication | undefined;
}

/** What was made, ready for the caller. */
export interface Issued {
  /** What stands as `access_token`: a token, or for AWS the credentials as JSON. */
  readonly token: string;
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A';
  readonly issuedTokenType: IssuedTokenType;
  /** Seconds since the epoch; of a cloud's credential as the cloud says it. */
  readonly expiresAt: number;
  /** What a cloud gave; undefined in a token of ours. */
  readonly cloud?: CloudCredential;
  /** The decision that it was made for, where that was an earlier one. */
  readonly madeFor?: string;
}

/** Makes one kind of output for one target. Never widens the order. Calls may overlap. */
export interface Issuer {
  /** The type that is issued to a request, or what of it cannot be had from this target. Never throws. */
  typeFor(request: Pick<TokenRequest, 'requestedTokenType' | 'ask'>): Result<IssuedTokenType, SyntaxRefusal>;
  /** Throws on any fault of ours. A cloud's no is returned. */
  issue(order: IssueOrder): Promise<Result<Issued, CloudRefusal | UnavailableRefusal>>;
  /** What was issued says, read back from its own bytes. Does not verify its signature. Throws if it cannot be read. */
  read(issued: Issued): object;
  /** What `read` must give back for this order, member by member in the same order, and nothing else. */
  expect(order: IssueOrder): object;
  /**
   * All of it that configuration decides, beyond what can be read back: of two issuers that say the same, both would make the same. Or why
   * nothing can be made for this order, whoever is asked: it is known before anything is spent.
   */
  terms(order: IssueOrder): Result<object, CloudRefusal>;
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
  /** Replicas that did not say that they have it. */
  readonly unreached: readonly string[];
  /** False while the trail cannot be written. */
  readonly recorded: boolean;
  /** Clouds that may go on trusting it. */
  readonly clouds: readonly CloudReach[];
}

/** One use of a credential that can be spent. */
export interface Spending {
  readonly purpose: Role | 'dpop';
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

/**
 * Asks for blocks and revocations in force, from memory that the store feeds. Never waits. Throws StoreUnavailable where the feed has been
 * silent for FEED_SILENT_MS: then nobody knows.
 */
export interface Withdrawals {
  /** One that ends this request, now; undefined where none does. */
  against(standing: Standing, nowSeconds: number): Withdrawal | undefined;
}

/** What became of a change: every replica that is alive has it, but for those named. */
export interface InForce {
  /** Replicas that did not say that they have it. They stop issuing by themselves, or have stopped. */
  readonly unreached: readonly string[];
}

/**
 * Keeps blocks and revocations, durable before it resolves and in force in every live replica: no answer that leaves any of them
 * afterwards is against it. Throws StoreUnavailable where it cannot be kept. Calls may overlap.
 */
export interface WithdrawalStore extends Withdrawals {
  /**
   * The same one once more changes nothing, and is answered when it is in force everywhere. `heldMax`: where so many are held, this one is
   * not kept, although there is room for others.
   */
  add(withdrawal: Withdrawal, heldMax?: number): Promise<InForce>;
  /** Lifts a block by its id; undefined where there is none. */
  lift(id: string): Promise<InForce | undefined>;
  list(nowSeconds: number): readonly Withdrawal[];
}

/** Makes and knows the nonces of DPoP (RFC 9449 §8): the same in every replica that has heard of the others. Never waits, never throws. */
export interface Nonces {
  /** The newest: 1*NQCHAR. */
  current(nowSeconds: number): string;
  /** Whether it was given by any replica within DPOP_NONCE_SECONDS. */
  accepts(nonce: string, nowSeconds: number): boolean;
}

/** Proves that a caller has a key, by a DPoP proof (RFC 9449 §4.3): signature, form, address, time and nonce. Spends nothing. */
export interface DpopProofs {
  verify(proof: PresentedProof, nowSeconds: number): Promise<Result<ProvedKey, ProofRefusal>>;
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
  write(record: RequestRecord): Promise<void>;
}

/** Thrown when a record could not be written in time. */
export class AuditUnavailable extends Error {
  override readonly name = 'AuditUnavailable';
}

/** Told of every finished request, for metrics and logs. Never throws, never blocks. */
export interface Observer {
  finished(record: RequestRecord, elapsedMs: number): void;
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
  readonly ownTokens: OwnTokens;
  /** The token targets that a token for this audience can be of; of several nobody knows which. */
  targetsOf(audience: string): readonly string[];
  /** By target name. */
  readonly issuers: ReadonlyMap<string, Issuer>;
}
