// `exchequer diff --against`: which recorded decisions another configuration would make otherwise. Exit 0 none, 1 some, 3 where none was
// found and some cannot be told, or the configuration or the trail cannot be read. It changes nothing and calls nobody.

import { FLIP_EXAMPLES_MAX, FLIP_GROUPS_MAX, FLIP_GROUPS_SHOWN_MAX } from '../../core/limits.ts';
import { type NotLoaded, sayProblems } from './check.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import { readable } from './trail-options.ts';

/** One recorded decision that would be another, or might. */
export interface Flip {
  /** `refused` and `granted` are what would become of it; `changed` is granted then and now. */
  readonly flip: 'refused' | 'granted' | 'changed' | 'untold';
  readonly decision: string;
  /** RFC 3339. */
  readonly time: string;
  readonly source: string;
  readonly name: string;
  readonly client: string | undefined;
  readonly target: string;
  /** The rule that granted it, or why it was refused. */
  readonly was: string;
  /** The rule that would grant it, the deny that would refuse it, or why it would be refused. */
  readonly now: string;
  /** What would change of a grant; or the claims that it hangs on and that are not recorded. */
  readonly parts: readonly string[];
}

export interface AgainstSummary {
  readonly same: number;
  readonly refused: number;
  readonly granted: number;
  readonly changed: number;
  readonly untold: number;
  /** Requests that policy did not decide: badly formed, not proved, replayed, or cut short. */
  readonly undecided: number;
  /** Lines that are no record of ours. */
  readonly unreadable: number;
}

export type AgainstRead = { readonly ok: true; readonly summary: AgainstSummary } | NotLoaded;

export interface AgainstTools {
  /** Judges every record of a trail (`-`: standard input) by a configuration. Throws where the trail cannot be read. */
  against(config: string, trail: string, onFlip: (flip: Flip) => void): Promise<AgainstRead>;
}

export interface AgainstOptions {
  readonly config: string;
  readonly trail: string;
  readonly json: boolean;
}

/** Runs it to its exit code. */
export const diffAgainst = (
  terminal: Terminal,
  tools: AgainstTools,
  { config, trail, json }: AgainstOptions,
): Promise<void> =>
  readable(terminal, async () => {
    const groups = createGroups();
    const read = await tools.against(config, trail, (flip) => {
      if (json) terminal.out(jsonLine(flip));
      else groups.add(flip);
    });
    if (!read.ok) {
      sayProblems(terminal, read.problems);
      terminal.exit(3);
      return;
    }
    const { summary } = read;
    if (json) terminal.out(jsonLine({ summary }));
    else for (const line of [...summaryLines(summary), ...groups.lines()]) terminal.out(line);
    const flips = summary.refused + summary.granted + summary.changed;
    terminal.exit(flips > 0 ? 1 : summary.untold + summary.unreadable > 0 ? 3 : 0);
  });

const WORDS: readonly (readonly [keyof AgainstSummary, string])[] = [
  ['same', 'stay as they were'],
  ['refused', 'would be refused'],
  ['granted', 'would be granted'],
  ['changed', 'would be granted otherwise'],
  ['untold', 'cannot be told'],
  ['undecided', 'were not decided by policy'],
  ['unreadable', 'lines cannot be read'],
];

const summaryLines = (summary: AgainstSummary): readonly string[] =>
  WORDS.filter(([member]) => member === 'same' || summary[member] > 0).map(
    ([member, words]) => `${summary[member]} ${words}`,
  );

interface Group {
  readonly first: Flip;
  count: number;
  readonly examples: string[];
}

/** Flips of one kind, from one rule or reason to another, of one source and for one target. */
function createGroups() {
  const groups = new Map<string, Group>();
  let others = 0;
  return {
    add(flip: Flip): void {
      const key = JSON.stringify([flip.flip, flip.was, flip.now, flip.source, flip.target, flip.parts]);
      const group = groups.get(key) ?? { first: flip, count: 0, examples: [] };
      if (!groups.has(key) && groups.size >= FLIP_GROUPS_MAX) {
        others += 1;
        return;
      }
      groups.set(key, group);
      group.count += 1;
      if (group.examples.length < FLIP_EXAMPLES_MAX) group.examples.push(`  ${flip.decision}  ${nameOf(flip)}`);
    },
    lines(): readonly string[] {
      const sorted = [...groups.values()].sort((a, b) => b.count - a.count);
      const rest = sorted.slice(FLIP_GROUPS_SHOWN_MAX).reduce((sum, { count }) => sum + count, others);
      return [
        ...sorted.slice(0, FLIP_GROUPS_SHOWN_MAX).flatMap((group) => groupLines(group)),
        ...(rest > 0 ? [`and ${rest} more; --json lists all`] : []),
      ];
    },
  };
}

const groupLines = ({ first, count, examples }: Group): readonly string[] =>
  [
    headLine(first, count),
    ...examples,
    ...(count > examples.length ? [`  and ${count - examples.length} more`] : []),
  ].map((line) => shown(line));

function headLine({ flip, source, target, was, now, parts }: Flip, count: number): string {
  const whose = `${count} of ${source} for ${target}`;
  switch (flip) {
    case 'refused':
      return `${whose}: granted by ${was}, would be refused: ${now}`;
    case 'granted':
      return `${whose}: refused (${was}), would be granted by ${now}`;
    case 'changed':
      return `${whose}: granted by ${was}, would be granted by ${now} with another ${parts.join(' and ')}`;
    case 'untold':
      return `${whose}: cannot be told (${was}): ${parts.join(', ')} not recorded in full`;
  }
}

const nameOf = ({ name, client }: Flip): string => (client === undefined ? name : `${name} through ${client}`);
