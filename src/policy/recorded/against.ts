// What another policy would change of what was decided (`diff --against`): for each recorded request whether it stays, flips, or cannot
// be told. A grant stays where the same target, scopes and binding would be granted for as long as what was issued lasts.

import { REQUEST_DEADLINE_MS } from '../../core/limits.ts';
import { render } from '../../parsing/template.ts';
import type { CompiledPolicy } from '../compiled.ts';
import type { RecordedOutcome, RecordedRequest } from './recorded.ts';
import type { Replay, Replayed, ReplayedGrant } from './replay.ts';

export type GrantPart = 'target' | 'parameters' | 'scopes' | 'lifetime' | 'binding' | 'actors';

export type Change =
  | { readonly is: 'same' }
  /** Refused then. */
  | { readonly is: 'granted'; readonly rule: string; readonly target: string }
  /** Granted then. `rule`: the deny that refuses. */
  | { readonly is: 'refused'; readonly reasons: readonly string[]; readonly rule: string | undefined }
  /** Granted then and now, and something else. */
  | { readonly is: 'changed'; readonly rule: string; readonly parts: readonly GrantPart[] }
  /** Hangs on claims whose values, or on members, that the record does not have. */
  | { readonly is: 'untold'; readonly open: readonly string[] };

const SAME: Change = Object.freeze({ is: 'same' });

/** Compares one recorded request with what would become of it. */
export function createComparison(policy: CompiledPolicy, replay: Replay): (request: RecordedRequest) => Change {
  const addresses = new Map(policy.targets.map(({ name, address }) => [name, address]));
  return (request) => {
    const now = replay(request);
    return request.was.granted ? afterGrant(addresses, request, request.was, now) : afterRefusal(now);
  };
}

function afterRefusal(now: Replayed): Change {
  if (now.outcome === 'refused') return SAME;
  if (now.outcome === 'untold') return { is: 'untold', open: now.open };
  const [grant] = now.grants;
  return { is: 'granted', rule: grant?.rule ?? '', target: grant?.target ?? '' };
}

function afterGrant(
  addresses: ReadonlyMap<string, string>,
  request: RecordedRequest,
  was: Extract<RecordedOutcome, { granted: true }>,
  now: Replayed,
): Change {
  if (now.outcome === 'refused') return { is: 'refused', reasons: now.reasons, rule: now.rule };
  if (now.outcome === 'untold') return { is: 'untold', open: now.open };
  const parts = now.grants.map((grant) => changedParts(addresses, request, was, grant));
  if (parts.every((changed) => changed.length === 0)) return SAME;
  const [first = []] = parts;
  // Which of several rules grants hangs on what is not known, and so does what it changes.
  if (parts.some((changed) => changed.join() !== first.join())) return { is: 'untold', open: openParts(parts) };
  return { is: 'changed', rule: now.grants[0]?.rule ?? '', parts: first };
}

const openParts = (parts: readonly (readonly GrantPart[])[]): readonly string[] => [...new Set(parts.flat())].sort();

function changedParts(
  addresses: ReadonlyMap<string, string>,
  { time, actors = [] }: RecordedRequest,
  was: Extract<RecordedOutcome, { granted: true }>,
  now: ReplayedGrant,
): readonly GrantPart[] {
  const parts: GrantPart[] = [];
  if (was.target !== now.target) parts.push('target');
  else if (render(addresses.get(was.target) ?? '', was.parameters) !== now.address) parts.push('parameters');
  if (was.scopes && !sameSet(was.scopes, now.scopes)) parts.push('scopes');
  const { issued } = was;
  // The token's own times began when it was decided on, at most a request's deadline after the record's.
  if (issued && issued.exp > time + REQUEST_DEADLINE_MS / 1000 + now.lifetimeSeconds) parts.push('lifetime');
  if (issued && issued.boundTo !== now.boundTo) parts.push('binding');
  if (JSON.stringify(actors.map(namesOnly)) !== JSON.stringify(now.actors.map(namesOnly))) parts.push('actors');
  return parts;
}

const namesOnly = ({ iss, sub }: { readonly iss: string; readonly sub: string }) => [iss, sub];

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one) => b.includes(one));
