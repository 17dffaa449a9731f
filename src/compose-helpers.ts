// The credential helpers, composed: verbs that other programs run and read, each with what `token` reaches the broker by, and standard input.
// None of them keeps anything.

import type { Command } from 'commander';
import type { CallerTools } from './adapters/cli/broker-caller.ts';
import { registerAws } from './adapters/cli/helpers/aws.ts';
import { registerAzure } from './adapters/cli/helpers/azure.ts';
import { registerDocker } from './adapters/cli/helpers/docker.ts';
import { registerGcp } from './adapters/cli/helpers/gcp.ts';
import { registerGit } from './adapters/cli/helpers/git.ts';
import type { HelperTools } from './adapters/cli/helpers/helper.ts';
import { registerKube } from './adapters/cli/helpers/kube.ts';
import type { Terminal } from './adapters/cli/terminal.ts';
import type { World } from './compose-configuration.ts';
import { readBoundedInput } from './files/bounded-file.ts';

/** Adds every helper to the program. */
export function registerHelpers(program: Command, terminal: Terminal, world: World, caller: CallerTools): void {
  const tools: HelperTools = { ...caller, nowSeconds: world.clock.nowSeconds, readInput: readBoundedInput };
  for (const register of [registerAws, registerGcp, registerAzure, registerKube, registerGit, registerDocker])
    register(program, terminal, tools);
}
