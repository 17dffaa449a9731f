// What would break, or open, if every rule in preview were enforced and every rule to be retired deleted (`audit breaks`): counted from
// the `would` of records, rule by rule. Memory is bounded; what there is no room for is counted.

import { BREAKS_RULES_MAX, BREAKS_SUBJECTS_MAX } from '../../core/limits.ts';
import type { CompiledPolicy } from '../compiled.ts';
import type { RecordedRequest, RecordedWould } from './recorded.ts';

export interface Break {
  readonly rule: string;
  /** `deny` and `refuse` would take a grant away, `allow` would give one. */
  readonly would: RecordedWould['would'];
  /** Requests whose answer would be another. */
  readonly count: number;
  /** Requests that it matches, and that would be answered as they were. */
  readonly unchanged: number;
  /** Distinct names among `count`; with `subjectsMore`, at least so many. */
  readonly subjects: number;
  readonly subjectsMore: boolean;
  /** Some of those names, the first that were seen. */
  readonly names: readonly string[];
  readonly sources: readonly string[];
  /** Of a rule to be retired: the rule that came nearest to granting the last of them. */
  readonly nearest: string | undefined;
  readonly first: string;
  readonly last: string;
  /** The last of them. */
  readonly decision: string;
  /** As configured now; undefined where no configuration was at hand. */
  readonly now: 'preview' | 'retire' | 'enforce' | 'gone' | undefined;
}

export interface Breaks {
  readonly requests: number;
  /** The most frequent first. */
  readonly rules: readonly Break[];
  /** Rules in preview, or to be retired, that no request of the period met. */
  readonly silent: readonly { readonly rule: string; readonly at: string; readonly mode: 'preview' | 'retire' }[];
  /** Whether a grant would be taken away. */
  readonly breaks: boolean;
  /** Rules beyond those that are followed. */
  readonly dropped: number;
}

const NAMES_SHOWN_MAX = 3;

interface Tally {
  readonly rule: string;
  readonly would: RecordedWould['would'];
  count: number;
  unchanged: number;
  readonly names: Set<string>;
  namesMore: boolean;
  readonly sources: Set<string>;
  nearest: string | undefined;
  first: number;
  last: number;
  decision: string;
}

/** `policy`: the configuration of now, where it is at hand. */
export function createBreaks(policy: CompiledPolicy | undefined) {
  const tallies = new Map<string, Tally>();
  let requests = 0;
  let dropped = 0;
  return Object.freeze({
    take(request: RecordedRequest) {
      // Who only asked has lost nothing, and needed nothing.
      if (request.dryRun) return;
      requests += 1;
      for (const one of request.would) {
        const key = `${one.would} ${one.rule}`;
        const tally = tallies.get(key) ?? newTally(one, request);
        if (!tallies.has(key) && tallies.size >= BREAKS_RULES_MAX) dropped += 1;
        else {
          tallies.set(key, tally);
          count(tally, one, request);
        }
      }
    },
    finish(): Breaks {
      const modes = policy && new Map(policy.rules.map(({ name, mode }) => [name, mode]));
      const rules = [...tallies.values()]
        .sort((a, b) => b.count - a.count || (a.rule < b.rule ? -1 : 1))
        .map((tally) => breakOf(tally, modes && (modes.get(tally.rule) ?? 'gone')));
      const met = new Set(rules.map(({ rule }) => rule));
      const silent = (policy?.rules ?? []).flatMap(({ name, at, mode }) =>
        mode === 'enforce' || met.has(name) ? [] : [{ rule: name, at, mode }],
      );
      return { requests, rules, silent, breaks: rules.some(takesAway), dropped };
    },
  });
}

/** What is no longer in preview, or no longer there, takes nothing away any more. */
const takesAway = ({ would, count, now }: Break): boolean =>
  would !== 'allow' && count > 0 && (now === undefined || now === 'preview' || now === 'retire');

const newTally = ({ rule, would }: RecordedWould, { time, decision }: RecordedRequest): Tally => ({
  rule,
  would,
  count: 0,
  unchanged: 0,
  names: new Set(),
  namesMore: false,
  sources: new Set(),
  nearest: undefined,
  first: time,
  last: time,
  decision,
});

function count(
  tally: Tally,
  { would, nearest }: RecordedWould,
  { was, subject, time, decision }: RecordedRequest,
): void {
  // A preview is judged by itself: a deny on what is refused anyway, or an allow on what is granted, changes nothing.
  if (was.granted !== (would !== 'allow')) {
    tally.unchanged += 1;
    return;
  }
  if (tally.count === 0) tally.first = time;
  tally.count += 1;
  if (tally.names.size < BREAKS_SUBJECTS_MAX) tally.names.add(subject.name);
  else if (!tally.names.has(subject.name)) tally.namesMore = true;
  tally.sources.add(subject.source);
  tally.first = Math.min(tally.first, time);
  if (time < tally.last && tally.count > 1) return;
  tally.last = time;
  tally.decision = decision;
  tally.nearest = nearest;
}

const breakOf = ({ names, namesMore, sources, first, last, ...rest }: Tally, now: Break['now']): Break => ({
  ...rest,
  subjects: names.size,
  subjectsMore: namesMore,
  names: [...names].slice(0, NAMES_SHOWN_MAX),
  sources: [...sources].sort(),
  first: new Date(first * 1000).toISOString(),
  last: new Date(last * 1000).toISOString(),
  now,
});
