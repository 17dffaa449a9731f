// `exchequer dev`: this configuration on localhost, with throw-away keys for every trust source, until it is told to stop. Says where
// everything is and what to try. Exit 0 after a stop, 1 where the configuration does not load, 2 for wrong usage.

import type { Command } from 'commander';
import { CONFIG_HELP, configPath } from './place.ts';
import type { ServeTools } from './serve.ts';
import { escaped, jsonLine } from './shown.ts';
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
        for (const problem of started.problems) terminal.err(escaped(problem));
        return terminal.exit(1);
      }
      const { running } = started;
      const { reload: _, stop, ...places } = running;
      if (flags.json) terminal.out(jsonLine(places));
      for (const line of said(running, flags.config)) terminal.err(line);
      tools.onSignal({
        stop: () => void stop().then(() => terminal.exit(0)),
        reload: () => void running.reload(),
      });
    });
}

function* said(running: DevRunning, config: string | undefined): Generator<string> {
  const { issuer, ca, control, records, sources, targets } = running;
  const where = config === undefined ? '' : ` --config ${config}`;
  yield 'NOT FOR PRODUCTION: every key here is thrown away, and whoever may open the control socket speaks for every source';
  yield `listening on ${issuer}, on this machine alone`;
  yield `CA         ${ca}`;
  yield `control    ${control}`;
  yield `records    ${records}`;
  yield 'policies are read again when they are saved; try:';
  for (const name of sources) yield `  exchequer token ${targets[0]} --as ${name}${where}`;
  yield '      with the claims that a rule wants; --claim name=value says others';
  yield `  exchequer explain --last${where}`;
}
