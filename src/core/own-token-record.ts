// The record of a question about one of our own tokens: an introspection or a revocation. It says who asked, which token it was, and what
// it came to: why a token was not active, or nothing was ended, is for the operator alone. Never the token, nor anything of one that was
// not proved to be ours.

import type { CallerIdentityRecord } from './caller-identity-record.ts';
import type { OwnTokenRequest } from './own-token-request.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type ExchangeRecord, openBase, type RecordBase } from './record.ts';
import type { CredentialRefusal, Refusal } from './refusal.ts';
import type { Received } from './request.ts';
import type { Withdrawal } from './withdrawal.ts';

/** The record of any request. */
export type RequestRecord = ExchangeRecord | OwnTokenRecord | CallerIdentityRecord;

/** Why a token is not said to be active, or is not ended. No caller learns which it was. */
export type Untold =
  | CredentialRefusal
  /** The client does not introspect the targets that it can be for; none where nothing here has its audience. */
  | { readonly reason: 'not_introspected'; readonly targets: readonly string[] }
  /** It was neither issued to whoever asks, nor is it about them. */
  | { readonly reason: 'not_its_own' };

/** One of our own tokens, proved. */
export interface RecordedToken {
  readonly jti: string | undefined;
  readonly sub: string;
  readonly clientId: string | undefined;
  readonly aud: string;
  /** Seconds since the epoch. */
  readonly exp: number;
  /** Of its signing input. */
  readonly sha256: string | undefined;
}

export interface OwnTokenRecord extends RecordBase {
  readonly event: 'introspection' | 'revocation';
  outcome: 'answered' | 'refused' | 'failed';
  /** Also where it was answered: why the token is not active, or was not ended. */
  reason: Refusal['reason'] | Untold['reason'] | 'fault' | undefined;
  token: RecordedToken | undefined;
  /** The targets that its audience can be of. */
  targets: readonly string[];
  /** What an introspection said. */
  active: boolean | undefined;
  /** The revocation that ended it, and everything that was made from it. */
  withdrawal: string | undefined;
  /** Replicas that did not say that they have it. */
  unreached: readonly string[];
}

/** Opens such records, before anything about the request has been checked. */
export const openOwnTokenRecord =
  (event: OwnTokenRecord['event']) =>
  (received: Received<OwnTokenRequest>, decision: string, time: number): OwnTokenRecord => ({
    ...openBase(received, decision, time),
    event,
    token: undefined,
    targets: [],
    active: undefined,
    withdrawal: undefined,
    unreached: [],
  });

/** Notes which token it is about, once it is proved to be ours. */
export function noteToken(record: OwnTokenRecord, token: ProvedPrincipal, targets: readonly string[]): void {
  const { jti, sha256, expiresAt, audience, carried } = token.proof;
  record.token = { jti, sub: token.name, clientId: carried?.own?.clientId, aud: audience, exp: expiresAt, sha256 };
  record.targets = targets;
}

/** Closes the record of a request that was answered, with why it was not answered as asked, if so. */
export function noteAnswered(record: OwnTokenRecord, untold: Untold | undefined): void {
  const { reason, ...evidence } = untold ?? { reason: undefined };
  record.outcome = 'answered';
  record.reason = reason;
  record.evidence = Object.keys(evidence).length > 0 ? evidence : undefined;
}

/** Notes what was withdrawn, and where it is not known to be in force. */
export function noteWithdrawal(record: OwnTokenRecord, { id }: Withdrawal, unreached: readonly string[]): void {
  record.withdrawal = id;
  record.unreached = unreached;
}
