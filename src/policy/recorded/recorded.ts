// Reads one line of the audit trail back into what policy was asked (docs/records.md): who, through which client, for what, when, and
// what became of it. It believes the line: whether the trail is whole is for `audit verify`. What a record cut, hashed or left out
// stays unknown here and is never guessed; what only proving knows (keys, audiences, age) is taken as it was.

import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import type { PolicyRefusal } from '../../core/refusal.ts';
import type { RecordedClaims } from './recorded-claims.ts';
import { claimsOf } from './recorded-claims.ts';

/** A text as recorded: in full, or its SHA-256 where it was long or looked like a credential. */
export type RecordedText = string | { readonly sha256: string };

export interface RecordedIdentity {
  readonly source: string;
  readonly iss: string;
  readonly sub: string;
  readonly name: string;
}

/** One who acts, as `act` says it; `name` where his `iss` and `sub` make none. */
export interface RecordedActor {
  readonly iss: string;
  readonly sub: string;
  readonly name: string | undefined;
}

/** One request that policy decided. */
export interface RecordedRequest {
  readonly decision: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly subject: RecordedIdentity;
  readonly claims: RecordedClaims;
  readonly client: (RecordedIdentity & { readonly id: string; readonly method: string }) | undefined;
  /** Proved by an actor token. */
  readonly actor: RecordedIdentity | undefined;
  /**
   * Who acts, the current one first: by what was granted, or where it was refused by the subject's own credential. Undefined: nobody, or
   * the record was too long to keep them.
   */
  readonly actors: readonly RecordedActor[] | undefined;
  /** Undefined where the record was too long to keep it. */
  readonly asked:
    | { readonly targets: readonly RecordedText[]; readonly scopes: readonly RecordedText[] | undefined }
    | undefined;
  /** The certificate of the connection. */
  readonly mtls: string | undefined;
  /** The key of a DPoP proof. */
  readonly dpop: string | undefined;
  readonly was: RecordedOutcome;
  /** It was only asked (POST /decide). */
  readonly dryRun: boolean;
  readonly would: readonly RecordedWould[];
}

export type RecordedOutcome =
  | {
      readonly granted: true;
      readonly target: string;
      readonly parameters: Readonly<Record<string, string>>;
      /** Undefined where the record was too long to keep them. */
      readonly scopes: readonly string[] | undefined;
      readonly rule: string;
      /** What was issued; undefined for a dry run, which issues nothing. */
      readonly issued: { readonly exp: number; readonly boundTo: string | undefined } | undefined;
    }
  | { readonly granted: false; readonly reason: PolicyRefusal['reason'] };

export interface RecordedWould {
  readonly rule: string;
  readonly would: 'allow' | 'deny' | 'refuse';
  readonly nearest: string | undefined;
}

export type Recorded =
  | { readonly is: 'decided'; readonly time: number; readonly request: RecordedRequest }
  /** Requests that ended before policy, or after it for another reason. */
  | { readonly is: 'undecided'; readonly time: number; readonly count: number }
  /** What the broker did or met. */
  | { readonly is: 'event' }
  | { readonly is: 'unreadable' };

const BY_POLICY: ReadonlySet<string> = new Set<PolicyRefusal['reason']>([
  'confirmation_wanted',
  'no_rule',
  'scope_not_allowed',
  'target_ambiguous',
  'target_denied',
  'target_not_allowed',
  'target_requirement_unmet',
  'target_unknown',
  'targets_differ',
]);
const isByPolicy = (reason: string): reason is PolicyRefusal['reason'] => BY_POLICY.has(reason);

const UNREADABLE: Recorded = Object.freeze({ is: 'unreadable' });
const EVENT: Recorded = Object.freeze({ is: 'event' });

