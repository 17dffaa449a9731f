// The checks that every JWT must pass, whatever issued it: registered claims (RFC 7519 §4.1), one audience, times with one
// leeway, bounded lifetimes, and the claims that its kind's table requires. Types first: nothing here converts a value.

import { isJsonObject, type Json, type JsonObject, valueAt } from '../core/json.ts';
import { JTI_BYTES_MAX, LEEWAY_SECONDS, NUMERIC_DATE_MAX, SUB_BYTES_MAX } from '../core/limits.ts';
import type { Confirmation, ReplayClass } from '../core/principal.ts';
import type { CredentialRefusal } from '../core/refusal.ts';
import { type ClaimRow, fieldPath, fieldValue, type PlatformTable } from '../platforms/table.ts';

/** A refusal without the role and source that whoever calls adds. */
export type ClaimRefusal = CredentialRefusal extends infer Arm
  ? Arm extends unknown
    ? Omit<Arm, 'role' | 'source'>
    : never
  : never;

/** Claims whose meaning is not carried yet: a token that bears one is refused, or its meaning would be lost. */
const UNSUPPORTED_CLAIMS = ['authorization_details'] as const;

const RESERVED_SUBJECT = /^(?:spiffe|wimse):/i;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** `sub`: present, a text, bounded, without control characters; never normalised. */
export function subjectProblem(claims: JsonObject, kind: string): ClaimRefusal | undefined {
  const sub = claims.sub;
  if (sub === undefined) return { reason: 'claim_missing', claim: 'sub' };
  if (typeof sub !== 'string' || sub === '' || CONTROL.test(sub) || Buffer.byteLength(sub) > SUB_BYTES_MAX)
    return { reason: 'claim_invalid', claim: 'sub' };
  if (kind !== 'spiffe' && kind !== 'self' && RESERVED_SUBJECT.test(sub)) return { reason: 'subject_reserved' };
  return undefined;
}

/** `aud`: exactly one value, one of ours; others beside it only where the source allows them (SJ-07, KB-02, A-42 to A-44). */
export function audienceProblem(
  claims: JsonObject,
  audiences: readonly string[],
  otherAudiences: boolean,
): ClaimRefusal | undefined {
  const aud = claims.aud;
  if (aud === undefined) return { reason: 'claim_missing', claim: 'aud' };
  const values = Array.isArray(aud) ? aud : [aud];
  if (!values.every((value) => typeof value === 'string')) return { reason: 'claim_invalid', claim: 'aud' };
  const ours = values.filter((value) => audiences.includes(value));
  const fits = otherAudiences ? ours.length > 0 : values.length === 1 && ours.length === 1;
  return fits ? undefined : { reason: 'audience_mismatch' };
}

export interface TimeLimits {
  readonly lifetimeSecondsMax: number;
  readonly maxAgeSeconds: number | undefined;
}

/** `exp`, `nbf`, `iat`: finite numbers, one leeway, a bounded lifetime and, where the source says so, age (JB-10, A-47 to A-50). */
export function timeProblem(claims: JsonObject, limits: TimeLimits, nowSeconds: number): ClaimRefusal | undefined {
  for (const claim of ['exp', 'nbf', 'iat']) {
    const value = claims[claim];
    if (value === undefined) continue;
    if (typeof value !== 'number' || value < 0 || value > NUMERIC_DATE_MAX) return { reason: 'claim_invalid', claim };
  }
  const { exp, nbf, iat } = claims as { exp?: number; nbf?: number; iat?: number };
  if (exp === undefined) return { reason: 'claim_missing', claim: 'exp' };
  if (exp <= nowSeconds - LEEWAY_SECONDS) return { reason: 'expired' };
  if (nbf !== undefined && nbf > nowSeconds + LEEWAY_SECONDS) return { reason: 'not_yet_valid' };
  if (iat !== undefined && iat > nowSeconds + LEEWAY_SECONDS) return { reason: 'not_yet_valid' };
  if (exp - (iat ?? nowSeconds) > limits.lifetimeSecondsMax)
    return { reason: 'lifetime_too_long', secondsMax: limits.lifetimeSecondsMax };
  if (limits.maxAgeSeconds === undefined) return undefined;
  if (iat === undefined) return { reason: 'claim_missing', claim: 'iat' };
  return nowSeconds - iat > limits.maxAgeSeconds + LEEWAY_SECONDS
    ? { reason: 'too_old', secondsMax: limits.maxAgeSeconds }
    : undefined;
}

