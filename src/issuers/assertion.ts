// The assertion that a cloud trusts us by (CX-01): RS256, the one algorithm that all three take, one audience, five minutes at most, and
// fresh for each question (CG-05). It is no access token of ours and is taken for none: its `typ` and its audience are others (CX-02).

import type { JsonObject } from '../core/json.ts';
import { ASSERTION_SECONDS } from '../core/limits-cloud.ts';
import type { IssueOrder, Signer } from '../core/ports.ts';

/** Signs it for an order. `more`: claims that one cloud alone reads. */
export const signAssertion = (
  { issuer, signer }: { readonly issuer: string; readonly signer: Signer },
  order: Pick<IssueOrder, 'id' | 'issuedAt' | 'expiresAt'>,
  { audience, subject, more }: { readonly audience: string; readonly subject: string; readonly more?: JsonObject },
): Promise<string> =>
  signer.sign('RS256', 'JWT', {
    iss: issuer,
    aud: audience,
    sub: subject,
    iat: order.issuedAt,
    nbf: order.issuedAt,
    exp: assertionEnd(order),
    jti: order.id,
    ...more,
  });

/** When it ends, in seconds since the epoch. */
export const assertionEnd = ({ issuedAt, expiresAt }: Pick<IssueOrder, 'issuedAt' | 'expiresAt'>): number =>
  Math.min(issuedAt + ASSERTION_SECONDS, expiresAt);
