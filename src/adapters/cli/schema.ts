// `exchequer schema config|policy`: the JSON Schema by which editors complete and check a file, on stdout: the general one, or with
// `--config` that of one deployment, with its own names. Exit 0 printed, 1 the configuration is no YAML, 2 usage.

import { Argument, type Command } from 'commander';
import { type NotLoaded, sayProblems } from './check.ts';
import type { Terminal } from './terminal.ts';

export type SchemaOf = 'config' | 'policy';

export interface SchemaTools {
  /** The text; with a configuration's path, narrowed to its names. */
  schema(of: SchemaOf, config: string | undefined): { readonly ok: true; readonly text: string } | NotLoaded;
}

export function registerSchema(program: Command, terminal: Terminal, tools: SchemaTools): void {
  program
    .command('schema')
    .description('print the JSON Schema of a file, for editors')
    .addArgument(new Argument('<of>', 'which file').choices(['config', 'policy']))
    .option('--config <file>', "with this deployment's own sources, targets and clients as the only names")
    .allowExcessArguments(false)
    .action((of: SchemaOf, { config }: { config?: string }) => {
      const made = tools.schema(of, config);
      if (made.ok) terminal.out(made.text.trimEnd());
      else sayProblems(terminal, made.problems);
      terminal.exit(made.ok ? 0 : 1);
    });
}
