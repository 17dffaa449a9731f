// `exchequer who-can TARGET`: every rule that gives a target, with all its conditions, and the denies that may cut it, by walking the compiled
// policy. Exit 0 somebody, 1 nobody, 2 usage, 3 where the configuration does not load.

import type { Command } from 'commander';
import { type NotLoaded, sayProblems } from './check.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import {
  byText,
  conditionText,
  cutText,
  givenText,
  type ShownCondition,
  type ShownEntry,
  scopesOf,
  termsTexts,
} from './walk-text.ts';

export interface WhoCanAnswer {
  readonly entries: readonly ShownEntry[];
  /** What every principal of a source has, whatever the rule. */
  readonly sources: readonly { readonly source: string; readonly require: readonly ShownCondition[] }[];
  /** What targets require of everyone, in words. */
  readonly requires: readonly string[];
}

export type WhoCanRead =
  | ({ readonly ok: true } & WhoCanAnswer)
  /** No target has this name, or can come to have this address. */
  | { readonly ok: false; readonly usage: string }
  | NotLoaded;

export interface WhoCanTools {
  whoCan(
    config: string,
    query: { readonly target: string; readonly scopes: readonly string[] | undefined },
  ): Promise<WhoCanRead>;
}

interface WhoCanOptions {
  readonly config?: string;
  readonly scope?: string;
  readonly json?: true;
}

export function registerWhoCan(program: Command, terminal: Terminal, { whoCan }: WhoCanTools): void {
  program
    .command('who-can <target>')
    .description('who can have a target, by name or address: exit 0 somebody, 1 nobody')
    .option('--scope <scopes>', 'only with all these scopes')
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (target: string, { config, scope, json }: WhoCanOptions) => {
      const read = await whoCan(configPath(config, terminal.env), { target, scopes: scopesOf(scope) });
      if (!read.ok) {
        if ('usage' in read) terminal.err(shown(read.usage));
        else sayProblems(terminal, read.problems);
        return terminal.exit('usage' in read ? 2 : 3);
      }
      const { ok: _ok, ...answer } = read;
      if (json) terminal.out(jsonLine({ target, ...answer }));
      else for (const line of linesOf(answer)) terminal.out(line);
      terminal.exit(answer.entries.some(({ mode }) => mode !== 'preview') ? 0 : 1);
    });
}

function linesOf({ entries, sources, requires }: WhoCanAnswer): readonly string[] {
  const inMode = (wanted: ShownEntry['mode']) => entries.filter(({ mode }) => mode === wanted);
  const section = (title: string, some: readonly ShownEntry[]): readonly string[] =>
    some.length === 0 ? [] : [title, ...some.flatMap(linesOfOne)];
  return [
    ...requires.map((text) => shown(text)),
    ...sources
      .filter(({ require }) => require.length > 0)
      .map(({ source, require }) => shown(`of ${source} only where ${require.map(conditionText).join(', ')}`)),
    ...(inMode('enforce').length === 0 ? ['nobody'] : inMode('enforce').flatMap(linesOfOne)),
    ...section('to be retired:', inMode('retire')),
    ...section('in preview, giving nothing:', inMode('preview')),
  ];
}

const linesOfOne = (entry: ShownEntry): readonly string[] => [
  shown(`${entry.source}  ${givenText(entry)}`),
  `    ${byText(entry)}`,
  ...termsTexts(entry).map((text) => `    ${text}`),
  ...entry.conditions.map((condition) => `    ${conditionText(condition)}`),
  ...entry.unless.map((cut) => `    ${cutText(cut)}`),
];
