// `exchequer sidecar`: the listener of `run` for programs that it does not start itself, such as the other containers of a pod, until it is told
// to stop. Writes what they need into private files, and keeps the secrets that it finds there, so that nobody notices when it starts again.
// Exit 0 after a stop, 1 refused, 2 usage, 3 where it could not begin; a broker that is away is waited for.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Ended, findCaller } from './broker-caller.ts';
import {
  type LocalFlags,
  type LocalSecrets,
  type LocalServing,
  type LocalTools,
  readOrder,
  withTargets,
} from './local-order.ts';
import { saidOf } from './run.ts';
import type { ServeTools } from './serve.ts';
import { escaped } from './shown.ts';
import type { Terminal } from './terminal.ts';

export interface SidecarTools extends LocalTools, Pick<ServeTools, 'onSignal'> {
  /** A file of ours that nobody else may read, undefined where there is none. Rejects where others may read it, or it is not ours. */
  readPrivate(path: string): Promise<string | undefined>;
  /** Replaces or makes it; or gives why not. */
  writePrivate(path: string, text: string): Promise<string | undefined>;
}

interface SidecarFlags extends LocalFlags {
  readonly variables?: string;
  readonly tokenFile?: string;
}

/** Adds the verb to the program. */
export function registerSidecar(program: Command, terminal: Terminal, tools: SidecarTools): void {
  withTargets(program.command('sidecar'))
    .description('serve the cloud SDKs of programs beside this one with credentials from the broker, on loopback')
    // Not `--env-file`: Node takes that for its own, wherever it stands.
    .option('--variables <file>', 'write the variables that SDKs read, for who starts them (0600)')
    .option('--token-file <file>', "write what AWS's SDKs show here, for AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (0600)")
    .allowExcessArguments(false)
    .action(async (flags: SidecarFlags) => {
      const ended = await serve(terminal, tools, flags);
      if (!ended) return;
      for (const line of ended.says) terminal.err(line);
      terminal.exit(ended.exit);
    });
}

/** How it ended before it served anybody; undefined: it serves. */
async function serve(terminal: Terminal, tools: SidecarTools, flags: SidecarFlags): Promise<Ended | undefined> {
  const order = readOrder(flags);
  if ('problem' in order) return usage(order.problem);
  if (
    flags.variables === undefined &&
    flags.tokenFile === undefined &&
    (order.aws.length > 0 || order.azure.length > 0)
  )
    return usage('--variables or --token-file: without one nobody learns the secret that AWS and Azure want to see');
  if (flags.tokenFile !== undefined && order.aws.length === 0) return usage('--token-file is for --aws');
  const secrets = await knownSecrets(tools, flags);
  if ('exit' in secrets) return secrets;
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return found;
  for (const line of found.says) terminal.err(line);
  const serving = tools.serve(order, {
    caller: found.caller,
    secrets: secrets.known,
    ownUser: false,
    notice: terminal.err,
  });
  const ended = await begin(terminal, tools, flags, { serving, port: order.port });
  if (ended) {
    await serving.close();
    return ended;
  }
  tools.onSignal({ stop: () => void serving.close().then(() => terminal.exit(0)), reload: () => undefined });
  return undefined;
}

async function begin(
  terminal: Terminal,
  tools: SidecarTools,
  flags: SidecarFlags,
  { serving, port }: { readonly serving: LocalServing; readonly port: number },
): Promise<Ended | undefined> {
  const failed = (await serving.start()).filter((first) => first.answer !== 'served');
  const refused = failed.filter(({ answer }) => answer === 'refused');
  if (refused.length > 0) return { exit: 1, says: refused.map(saidOf) };
  for (const first of failed) terminal.err(`${saidOf(first)}; tried again until there are some`);
  try {
    await serving.listen(port);
  } catch (error) {
    return {
      exit: 3,
      says: [`127.0.0.1:${port}: ${error instanceof Error ? error.message : 'cannot be listened on'}`],
    };
  }
  const problem = await writeFiles(tools, flags, serving.variables());
  if (problem !== undefined) return { exit: 3, says: [problem] };
  terminal.err('listening on loopback');
  return undefined;
}

const TOKEN = 'AWS_CONTAINER_AUTHORIZATION_TOKEN';

/** First the token, then who names it. */
async function writeFiles(
  tools: SidecarTools,
  { variables: variablesFile, tokenFile }: SidecarFlags,
  variables: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const { [TOKEN]: token, ...rest } = variables;
  if (tokenFile !== undefined) {
    // No newline: AWS's SDKs send what stands there, byte for byte.
    const problem = await tools.writePrivate(tokenFile, token ?? '');
    if (problem !== undefined) return `${escaped(tokenFile)}: ${problem}`;
  }
  if (variablesFile === undefined) return undefined;
  const named = tokenFile === undefined ? variables : { ...rest, [`${TOKEN}_FILE`]: resolve(tokenFile) };
  const lines = Object.entries(named).map(([name, value]) => `${name}=${value}\n`);
  const problem = await tools.writePrivate(variablesFile, lines.join(''));
  return problem === undefined ? undefined : `${escaped(variablesFile)}: ${problem}`;
}

/** What programs that read these files before us go on showing. Two files, and none of them in part. */
async function knownSecrets(
  tools: SidecarTools,
  { variables: variablesFile, tokenFile }: SidecarFlags,
): Promise<{ readonly known: Partial<LocalSecrets> } | Ended> {
  try {
    const env = variablesFile === undefined ? '' : ((await tools.readPrivate(variablesFile)) ?? '');
    const token = tokenFile === undefined ? secretIn(env, TOKEN) : ((await tools.readPrivate(tokenFile)) ?? '');
    const azure = secretIn(env, 'IDENTITY_HEADER');
    return {
      known: { ...(isSecret(token) ? { aws: token } : {}), ...(isSecret(azure) ? { azure } : {}) },
    };
  } catch (error) {
    return usage(error instanceof Error ? error.message : 'a file of before cannot be read');
  }
}

const secretIn = (env: string, name: string): string =>
  env
    .split('\n')
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1) ?? '';

/** 256 bits in base64url. */
const isSecret = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text);

const usage = (text: string): Ended => ({ exit: 2, says: [text] });
