// Why a source would refuse a credential, with what it presented against what is expected: the audience, a claim, a time, an issuer
// that nobody has configured and the one that comes nearest. Values may be shown here: it is for an operator (core/cause.ts).
// Judges nothing: the verifier has.

import type { Cause, Lack } from '../../core/cause.ts';
import { type Json, type JsonObject, valueAt } from '../../core/json.ts';
import type { CredentialRefusal, LackingFile } from '../../core/refusal.ts';
import { fieldPath, type PlatformTable } from '../../platforms/table.ts';
import { type Condition, display, displayAll, holds, presentedFor } from '../evaluate.ts';
import { hintFor, nearMiss } from './hints.ts';
import { type IssuerOf, issuerLack } from './issuer-cause.ts';
import { timeLack } from './time-cause.ts';

/** What is configured about a source. */
export interface SourceFacts extends IssuerOf {
  readonly audience: string;
  readonly otherAudiences: boolean;
  readonly maxAgeSeconds: number | undefined;
  readonly table: PlatformTable;
  readonly require: readonly Condition[];
}

export interface CredentialCauseInput {
  readonly refusal: CredentialRefusal;
  readonly claims: JsonObject;
  readonly header: JsonObject | undefined;
  /** The responsible one. */
  readonly source: SourceFacts | undefined;
  readonly sources: readonly SourceFacts[];
  readonly nowSeconds: number;
}

/** The refusal of a credential, as an operator reads it. */
export function credentialCause(input: CredentialCauseInput): Cause {
  const { reason } = input.refusal;
  return { reason, by: input.source?.name, ...lackOf(input) };
}

function lackOf(input: CredentialCauseInput): Lack {
  const { refusal, claims, source, sources, nowSeconds } = input;
  switch (refusal.reason) {
    case 'issuer_unknown':
      return issuerLack(claims, source ? [source] : sources);
    case 'audience_mismatch':
      return audienceLack(claims, source);
    case 'expired':
    case 'not_yet_valid':
    case 'lifetime_too_long':
    case 'too_old':
      return timeLack(refusal, claims, nowSeconds);
    case 'requirement_unmet':
      return requirementLack(refusal.claim, claims, source);
    case 'claim_missing':
    case 'claim_invalid':
    case 'claim_forbidden':
    case 'claim_unsupported':
      return claimLack(refusal, claims, source?.table);
    case 'subject_reserved':
      return {
        what: 'sub',
        presented: shown(claims.sub),
        expected: 'no SPIFFE ID: the source is of another kind',
        hint: undefined,
      };
    default:
      return headerLack(input);
  }
}

/**
 * Why nobody may present such a credential, or this client may not (core/prove.ts `presentable`); undefined where it may be.
 * `client`: the one that would ask.
 */
export function presenterCause(
  { name, audience }: SourceFacts,
  client: { readonly id: string; readonly presents: readonly string[] } | undefined,
): Cause | undefined {
  if (client?.presents.includes(audience)) return undefined;
  if (client) {
    const presented = client.presents.length === 0 ? undefined : displayAll(client.presents);
    const hint = 'the client is registered for the credentials of other audiences';
    return {
      reason: 'client_not_presenter',
      by: `client ${client.id}`,
      what: 'presents',
      presented,
      expected: display(audience),
      hint,
    };
  }
  const expected = `one that presents ${display(audience)}`;
  const hint = 'its credentials are taken from clients only: --client says which one asks';
  return { reason: 'client_required', by: name, what: 'client', presented: undefined, expected, hint };
}

/** An actor token comes from a client, whoever it is of. */
export const actorWithoutClient = ({ name }: Pick<SourceFacts, 'name'>): Cause => ({
  reason: 'client_required',
  by: name,
  what: 'client',
  presented: undefined,
  expected: 'a registered client',
  hint: 'an actor token is taken from clients only: --client says which one asks',
});

const shown = (value: Json | undefined): string | undefined => (value === undefined ? undefined : display(value));

