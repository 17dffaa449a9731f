// What would have been otherwise (records, `audit breaks`): each rule in preview taken by itself, and a grant without the rule that is to
// be retired. It changes nothing.

import type { Question, Would } from '../core/decision.ts';
import { TRACE_RULES_MAX } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import { bestOf, grantingOf, hasActor } from './best.ts';
import type { DenyRule } from './compiled.ts';
import { type AllowVerdict, byProgress, type Verdict } from './judge.ts';

/** Every rule found, judged; `free`: neither a deny nor what the target requires of everyone is in the way. */
export interface Judged {
  readonly allows: readonly AllowVerdict[];
  readonly denies: readonly Verdict<DenyRule>[];
  readonly free: boolean;
}

export function wouldOf({ allows, denies, free }: Judged, question: Question<Principal>): readonly Would[] {
  const allowing = free ? allows.filter((verdict) => hasActor(verdict, question)) : [];
  const would: Would[] = [...allowing, ...denies]
    .filter(({ rule, failed }) => rule.mode === 'preview' && !failed)
    .map(({ rule }) => ({ rule: rule.name, would: rule.effect }));
  return [...would, ...(free ? retiring(allows, question) : [])]
    .sort((a, b) => (a.rule < b.rule ? -1 : 1))
    .slice(0, TRACE_RULES_MAX);
}

/** The rule by which the request is granted, where that is to be retired; and which other rule came nearest to granting it. */
function retiring(allows: readonly AllowVerdict[], question: Question<Principal>): readonly Would[] {
  const enforced = allows.filter(({ rule }) => rule.mode !== 'preview');
  const best = bestOf(grantingOf(enforced, question));
  if (best?.rule.mode !== 'retire') return [];
  const [near] = enforced.filter(({ rule }) => rule.mode === 'enforce').sort(byProgress);
  return [{ rule: best.rule.name, would: 'refuse', ...(near ? { nearest: near.rule.name } : {}) }];
}
