// `exchequer audit breaks`: what would break or open if previews were enforced and rules to be retired deleted, as records say. Exit 0 where
// nothing would be taken away, 1 where something would, 3 where the trail cannot be read.

import type { Command } from 'commander';
import { CONFIG_HELP, configPath } from './place.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import { readable, SINCE_HELP, type Since, sinceOption } from './trail-options.ts';

export interface ShownBreak {
  readonly rule: string;
  readonly would: 'allow' | 'deny' | 'refuse';
  readonly count: number;
  readonly unchanged: number;
  readonly subjects: number;
  readonly subjectsMore: boolean;
  /** Some of them. */
  readonly names: readonly string[];
  readonly sources: readonly string[];
  readonly nearest: string | undefined;
  readonly first: string;
  readonly last: string;
  readonly decision: string;
  readonly now: string | undefined;
}

export interface BreaksReport {
  readonly requests: number;
  readonly rules: readonly ShownBreak[];
  readonly silent: readonly { readonly rule: string; readonly at: string; readonly mode: string }[];
  readonly breaks: boolean;
  readonly dropped: number;
  /** Lines that are no record of ours. */
  readonly unreadable: number;
  /** Why rules that never fired are not told: the configuration does not load. */
  readonly withoutConfig: string | undefined;
}

export interface BreaksTools {
  /** The trail of a `dev` that runs on this configuration, else the one that it names. Rejects where it names none. */
  configured(config: string): string | Promise<string>;
  /** Reads a trail (`-`: standard input). Throws where it cannot be read; a configuration that does not load is only said. */
  breaks(config: string, trail: string, since: Since | undefined): Promise<BreaksReport>;
}

interface BreaksOptions {
  readonly config?: string;
  readonly since?: Since;
  readonly json?: true;
}

/** Adds the verb to the group `audit`. */
export function registerBreaks(audit: Command, terminal: Terminal, tools: BreaksTools): void {
  audit
    .command('breaks')
    .description('what would break or open if previews were enforced and retiring rules deleted')
    .argument(
      '[file]',
      'the trail; - for standard input, nothing for the one of a running dev, or that the configuration names',
    )
    .option('--since <time>', SINCE_HELP, sinceOption)
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'the whole report as JSON')
    .action((file: string | undefined, { config: flag, since, json }: BreaksOptions) =>
      readable(terminal, async () => {
        const config = configPath(flag, terminal.env);
        const report = await tools.breaks(config, file ?? (await tools.configured(config)), since);
        if (json) terminal.out(jsonLine(report));
        else show(terminal, report);
        terminal.exit(report.breaks ? 1 : report.unreadable > 0 ? 3 : 0);
      }),
    );
}

function show(terminal: Terminal, report: BreaksReport): void {
  const { requests, rules, silent, dropped, unreadable, withoutConfig } = report;
  terminal.out(`${counted(requests, 'request')} decided by policy`);
  for (const line of rules.flatMap(breakLines)) terminal.out(shown(line));
  for (const { rule, at, mode } of silent)
    terminal.out(shown(`${rule} (${at}): in ${mode}, and no request met it${mode === 'retire' ? ': delete it' : ''}`));
  if (dropped > 0) terminal.err(`${counted(dropped, 'more rule')} met: there was no room for ${pronoun(dropped)}`);
  if (unreadable > 0) terminal.err(`${counted(unreadable, 'line')} cannot be read`);
  if (withoutConfig !== undefined) terminal.err(shown(`rules that met nothing are not listed: ${withoutConfig}`));
}

const counted = (count: number, noun: string, more = ''): string =>
  `${count}${more} ${noun}${count === 1 && more === '' ? '' : 's'}`;
const pronoun = (count: number): string => (count === 1 ? 'it' : 'them');

function breakLines(one: ShownBreak): readonly string[] {
  const { rule, would, count, unchanged, nearest, now } = one;
  const gone = now === 'gone' || now === 'enforce' ? ` (now ${now})` : '';
  const what = `${would === 'refuse' ? 'deleting' : 'enforcing'} ${rule}${gone} would ${would}`;
  const rest =
    unchanged > 0 ? `; ${unchanged} more would be answered as ${unchanged === 1 ? 'it was' : 'they were'}` : '';
  if (count === 0) return [`${what} nothing that is not so already${rest}`];
  return [
    `${what} ${counted(count, 'request')} of ${subjectsText(one)}${rest}`,
    `  ${one.first} to ${one.last}, last ${one.decision}${nearest === undefined ? '' : `, nearest ${nearest}`}`,
  ];
}

function subjectsText({ subjects, subjectsMore, names }: ShownBreak): string {
  const more = subjectsMore ? '+' : '';
  const others = subjects - names.length;
  return `${counted(subjects, 'subject', more)}: ${names.join(', ')}${others > 0 ? ` and ${others}${more} more` : ''}`;
}
