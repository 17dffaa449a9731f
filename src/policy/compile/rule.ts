// Compiles one rule: whom it is about, source by source, and what it allows or denies. The schema has judged its shape;
// here is what the shape cannot say: that sources and targets exist, that an allow rule pins its subject, and that nothing
// stands in a rule where it would have no meaning.

import { CLIENTS_SOURCE } from '../../core/client.ts';
import { TOKEN_LIFETIME_SECONDS_MAX } from '../../core/limits.ts';
import type { Parameters } from '../../parsing/template.ts';
import type { Problem, YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import { SELF } from '../../platforms/self.ts';
import { type ActorRule, actorMatches, type CompiledRule, type SourceMatch } from '../compiled.ts';
import { type Expected, isPattern } from '../evaluate.ts';
import type { ReadCondition } from './match.ts';
import { matchesOf } from './rule-subject.ts';
import { allowed, capturesOf, knownTarget, reachingAll, underFloor } from './rule-targets.ts';
import { type FolderScope, meant, type RuleContext, type RuleSource, report, type Work } from './rule-work.ts';
import type { WrittenRule } from './schema.ts';

/** One rule of the right shape, as written or as its rows make it. */
export interface RuleInput {
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly written: WrittenRule;
  readonly scopes: readonly FolderScope[];
  /** What `each` and `with` bind. */
  readonly bound: Parameters;
  /** `[shop]`, or nothing. */
  readonly label: string;
}

export interface RuleCompiled {
  /** Missing where there are problems. */
  readonly rule: CompiledRule | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly reads: readonly ReadCondition[];
  readonly actorReads: readonly ReadCondition[];
}

/** One rule, parameters bound, by the schema already. Never throws. */
export function compileRule(context: RuleContext, { written, label, ...input }: RuleInput): RuleCompiled {
  const work: Work = { context, ...input, problems: [], warnings: [], reads: [], actorReads: [] };
  const rule = written.deny === undefined ? allowRule(work, written, label) : denyRule(work, written, label);
  const { problems, warnings, reads, actorReads } = work;
  return { rule: problems.length > 0 ? undefined : rule, problems, warnings, reads, actorReads };
}

function allowRule(work: Work, written: WrittenRule, label: string): CompiledRule | undefined {
  if (written.anyone) report(work, ['anyone'], 'stands in denies only: an allow rule pins its subject');
  if (written.allow === undefined) report(work, [], 'neither allows nor denies anything: it needs allow or deny');
  if (!written.subject) report(work, [], 'an allow rule needs a subject');
  if ((written.lifetime ?? 0) > TOKEN_LIFETIME_SECONDS_MAX)
    report(work, ['lifetime'], `is longer than any target allows: at most ${TOKEN_LIFETIME_SECONDS_MAX} s`);
  const reaching = reachingAll(work, written.allow);
  const matches = written.subject ? matchesOf(work, 'subject', written.subject, (name) => reaching.has(name)) : [];
  const allow = written.allow === undefined ? [] : allowed(work, written.allow);
  underFloor(work, written.lifetime, allow);
  const actor = actorOf(work, written, matches);
  outOfReach(work, [...matches, ...actorMatches({ actor })], allow);
  const needed = new Set(allow.flatMap(({ target }) => work.context.targets.get(target)?.parameters ?? []));
  const bound = Object.entries(work.bound).filter(([name]) => needed.has(name));
  return Object.freeze({
    ...baseOf(work, written, label, matches),
    effect: 'allow',
    actor,
    confirm: written.confirm && Object.freeze(written.confirm),
    clients: clientsOf(work, written.client),
    allow,
    lifetimeSeconds: written.lifetime,
    parameters: Object.freeze(Object.fromEntries(bound.sort(([a], [b]) => (a < b ? -1 : 1)))),
    captures: capturesOf(work, matches, allow),
  });
}

/** Who acts, pinned like the subject; for people, and for our own tokens, a rule says it, or that nobody is named. */
function actorOf(work: Work, written: WrittenRule, matches: readonly SourceMatch[]): ActorRule {
  const { actor, impersonate, client } = written;
  if (actor !== undefined && impersonate)
    report(work, ['impersonate'], 'a rule names who acts, or impersonates; not both');
  if ((actor === 'client' || impersonate) && client === undefined)
    report(work, ['client'], 'must be named: nobody else would pin who asks');
  const people = matches.filter(({ source }) => isOfPeople(work, source)).map(({ source }) => source);
  if (people.length > 0 && actor === undefined && !impersonate)
    report(work, [], `${people.join(', ')}: people are acted for; say who acts (actor), or impersonate: true`);
  if (impersonate) return Object.freeze({ by: 'impersonation' });
  if (actor === undefined) return Object.freeze({ by: 'nobody' });
  if (actor === 'client') return Object.freeze({ by: 'client' });
  const acting = matchesOf(work, 'actor', actor, () => false);
  if ([actor.trust].flat().includes(CLIENTS_SOURCE))
    report(work, ['actor', 'trust'], 'no token proves a registered client: write actor: client, and the client');
  return Object.freeze({ by: 'token', matches: Object.freeze(acting) });
}

const isOfPeople = ({ context }: Work, source: string): boolean =>
  context.sources.some(({ name, subjects }) => name === source && subjects === 'people');

/** A source's `reach` is the most that its principals can ever get, with a token of ours about them too. */
function outOfReach(work: Work, matches: readonly SourceMatch[], allow: readonly { readonly target: string }[]): void {
  const bounded = work.context.sources.filter((source) =>
    matches.some((match) => speaksOf(match, source, work.context)),
  );
  for (const { name, reach } of bounded)
    for (const { target } of allow)
      if (reach && !reach.includes(target))
        report(work, ['allow'], `${name} reaches ${reach.join(', ')} only (its reach), and not ${target}`);
}

/** Whether these may be principals of a source: its own, or those of `self` by a name that it gave. */
function speaksOf(match: SourceMatch, { name, table, issuer }: RuleSource, { sources }: RuleContext): boolean {
  if (match.source === name) return true;
  if (sources.find((source) => source.name === match.source)?.table.kind !== SELF.kind) return false;
  const first = table.kind === 'spiffe' ? `${issuer}/` : `${name}:`;
  const begins = (value: Expected): boolean => {
    if (!isPattern(value)) return String(value).startsWith(first);
    const [head = ''] = value.literals;
    return head.startsWith(first) || first.startsWith(head);
  };
  return [...match.ids, ...match.context, ...match.claims]
    .filter(({ path }) => path.join('/') === 'sub')
    .every(({ values }) => values.some(begins));
}

function denyRule(work: Work, written: WrittenRule, label: string): CompiledRule | undefined {
  if (written.allow !== undefined) report(work, ['allow'], 'a rule allows or denies; it cannot do both');
  for (const key of ['lifetime', 'actor', 'impersonate', 'confirm'] as const)
    if (written[key] !== undefined) report(work, [key], 'means nothing in a deny');
  if (written.mode === 'retire') report(work, ['mode'], 'retire is for allow rules: a deny is enforced or previewed');
  if (written.subject && written.anyone) report(work, ['anyone'], 'a deny has a subject or anyone, not both');
  const key = written.anyone ? 'anyone' : 'subject';
  const who = written.anyone ?? written.subject;
  if (!who) report(work, [], 'a deny needs a subject, or anyone');
  const matches = who ? matchesOf(work, key, who, undefined) : [];
  const deny = written.deny === 'all' || written.deny === undefined ? 'all' : Object.freeze([...new Set(written.deny)]);
  if (deny !== 'all') for (const [index, name] of deny.entries()) knownTarget(work, ['deny', index], name);
  else if (work.scopes.some(({ reach }) => reach))
    report(work, ['deny'], 'is beyond what this folder reaches: name its targets');
  return Object.freeze({
    ...baseOf(work, written, label, matches),
    effect: 'deny',
    clients: clientsOf(work, written.client),
    deny,
    whose: written.anyone ? 'anyone' : 'subject',
  });
}

const baseOf = ({ document, path }: Work, written: WrittenRule, label: string, matches: readonly SourceMatch[]) => ({
  name: `${written.name}${label}`,
  at: `${document.file}:${document.locate(path).line}`,
  owner: written.owner,
  why: written.why,
  mode: written.mode,
  untilSeconds: written.until,
  matches: Object.freeze(matches),
});

/** The clients that a rule names: registered ones, each by its exact id. */
function clientsOf(work: Work, written: WrittenRule['client']): readonly string[] | undefined {
  if (written === undefined) return undefined;
  const ids = typeof written === 'string' ? [written] : written;
  const { clients } = work.context;
  for (const [index, id] of ids.entries())
    if (!clients.includes(id))
      report(
        work,
        typeof written === 'string' ? ['client'] : ['client', index],
        `${id} is no client${meant(id, clients)}`,
      );
  return Object.freeze([...new Set(ids)].sort());
}
