// `exchequer suggest`: writes, as a policy file on standard output, the tightest rules that would have allowed what records say was refused
// or only previewed. Nothing is loaded by it. Exit 0 where it wrote rules, 1 where there are none to write, 3 where it cannot read.

import type { Command } from 'commander';
import { type NotLoaded, sayProblems } from './check.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import type { Terminal } from './terminal.ts';
import { readable, SINCE_HELP, type Since, sinceOption } from './trail-options.ts';

export type SuggestRead =
  | {
      readonly ok: true;
      /** A policy file, in printable ASCII. */
      readonly lines: readonly string[];
      readonly rules: number;
      /** Lines of the trail that are no record of ours. */
      readonly unreadable: number;
    }
  | NotLoaded;

export interface SuggestTools {
  /** From the records of a trail (`-`: standard input). Throws where it cannot be read. */
  suggest(config: string, trail: string, since: Since | undefined): Promise<SuggestRead>;
}

interface SuggestOptions {
  readonly from: string;
  readonly since?: Since;
  readonly config?: string;
}

/** Adds the verb to the program. */
export function registerSuggest(program: Command, terminal: Terminal, tools: SuggestTools): void {
  program
    .command('suggest')
    .description('write the tightest rules that would have allowed what was refused, for a person to review')
    .requiredOption('--from <file>', 'the trail; - for standard input')
    .option('--since <time>', SINCE_HELP, sinceOption)
    .option('--config <file>', CONFIG_HELP)
    .action((options: SuggestOptions) =>
      readable(terminal, async () => {
        const read = await tools.suggest(configPath(options.config, terminal.env), options.from, options.since);
        if (!read.ok) {
          sayProblems(terminal, read.problems);
          terminal.exit(3);
          return;
        }
        for (const line of read.lines) terminal.out(line);
        if (read.unreadable > 0) terminal.err(`${read.unreadable} lines of the trail cannot be read`);
        terminal.exit(read.rules > 0 ? 0 : read.unreadable > 0 ? 3 : 1);
      }),
    );
}
