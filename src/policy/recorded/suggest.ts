// Which rules would have allowed what was refused, or only previewed (`suggest`): one for each distinct caller, client, target and set
// of scopes, as tight as the record can say, and only for tenants that the policy pins already. It guesses nothing: what it cannot say
// exactly is left out, with the reason. A person reviews what it writes.

import { createHash } from 'node:crypto';
import { LEFT_OUT_MAX, RULE_NAME_CHARACTERS_MAX, SUGGESTED_RULES_MAX } from '../../core/limits.ts';
import type { CompiledPolicy, CompiledTarget } from '../compiled.ts';
import type { RecordedRequest } from './recorded.ts';
import { recordedKnowledge } from './recorded-claims.ts';
import type { Replay } from './replay.ts';
import { createProbe, type Probe } from './suggest-probe.ts';
import {
  createTenants,
  type ExactField,
  type IsTenantPinned,
  type Subject,
  type SubjectSource,
  tightSubject,
} from './suggest-subject.ts';
import { createAskedTarget, type FindAskedTarget } from './suggest-target.ts';

/** How often, and between when; `decision` is the last. */
export interface Seen {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly decision: string;
}

export interface Suggestion {
  readonly name: string;
  /** The name under which the last such caller was recorded. */
  readonly who: string;
  readonly source: string;
  readonly kind: string;
  /** Whether rules write its claims in a block of the kind's name. */
  readonly hasBlock: boolean;
  readonly fields: readonly ExactField[];
  readonly client: string | undefined;
  readonly target: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Empty for a target that has none. */
  readonly scopes: readonly string[];
  /** Rules in preview that would have allowed it. */
  readonly previews: readonly string[];
  readonly seen: Seen;
}

export interface LeftOut {
  readonly why: string;
  readonly source: string;
  readonly who: string;
  readonly seen: Seen;
}

export interface Suggestions {
  /** In the order of their names. */
  readonly rules: readonly Suggestion[];
  /** One for each reason and source, the most frequent first. */
  readonly leftOut: readonly LeftOut[];
  /** Requests that were refused, and that the policy of now allows. */
  readonly allowedNow: number;
  /** Requests for which there was no room. */
  readonly dropped: number;
}

export interface SuggestParts {
  readonly policy: CompiledPolicy;
  readonly sources: readonly SubjectSource[];
  /** Decides recorded requests by a policy: this one, and others that are made of it. */
  readonly replayOn: (policy: CompiledPolicy) => Replay;
}

interface World extends SuggestParts {
  readonly replay: Replay;
  readonly bySource: ReadonlyMap<string, SubjectSource>;
  readonly reaches: ReadonlyMap<string, readonly string[] | undefined>;
  readonly askedTarget: FindAskedTarget;
  readonly probe: Probe;
  readonly isTenantPinned: IsTenantPinned;
}

type Draft = Omit<Suggestion, 'name' | 'seen' | 'previews' | 'who'>;

/** Takes every recorded request; `finish` says what came of them. */
export function createSuggester(parts: SuggestParts) {
  const world: World = {
    ...parts,
    replay: parts.replayOn(parts.policy),
    bySource: new Map(parts.sources.map((source) => [source.name, source])),
    askedTarget: createAskedTarget(parts.policy.targets),
    probe: createProbe(parts),
    isTenantPinned: createTenants(parts.policy),
    reaches: new Map(parts.policy.sources.map(({ name, reach }) => [name, reach])),
  };
  const drafts = new Map<string, { draft: Draft; who: string; previews: Set<string>; seen: Seen }>();
  const leftOut = new Map<string, LeftOut>();
  let allowedNow = 0;
  let dropped = 0;

  return Object.freeze({
    take(request: RecordedRequest) {
      if (request.was.granted) return;
      const drafted = draftOf(world, request);
      const { name: who, source } = request.subject;
      if (drafted === 'allowed') {
        allowedNow += 1;
        return;
      }
      if (typeof drafted === 'string') {
        const key = JSON.stringify([drafted, source]);
        const before = leftOut.get(key);
        if (!before && leftOut.size >= LEFT_OUT_MAX) dropped += 1;
        else leftOut.set(key, { why: drafted, source, who, seen: seenAgain(before?.seen, request) });
        return;
      }
      const key = JSON.stringify(drafted);
      const before = drafts.get(key);
      if (!before && drafts.size >= SUGGESTED_RULES_MAX) {
        dropped += 1;
        return;
      }
      const previews = before?.previews ?? new Set();
      for (const { rule, would } of request.would) if (would === 'allow') previews.add(rule);
      drafts.set(key, { draft: drafted, who, previews, seen: seenAgain(before?.seen, request) });
    },
    finish: (): Suggestions => ({
      rules: named(parts.policy, drafts),
      leftOut: [...leftOut.values()].sort((a, b) => b.seen.count - a.seen.count || (a.why < b.why ? -1 : 1)),
      allowedNow,
      dropped,
    }),
  });
}

