// How a record is written (docs/records.md): its members in one fixed order, absent ones left out, every text bounded, as one line
// of printable ASCII. All times are RFC 3339 in UTC with milliseconds, `exp` too. It refuses to write a token, a key, or the
// value of a claim that nobody proved; a claim value past its bound stands cut, with the SHA-256 of the whole beside it.

import { hash } from 'node:crypto';
import type { CallerIdentityRecord } from '../core/caller-identity-record.ts';
import type { RuleTrace } from '../core/decision.ts';
import type { Json } from '../core/json.ts';
import {
  RECORD_BYTES_MAX,
  RECORDED_CLAIMS_MAX,
  RECORDED_NAMES_MAX,
  RECORDED_VALUE_BYTES_MAX,
  SUB_BYTES_MAX,
  TRACE_RULES_MAX,
} from '../core/limits.ts';
import type { OwnTokenRecord, RequestRecord } from '../core/own-token-record.ts';
import type { ExchangeRecord, RecordedClaim, RecordedPrincipal } from '../core/record.ts';
import type { Ask } from '../core/request.ts';

/** The operator's own labels, the same in every record of this broker. */
export type Labels = Readonly<Record<string, string>>;

/** The record as it is written and remembered, without the members of its place in a chain. Undefined members are not written. */
export function renderRecord(record: RequestRecord, labels: Labels): object {
  switch (record.event) {
    case 'exchange':
      return renderExchange(record, labels);
    case 'caller_identity':
      return renderCallerIdentity(record, labels);
    case 'introspection':
    case 'revocation':
      return renderOwnToken(record, labels);
  }
}

/** Of a cloud's credential that came from here: whose it is, if that was proved. */
const renderCallerIdentity = (record: CallerIdentityRecord, labels: Labels): object => ({
  event: record.event,
  decision: record.decision,
  time: timestamp(record.time),
  outcome: record.outcome,
  reason: record.reason,
  evidence: record.evidence && bounded(record.evidence, 0),
  transport: record.transport,
  client: client(record),
  unprovedClientId: record.unprovedClientId === undefined ? undefined : unproved(record.unprovedClientId),
  session: record.session && bounded(record.session, 0),
  policy: record.policy,
  traceId: record.traceId,
  peer: cutText(record.peer),
  mtls: record.mtls,
  dpop: record.dpop,
  labels: hasMembers(labels) ? labels : undefined,
});

/** Of a question about one of our own tokens, which is told by names and hashes alone. */
function renderOwnToken(record: OwnTokenRecord, labels: Labels): object {
  const { token, targets, unreached } = record;
  return {
    event: record.event,
    decision: record.decision,
    time: timestamp(record.time),
    outcome: record.outcome,
    active: record.active,
    reason: record.reason,
    evidence: record.evidence && bounded(record.evidence, 0),
    transport: record.transport,
    client: client(record),
    unprovedClientId: record.unprovedClientId === undefined ? undefined : unproved(record.unprovedClientId),
    token: token && { ...token, aud: cutText(token.aud, SUB_BYTES_MAX), exp: timestamp(token.exp) },
    targets: targets.length > 0 ? names(targets.slice(0, RECORDED_NAMES_MAX)) : undefined,
    withdrawal: record.withdrawal,
    unreached: unreached.length > 0 ? names(unreached.slice(0, RECORDED_NAMES_MAX)) : undefined,
    policy: record.policy,
    traceId: record.traceId,
    peer: cutText(record.peer),
    mtls: record.mtls,
    dpop: record.dpop,
    labels: hasMembers(labels) ? labels : undefined,
  };
}

