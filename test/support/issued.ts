// What an issuer makes where nobody says no.

import type { Issued, IssueOrder, Issuer } from '../../src/core/ports.ts';

/** Throws the reason of a refusal. */
export async function issuedBy(issuer: Issuer, order: IssueOrder): Promise<Issued> {
  const issued = await issuer.issue(order);
  if (!issued.ok) throw new Error(issued.refusal.reason);
  return issued.value;
}
