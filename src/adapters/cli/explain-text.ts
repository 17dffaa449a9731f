// What `explain` prints for people: the outcome first, then rule by rule. Presented and expected values come in JSON, printable
// ASCII; every other text is escaped here, so that nothing in a claim, a rule or a record is obeyed by a terminal.

import type { Cause } from '../../core/cause.ts';
import type { RuleTrace } from '../../core/decision.ts';
import type { Actors } from '../../core/principal.ts';
import type {
  ExplainedRule,
  ExplainTools,
  Explanation,
  JudgedClaims,
  OfflinePolicy,
  UnknownTarget,
} from './explain-tools.ts';
import { escaped, jsonLine } from './shown.ts';

/** An offline explanation. */
export interface Offline {
  readonly judged: JudgedClaims;
  readonly actor: JudgedClaims | undefined;
  readonly acting: ReturnType<OfflinePolicy['acting']>;
  /** Why it would be refused before any rule is asked, the broker's own answer first. */
  readonly causes: readonly Cause[];
  /** The client that would ask. */
  readonly client: string | undefined;
  readonly nowSeconds: number;
  /** Undefined where the claims do not make a principal. */
  readonly explanation: Explanation | undefined;
  /** What is asked for, where there is no such target. */
  readonly unknown: UnknownTarget | undefined;
}

/** What the broker would answer, first; and but for that, everything else that it would come to. `rulesMax`: rules listed. */
export function renderOffline(found: Offline, rulesMax: number | undefined): readonly string[] {
  const { judged, actor, client, explanation, unknown } = found;
  const [headline, ...others] = found.causes.map(refusedText);
  const policy = explanation ? policyText(found, explanation, rulesMax) : [];
  const rest = [...others, ...policy];
  return [
    `claims    assumed, not proved: ${uncheckedText(judged)}; as of ${timeText(found.nowSeconds)}`,
    ...(judged.principal ? [`subject   ${judged.principal.name}`] : []),
    ...(actor?.principal ? [`actor     ${actor.principal.name}`] : []),
    ...chainText('acted', found.acting.delegation.actors),
    ...(client === undefined ? [] : [`client    ${client}`]),
    ...(unknown ? [unknownText(unknown)] : []),
    ...(headline === undefined ? [] : [headline, ...mendText(judged), ...(rest.length > 0 ? ['but for that:'] : [])]),
    ...rest,
  ].map(escaped);
}

/** Everybody in a chain, the last who acted first. */
const chainText = (word: string, actors: Actors): readonly string[] =>
  actors.length === 0 ? [] : [`${word.padEnd(9)} ${actors.map(({ sub }) => sub).join(', for ')}`];

const unknownText = ({ asked, meant }: UnknownTarget): string =>
  `asked     ${asked}: there is no such target${meant === undefined ? '' : `; did you mean ${meant}?`}`;

const uncheckedText = ({ timed }: JudgedClaims): string =>
  timed ? 'no signature was checked' : 'neither a signature nor any time was checked';

/** RFC 3339 in whole seconds. */
const timeText = (seconds: number): string => `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`;

/** What policy says, where the credential was no reason to refuse. */
function policyText(
  found: Offline,
  { decision, cause, rules }: Explanation,
  rulesMax = rules.length,
): readonly string[] {
  const { judged, nowSeconds } = found;
  const more = rules.length - rulesMax;
  return [
    ...(judged.over && decision.granted ? [refusedText(judged.over), 'but for that:'] : []),
    decision.granted
      ? grantedText(decision.grant, found, nowSeconds)
      : cause
        ? refusedText(cause)
        : `refused   ${decision.refusal.reason}`,
    ...(decision.granted ? chainText('acting', decision.grant.actors) : []),
    ...decision.would.map(({ rule, would }) => `preview   ${rule} would ${would}`),
    `rules     ${rules.length}, nearest first`,
    ...rules.slice(0, rulesMax).map(ruleText),
    ...(more > 0 ? [`  and ${more} more (--all)`] : []),
  ];
}

/** No token outlives the credential that it is made from. */
function grantedText(
  { target, scopes, lifetimeSeconds, rule }: Extract<Explanation['decision'], { granted: true }>['grant'],
  { judged, actor }: Offline,
  nowSeconds: number,
): string {
  const ends = [judged.endsAtSeconds, actor?.endsAtSeconds].filter((end) => end !== undefined);
  const left = ends.length === 0 ? lifetimeSeconds : Math.floor(Math.min(...ends)) - Math.floor(nowSeconds);
  const seconds = left > 0 ? Math.min(left, lifetimeSeconds) : lifetimeSeconds;
  return `allowed   ${target}${scopesText(scopes)} for at most ${seconds} s, by ${rule.name} (${rule.at})`;
}

const refusedText = (cause: Cause): string => `refused   ${causeText(cause)}`;