function renderExchange(record: ExchangeRecord, labels: Labels): object {
  const { subject, actor } = record.roles;
  return {
    event: record.event,
    decision: record.decision,
    time: timestamp(record.time),
    dryRun: record.dryRun,
    outcome: record.outcome,
    reason: record.reason,
    evidence: record.evidence && bounded(record.evidence, 0),
    transport: record.transport,
    grantType: record.grantType,
    subject: subject && principal(subject),
    actor: actor && principal(actor),
    actors: record.actors?.map(({ iss, sub, name }) => ({
      iss: cutText(iss, SUB_BYTES_MAX),
      sub: cutText(sub, SUB_BYTES_MAX),
      name,
    })),
    client: client(record),
    unprovedClientId: record.unprovedClientId === undefined ? undefined : unproved(record.unprovedClientId),
    asked: record.asked && asked(record.asked),
    target: record.target,
    parameters: record.parameters,
    scopes: record.scopes,
    rule: record.rule,
    owner: record.owner,
    policy: record.policy,
    trace: record.trace.length > 0 ? record.trace.slice(0, TRACE_RULES_MAX).map(traced) : undefined,
    would: record.would.length > 0 ? record.would.slice(0, TRACE_RULES_MAX) : undefined,
    jti: record.jti,
    exp: record.exp === undefined ? undefined : timestamp(record.exp),
    outlives: record.outlives,
    session: record.session && bounded(record.session, 0),
    madeFor: record.madeFor,
    boundTo: record.boundTo,
    lineage: record.lineage,
    origin: record.origin && {
      iss: cutText(record.origin.iss, SUB_BYTES_MAX),
      sub: cutText(record.origin.sub, SUB_BYTES_MAX),
    },
    traceId: record.traceId,
    peer: cutText(record.peer),
    mtls: record.mtls,
    dpop: record.dpop,
    labels: hasMembers(labels) ? labels : undefined,
    claims: record.claims.length > 0 ? record.claims.slice(0, RECORDED_CLAIMS_MAX).map(claim) : undefined,
    otherClaims: record.otherClaims.length > 0 ? names(record.otherClaims.slice(0, RECORDED_NAMES_MAX)) : undefined,
    unknownClaims:
      record.unknownClaims.length > 0 ? names(record.unknownClaims.slice(0, RECORDED_NAMES_MAX)) : undefined,
    leftOut: notNamed(record),
  };
}

const client = ({ roles, client: known }: RequestRecord): object | undefined =>
  roles.client && { id: known?.id, method: known?.method, ...principal(roles.client) };

/** The caller's own texts, which may hold anything. */
const asked = ({ targets, scopes }: Ask): object => ({ targets: targets.map(unproved), scopes: scopes?.map(unproved) });

/** Members that are given up, in this order, where a record is longer than RECORD_BYTES_MAX. */
const EXPENDABLE = ['trace', 'otherClaims', 'unknownClaims', 'claims', 'evidence', 'would', 'asked', 'scopes'] as const;

/** One line of JSON, at most RECORD_BYTES_MAX long, and all of it printable ASCII: no byte in it can move a cursor. */
export function toLine(rendered: object): string {
  let line = ascii(JSON.stringify(rendered));
  if (line.length <= RECORD_BYTES_MAX) return line;
  const kept: Record<string, unknown> = { ...rendered };
  const dropped: string[] = [];
  for (const member of EXPENDABLE) {
    if (kept[member] === undefined) continue;
    kept[member] = undefined;
    dropped.push(member);
    line = ascii(JSON.stringify({ ...kept, leftOut: dropped }));
    if (line.length <= RECORD_BYTES_MAX) return line;
  }
  throw new RangeError('a record is too long even without its trace and claims');
}

/** RFC 3339, UTC, with milliseconds, of seconds since the epoch. */
export const timestamp = (seconds: number): string => new Date(Math.round(seconds * 1000)).toISOString();

