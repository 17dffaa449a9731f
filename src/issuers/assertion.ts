// The assertion that a cloud trusts us by (CX-01): RS256, the one algorithm that all three take, one audience, five minutes at most, and
// fresh for each question (CG-05). It is no access token of ours and is taken for none: its `typ` and its audience are others (CX-02).

import type { JsonObject } from '../core/json.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { ASSERTION_SECONDS } from '../core/limits-cloud.ts';
import type { IssueOrder, Signer } from '../core/ports.ts';

interface Asserting {
  readonly audience: string;
  readonly subject: string;
  /** Claims that one cloud alone reads. */
  readonly more?: JsonObject;
}

type Ordered = Pick<IssueOrder, 'id' | 'issuedAt' | 'expiresAt'>;

/** Signs it for an order. */
export const signAssertion = (
  { issuer, signer }: { readonly issuer: string; readonly signer: Signer },
  order: Ordered,
  asserting: Asserting,
): Promise<string> => signer.sign('RS256', 'JWT', assertionClaims(issuer, order, asserting));

/** What it says. A cloud whose clock is a little behind ours takes it too. */
export const assertionClaims = (
  issuer: string,
  order: Ordered,
  { audience, subject, more }: Asserting,
): JsonObject => ({
  iss: issuer,
  aud: audience,
  sub: subject,
  iat: order.issuedAt,
  nbf: order.issuedAt - LEEWAY_SECONDS,
  exp: assertionEnd(order),
  jti: order.id,
  ...more,
});

/** What an assertion of ours says, read back from its own bytes; its signature is not verified again. Throws where it cannot be read. */
export function readAssertion(token: string): object {
  const [header, claims, signature, ...others] = token.split('.');
  if (header === undefined || claims === undefined || !signature || others.length > 0)
    throw new Error('the assertion is no signed token');
  const { alg, typ } = decoded(header);
  if (alg !== 'RS256' || typ !== 'JWT') throw new Error('the header of the assertion is another one');
  return decoded(claims);
}

const decoded = (part: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(part, 'base64url').toString());

/** When it ends, in seconds since the epoch. */
export const assertionEnd = ({ issuedAt, expiresAt }: Pick<IssueOrder, 'issuedAt' | 'expiresAt'>): number =>
  Math.min(issuedAt + ASSERTION_SECONDS, expiresAt);
