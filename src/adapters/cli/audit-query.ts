// `exchequer audit query`: "action X by user U via agent A for client C at date D", asked of trails. Exit 0 where a record was found, 1 where
// none was, 3 where a trail cannot be read. Lines that are no records are counted and end nothing.

import { type Command, Option } from 'commander';
import { type Members, sentenceOf } from './audit-text.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { escaped } from './shown.ts';
import type { Terminal } from './terminal.ts';
import { readable, SINCE_HELP, type Since, sinceOption } from './trail-options.ts';

export interface QueryAsked {
  readonly subject: string | undefined;
  readonly actor: string | undefined;
  readonly client: string | undefined;
  readonly target: string | undefined;
  readonly outcome: string | undefined;
  /** A token, by its `jti` or its handle. */
  readonly token: string | undefined;
  readonly since: Since | undefined;
  readonly until: Since | undefined;
}

export interface QueryTools {
  /** The trail of a `dev` that runs on this configuration, else the one that it names. Rejects where it names none. */
  configured(config: string): string | Promise<string>;
  /** Hands over every record that is meant, with its line. Throws where a trail cannot be read; gives how many lines are no records. */
  query(
    trails: readonly string[],
    asked: QueryAsked,
    take: (line: string, record: Members) => void,
  ): Promise<{ readonly unreadable: number }>;
}

interface QueryOptions extends Partial<Omit<QueryAsked, 'token'>> {
  readonly jti?: string;
  readonly config?: string;
  readonly json?: true;
}

/** Adds the verb to the group `audit`. */
export function registerQuery(audit: Command, terminal: Terminal, tools: QueryTools): void {
  audit
    .command('query')
    .description('who did what, on whose behalf, through which client, and when')
    .argument(
      '[files...]',
      'trails; - for standard input, nothing for the one of a running dev, or that the configuration names',
    )
    .option('--subject <name>', 'whom it is about: a name, or the `sub` of the first proof; * at the end for all below')
    .option('--actor <name>', 'whoever acts, now or earlier in the chain: a name, a `sub`, or "<iss> <sub>"')
    .option('--client <id>', 'the OAuth client that asked')
    .option('--target <target>', 'what was granted, or asked for')
    .addOption(new Option('--outcome <outcome>', 'what became of it').choices(['granted', 'refused', 'failed']))
    .option('--jti <id>', 'a token, by its jti or its handle, and everything that was made of it')
    .option('--since <time>', SINCE_HELP, sinceOption)
    .option('--until <time>', 'only records from before this time, written in the same way', sinceOption)
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'the records as they are written')
    .action((files: readonly string[], options: QueryOptions) =>
      readable(terminal, async () => {
        const trails = files.length > 0 ? files : [await tools.configured(configPath(options.config, terminal.env))];
        let found = 0;
        const { unreadable } = await tools.query(trails, askedOf(options), (line, record) => {
          found += 1;
          terminal.out(escaped(options.json ? line : sentenceOf(record)));
        });
        if (unreadable > 0) terminal.err(`${unreadable} ${unreadable === 1 ? 'line' : 'lines'} cannot be read`);
        terminal.exit(found > 0 ? 0 : 1);
      }),
    );
}

const askedOf = ({ subject, actor, client, target, outcome, jti, since, until }: QueryOptions): QueryAsked => ({
  subject,
  actor,
  client,
  target,
  outcome,
  token: jti,
  since,
  until,
});
