// Who asks, whatever for: the client's one credential, the key of a DPoP proof, and the assertion spent. Every operation begins here, so that
// none can forget to spend it, or to ask for the key that it is bound to. Each is recorded as soon as it is proved.

import type { PresentedClient, ProvedClient } from './client.ts';
import type { ClientPurpose, Clients, Clock, DpopProofs, SpentStore } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import type { ProvedKey } from './proof-of-possession.ts';
import { noteClient, noteKey, type RecordBase } from './record.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { CallerRequest } from './request.ts';
import { claimOnce, claimProof, type Once } from './spend.ts';

export interface CallerParts {
  readonly spent: SpentStore;
  readonly proofs: DpopProofs;
  readonly clock: Clock;
}

/** The keys that the caller proved to have. */
export interface ProvedKeys {
  readonly dpop: ProvedKey | undefined;
  readonly certificates: PresentedClient['certificates'];
}

/** The client, where there is one, and the keys that the caller proved to have. */
export interface ProvedCaller {
  readonly client: ProvedClient | undefined;
  readonly keys: ProvedKeys;
}

export async function proveCaller(
  { spent: store, proofs, clock }: CallerParts,
  clients: Clients,
  request: CallerRequest & { readonly purpose: ClientPurpose },
  record: RecordBase,
): Promise<Result<ProvedCaller>> {
  const client = await clients.authenticate(request.client, request.purpose, clock.nowSeconds());
  if (!client.ok) return client;
  if (client.value) noteClient(record, client.value);
  const keys = await proveKeys(proofs, request, clock.nowSeconds());
  if (!keys.ok) return keys;
  noteKey(record, keys.value.dpop);
  const asserted = await spendAssertion({ store, decision: record.decision }, client.value, keys.value);
  return asserted.ok ? ok({ client: client.value, keys: keys.value }) : asserted;
}

/** The same, where somebody must be proved to ask: there is nobody left to prove, and the DPoP proof is spent too. */
export async function proveClient(
  parts: CallerParts,
  clients: Clients,
  request: CallerRequest & { readonly purpose: 'introspection' | 'revocation' },
  record: RecordBase,
): Promise<Result<ProvedClient>> {
  const caller = await proveCaller(parts, clients, request, record);
  if (!caller.ok) return caller;
  const { client, keys } = caller.value;
  if (!client) throw new Error('nobody was proved to ask, and nobody was refused');
  const fresh = await spendProof({ store: parts.spent, decision: record.decision }, keys);
  return fresh.ok ? ok(client) : fresh;
}

/** Proves the key of a DPoP proof, where there is one (RFC 9449 §4.3). */
async function proveKeys(
  proofs: DpopProofs,
  { proof, client: { certificates } }: CallerRequest,
  nowSeconds: number,
): Promise<Result<ProvedKeys>> {
  if (!proof) return ok({ dpop: undefined, certificates });
  const dpop = await proofs.verify(proof, nowSeconds);
  return dpop.ok ? ok({ dpop: dpop.value, certificates }) : dpop;
}

/**
 * Spends the client's assertion, for good, since whoever shows one again is not the one who made it (JA-08). One that is bound to a key is
 * taken, and spent, from the holder of that key only.
 */
async function spendAssertion(
  once: Once,
  client: ProvedClient | undefined,
  keys: ProvedKeys,
): Promise<Result<undefined>> {
  if (!client) return ok(undefined);
  const { source } = client.principal;
  if (!isHeldBy(client.principal, keys)) return refuse({ role: 'client', source, reason: 'binding_mismatch' });
  if (!client.spends) return ok(undefined);
  const { jti, untilSeconds } = client.spends;
  return claimOnce(once, { purpose: 'client', issuer: client.id, jti, target: undefined }, untilSeconds, source);
}

/**
 * Spends the DPoP proof, for good (DP-05). After everybody has been proved: anybody can make keys and proofs, and whoever has nothing else
 * to show must not fill the store.
 */
export const spendProof = async (once: Once, { dpop }: ProvedKeys): Promise<Result<undefined>> =>
  dpop ? claimProof(once, dpop) : ok(undefined);

/** Whether a credential is bound to no key, or to one whose possession was proved (RFC 8705 §3, MT-05; RFC 9449 §5, DP-09). */
export const isHeldBy = ({ proof: { boundTo } }: ProvedPrincipal, { dpop, certificates }: ProvedKeys): boolean => {
  if (boundTo === undefined) return true;
  return 'jkt' in boundTo ? boundTo.jkt === dpop?.jkt : boundTo['x5t#S256'] === certificates?.thumbprint;
};