/** `no_rule: nearest production (policies/github.yaml:4): ref was "refs/heads/dev", must be "refs/heads/main"`. */
export function causeText({ reason, by, what, presented, expected, hint }: Cause): string {
  const whose = by === undefined ? '' : `${by}: `;
  return `${reason}: ${whose}${missText(what, presented, expected)}${hint === undefined ? '' : `; ${hint}`}`;
}

const missText = (what: string, presented: string | undefined, expected: string): string =>
  `${what} ${presented === undefined ? 'was absent' : `was ${presented}`}, must be ${expected}`;

/** The same for programs. `causes`: why it is refused, the broker's own answer first. */
export function offlineJson(found: Offline): object {
  const { judged, actor, acting, client, nowSeconds, explanation, unknown } = found;
  const { decision, cause, rules = [] } = explanation ?? {};
  const over = judged.over && decision?.granted ? [judged.over] : [];
  const causes = [...found.causes, ...over, ...(cause ? [cause] : [])];
  return {
    assumed: true,
    at: timeText(nowSeconds),
    allowed: decision?.granted === true && causes.length === 0,
    subject: judged.principal && { source: judged.principal.source, name: judged.principal.name },
    actor: actor?.principal && { source: actor.principal.source, name: actor.principal.name },
    acted: acting.delegation.actors.map(({ iss, sub }) => ({ iss, sub })),
    client,
    unknownTarget: unknown,
    causes,
    grant: decision?.granted ? { ...decision.grant, subject: undefined, actor: undefined } : undefined,
    refusal: decision?.granted === false ? decision.refusal : undefined,
    would: decision?.would ?? [],
    rules,
  };
}

const RECORDED = 'decision dryRun outcome reason subject actor actors client target scopes rule'.split(' ');

/** A decision of the broker, from its record. `unknown`: what was asked for, where there is no such target. */
export function renderDecided(
  record: object,
  hint: ExplainTools['hint'],
  unknown: UnknownTarget | undefined,
): readonly string[] {
  const shown = new Map<string, unknown>(Object.entries(record));
  const trace = shown.get('trace');
  const lines = RECORDED.flatMap((name) => {
    const value = shown.get(name);
    return value === undefined || value === null ? [] : [`${name.padEnd(9)} ${valueText(value)}`];
  });
  const asked = askedTargets(record).map(jsonLine);
  if (unknown) lines.push(unknownText(unknown));
  else if (asked.length > 0 && !shown.get('target')) lines.push(`asked     ${asked.join(' and ')}`);
  const evidence = evidenceText(shown.get('evidence'));
  if (evidence !== '') lines.push(`evidence  ${evidence}`, ...mendText(shown.get('evidence')));
  const would = shown.get('would');
  if (Array.isArray(would))
    lines.push(...would.filter(isWould).map((each) => `preview   ${each.rule} would ${each.would}`));
  const rules = Array.isArray(trace)
    ? trace.filter(isTrace).map((rule) => ruleText({ ...rule, hint: hintOf(rule, hint) }))
    : [];
  return [...lines, `rules     ${rules.length} considered`, ...rules].map(escaped);
}

/** What a record says was asked for; long texts are there as their hashes only, and left out. */
export function askedTargets(record: object): readonly string[] {
  const asked = 'asked' in record ? record.asked : undefined;
  const targets = typeof asked === 'object' && asked !== null && 'targets' in asked ? asked.targets : undefined;
  return Array.isArray(targets) ? targets.filter((target) => typeof target === 'string') : [];
}

const hintOf = ({ effect, failed }: RuleTrace, hint: ExplainTools['hint']): string | undefined =>
  effect === 'deny' || failed?.presented === undefined ? undefined : hint(failed.presented, failed.expected);

function ruleText(rule: RuleTrace & Partial<ExplainedRule>): string {
  const kind = `${rule.effect}${rule.mode === 'preview' ? ' (preview)' : ''}${rule.ended ? ' (ended)' : ''}`;
  return `  ${rule.rule} (${rule.at}) ${kind}: ${failedText(rule)}`;
}

function failedText({ failed, effect, hint }: RuleTrace & Partial<ExplainedRule>): string {
  if (!failed) return effect === 'allow' ? 'grants it' : 'denies it';
  const what = failed.part === failed.what ? failed.what : `${failed.part}: ${failed.what}`;
  return `${missText(what, failed.presented, failed.expected)}${hint === undefined ? '' : `; ${hint}`}`;
}

const scopesText = (scopes: readonly string[]): string => (scopes.length === 0 ? '' : ` with ${scopes.join(' ')}`);

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
  if (Array.isArray(value) && value.every(isActor)) return value.map(({ sub }) => sub).join(', for ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const isActor = (value: unknown): value is { readonly sub: string } =>
  typeof value === 'object' && value !== null && 'iss' in value && 'sub' in value;

const isTrace = (value: unknown): value is RuleTrace =>
  typeof value === 'object' && value !== null && 'rule' in value && 'at' in value && 'effect' in value;

const isWould = (value: unknown): value is { readonly rule: string; readonly would: string } =>
  typeof value === 'object' && value !== null && 'rule' in value && 'would' in value;
