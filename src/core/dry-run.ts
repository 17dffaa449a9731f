// POST /decide: the path of an exchange up to its order, and nothing behind it. Proofs are spent as an exchange spends them, since
// whoever shows one again is not the one who made it; the subject's credential is not, nor is it asked whether it has been: the store
// can only be asked by spending. Issues nothing; what it answers is recorded before, like everything else.

import { decide, type ExchangeParts } from './exchange.ts';
import type { Granted, Kept, Operate, Operation } from './operation.ts';
import { recheckGrant } from './recheck.ts';
import { type ExchangeRecord, notePolicy, noteWouldGrant, openRecord } from './record.ts';
import { ok, type Result } from './refusal.ts';
import type { Received } from './request.ts';

/** POST /decide. */
export const createDryRun = (parts: ExchangeParts & { readonly operate: Operate }): Operation =>
  parts.operate({
    open: (received: Received, decision, time) => openRecord(received, decision, time, true),
    path: dryRunPath(parts),
  });

const dryRunPath =
  (parts: ExchangeParts) =>
  async (received: Received, record: ExchangeRecord, kept: Kept): Promise<Result<Granted>> => {
    const decided = await decide(parts, received, record, kept);
    if (!decided.ok) return decided;
    const { order, issuer, ask } = decided.value;

    // A reload that answered while a key was waited for is not to be contradicted by what is said afterwards.
    const current = parts.snapshot();
    const nowSeconds = parts.clock.nowSeconds();
    const facts = JSON.stringify(issuer.expect(order));
    const { withdrawals } = parts;
    const stands = recheckGrant({ ...decided.value, current, withdrawals, nowSeconds, facts });
    if (!stands.ok) {
      notePolicy(record, current);
      return stands;
    }
    noteWouldGrant(record);
    return ok({ kind: 'would_grant', order, ask });
  };
