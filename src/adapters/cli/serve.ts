// `exchequer serve`: runs the broker until it is told to stop. Exit 0 after a stop, 1 where the configuration does not load.
// Signals are main.ts's business; this verb only says what they do.

import type { Command } from 'commander';
import { CONFIG_HELP, configPath } from './place.ts';
import type { Terminal } from './terminal.ts';

/** A running broker, as far as this verb needs to know it. */
export interface Serving {
  /** Where it listens, for people: `https://... (public)`. */
  readonly addresses: readonly string[];
  reload(): Promise<unknown>;
  /** Stops gracefully; resolves when everything in work has been answered and recorded. */
  stop(): Promise<void>;
}

export interface ServeTools {
  /** Starts the broker, or gives every problem of its configuration as lines. Rejects where it cannot run. */
  start(
    configPath: string,
  ): Promise<
    { readonly ok: true; readonly serving: Serving } | { readonly ok: false; readonly problems: readonly string[] }
  >;
  /** Calls back on the signals to stop (once) and to reload. */
  onSignal(handlers: { readonly stop: () => void; readonly reload: () => void }): void;
}

/** Adds the verb to the program. */
export function registerServe(program: Command, terminal: Terminal, tools: ServeTools): void {
  program
    .command('serve')
    .description('run the broker')
    .option('--config <file>', CONFIG_HELP)
    .action(async ({ config }: { config?: string }) => {
      const started = await tools.start(configPath(config, terminal.env));
      if (!started.ok) {
        for (const problem of started.problems) terminal.err(problem);
        terminal.exit(1);
        return;
      }
      const { serving } = started;
      for (const address of serving.addresses) terminal.err(`listening on ${address}`);
      tools.onSignal({
        stop: () => void serving.stop().then(() => terminal.exit(0)),
        reload: () => void serving.reload(),
      });
    });
}
