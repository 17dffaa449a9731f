// What `explain` prints for people: the outcome first, then rule by rule. Presented and expected values come in JSON, printable
// ASCII; every other text is escaped here, so that nothing in a claim, a rule or a record is obeyed by a terminal.

import type { Decision, RuleTrace } from '../../core/decision.ts';
import type { Principal } from '../../core/principal.ts';
import type { Refusal } from '../../core/refusal.ts';

/** One rule of the policy, nearest first. */
export type ExplainedRule = RuleTrace & {
  readonly owner: string | undefined;
  readonly why: string | undefined;
  readonly ended: boolean;
  readonly hint: string | undefined;
};

export interface Explanation {
  readonly decision: Decision<Principal>;
  readonly rules: readonly ExplainedRule[];
}

/** A principal as its source would name it if its claims were proved; or why the source would refuse them. */
export type Assumed =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly refusal: Refusal };

const ASSUMED = 'assumed, not proved: neither the signature nor the times were checked';

/** An offline explanation. */
export function renderOffline(
  assumed: Assumed,
  client: string | undefined,
  explanation: Explanation | undefined,
): readonly string[] {
  if (!assumed.ok || !explanation) {
    const why = assumed.ok ? 'unknown' : refusalText(assumed.refusal);
    const mend = assumed.ok ? [] : mendText(assumed.refusal);
    return [`claims    ${ASSUMED}`, `refused   the trust source would refuse them: ${why}`, ...mend].map(printable);
  }
  const { decision, rules } = explanation;
  const outcome = decision.granted
    ? `allowed   ${decision.grant.target}${scopesText(decision.grant.scopes)} for at most ${decision.grant.lifetimeSeconds} s, by ${decision.grant.rule.name} (${decision.grant.rule.at})`
    : `refused   ${refusalText(decision.refusal)}`;
  return [
    `claims    ${ASSUMED}`,
    `subject   ${assumed.principal.name}`,
    ...(client === undefined ? [] : [`client    ${client}`]),
    outcome,
    ...decision.would.map(({ rule, would }) => `preview   ${rule} would ${would}`),
    `rules     ${rules.length}, nearest first`,
    ...rules.map(ruleText),
  ].map(printable);
}

/** A decision of the running broker, from its record. */
export function renderDecided(record: object): readonly string[] {
  const shown = new Map<string, unknown>(Object.entries(record));
  const trace = shown.get('trace');
  const lines = ['decision', 'dryRun', 'outcome', 'reason', 'subject', 'client', 'target', 'scopes', 'rule'].flatMap(
    (name) => {
      const value = shown.get(name);
      return value === undefined || value === null ? [] : [`${name.padEnd(9)} ${valueText(value)}`];
    },
  );
  const evidence = evidenceText(shown.get('evidence'));
  if (evidence !== '') lines.push(`evidence  ${evidence}`, ...mendText(shown.get('evidence')));
  const would = shown.get('would');
  if (Array.isArray(would))
    lines.push(...would.filter(isWould).map((each) => `preview   ${each.rule} would ${each.would}`));
  const rules = Array.isArray(trace) ? trace.filter(isTrace).map(ruleText) : [];
  return [...lines, `rules     ${rules.length} considered`, ...rules].map(printable);
}

function ruleText(rule: RuleTrace & Partial<ExplainedRule>): string {
  const kind = `${rule.effect}${rule.mode === 'preview' ? ' (preview)' : ''}${rule.ended ? ' (ended)' : ''}`;
  return `  ${rule.rule} (${rule.at}) ${kind}: ${failedText(rule)}`;
}

function failedText({ failed, effect, hint }: RuleTrace & Partial<ExplainedRule>): string {
  if (!failed) return effect === 'allow' ? 'grants it' : 'denies it';
  const was = failed.presented === undefined ? 'was absent' : `was ${failed.presented}`;
  const what = failed.part === failed.what ? failed.what : `${failed.part}: ${failed.what}`;
  return `${what} ${was}, must be ${failed.expected}${hint === undefined ? '' : `; ${hint}`}`;
}

const scopesText = (scopes: readonly string[]): string => (scopes.length === 0 ? '' : ` with ${scopes.join(' ')}`);

/** The reason, with its evidence; the nearest rule stands in the list of rules. */
function refusalText(refusal: Refusal): string {
  const { reason, ...evidence } = refusal;
  return [reason, evidenceText(evidence)].filter((words) => words !== '').join(' ');
}

/** A key file that is older than the keys: what it lacks, what it has, and how it is made again. */
function mendText(evidence: unknown): readonly string[] {
  if (typeof evidence !== 'object' || evidence === null || !('lacking' in evidence)) return [];
  const { lacking } = evidence;
  if (typeof lacking !== 'object' || lacking === null) return [];
  const { file, kid, alg, held } = { file: '', kid: undefined, alg: '', held: [], ...lacking };
  const wanted = kid === undefined ? `no key for ${alg}` : `no key ${JSON.stringify(kid)} for ${alg}`;
  const keys = Array.isArray(held) && held.length > 0 ? held.join(', ') : 'nothing';
  return [
    `key       ${file} has ${wanted}; it has ${keys}`,
    `mend      if the token is your cluster's: kubectl get --raw /openid/v1/jwks > ${file}.new && mv ${file}.new ${file}`,
  ];
}

function evidenceText(evidence: unknown): string {
  if (typeof evidence !== 'object' || evidence === null) return '';
  const shown = Object.entries(evidence).filter(([name]) => name !== 'nearest' && name !== 'lacking');
  return shown.map(([name, value]) => `${name}=${valueText(value)}`).join(' ');
}

function valueText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'name' in value) return String(value.name);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const isTrace = (value: unknown): value is RuleTrace =>
  typeof value === 'object' && value !== null && 'rule' in value && 'at' in value && 'effect' in value;

const isWould = (value: unknown): value is { readonly rule: string; readonly would: string } =>
  typeof value === 'object' && value !== null && 'rule' in value && 'would' in value;

const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