/** `jti`: a bounded text, and present where the credential can be spent. */
export function jtiProblem(claims: JsonObject, replay: ReplayClass): ClaimRefusal | undefined {
  const jti = claims.jti;
  if (jti === undefined) return replay === 'reusable' ? undefined : { reason: 'claim_missing', claim: 'jti' };
  return typeof jti === 'string' && jti !== '' && Buffer.byteLength(jti) <= JTI_BYTES_MAX
    ? undefined
    : { reason: 'claim_invalid', claim: 'jti' };
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/**
 * `cnf`: the thumbprint of a certificate (RFC 8705 §3.1) or of a key (RFC 9449 §6.1), and nothing else. What is bound in a way that is not
 * built would lose its binding here.
 */
export function boundTo({ cnf }: JsonObject): { readonly key: Confirmation | undefined } | ClaimRefusal {
  if (cnf === undefined) return { key: undefined };
  if (!isJsonObject(cnf)) return { reason: 'claim_invalid', claim: 'cnf' };
  const [member, another] = Object.keys(cnf);
  if ((member !== 'x5t#S256' && member !== 'jkt') || another !== undefined)
    return { reason: 'claim_unsupported', claim: 'cnf' };
  const thumbprint = cnf[member];
  if (typeof thumbprint !== 'string' || !THUMBPRINT.test(thumbprint)) return { reason: 'claim_invalid', claim: 'cnf' };
  return { key: member === 'jkt' ? { jkt: thumbprint } : { 'x5t#S256': thumbprint } };
}

/** Members that would change the meaning of what is issued, and that are not carried yet; and those of no identity at all. */
export function unsupportedClaim(claims: JsonObject): ClaimRefusal | undefined {
  const claim = UNSUPPORTED_CLAIMS.find((name) => Object.hasOwn(claims, name)) ?? eventsOf(claims);
  return claim ? { reason: 'claim_unsupported', claim } : undefined;
}

/**
 * What tells a security event from an identity, where `typ` does not (RFC 8417 §4; OpenID Connect Back-Channel Logout §2.4): a
 * logout token has the `iss`, `aud`, `sub` and `exp` of an ID token, comes from the same key, and is often typed JWT.
 */
const eventsOf = ({ events }: JsonObject): 'events' | undefined => (isJsonObject(events) ? 'events' : undefined);

/** The table's claims: required ones present with their type and form, forbidden values absent unless `require` lists them. */
export function tableProblem(
  claims: JsonObject,
  table: PlatformTable,
  require: Readonly<Record<string, unknown>>,
): ClaimRefusal | undefined {
  for (const [field, row] of Object.entries(table.claims)) {
    const value = valueAt(claims, fieldPath(table, field));
    if (row.required && value === undefined) return { reason: 'claim_missing', claim: field };
    if (row.required && !hasType(value, row.type)) return { reason: 'claim_invalid', claim: field };
    if (value !== undefined && !hasForm(value, row)) return { reason: 'claim_invalid', claim: field };
    // What is written in another way than it is forbidden in would pass for what is not forbidden.
    if (row.forbidden && value !== undefined && value !== '' && !hasType(value, row.type))
      return { reason: 'claim_invalid', claim: field };
    if (isForbidden(value, row) && !listed(require[field], value)) return { reason: 'claim_forbidden', claim: field };
  }
  return variantProblem(claims, table);
}

const hasForm = (value: Json, { form, equals }: ClaimRow): boolean =>
  (equals === undefined || value === equals) && (form === undefined || (typeof value === 'string' && form.test(value)));

const isForbidden = (value: Json | undefined, { forbidden }: ClaimRow): value is string | boolean =>
  (typeof value === 'string' || typeof value === 'boolean') && forbidden?.includes(value) === true;

/** A token of two kinds at once, or of none, is of no kind that the table knows. */
function variantProblem(claims: JsonObject, table: PlatformTable): ClaimRefusal | undefined {
  if (!table.variants) return undefined;
  const [variant, other] = table.variants.filter(([field = '']) => fieldValue(table, field, claims) !== undefined);
  if (other) return { reason: 'claim_invalid', claim: other[0] ?? '' };
  for (const field of variant ?? table.variants[0]?.slice(0, 1) ?? []) {
    const value = fieldValue(table, field, claims);
    if (value === undefined) return { reason: 'claim_missing', claim: field };
    if (!hasType(value, table.claims[field]?.type ?? 'text')) return { reason: 'claim_invalid', claim: field };
  }
  return undefined;
}

function hasType(value: unknown, type: ClaimRow['type']): boolean {
  switch (type) {
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'texts':
      return Array.isArray(value) && value.every((element) => typeof element === 'string');
  }
}

const listed = (allowed: unknown, value: string | boolean): boolean =>
  Array.isArray(allowed) ? allowed.includes(value) : allowed === value;