// JSON escapes C0 by itself; DEL, C1 (a terminal obeys U+009B), line separators and bidirectional marks it leaves as they are.
function ascii(json: string): string {
  // Counting bytes is ten times faster than looking for characters, and almost every record is ASCII already.
  if (Buffer.byteLength(json) === json.length && !json.includes('\u007f')) return json;
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function principal(role: RecordedPrincipal): object {
  return {
    source: role.source,
    iss: cutText(role.iss, SUB_BYTES_MAX),
    sub: cutText(role.sub, SUB_BYTES_MAX),
    // A name is never cut: blocks and searches compare it whole. Its `sub` bounds it (three bytes for each, percent-encoded).
    name: role.name,
    sha256: role.sha256,
  };
}

const traced = ({ rule, at, effect, mode, failed }: RuleTrace): object => ({
  rule,
  at,
  effect,
  mode,
  failed: failed && {
    part: failed.part,
    what: cutText(failed.what),
    presented: failed.presented === undefined ? undefined : cutText(failed.presented),
    expected: cutText(failed.expected),
  },
});

/** A claim: its path, and its value or as much of it as fits, of the same JSON type. `sha256` stands only beside a cut value. */
function claim(recorded: RecordedClaim): object {
  const path = names(recorded.path);
  const { value } = recorded;
  if (typeof value === 'string') {
    const cut = cutText(value);
    return cut === value ? { path, value } : { path, value: cut, sha256: hash('sha256', value) };
  }
  if (typeof value !== 'object' || value === null) return { path, value };
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) <= RECORDED_VALUE_BYTES_MAX) return { path, value };
  return { path, value: Array.isArray(value) ? firstElements(value) : {}, sha256: hash('sha256', json) };
}

/** Member names, each cut; the same list where there is nothing to cut. */
function names(list: readonly string[]): readonly string[] {
  for (const name of list) if (cutText(name) !== name) return list.map((each) => cutText(each));
  return list;
}

/** As many whole elements, from the first, as fit. */
function firstElements(values: readonly Json[]): readonly Json[] {
  let left = RECORDED_VALUE_BYTES_MAX - 2;
  const end = values.findIndex((value) => {
    left -= Buffer.byteLength(JSON.stringify(value)) + 1;
    return left < -1;
  });
  return end < 0 ? values : values.slice(0, end);
}

/** A text of nobody proved: by its hash alone where it is long, or has the shape of a credential put in the wrong place. */
const unproved = (text: string): string | object =>
  text.length > RECORDED_VALUE_BYTES_MAX || /^(?:ey[\w-]+\.|Bearer\s|Basic\s)/i.test(text)
    ? { sha256: hash('sha256', text) }
    : cutText(text);

/** Cuts a text at whole characters so that it has at most so many bytes of UTF-8. */
export function cutText(text: string, bytesMax = RECORDED_VALUE_BYTES_MAX): string {
  // No UTF-16 unit has more than three bytes: most texts are short enough without being measured.
  if (text.length * 3 <= bytesMax || (text.length <= bytesMax && Buffer.byteLength(text) <= bytesMax)) return text;
  const bytes = Buffer.from(text.slice(0, bytesMax));
  if (bytes.length <= bytesMax) return bytes.toString();
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}

/** Evidence, whatever its shape: texts cut, lists and depth bounded. */
function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cutText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= 4) return undefined;
  if (Array.isArray(value)) return value.slice(0, RECORDED_NAMES_MAX).map((item) => bounded(item, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value).slice(0, RECORDED_NAMES_MAX)) copy[name] = bounded(item, depth + 1);
  return copy;
}

/** How many claims are not even named, so that no list looks whole that is not. */
function notNamed({ claims, otherClaims, unknownClaims }: ExchangeRecord): readonly string[] | undefined {
  const over = [
    claims.length > RECORDED_CLAIMS_MAX ? `claims: ${claims.length - RECORDED_CLAIMS_MAX}` : '',
    otherClaims.length > RECORDED_NAMES_MAX ? `otherClaims: ${otherClaims.length - RECORDED_NAMES_MAX}` : '',
    unknownClaims.length > RECORDED_NAMES_MAX ? `unknownClaims: ${unknownClaims.length - RECORDED_NAMES_MAX}` : '',
  ].filter((text) => text !== '');
  return over.length > 0 ? over : undefined;
}

function hasMembers(labels: Labels): boolean {
  for (const name in labels) if (Object.hasOwn(labels, name)) return true;
  return false;
}