function seenAgain(before: Seen | undefined, { time, decision }: RecordedRequest): Seen {
  if (!before) return { count: 1, first: time, last: time, decision };
  const { count, first, last } = before;
  return {
    count: count + 1,
    first: Math.min(first, time),
    last: Math.max(last, time),
    decision: time >= last ? decision : before.decision,
  };
}

/** A rule for it, or why there is none. */
function draftOf(world: World, request: RecordedRequest): Draft | 'allowed' | string {
  const now = world.replay(request);
  if (now.outcome === 'granted') return 'allowed';
  if (now.outcome === 'untold') return `cannot be told: ${now.open.join(', ')} not recorded in full`;
  const { source: name } = request.subject;
  const source = world.bySource.get(name);
  if (!source) return 'the source is gone';
  const asked = world.askedTarget(request);
  if (typeof asked === 'string') return asked;
  const { target, parameters } = asked;
  if (world.reaches.get(name)?.includes(target.name) === false) return `${target.name} is beyond the reach of ${name}`;
  if (request.actor || request.actors) return 'somebody acts: who may is written by hand';
  const subject = tightSubject(source, recordedKnowledge(request.claims), world.isTenantPinned);
  if (typeof subject === 'string') return subject;
  const scopes = scopesOf(target, request);
  if (typeof scopes === 'string') return scopes;
  const barred = world.probe(request, target);
  if (barred !== undefined) return barred;
  return drafted(subject, { request, target, parameters, scopes });
}

interface Asked {
  readonly request: RecordedRequest;
  readonly target: CompiledTarget;
  readonly parameters: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
}

const drafted = (subject: Subject, { request, target, parameters, scopes }: Asked): Draft => ({
  source: request.subject.source,
  kind: subject.kind,
  hasBlock: subject.hasBlock,
  fields: subject.fields,
  client: clientOf(request),
  target: target.name,
  parameters,
  scopes,
});

/** The client that the rule must name: any but the subject itself. */
const clientOf = ({ client, subject }: RecordedRequest): string | undefined =>
  client && (client.source !== subject.source || client.name !== subject.name) ? client.id : undefined;

/** What was asked for, or what the target grants where nothing is. */
function scopesOf(target: CompiledTarget, { asked }: RecordedRequest): readonly string[] | string {
  const scopes = asked?.scopes ?? target.defaultScopes;
  const texts = [...new Set(scopes.filter((scope) => typeof scope === 'string'))].sort();
  if (texts.some((scope) => !target.scopes.includes(scope)) || scopes.some((scope) => typeof scope !== 'string'))
    return `${target.name} has not all the scopes that were asked for`;
  if (texts.length === 0 && target.scopes.length > 0)
    return `no scope of ${target.name} was asked for, and a rule must name one`;
  return texts;
}

/** Names say the source and a hash of all that the rule says: the same rule has the same name whenever it is suggested. */
function named(
  { rules }: CompiledPolicy,
  drafts: ReadonlyMap<string, { draft: Draft; who: string; previews: ReadonlySet<string>; seen: Seen }>,
): readonly Suggestion[] {
  const taken = new Set(rules.map(({ name }) => name));
  const suggestions = [...drafts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { draft, who, previews, seen }]) => {
      const stem = `suggested-${draft.source}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, RULE_NAME_CHARACTERS_MAX - 24);
      const base = `${stem}-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
      let name = base;
      for (let again = 2; taken.has(name); again += 1) name = `${base}-${again}`;
      taken.add(name);
      return { ...draft, name, who, previews: [...previews].sort(), seen };
    });
  return suggestions.sort((a, b) => (a.name < b.name ? -1 : 1));
}
