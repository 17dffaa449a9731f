// `exchequer can IDENTITY`: what a principal can have, of whom only the name is known, by walking the compiled policy. Exit 0 something,
// 1 nothing, 2 usage, 3 where the configuration does not load. It proves nothing and calls nobody.

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
  type RulePlace,
  type ShownEntry,
  scopesOf,
  termsTexts,
} from './walk-text.ts';

/** What a rule gives the principal. `conditions` are those that its name does not tell: none, and it can have it. */
export interface CanEntry extends ShownEntry {
  /** The deny that takes it away, whatever else is true. */
  readonly denied: RulePlace | undefined;
}

export interface CanQuery {
  readonly identity: string;
  readonly client: string | undefined;
  readonly scopes: readonly string[] | undefined;
}

export type CanRead =
  | { readonly ok: true; readonly source: string; readonly entries: readonly CanEntry[] }
  /** The identity, or the client, is none. */
  | { readonly ok: false; readonly usage: string }
  | NotLoaded;

export interface CanTools {
  can(config: string, query: CanQuery): Promise<CanRead>;
}

interface CanOptions {
  readonly config?: string;
  readonly client?: string;
  readonly scope?: string;
  readonly json?: true;
}

export function registerCan(program: Command, terminal: Terminal, { can }: CanTools): void {
  program
    .command('can <identity>')
    .description('what a principal can have: exit 0 something, 1 nothing')
    .option('--scope <scopes>', 'only with all these scopes')
    .option('--client <id>', 'only through this client')
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (identity: string, { config, client, scope, json }: CanOptions) => {
      const read = await can(configPath(config, terminal.env), { identity, client, scopes: scopesOf(scope) });
      if (!read.ok) {
        if ('usage' in read) terminal.err(shown(read.usage));
        else sayProblems(terminal, read.problems);
        return terminal.exit('usage' in read ? 2 : 3);
      }
      const { entries } = read;
      if (json) terminal.out(jsonLine({ identity, source: read.source, entries }));
      else for (const line of linesOf(entries)) terminal.out(line);
      terminal.exit(entries.some(isGiven) ? 0 : 1);
    });
}

const isGiven = ({ mode, denied }: CanEntry): boolean => mode !== 'preview' && denied === undefined;

function linesOf(entries: readonly CanEntry[]): readonly string[] {
  if (!entries.some(isGiven)) return ['nothing', ...entries.flatMap(linesOfOne)];
  return [...entries.filter(isGiven), ...entries.filter((entry) => !isGiven(entry))].flatMap(linesOfOne);
}

function linesOfOne(entry: CanEntry): readonly string[] {
  const { conditions, unless, denied } = entry;
  const answer = !isGiven(entry) ? 'no' : conditions.length === 0 && unless.length === 0 ? 'yes' : 'if';
  return [
    `${answer.padEnd(4)}${givenText(entry)}`,
    `    ${byText(entry)}`,
    ...termsTexts(entry).map((text) => `    ${text}`),
    ...(denied ? [`    ${shown(`${denied.rule} (${denied.at}) denies it`)}`] : []),
    ...conditions.map((condition) => `    if ${conditionText(condition)}`),
    ...unless.map((cut) => `    ${cutText(cut)}`),
  ];
}
