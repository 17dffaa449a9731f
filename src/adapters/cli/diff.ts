// `exchequer diff`: what another configuration changes. `diff OLD NEW` says who gains and who loses what, by walking both policies; `diff --against`
// which recorded decisions would be others. Exit 0 nothing, 1 something, 2 usage, 3 where one does not load.

import type { Command } from 'commander';
import { type NotLoaded, sayProblems } from './check.ts';
import { type AgainstTools, diffAgainst } from './diff-against.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import {
  byText,
  conditionsText,
  conditionText,
  givenText,
  type ShownCut,
  type ShownEntry,
  termsTexts,
} from './walk-text.ts';

/** A deny that only the other side has. */
export interface ShownDeny extends Omit<ShownCut, 'of'> {
  readonly whose: 'subject' | 'anyone';
  readonly targets: 'all' | readonly string[];
}

export interface ShownChanges {
  readonly entries: readonly ShownEntry[];
  /** Of gains, denies that are lifted; of losses, denies that are new. */
  readonly denies: readonly ShownDeny[];
}

export interface DiffAnswer {
  readonly gains: ShownChanges;
  readonly losses: ShownChanges;
  /** What else differs of sources and targets, in words: it shows above where it changes who gets what. */
  readonly settings: readonly string[];
}

export type DiffRead = ({ readonly ok: true } & DiffAnswer) | NotLoaded;

export interface DiffTools extends AgainstTools {
  diff(before: string, after: string): Promise<DiffRead>;
}

interface DiffOptions {
  readonly against?: string;
  readonly config?: string;
  readonly json?: true;
}

export function registerDiff(program: Command, terminal: Terminal, tools: DiffTools): void {
  program
    .command('diff [old] [new]')
    .description('who gains and loses what from one configuration to another, or which recorded decisions: exit 0 none')
    .option('--against <file>', 'a trail instead of two configurations; - for standard input')
    .option('--config <file>', `${CONFIG_HELP}; with --against`)
    .option('--json', 'JSON: one object, or with --against one for each decision, then the summary')
    .allowExcessArguments(false)
    .action(async (before: string | undefined, after: string | undefined, options: DiffOptions) => {
      const { against, config, json = false } = options;
      const isPair = before !== undefined && after !== undefined;
      if (against !== undefined && before === undefined)
        return diffAgainst(terminal, tools, { config: configPath(config, terminal.env), trail: against, json });
      if (against !== undefined || !isPair || config !== undefined) {
        terminal.err('either two configurations are compared, or one with --against');
        return terminal.exit(2);
      }
      diffPair(terminal, await tools.diff(before, after), json);
    });
}

/** What one rule gave and one gives, where only one of the two is to be retired: nobody gains or loses it. */
interface Paired extends DiffAnswer {
  /** As they are given now. */
  readonly stays: readonly ShownEntry[];
}

function pairedOff({ gains, losses, settings }: DiffAnswer): Paired {
  const lost = [...losses.entries];
  const isStaying = (entry: ShownEntry): boolean => {
    const at = lost.findIndex((one) => one.mode !== entry.mode && whatIsGiven(one) === whatIsGiven(entry));
    if (at >= 0) lost.splice(at, 1);
    return at >= 0;
  };
  const stays = gains.entries.filter(isStaying);
  return {
    gains: { ...gains, entries: gains.entries.filter((entry) => !stays.includes(entry)) },
    losses: { ...losses, entries: lost },
    stays,
    settings,
  };
}

/** All but which rule gives it, and how long that stays: previews give nothing and are in no diff. */
const whatIsGiven = ({ rule: _, at: _at, owner: _owner, mode: _mode, unless: _unless, ...given }: ShownEntry): string =>
  JSON.stringify(given);

function diffPair(terminal: Terminal, read: DiffRead, json: boolean): void {
  if (!read.ok) {
    sayProblems(terminal, read.problems);
    terminal.exit(3);
    return;
  }
  const paired = pairedOff(read);
  const { gains, losses, stays, settings } = paired;
  if (json) terminal.out(jsonLine({ gains, losses, stays, settings }));
  else for (const line of linesOf(paired)) terminal.out(line);
  const moved = stays.length > 0 || [gains, losses].some(({ entries, denies }) => entries.length + denies.length > 0);
  terminal.exit(moved || settings.length > 0 ? 1 : 0);
}

function linesOf({ gains, losses, stays, settings }: Paired): readonly string[] {
  const changes = [
    ...gains.entries.flatMap((entry) => entryLines('gains', entry)),
    ...gains.denies.map((deny) => denyLine('gains  no longer denied', deny)),
    ...losses.entries.flatMap((entry) => entryLines('loses', entry)),
    ...losses.denies.map((deny) => denyLine('loses  denied', deny)),
    ...stays.flatMap((entry) => entryLines('stays', entry)),
  ];
  return [
    ...(changes.length === 0
      ? [settings.length === 0 ? 'nobody gains or loses anything' : 'no rule gives or takes anything']
      : changes),
    ...settings.map((text) => shown(text)),
  ];
}

const entryLines = (word: 'gains' | 'loses' | 'stays', entry: ShownEntry): readonly string[] => [
  shown(`${word}  ${entry.source}  ${givenText(entry)}${word === 'stays' ? retireText(entry) : ''}`),
  `       ${byText(entry)}`,
  ...termsTexts(entry).map((text) => `       ${text}`),
  ...entry.conditions.map((condition) => `       ${conditionText(condition)}`),
];

const retireText = ({ mode }: ShownEntry): string =>
  mode === 'retire' ? ', to be retired' : ', no longer to be retired';

const denyLine = (words: string, { rule, at, source, whose, conditions, targets }: ShownDeny): string =>
  shown(
    `${words} ${targets === 'all' ? 'anything' : targets.join(', ')}: ${whose === 'anyone' ? 'anyone of ' : ''}${source}, ${conditionsText(conditions)}, by ${rule} (${at})`,
  );
