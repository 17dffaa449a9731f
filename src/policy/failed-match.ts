// Why a principal is none of those whom one part of a rule speaks of: its source, its pin, its other claims, in this order. Asked about
// the subject by judge.ts, about who acts by acting.ts.

import type { Principal } from '../core/principal.ts';
import type { SourceMatch } from './compiled.ts';
import { type Condition, display, displayAll, holds, presentedFor } from './evaluate.ts';
import type { Failed } from './failed.ts';

/** What is enough: of an allow that a condition is true, of a deny that it is not false. */
export type Passes = (truth: ReturnType<typeof holds>) => boolean;

/** Why a principal is none of these; `match` is the one for its source. */
export function failedMatch(
  matches: readonly SourceMatch[],
  match: SourceMatch | undefined,
  subject: Principal,
  passes: Passes,
): Failed | undefined {
  if (!match) {
    const expected = displayAll(matches.map(({ source }) => source));
    return { part: 'source', what: 'trust', presented: display(subject.source), expected, held: 0, identified: false };
  }
  return (
    failedCondition({ part: 'pin', held: 0, identified: false }, match.ids, subject, passes) ??
    failedCondition({ part: 'pin', held: match.ids.length, identified: true }, match.context, subject, passes) ??
    failedCondition({ part: 'claims', held: 0, identified: true }, match.claims, subject, passes)
  );
}

function failedCondition(
  place: Pick<Failed, 'part' | 'held' | 'identified'>,
  conditions: readonly Condition[],
  { claims }: Principal,
  passes: Passes,
): Failed | undefined {
  const index = conditions.findIndex((condition) => !passes(holds(condition, claims)));
  const condition = conditions[index];
  if (!condition) return undefined;
  const { what, expected } = condition;
  return { ...place, what, presented: presentedFor(condition, claims), expected, held: place.held + index };
}