/** One line, parsed as JSON. */
export function readRecorded(line: Json): Recorded {
  if (!isJsonObject(line) || typeof line.event !== 'string') return UNREADABLE;
  const { event } = line;
  if (event !== 'exchange' && event !== 'refusals') return EVENT;
  const time = secondsOf(line.time);
  if (time === undefined) return UNREADABLE;
  if (event === 'refusals') {
    const { count } = line;
    return typeof count === 'number' && Number.isSafeInteger(count) ? { is: 'undecided', time, count } : UNREADABLE;
  }
  const was = outcomeOf(line);
  if (was === undefined) return { is: 'undecided', time, count: 1 };
  const subject = identityOf(line.subject);
  if (was === 'unreadable' || !subject || typeof line.decision !== 'string') return UNREADABLE;
  const client = clientOf(line.client);
  if (line.client !== undefined && !client) return UNREADABLE;
  const actor = identityOf(line.actor);
  const actors = actorsOf(line.actors);
  if ((line.actor !== undefined && !actor) || (line.actors !== undefined && !actors)) return UNREADABLE;
  return {
    is: 'decided',
    time,
    request: {
      decision: line.decision,
      time,
      subject,
      claims: claimsOf(line),
      client,
      actor,
      actors,
      asked: askedOf(line.asked),
      mtls: textOf(line.mtls),
      dpop: textOf(line.dpop),
      was,
      dryRun: line.dryRun === true,
      would: wouldOf(line.would),
    },
  };
}

/** Undefined where it was not policy that decided. */
function outcomeOf(line: JsonObject): RecordedOutcome | 'unreadable' | undefined {
  const { outcome, reason, target, rule } = line;
  if (outcome === 'refused') {
    return typeof reason === 'string' && isByPolicy(reason) ? { granted: false, reason } : undefined;
  }
  if (outcome !== 'granted') return outcome === 'failed' ? undefined : 'unreadable';
  if (typeof target !== 'string' || typeof rule !== 'string') return 'unreadable';
  const exp = secondsOf(line.exp);
  return {
    granted: true,
    target,
    parameters: textsByName(line.parameters),
    scopes: textsOf(line.scopes),
    rule,
    issued: exp === undefined ? undefined : { exp, boundTo: textOf(line.boundTo) },
  };
}

function identityOf(value: Json | undefined): RecordedIdentity | undefined {
  if (!isJsonObject(value)) return undefined;
  const { source, iss, sub, name } = value;
  return typeof source === 'string' && typeof iss === 'string' && typeof sub === 'string' && typeof name === 'string'
    ? { source, iss, sub, name }
    : undefined;
}

function actorsOf(value: Json | undefined): readonly RecordedActor[] | undefined {
  if (!isList(value)) return undefined;
  const actors = value.flatMap((one): RecordedActor[] => {
    if (!isJsonObject(one)) return [];
    const { iss, sub, name } = one;
    return typeof iss === 'string' && typeof sub === 'string' ? [{ iss, sub, name: textOf(name) }] : [];
  });
  return actors.length === value.length ? actors : undefined;
}

function clientOf(value: Json | undefined): RecordedRequest['client'] {
  const identity = identityOf(value);
  if (!identity || !isJsonObject(value)) return undefined;
  const { id, method } = value;
  return typeof id === 'string' && typeof method === 'string' ? { ...identity, id, method } : undefined;
}

function askedOf(value: Json | undefined): RecordedRequest['asked'] {
  if (!isJsonObject(value)) return undefined;
  const targets = recordedTexts(value.targets);
  const scopes = value.scopes === undefined ? undefined : recordedTexts(value.scopes);
  return targets && (value.scopes === undefined || scopes) ? { targets, scopes } : undefined;
}

function recordedTexts(value: Json | undefined): readonly RecordedText[] | undefined {
  if (!isList(value)) return undefined;
  const texts = value.flatMap((one): RecordedText[] => {
    if (typeof one === 'string') return [one];
    return isJsonObject(one) && typeof one.sha256 === 'string' ? [{ sha256: one.sha256 }] : [];
  });
  return texts.length === value.length ? texts : undefined;
}

function wouldOf(value: Json | undefined): readonly RecordedWould[] {
  if (!isList(value)) return [];
  return value.flatMap((one) => {
    if (!isJsonObject(one)) return [];
    const { rule, would } = one;
    const effect = (['allow', 'deny', 'refuse'] as const).find((known) => known === would);
    return typeof rule === 'string' && effect ? [{ rule, would: effect, nearest: textOf(one.nearest) }] : [];
  });
}

const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const textsOf = (value: Json | undefined): readonly string[] | undefined =>
  isList(value) ? value.filter((one) => typeof one === 'string') : undefined;
const textsByName = (value: Json | undefined): Readonly<Record<string, string>> =>
  isJsonObject(value)
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      )
    : {};

/** Of a time as records have it, in seconds since the epoch. */
function secondsOf(value: Json | undefined): number | undefined {
  const milliseconds = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(milliseconds) ? milliseconds / 1000 : undefined;
}
