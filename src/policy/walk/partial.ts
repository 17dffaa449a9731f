// Decisions about principals of whom not every claim is known (`can`, and records of the past): granted whatever the rest is, refused
// whatever the rest is, or undetermined, with the conditions that it hangs on. Follows decide.ts step by step, each time asking
// what must be and what may be; it may leave open what could be told, and never tells what is open.

import { claimKey } from '../../core/claim-path.ts';
import type { PolicyRefusal } from '../../core/refusal.ts';
import { lifetimeOf, namesActor } from '../best.ts';
import type { AllowRule, CompiledPolicy, CompiledRule, CompiledTarget, DenyRule } from '../compiled.ts';
import { countsAt, partiesOf, peopleOf, rulesOf, unmetRequirement } from '../decide.ts';
import type { Condition } from '../evaluate.ts';
import { type Asked, createTargetFinder } from '../targets.ts';
import { sketchOf } from './known.ts';
import {
  isCertain,
  type MayRender,
  type PartialPrincipal,
  type PartialQuestion,
  type Weighed,
  type WeighedDeny,
  weighAllow,
  weighDeny,
} from './weigh.ts';

/** A grant that may be given. */
export interface PossibleGrant {
  readonly rule: AllowRule;
  readonly target: CompiledTarget;
  /** Undefined where it hangs on a claim that is not known. */
  readonly address: string | undefined;
  readonly lifetimeSeconds: number;
}

/** A rule, and the conditions of it that nobody can tell. */
export interface Hinge {
  readonly rule: CompiledRule;
  readonly conditions: readonly Condition[];
}

export type RefusalReason = PolicyRefusal['reason'];

export type PartialDecision =
  /** One of these, whatever the unknown claims are. */
  | { readonly outcome: 'granted'; readonly grants: readonly PossibleGrant[] }
  /** For one of these reasons, whatever they are. */
  | { readonly outcome: 'refused'; readonly reasons: readonly RefusalReason[] }
  | {
      readonly outcome: 'undetermined';
      readonly grants: readonly PossibleGrant[];
      readonly reasons: readonly RefusalReason[];
      readonly hinges: readonly Hinge[];
    };

/** A compiled policy, ready to be asked about principals that are partly known. */
export function createPartialPolicy(policy: CompiledPolicy): (question: PartialQuestion) => PartialDecision {
  const findTarget = createTargetFinder(policy.targets);
  const targets = new Map(policy.targets.map((target) => [target.name, target]));
  const sources = new Map(
    policy.sources.map(({ name, claimsNamed }) => {
      const paths = claimsNamed.map((key) => key.split(KEY_SEPARATOR));
      const { allows, denies } = rulesOf(policy, name);
      return [name, { allows, denies, paths }] as const;
    }),
  );
  const found = (principal: PartialPrincipal) => {
    const source = sources.get(principal.source);
    if (!source) return { allows: [], denies: [] };
    const sketch = sketchOf(principal.knowledge, source.paths);
    return { allows: source.allows(sketch), denies: source.denies(sketch) };
  };
  const people = peopleOf(policy);
  return (question) => {
    const { subject, client, ask, now } = question;
    const asked = findTarget(ask.targets);
    const counts = ({ rule }: { readonly rule: CompiledRule }): boolean => countsAt(rule, now);
    const allows = found(subject)
      .allows.filter(counts)
      .flatMap(({ rule, match }) => weighAllow(rule, match, question, { asked, targets, people }) ?? []);
    const denies = partiesOf<PartialPrincipal>(question).flatMap((principal) =>
      found(principal)
        .denies.filter(counts)
        .filter(({ rule }) => rule.mode === 'enforce' && (principal === subject || rule.whose === 'anyone'))
        .flatMap(({ rule, match }) => weighDeny(rule, match, principal, client) ?? []),
    );
    return conclude({ allows, denies, asked, question });
  };
}

const KEY_SEPARATOR = claimKey(['', '']);

/** Decides once. */
export const judgePartial = (policy: CompiledPolicy, question: PartialQuestion): PartialDecision =>
  createPartialPolicy(policy)(question);

interface Weighing {
  readonly allows: readonly Weighed[];
  readonly denies: readonly WeighedDeny[];
  readonly asked: Asked;
  readonly question: PartialQuestion;
}

/** The steps of decide.ts `grantOf`. Each refusal that may be given is noted, and ends the matter where it must be. */
function conclude(weighing: Weighing): PartialDecision {
  const reasons = new Set<RefusalReason>();
  const grants = stepsOf(weighing, reasons);
  if (grants.length === 0) return { outcome: 'refused', reasons: [...reasons] };
  if (reasons.size === 0) return { outcome: 'granted', grants };
  return { outcome: 'undetermined', grants, reasons: [...reasons], hinges: hingesOf(weighing) };
}

function hingesOf({ allows, denies }: Weighing): readonly Hinge[] {
  const relevant = allows.filter(({ rule, renders }) => rule.mode !== 'preview' && renders.length > 0);
  return [...relevant, ...denies]
    .filter((one) => !isCertain(one))
    .map(({ rule, open }) => ({ rule, conditions: open }));
}

/** Notes a refusal that may be; whether it must be. */
type Refuses = (reason: RefusalReason, when: { readonly may: boolean; readonly must: boolean }) => boolean;

/** One target that a rule may name. */
type Naming = MayRender & Pick<Weighed, 'rule' | 'open'>;

