// Which records of a trail are meant (`audit query`; docs/records.md): by who they are about, who acted, which client asked, what for, when,
// and what became of it, or by a token and everything that was made of it. One line at a time, in bounded memory. It believes what it
// reads: whether the trail is whole is for `audit verify`.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { QUERY_ALIASES_MAX } from '../core/limits-delegation.ts';
import { isBlocked } from '../core/withdrawal.ts';
import { handleOf } from '../parsing/token-handle.ts';

/** What is looked for; absent members mean anything. Names may end in `*`, as blocks may. */
export interface Wanted {
  /** By name, or by `sub`: of the subject, or of the first proof of its chain. */
  readonly subject?: string | undefined;
  /** Whoever acts, now or before: by name, by `sub`, or by `iss` and `sub` with a space between. */
  readonly actor?: string | undefined;
  /** By id or by name. */
  readonly client?: string | undefined;
  /** By name, as granted; or as a caller wrote it. */
  readonly target?: string | undefined;
  readonly outcome?: string | undefined;
  /** A token by its `jti` or its handle: how it was issued, and what was made of it. */
  readonly token?: string | undefined;
  /** Seconds since the epoch; the first is within, the second is not. */
  readonly sinceSeconds?: number | undefined;
  readonly untilSeconds?: number | undefined;
}

export type Queried =
  | { readonly is: 'meant'; readonly record: JsonObject }
  | { readonly is: 'other' }
  /** A line that is no record of ours. */
  | { readonly is: 'damaged' };

const OTHER: Queried = Object.freeze({ is: 'other' });
const DAMAGED: Queried = Object.freeze({ is: 'damaged' });

/** Judges the lines of a trail, in their order: what earlier ones say of names is used for later ones. */
export function createQuery(wanted: Wanted): (line: string) => Queried {
  const actor = createActorMatch(wanted.actor);
  const token = createTokenMatch(wanted.token);
  return (line) => {
    const record = readRecord(line);
    if (!record) return DAMAGED;
    if (record.event !== 'exchange') return OTHER;
    const milliseconds = Date.parse(textOf(record.time) ?? '');
    if (!Number.isFinite(milliseconds)) return DAMAGED;
    // Asked of every record, also of those that do not count: they tell who is who.
    const acts = actor(record);
    const isMeant =
      isWithin(wanted, milliseconds / 1000) &&
      acts &&
      token(record) &&
      isAbout(wanted.subject, record) &&
      isThrough(wanted.client, record) &&
      isFor(wanted.target, record) &&
      (wanted.outcome === undefined || record.outcome === wanted.outcome);
    return isMeant ? { is: 'meant', record } : OTHER;
  };
}

function readRecord(line: string): JsonObject | undefined {
  try {
    const value: Json = JSON.parse(line);
    return isJsonObject(value) && typeof value.event === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

const isWithin = ({ sinceSeconds, untilSeconds }: Wanted, seconds: number): boolean =>
  (sinceSeconds === undefined || seconds >= sinceSeconds) && (untilSeconds === undefined || seconds < untilSeconds);

function isAbout(wanted: string | undefined, { subject, origin }: JsonObject): boolean {
  if (wanted === undefined) return true;
  const [who, first] = [objectOf(subject), objectOf(origin)];
  return [who?.name, who?.sub, first?.sub].some((text) => isMeantBy(wanted, text));
}

const isThrough = (wanted: string | undefined, { client }: JsonObject): boolean =>
  wanted === undefined || [objectOf(client)?.id, objectOf(client)?.name].some((text) => isMeantBy(wanted, text));

function isFor(wanted: string | undefined, { target, asked }: JsonObject): boolean {
  if (wanted === undefined) return true;
  const targets = objectOf(asked)?.targets;
  return target === wanted || (Array.isArray(targets) && targets.includes(wanted));
}

/**
 * Whether somebody who acts is meant. In an `act` there are `iss` and `sub` alone: which of them a name stands for is told by the records
 * of the requests in which they proved who they are, which come before those of what was made of it.
 */
function createActorMatch(wanted: string | undefined): (record: JsonObject) => boolean {
  if (wanted === undefined) return () => true;
  const known = new Set<string>();
  const learn = (who: JsonObject): void => {
    if (known.size < QUERY_ALIASES_MAX && isMeantBy(wanted, who.name)) known.add(identityOf(who));
  };
  const isIt = (who: JsonObject): boolean =>
    [who.name, who.sub].some((text) => isMeantBy(wanted, text)) ||
    identityOf(who) === wanted ||
    known.has(identityOf(who));
  return ({ subject, actor, client, actors }) => {
    for (const who of [subject, actor, client]) if (isJsonObject(who)) learn(who);
    return [actor, ...listOf(actors)].some((who) => isJsonObject(who) && isIt(who));
  };
}

/** As it is written on the command line; an `iss` has no space. */
const identityOf = ({ iss, sub }: JsonObject): string => `${textOf(iss) ?? ''} ${textOf(sub) ?? ''}`;

/** Whether a record is of this token's issue, or of what was made of it. */
function createTokenMatch(wanted: string | undefined): (record: JsonObject) => boolean {
  if (wanted === undefined) return () => true;
  const handles = new Map<string, string>();
  const handleBy = (issuer: string): string => {
    const handle = handles.get(issuer) ?? handleOf(issuer, wanted);
    if (handles.size < QUERY_ALIASES_MAX) handles.set(issuer, handle);
    return handle;
  };
  return ({ jti, lineage, subject, actor, origin }) => {
    if (jti === wanted) return true;
    const ancestors = listOf(lineage);
    if (ancestors.length === 0) return false;
    if (ancestors.includes(wanted)) return true;
    // Whoever issued it issued the first of the chain, or one of those that were presented.
    return [subject, actor, origin].some((who) => {
      const issuer = textOf(objectOf(who)?.iss);
      return issuer !== undefined && ancestors.includes(handleBy(issuer));
    });
  };
}

const isMeantBy = (wanted: string, text: Json | undefined): boolean =>
  typeof text === 'string' && isBlocked(wanted, text);
const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const objectOf = (value: Json | undefined): JsonObject | undefined => (isJsonObject(value) ? value : undefined);
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
