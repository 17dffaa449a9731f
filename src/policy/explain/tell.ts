// What a refused caller may be told beyond the fixed sentence of its error code (docs/errors.md): only a proved one, only
// where its source says `tell: caller`, and only of rules whose pin it matched. What a cloud said is told to whom it was asked for.

import type { Outcome } from '../../core/operation.ts';
import { cloudSentence, refusalSentence } from './explain.ts';

/** The one sentence, without the decision id; undefined for the fixed one. */
export function outcomeSentence(outcome: Extract<Outcome, { kind: 'refused' }>): string | undefined {
  const { subject, ask, refusal } = outcome;
  if (!subject || !ask || subject.proof.tell !== 'caller') return undefined;
  switch (refusal.reason) {
    case 'no_rule':
    case 'target_not_allowed':
    case 'scope_not_allowed':
    case 'confirmation_wanted':
      return refusalSentence({ principal: subject, ask, nearest: refusal.nearest });
    case 'cloud_refused':
    case 'would_outlive':
      return cloudSentence(subject, refusal);
    default:
      return undefined;
  }
}