function stepsOf(weighing: Weighing, reasons: Set<RefusalReason>): readonly PossibleGrant[] {
  const { allows, denies, asked, question } = weighing;
  const refuses: Refuses = (reason, { may, must }) => {
    if (may || must) reasons.add(reason);
    return must;
  };
  const enforced = allows.filter(({ rule }) => rule.mode !== 'preview');
  if (refuses('no_rule', { may: !enforced.some(isCertain), must: enforced.length === 0 })) return [];

  let naming = namingsOf(enforced);
  const named = () => ({ may: !naming.some(isCertain), must: naming.length === 0 });
  const { found } = asked;
  if (!found.ok && refuses(found.refusal.reason, named())) return [];

  const all = namingsOf(allows);
  const asking = found.ok ? [found.target] : all.map(({ target }) => target);
  const surely = found.ok ? [found.target] : all.filter(isCertain).map(({ target }) => target);
  const may = denies.filter(({ rule }) => asking.some(({ name }) => isDenied(rule, name)) || rule.deny === 'all');
  const must = denies
    .filter(isCertain)
    .some(({ rule }) => surely.some(({ name }) => isDenied(rule, name)) || rule.deny === 'all');
  if (refuses('target_denied', { may: may.length > 0, must })) return [];
  // What is certainly denied has not been asked for where no deny fired.
  naming = naming.filter(({ target }) => !denies.some((deny) => isCertain(deny) && isDenied(deny.rule, target.name)));
  const isElsewhere = enforced.some(({ renders }) => renders.length === 0);
  const { may: isNameless, must: isNone } = named();
  if (found.ok ? refuses('target_not_allowed', { may: isNameless && isElsewhere, must: isNone }) : isNone) return [];

  const targets = new Set(naming.map(({ target }) => target));
  const certain = new Set(naming.filter(isCertain).map(({ target }) => target));
  if (refuses('target_ambiguous', { may: targets.size > 1, must: certain.size > 1 })) return [];
  const unmet = [...targets].filter((target) => unmetRequirement(target, question) !== undefined);
  if (refuses('target_requirement_unmet', { may: unmet.length > 0, must: unmet.length === targets.size })) return [];
  return grantsOf(
    naming.filter(({ target }) => !unmet.includes(target)),
    refuses,
  );
}

const isDenied = ({ deny }: DenyRule, target: string): boolean => deny === 'all' || deny.includes(target);

const namingsOf = (weighed: readonly Weighed[]): readonly Naming[] =>
  weighed.flatMap(({ rule, open, renders }) => renders.map((one) => ({ ...one, rule, open })));

function grantsOf(all: readonly Naming[], refuses: Refuses): readonly PossibleGrant[] {
  const mayPass = ({ scopes, confirmed }: Naming): boolean => scopes && confirmed !== 'no';
  const passes = ({ scopes, confirmed }: Naming): boolean => scopes && confirmed === 'yes';
  // Rules that name nobody where somebody must be named grant nothing, and hide nothing that the others lack.
  const able = all.filter((one) => one.acted || !passes(one));
  const isAble = all.some((one) => isCertain(one) && (one.acted || !mayPass(one)));
  const isNobody = all.some((one) => !one.acted && mayPass(one)) && !isAble;
  if (refuses('target_requirement_unmet', { may: isNobody, must: able.length === 0 })) return [];

  const passing = able.filter((one) => one.acted && mayPass(one));
  if (!passing.some(isSure)) {
    // A person is sent to confirm where that is all that any rule lacks.
    const wanting = able.filter(({ scopes, confirmed, confirmable }) => scopes && confirmed !== 'yes' && confirmable);
    const isWanted = wanting.some((one) => isCertain(one) && one.confirmed === 'no');
    const lacks = able.some((one) => !wanting.includes(one) && !passes(one));
    refuses('confirmation_wanted', { may: wanting.length > 0, must: false });
    refuses('scope_not_allowed', { may: lacks && !isWanted, must: false });
  }
  const staying = passing.filter(({ rule }) => rule.mode === 'enforce');
  const retiring = passing.filter(({ rule }) => rule.mode === 'retire');
  // Rules that are to be retired count only where no other one grants.
  const classes = staying.some(isSure) ? [staying] : [staying, retiring];
  const must = [staying, ...(staying.length === 0 ? [retiring] : [])].some((rules) => mustDiffer(rules));
  if (refuses('target_ambiguous', { may: classes.some(mayDiffer), must })) return [];
  return classes.flatMap(bestOf);
}

/** Whether a rule grants, whatever is not known. */
const isSure = (one: Naming): boolean => isCertain(one) && one.confirmed === 'yes';

const mayDiffer = (naming: readonly Naming[]): boolean =>
  new Set(naming.map(({ rule, address }) => address ?? rule)).size > 1;

const mustDiffer = (naming: readonly Naming[]): boolean =>
  new Set(naming.filter(isSure).map(({ address }) => address)).size > 1;

/** Those that may be the best: no sure one comes before it, as best.ts orders them. */
function bestOf(naming: readonly Naming[]): readonly PossibleGrant[] {
  const sure = naming.filter(isSure);
  return naming
    .filter((one) => !sure.some((other) => comesBefore(other, one)))
    .map(({ rule, target, address }) => ({ rule, target, address, lifetimeSeconds: lifetimeOf(rule, target) }));
}

function comesBefore(one: Naming, other: Naming): boolean {
  const [names, named] = [namesActor(one.rule), namesActor(other.rule)];
  if (names !== named) return names;
  const [lives, lived] = [lifetimeOf(one.rule, one.target), lifetimeOf(other.rule, other.target)];
  return lives > lived || (lives === lived && one.rule.name < other.rule.name);
}
