// What the verbs that judge records are made of (`diff --against`, `suggest`, `audit breaks`, `audit query`): a trail, line by line, and a configuration
// that is loaded as `check` loads it. Nothing is opened before a verb uses it; nobody is called.

import type { Command } from 'commander';
import { type BreaksTools, registerBreaks } from './adapters/cli/audit-breaks.ts';
import { type QueryTools, registerQuery } from './adapters/cli/audit-query.ts';
import { renderProblem } from './adapters/cli/check.ts';
import type { AgainstSummary, AgainstTools, Flip } from './adapters/cli/diff-against.ts';
import { registerSuggest, type SuggestTools } from './adapters/cli/suggest.ts';
import type { Terminal } from './adapters/cli/terminal.ts';
import type { Since } from './adapters/cli/trail-options.ts';
import { openLines } from './audit/lines.ts';
import { createQuery } from './audit/query.ts';
import { type Configuration, readOffline, type World } from './compose-configuration.ts';
import { createTold } from './compose-names.ts';
import type { Json } from './core/json.ts';
import { compileTexts } from './policy/compile/compile-texts.ts';
import type { CompiledPolicy } from './policy/compiled.ts';
import { type Change, createComparison } from './policy/recorded/against.ts';
import { createBreaks } from './policy/recorded/breaks.ts';
import { type Recorded, type RecordedRequest, readRecorded } from './policy/recorded/recorded.ts';
import { createReplay } from './policy/recorded/replay.ts';
import { createSuggester } from './policy/recorded/suggest.ts';
import { suggestedText } from './policy/recorded/suggest-text.ts';
import { vetted } from './policy/recorded/suggest-vet.ts';

/** Adds the verbs to the program, and to its group `audit`. `configured`: the trail that a configuration names. */
export function registerRecordTools(
  program: Command,
  audit: Command,
  terminal: Terminal,
  { world, configured }: { readonly world: World; readonly configured: BreaksTools['configured'] },
): void {
  registerSuggest(program, terminal, suggestTools(world));
  registerBreaks(audit, terminal, breaksTools(world, configured));
  registerQuery(audit, terminal, { configured, ...queryTools(world) });
}

/** What `diff --against` is made of. */
export const againstTools = (world: World): AgainstTools => ({
  async against(path, trail, onFlip) {
    const read = await readOffline(world, path);
    if (!read.ok) return read;
    const { configuration } = read;
    const compare = createComparison(configuration.compiled, replayOn(configuration)(configuration.compiled));
    const counts = { same: 0, refused: 0, granted: 0, changed: 0, untold: 0 };
    const others = await eachRequest(trail, undefined, (request) => {
      const change = compare(request);
      counts[change.is] += 1;
      if (change.is !== 'same') onFlip(flipOf(request, change));
    });
    const summary: AgainstSummary = { ...counts, ...others };
    return { ok: true, summary };
  },
});

const suggestTools = (world: World): SuggestTools => ({
  async suggest(path, trail, since) {
    const read = await readOffline(world, path);
    if (!read.ok) return read;
    const { configuration } = read;
    const { compiled: policy, policyInput } = configuration;
    const suggester = createSuggester({ policy, sources: policyInput.sources, replayOn: replayOn(configuration) });
    const { unreadable } = await eachRequest(trail, since?.(world.clock.nowSeconds()), suggester.take);
    const suggestions = vetted(suggester.finish(), (file, text) => {
      const compiled = compileTexts({ ...policyInput, texts: [...policyInput.texts, [file, text]] });
      return compiled.ok ? compiled.warnings : compiled.problems;
    });
    return { ok: true, lines: suggestedText(suggestions), rules: suggestions.rules.length, unreadable };
  },
});

const breaksTools = (world: World, configured: BreaksTools['configured']): BreaksTools => ({
  configured,
  async breaks(path, trail, since) {
    const read = await readOffline(world, path);
    const breaks = createBreaks(read.ok ? read.configuration.compiled : undefined);
    const { unreadable } = await eachRequest(trail, since?.(world.clock.nowSeconds()), breaks.take);
    const [first] = read.ok ? [] : read.problems;
    return { ...breaks.finish(), unreadable, withoutConfig: first && renderProblem(first) };
  },
});

const queryTools = ({ clock }: World): Omit<QueryTools, 'configured'> => ({
  async query(trails, { since, until, ...wanted }, take) {
    const now = clock.nowSeconds();
    const judge = createQuery({ ...wanted, sinceSeconds: since?.(now), untilSeconds: until?.(now) });
    let unreadable = 0;
    for (const trail of trails)
      for await (const line of openLines(trail)) {
        if (line === '') continue;
        const queried = judge(line);
        if (queried.is === 'damaged') unreadable += 1;
        else if (queried.is === 'meant') take(line, queried.record);
      }
    return { unreadable };
  },
});

/** Every request of a trail that policy decided, and how many other lines there are. */
async function eachRequest(
  trail: string,
  since: ReturnType<Since> | undefined,
  take: (request: RecordedRequest) => void,
): Promise<{ readonly undecided: number; readonly unreadable: number }> {
  let undecided = 0;
  let unreadable = 0;
  for await (const line of openLines(trail)) {
    if (line === '') continue;
    const recorded = readLine(line);
    if (recorded.is === 'unreadable') unreadable += 1;
    else if (recorded.is === 'event' || (since !== undefined && recorded.time < since)) continue;
    else if (recorded.is === 'undecided') undecided += recorded.count;
    else take(recorded.request);
  }
  return { undecided, unreadable };
}

function readLine(line: string): Recorded {
  let value: Json;
  try {
    value = JSON.parse(line);
  } catch {
    return { is: 'unreadable' };
  }
  return readRecorded(value);
}

const replayOn = (configuration: Configuration) => {
  const { sources, verifiers } = configuration;
  const clients = new Map(configuration.clients.map(({ settings }) => [settings.id, settings]));
  const ceilings = new Set(sources.flatMap(({ config }) => (config.scopesAreCeiling ? [config.name] : [])));
  const identities = { whoIs: verifiers.whoIs, told: createTold(configuration) };
  return (policy: CompiledPolicy) =>
    createReplay({ policy, clients, identities, isCeiling: (source) => ceilings.has(source) });
};

function flipOf(request: RecordedRequest, change: Exclude<Change, { is: 'same' }>): Flip {
  const { decision, time, subject, client, was } = request;
  return {
    flip: change.is,
    decision,
    time: new Date(Math.round(time * 1000)).toISOString(),
    source: subject.source,
    name: subject.name,
    client: client?.id,
    target: was.granted ? was.target : change.is === 'granted' ? change.target : askedWords(request),
    was: was.granted ? was.rule : was.reason,
    now: nowWords(change),
    parts: change.is === 'changed' ? change.parts : change.is === 'untold' ? change.open : [],
  };
}

function nowWords(change: Exclude<Change, { is: 'same' }>): string {
  switch (change.is) {
    case 'granted':
    case 'changed':
      return change.rule;
    case 'refused':
      return change.rule ?? change.reasons.join(' or ');
    case 'untold':
      return '';
  }
}

const askedWords = ({ asked }: RecordedRequest): string =>
  asked?.targets.map((text) => (typeof text === 'string' ? text : `sha256:${text.sha256}`)).join(' and ') || '-';
