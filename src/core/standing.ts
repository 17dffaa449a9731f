// Blocks and revocations, asked about everybody and everything of a request: every role, everybody in an `act`, every token presented and
// those that it was made of; and about our own signing keys. Asked while proving, and again before anything leaves; where nobody can know,
// nothing leaves.

import { namesOf } from './actor.ts';
import { CLIENTS_SOURCE, type ProvedClient } from './client.ts';
import { StoreUnavailable, type Verifiers, type Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type CredentialRefusal, ok, type Result, refuse, type UnavailableRefusal } from './refusal.ts';
import { refuseUnavailable } from './unavailable.ts';
import type { Party, Standing } from './withdrawal.ts';

/** Whoever is asked about. */
interface StandingParties {
  readonly client: ProvedClient | undefined;
  readonly subject: ProvedPrincipal;
  readonly actor: ProvedPrincipal | undefined;
  readonly whoIs: Verifiers['whoIs'];
}

/** Everything of a request that is asked about, gathered once: it is asked while proving, and again before anything leaves. */
export interface RequestStanding {
  readonly whole: Standing;
  readonly source: string;
  /** Of the actor's token alone. */
  readonly actor: { readonly alone: Standing; readonly source: string } | undefined;
}

export function standingOfRequest(parties: StandingParties): RequestStanding {
  const { subject, actor } = parties;
  const alone = actor && standingOf({ ...parties, client: undefined, subject: actor });
  return { whole: standingOf(parties), source: subject.source, actor: alone && { alone, source: actor.source } };
}

/** Refuses what a block or a revocation ends, and says of the actor's token alone where that is enough. */
export function refuseWithdrawn(
  withdrawals: Withdrawals,
  { whole, source, actor }: RequestStanding,
  nowSeconds: number,
): Result<undefined, CredentialRefusal | UnavailableRefusal> {
  const refused = refuseStanding(withdrawals, whole, { role: 'subject', source }, nowSeconds);
  if (refused.ok || !actor) return refused;
  const ofActor = refuseStanding(withdrawals, actor.alone, { role: 'actor', source: actor.source }, nowSeconds);
  return ofActor.ok ? refused : ofActor;
}

/** Refuses a client that is blocked, whatever it asks about. */
export function refuseWithdrawnClient(
  withdrawals: Withdrawals,
  client: ProvedClient,
  nowSeconds: number,
): Result<undefined, CredentialRefusal | UnavailableRefusal> {
  const standing = { parties: clientParties(client), tokens: [], ancestors: [] };
  return refuseStanding(withdrawals, standing, { role: 'client', source: client.principal.source }, nowSeconds);
}

/** Whether one of our signing keys was revoked, at any broker. Where nobody can know, nothing leaves whatever is said here. */
export function isKeyRevoked(withdrawals: Withdrawals, kid: string, nowSeconds: number): boolean {
  try {
    return withdrawals.against({ parties: [], tokens: [], ancestors: [], keys: [kid] }, nowSeconds) !== undefined;
  } catch (error) {
    if (error instanceof StoreUnavailable) return false;
    throw error;
  }
}

function refuseStanding(
  withdrawals: Withdrawals,
  standing: Standing,
  whose: Pick<CredentialRefusal, 'role' | 'source'>,
  nowSeconds: number,
): Result<undefined, CredentialRefusal | UnavailableRefusal> {
  try {
    const found = withdrawals.against(standing, nowSeconds);
    return found ? refuse({ ...whose, reason: 'withdrawn', withdrawal: found.id }) : ok(undefined);
  } catch (error) {
    return refuseUnavailable(error);
  }
}

function standingOf({ client, subject, actor, whoIs }: StandingParties): Standing {
  const tokens = [subject, actor].filter((principal) => principal !== undefined);
  const parties = tokens.flatMap((principal) => partiesOf(principal, whoIs, issuedAt(principal), principal === actor));
  return {
    parties: client ? [...parties, ...clientParties(client), ...actingClient(client, subject, actor)] : parties,
    tokens: tokens.flatMap(({ proof: { handle } }) => (handle === undefined ? [] : [handle])),
    ancestors: tokens.flatMap(({ proof: { carried } }) => carried?.own?.lineage ?? []),
  };
}

/** What was issued to a client ends, and not the client: when it was registered says nothing. */
const clientParties = ({ id, principal: { name } }: ProvedClient): readonly Party[] =>
  [...new Set([name, `${CLIENTS_SOURCE}:${id}`])].map((one) => ({
    name: one,
    role: 'client',
    issuedAtSeconds: undefined,
  }));

/** A client that may act stands as an actor too, by a credential like that of an actor token. */
function actingClient(
  { principal }: ProvedClient,
  subject: ProvedPrincipal,
  actor: ProvedPrincipal | undefined,
): readonly Party[] {
  const { name } = principal;
  return actor || name === subject.name ? [] : [{ name, role: 'actor', issuedAtSeconds: issuedAt(principal) }];
}

/**
 * Of a credential that does not say when it was issued, nobody can say that it came after a revocation. When a secret was made is not
 * known, and an assertion is new each time.
 */
const issuedAt = ({ source, proof }: ProvedPrincipal): number | undefined =>
  proof.issuedAt ?? (source === CLIENTS_SOURCE ? undefined : 0);

/** A principal, everybody who acts in its token, and who asked for it. An actor token is about its subject too. */
function partiesOf(
  { name, issuer, proof }: ProvedPrincipal,
  whoIs: Verifiers['whoIs'],
  issuedAtSeconds: number | undefined,
  acts: boolean,
): readonly Party[] {
  const as = (role: Party['role'], ...names: readonly string[]): readonly Party[] =>
    names.map((one) => ({ name: one, role, issuedAtSeconds }));
  const { own, actors = [] } = proof.carried ?? {};
  return [
    ...as('subject', name),
    ...(acts ? as('actor', name) : []),
    ...actors.flatMap((earlier) => as('actor', ...namesOf(earlier, whoIs))),
    ...(own
      ? as('client', own.clientId, ...whoIs({ iss: issuer, sub: own.clientId, others: {} }).map((one) => one.name))
      : []),
  ];
}

/** For one of our own tokens alone, as it is introspected or revoked. */
export const standingOfToken = (token: ProvedPrincipal, whoIs: Verifiers['whoIs']): RequestStanding =>
  standingOfRequest({ client: undefined, subject: token, actor: undefined, whoIs });
