// `exchequer docker get|store|erase|list`: a credential helper of docker and of everything that reads its configuration. Which registry is which
// target says `--registry` or EXCHEQUER_REGISTRIES; for every other registry there is nothing, in the words that clients look for. Keeps
// nothing: `store` says so and fails, so that nobody believes a password to be kept. Errors stand on stdout too, as the protocol has them.

import type { Command } from 'commander';
import { HELPER_INPUT_BYTES_MAX } from '../../../core/limits-outside.ts';
import { type CallerFlags, withCaller } from '../broker-caller.ts';
import { jsonLine } from '../shown.ts';
import type { ExitCode, Terminal } from '../terminal.ts';
import { askForAccessToken, type Failed, failed, type HelperTools } from './helper.ts';

interface Flags extends CallerFlags {
  readonly registry?: readonly string[];
}

interface Registry {
  readonly host: string;
  readonly username: string;
  readonly target: string;
}

const VARIABLE = 'EXCHEQUER_REGISTRIES';
const USERNAME = 'x-access-token';
/** Byte for byte what docker-credential-helpers compares. */
const NOT_FOUND = 'credentials not found in native keychain';
const NOT_KEPT = 'exchequer keeps no credentials: it asks for one whenever one is wanted';
const SHAPE = `a registry must be host=target or user@host=target (--registry, ${VARIABLE})`;

const several = (one: string, all: readonly string[] = []) => [...all, one];

/** Adds the verb to the program. */
export function registerDocker(program: Command, terminal: Terminal, tools: HelperTools): void {
  withCaller(program.command('docker'))
    .description('a credential helper of docker')
    .argument('<operation>', 'get, store, erase or list; docker says it')
    .option(
      '--registry <host=target>',
      `user@ before it names another user than ${USERNAME}; may stand several times (${VARIABLE}, with spaces between)`,
      several,
    )
    .action(async (operation: string, flags: Flags) => {
      const written = flags.registry ?? (terminal.env[VARIABLE] ?? '').split(/\s+/).filter((one) => one !== '');
      const registries = written.flatMap((one) => readRegistry(one) ?? []);
      if (registries.length < written.length) return end(terminal, failed(2, SHAPE));
      switch (operation) {
        case 'get':
          return get(terminal, tools, flags, registries);
        case 'list':
          terminal.out(jsonLine(Object.fromEntries(registries.map(({ host, username }) => [host, username]))));
          return terminal.exit(0);
        case 'erase':
          return terminal.exit(0);
        case 'store':
          return end(terminal, failed(1, NOT_KEPT));
        default:
          return end(terminal, failed(2, 'the operation must be get, store, erase or list'));
      }
    });
}

async function get(
  terminal: Terminal,
  tools: HelperTools,
  flags: Flags,
  registries: readonly Registry[],
): Promise<void> {
  const server = (await tools.readInput(HELPER_INPUT_BYTES_MAX))?.trim();
  const found = registries.find(({ host }) => host === hostOf(server ?? ''));
  if (server === undefined || !found) {
    terminal.out(NOT_FOUND);
    return terminal.exit(1);
  }
  const had = await askForAccessToken(terminal, tools, flags, found.target);
  if (!had.ok) return end(terminal, had);
  terminal.out(jsonLine({ ServerURL: server, Username: found.username, Secret: had.token }));
  terminal.exit(0);
}

/** Any exit but 0 is a failure to docker; its text is what is on stdout. */
function end(terminal: Terminal, { exit, says }: Failed & { readonly exit: ExitCode }): void {
  terminal.out(says.join(' '));
  for (const line of says) terminal.err(line);
  terminal.exit(exit);
}

function readRegistry(text: string): Registry | undefined {
  const [, username = USERNAME, host = '', target = ''] = /^(?:([^@=]+)@)?([^@=/]+)=(.+)$/s.exec(text) ?? [];
  return host === '' ? undefined : { host: host.toLowerCase(), username, target };
}

/** Docker names a registry by its host, or by an address such as `https://index.docker.io/v1/`. Never by plain http. */
function hostOf(server: string): string | undefined {
  if (/^http:\/\//i.test(server)) return undefined;
  return URL.parse(server.includes('://') ? server : `https://${server}`)?.host;
}
