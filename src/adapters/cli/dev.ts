// `exchequer dev`: this configuration on localhost, with throw-away keys for every trust source, until it is told to stop. Says where
// everything is and what to try. Exit 0 after a stop, 1 where the configuration does not load, 2 for wrong usage.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CONFIG_HELP, configFrom, configPath } from './place.ts';
import type { ServeTools } from './serve.ts';
import { jsonLine } from './shown.ts';
import type { Terminal } from './terminal.ts';

/** A running `dev`, as far as this verb needs to know it. */
export interface DevRunning {
  readonly issuer: string;
  /** Paths. */
  readonly ca: string;
  readonly control: string;
  readonly records: string;
  /** What every client with a secret has for one here. */
  readonly clientSecret: string;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  /** What may be asked for as whom; with its address as written where that has parameters. */
  readonly tries: readonly {
    /** The flags of `token` for it. */
    readonly how: string;
    readonly target: string;
    readonly address: string | undefined;
  }[];
  reload(): Promise<unknown>;
  stop(): Promise<void>;
}

export interface DevTools extends Pick<ServeTools, 'onSignal'> {
  /** Starts it, or gives every problem of the configuration as lines. Rejects where it cannot run. */
  start(
    configPath: string,
    port: number,
  ): Promise<
    { readonly ok: true; readonly running: DevRunning } | { readonly ok: false; readonly problems: readonly string[] }
  >;
}

const PORT_DEFAULT = '8443';

export function registerDev(program: Command, terminal: Terminal, tools: DevTools): void {
  program
    .command('dev')
    .description('try a configuration on this machine: throw-away keys for every source, nothing outside is asked')
    .option('--config <file>', CONFIG_HELP)
    .option('--port <port>', `of 127.0.0.1 (${PORT_DEFAULT})`)
    .option('--json', 'where everything is, as one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (flags: { config?: string; port?: string; json?: true }) => {
      const { port = PORT_DEFAULT } = flags;
      if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535) {
        terminal.err('--port must be a number from 1 to 65535');
        return terminal.exit(2);
      }
      const config = configPath(flags.config, terminal.env);
      const started = await tools.start(config, Number(port));
      if (!started.ok) {
        for (const problem of started.problems) terminal.err(problem);
        return terminal.exit(1);
      }
      const { running } = started;
      const { reload: _, tries: _tries, stop, ...places } = running;
      if (flags.json) terminal.out(jsonLine(places));
      for (const line of said(running, { config, flag: flags.config, env: terminal.env })) terminal.err(line);
      tools.onSignal({
        stop: () => void stop().then(() => terminal.exit(0)),
        reload: () => void running.reload(),
      });
    });
}

const TRIES_SHOWN = 12;

function* said(
  { issuer, ca, control, records, tries }: DevRunning,
  { config, flag, env }: { readonly config: string; readonly flag: string | undefined; readonly env: Terminal['env'] },
): Generator<string> {
  const where = flag === undefined ? '' : ` --config ${flag}`;
  yield `running ${resolve(config)} (${configFrom(flag, env)})`;
  yield 'NOT FOR PRODUCTION: every key here is thrown away, and whoever may open the control socket speaks for every source';
  yield `listening on ${issuer}, on this machine alone`;
  yield `CA         ${ca}`;
  yield `control    ${control}`;
  yield `records    ${records}`;
  yield 'records are gone when dev ends; policies are read again when they are saved; try:';
  for (const { how, target, address } of tries.slice(0, TRIES_SHOWN))
    yield `  exchequer token ${target} ${how}${where}${address === undefined ? '' : `  # ${address}`}`;
  if (tries.length > TRIES_SHOWN) yield `      and ${tries.length - TRIES_SHOWN} more, of source and target`;
  yield '      with the claims that a rule wants; --claim name=value says others';
  yield `  exchequer explain --last${where}`;
}
