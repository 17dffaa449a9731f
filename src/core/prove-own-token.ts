// Phase "prove" of a question about one of our own tokens: who asks, and whether what was sent is a token of ours. The first is refused
// like anywhere else; the second is an answer, and no refusal: what it comes to is the operation's business.

import { type CallerParts, proveClient } from './caller.ts';
import type { ProvedClient } from './client.ts';
import { noteToken, type OwnTokenRecord } from './own-token-record.ts';
import type { OwnTokenRequest } from './own-token-request.ts';
import type { Snapshot, Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { notePolicy } from './record.ts';
import { type CredentialRefusal, ok, type Result, refuse, type UnavailableRefusal } from './refusal.ts';
import type { Received } from './request.ts';
import { refuseWithdrawnClient } from './standing.ts';

export interface OwnTokenParts extends CallerParts {
  readonly snapshot: () => Snapshot;
  readonly withdrawals: Withdrawals;
}

/** Who asks, and about what. */
export interface AskedAbout {
  readonly client: ProvedClient;
  /** The token, or why it is none of ours, or none any more. */
  readonly token: Result<ProvedPrincipal, CredentialRefusal>;
  /** The targets that its audience can be of. */
  readonly targets: readonly string[];
  readonly whoIs: Snapshot['verifiers']['whoIs'];
  /** The clock, read when there was nothing left to wait for. */
  readonly nowSeconds: number;
}

/** A refusal is the caller's own, or says that nobody can know now. */
export async function proveAskedAbout(
  parts: OwnTokenParts,
  received: Received<OwnTokenRequest>,
  record: OwnTokenRecord,
): Promise<Result<AskedAbout>> {
  const { clock, withdrawals } = parts;
  const snapshot = parts.snapshot();
  notePolicy(record, snapshot);
  if (!received.request.ok) return received.request;
  const request = received.request.value;

  const client = await proveClient(parts, snapshot.clients, { ...request, purpose: record.event }, record);
  if (!client.ok) return client;
  const token = await proveToken(snapshot, request.token, clock.nowSeconds());
  if (!token.ok) return token;
  const nowSeconds = clock.nowSeconds();
  const stands = refuseWithdrawnClient(withdrawals, client.value, nowSeconds);
  if (!stands.ok) return stands;

  const proved = token.value;
  const targets = proved.ok ? snapshot.targetsOf(proved.value.proof.audience) : [];
  if (proved.ok) noteToken(record, proved.value, targets);
  return ok({ client: client.value, token: proved, targets, whoIs: snapshot.verifiers.whoIs, nowSeconds });
}

/** What is wrong with a token is an answer; that nobody can know it now is none. */
async function proveToken(
  { ownTokens }: Snapshot,
  text: string,
  nowSeconds: number,
): Promise<Result<AskedAbout['token'], UnavailableRefusal>> {
  const token = await ownTokens.verify(text, nowSeconds);
  if (token.ok) return ok(token);
  const { refusal } = token;
  return 'role' in refusal ? ok(refuse(refusal)) : refuse(refusal);
}
