// Who asks, whatever for: the client's one credential, the key of a DPoP proof, and the assertion spent. Every operation begins here, so that
// none can forget to spend it, or to ask for the key that it is bound to. Each is recorded as soon as it is proved.

import type { ProvedClient } from './client.ts';
import type { ClientPurpose, Clients, Clock, DpopProofs, SpentStore } from './ports.ts';
import { type ProvedKeys, proveKeys, spendAssertion, spendProof } from './prove.ts';
import { noteClient, noteKey, type RecordBase } from './record.ts';
import { ok, type Result } from './refusal.ts';
import type { CallerRequest } from './request.ts';

export interface CallerParts {
  readonly spent: SpentStore;
  readonly proofs: DpopProofs;
  readonly clock: Clock;
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
