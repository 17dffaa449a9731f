// What of an order decides what a cloud gives for it, and the key that it is kept under. An issuer behind the cache is shown this
// and nothing else: what it could use is in the key, whether somebody thought of it or not. Left out, of the key and of what is shown, is
// what differs between credentials of one identity: the credential's own marks, and the claims that the issuer does not name. Shown and not
// in the key are the decision's id and its times, which the cache answers for itself.

import { hash } from 'node:crypto';
import { blankObject, type JsonObject, putAt, valueAt } from '../core/json.ts';
import type { IssueOrder } from '../core/ports.ts';
import type { ProvedPrincipal } from '../core/principal.ts';

/** What an issuer is, apart from orders. */
export interface CachedPlace {
  /** SHA-256 of everything else that its credentials follow from: the target as configured, and policy. */
  readonly digest: string;
  /** Claims of the subject that it uses, by their paths. */
  readonly claims: readonly (readonly string[])[];
}

/** What the issuer is shown of an order. */
export function shownOf(order: IssueOrder, { claims }: Pick<CachedPlace, 'claims'>): IssueOrder {
  const { subject, actor } = order.grant;
  const grant = { ...order.grant, subject: bare(subject, claims), actor: actor && bare(actor, []) };
  return { ...order, grant, lineage: [], standing: { parties: [], tokens: [], ancestors: [] } };
}

/** The key of what the issuer gives for an order that it is shown. */
export function cacheKeyOf(shown: IssueOrder, { digest }: Pick<CachedPlace, 'digest'>): string {
  const timeless = { ...shown, id: '', issuedAt: 0, expiresAt: 0 };
  return `cloud-1:${hash('sha256', JSON.stringify([digest, timeless], jsonOnly))}`;
}

/** Without what only this one credential of the identity has. */
const bare = (principal: ProvedPrincipal, claims: CachedPlace['claims']): ProvedPrincipal => ({
  ...principal,
  claims: picked(principal.claims, claims),
  proof: {
    ...principal.proof,
    sha256: undefined,
    jti: undefined,
    handle: undefined,
    issuedAt: undefined,
    expiresAt: 0,
    carried: undefined,
    accounted: undefined,
  },
});

function picked(claims: JsonObject, paths: CachedPlace['claims']): JsonObject {
  const some = blankObject();
  for (const path of paths) {
    const value = valueAt(claims, path);
    if (value !== undefined) putAt(some, path, value);
  }
  return some;
}

/** What JSON would leave out or write as something else makes two orders look like one. Throws. */
function jsonOnly(name: string, value: unknown): unknown {
  const said =
    typeof value === 'object'
      ? value === null || Array.isArray(value) || PLAIN.has(Object.getPrototypeOf(value))
      : typeof value === 'number'
        ? Number.isFinite(value)
        : value === undefined || typeof value === 'string' || typeof value === 'boolean';
  if (!said) throw new Error(`an order says in ${JSON.stringify(name)} what no key can`);
  return value;
}

const PLAIN: ReadonlySet<unknown> = new Set([Object.prototype, null]);