function audienceLack({ aud }: JsonObject, source: SourceFacts | undefined): Lack {
  const expected = source?.audience ?? '';
  const values = Array.isArray(aud) ? aud : [aud ?? null];
  const several = values.length > 1 && values.includes(expected);
  const near = values.map((value: Json) => nearMiss(value, expected)).find((hint) => hint !== undefined);
  return {
    what: 'aud',
    presented: shown(aud),
    expected: display(expected) + (source?.otherAudiences ? '' : ' alone'),
    hint: several
      ? 'others stand beside it: otherAudiences would allow that'
      : (near ?? 'ask for a token for this audience'),
  };
}

function requirementLack(claim: string, claims: JsonObject, source: SourceFacts | undefined): Lack {
  const found = source?.require.find((condition) => condition.what === claim && holds(condition, claims) !== 'true');
  if (!found) return { what: claim, presented: undefined, expected: 'what the source requires', hint: undefined };
  const hint = hintFor(found, claims) ?? 'the source requires it of everyone';
  return { what: claim, presented: presentedFor(found, claims), expected: found.expected, hint };
}

type ClaimRefused = Extract<CredentialRefusal, { readonly claim: string }>;

function claimLack(refusal: ClaimRefused, claims: JsonObject, table: PlatformTable | undefined): Lack {
  const { claim } = refusal;
  const value = valueAt(claims, table ? fieldPath(table, claim) : [claim]);
  const row = table?.claims[claim];
  const type = row ? TYPE_WORDS[row.type] : 'a value';
  switch (refusal.reason) {
    case 'claim_forbidden': {
      const others = (row?.forbidden ?? []).filter((one) => one !== value);
      const nor = others.length === 0 ? '' : `nor may it be ${displayAll(others)}: `;
      return {
        what: claim,
        presented: shown(value),
        expected: 'anything but that',
        hint: `${nor}outsiders can start such runs; only a require that lists it takes it`,
      };
    }
    case 'claim_unsupported':
      return {
        what: claim,
        presented: shown(value),
        expected: 'absent',
        hint: 'what it means is not carried into what is issued',
      };
    case 'claim_missing':
      return { what: claim, presented: undefined, expected: type, hint: missingHint(claim, table) };
    default: {
      const numbered = row?.type === 'text' && (typeof value === 'number' || typeof value === 'boolean');
      const hint = numbered ? `the token has a ${typeof value}: is it of this platform at all?` : undefined;
      const contradicts =
        !numbered && typeof value === 'string' ? `${type} that agrees with the token's other claims` : type;
      return { what: claim, presented: shown(value), expected: contradicts, hint };
    }
  }
}

const missingHint = (claim: string, table: PlatformTable | undefined): string =>
  table?.kind === 'kubernetes' && claim === 'pod'
    ? 'the token is bound to no pod, node or secret: use the one that is projected into the pod'
    : 'tokens of this kind have it';

const TYPE_WORDS = { text: 'text', number: 'a number', boolean: 'true or false', texts: 'a list of texts' } as const;

/** What only a token has. */
function headerLack({ refusal, header = {}, source }: CredentialCauseInput): Lack {
  const hint = undefined;
  switch (refusal.reason) {
    case 'typ_refused':
    case 'token_type_refused': {
      const typs = (source?.table.typ ?? []).map((typ) => (typ === undefined ? 'none' : display(typ)));
      return { what: 'header typ', presented: shown(header.typ), expected: typs.join(' or '), hint };
    }
    case 'algorithm_refused':
      return {
        what: 'header alg',
        presented: shown(header.alg),
        expected: displayAll(source?.table.algorithms ?? []),
        hint,
      };
    case 'header_refused':
      return { what: `header ${refusal.member}`, presented: shown(header[refusal.member]), expected: 'absent', hint };
    case 'key_unknown':
      return {
        what: 'header kid',
        presented: shown(header.kid),
        expected: keysOf(refusal.lacking),
        hint: 'the key file is older than the key, or of another issuer',
      };
    default:
      return { what: 'the credential', presented: undefined, expected: 'one that the source takes', hint };
  }
}

const keysOf = (lacking: LackingFile | undefined): string =>
  lacking && lacking.held.length > 0 ? displayAll(lacking.held) : "one of the source's keys";
