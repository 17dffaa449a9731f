// Which of several rules that grant a request counts. No order of files or rules changes it: one that names who acts comes before one that
// does not, then the longest lifetime, then the smallest name; what is to be retired counts only where nothing else grants.

import type { Question } from '../core/decision.ts';
import type { Principal } from '../core/principal.ts';
import { actorsBy } from './acting.ts';
import type { AllowRule, CompiledTarget } from './compiled.ts';
import type { AllowVerdict } from './judge.ts';

/** Rules that grant, and name somebody who acts where the target wants that; those to be retired only where no other does. */
export function grantingOf(
  enforced: readonly AllowVerdict[],
  question: Pick<Question<Principal>, 'subject' | 'client' | 'delegation'>,
): readonly AllowVerdict[] {
  const granting = enforced.filter((verdict) => !verdict.failed && hasActor(verdict, question));
  const staying = granting.filter(({ rule }) => rule.mode === 'enforce');
  return staying.length > 0 ? staying : granting;
}

/** Whether somebody acts in what a rule would grant, or nobody has to. */
export const hasActor = (
  { rule, rendered }: AllowVerdict,
  question: Pick<Question<Principal>, 'subject' | 'client' | 'delegation'>,
): boolean => !rendered?.target.require.actor || actorsBy(rule.actor, question).length > 0;

/** The one that counts: who acts is named where any rule names it, however long another one's tokens live. */
export const bestOf = (granting: readonly AllowVerdict[]): AllowVerdict | undefined =>
  [...granting].sort(
    (a, b) =>
      Number(namesActor(b.rule)) - Number(namesActor(a.rule)) ||
      lifetime(b) - lifetime(a) ||
      (a.rule.name < b.rule.name ? -1 : 1),
  )[0];

/** Whether a rule says who acts. */
export const namesActor = ({ actor: { by } }: Pick<AllowRule, 'actor'>): boolean => by === 'token' || by === 'client';

const lifetime = ({ rule, rendered }: AllowVerdict): number => (rendered ? lifetimeOf(rule, rendered.target) : 0);

/** The shortest of rule, target and what the target requires of everyone. */
export const lifetimeOf = (rule: AllowRule, { lifetimeSecondsMax, require }: CompiledTarget): number =>
  Math.min(
    rule.lifetimeSeconds ?? lifetimeSecondsMax,
    lifetimeSecondsMax,
    require.lifetimeMaxSeconds ?? lifetimeSecondsMax,
  );
