// `exchequer git get|store|erase`: a credential helper of git (gitcredentials(7), git-credential(1)). Answers for the hosts that `--host` names,
// over https alone: for everybody else it says nothing, and git asks the next helper. Keeps nothing: `store` and `erase` do nothing.
// Where the broker gives nothing, git is told to stop (`quit`): a job has nobody to prompt.

import { type Command, Option } from 'commander';
import { HELPER_INPUT_BYTES_MAX } from '../../../core/limits-outside.ts';
import { type CallerFlags, withCaller } from '../broker-caller.ts';
import type { Terminal } from '../terminal.ts';
import { askForAccessToken, endFailed, failed, type HelperTools } from './helper.ts';

interface Flags extends CallerFlags {
  readonly target: string;
  readonly host: readonly string[];
  readonly username: string;
}

const several = (one: string, all: readonly string[] = []) => [...all, one];

/** Adds the verb to the program. */
export function registerGit(program: Command, terminal: Terminal, tools: HelperTools): void {
  withCaller(program.command('git'))
    .description('a credential helper of git')
    .argument('<operation>', 'get, store or erase; git says it')
    .requiredOption('--target <target>', 'the target whose token is the password')
    .addOption(
      new Option('--host <host>', 'a host, with its port where it has one; may stand several times')
        .argParser(several)
        .makeOptionMandatory(),
    )
    .option('--username <name>', 'the user name beside the token', 'x-access-token')
    .action(async (operation: string, flags: Flags) => {
      // gitcredentials(7): what a helper does not know it ignores.
      if (operation !== 'get') return terminal.exit(0);
      const text = await tools.readInput(HELPER_INPUT_BYTES_MAX);
      if (text === undefined)
        return endFailed(terminal, failed(3, `git said more than ${HELPER_INPUT_BYTES_MAX} bytes`));
      const asked = readDescription(text);
      if (!isOurs(asked, flags.host)) return terminal.exit(0);
      const had = await askForAccessToken(terminal, tools, flags, flags.target);
      if (!had.ok) {
        terminal.out('quit=1');
        return endFailed(terminal, had);
      }
      const { token, expiresAtSeconds } = had;
      const lines = takesBearer(asked)
        ? ['capability[]=authtype', 'authtype=Bearer', `credential=${token}`, 'ephemeral=1']
        : [`username=${flags.username}`, `password=${token}`];
      for (const line of lines) terminal.out(line);
      if (expiresAtSeconds !== undefined) terminal.out(`password_expiry_utc=${expiresAtSeconds}`);
      terminal.exit(0);
    });
}

/** By name, in order; a name without brackets counts as it stands last. */
type Description = ReadonlyMap<string, readonly string[]>;

/** Lines of `name=value` up to an empty one. */
function readDescription(text: string): Description {
  const asked = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    const at = line.indexOf('=');
    if (at < 0) continue;
    const [name, value] = [line.slice(0, at), line.slice(at + 1)];
    // git-credential(1): an empty value begins the list anew.
    asked.set(name, name.endsWith('[]') && value !== '' ? [...(asked.get(name) ?? []), value] : [value]);
  }
  return asked;
}

const isOurs = (asked: Description, hosts: readonly string[]): boolean =>
  asked.get('protocol')?.at(-1) === 'https' &&
  hosts.some((host) => host.toLowerCase() === asked.get('host')?.at(-1)?.toLowerCase());

/** Where git can (2.46 and later), and the server asks for that and for no password. */
function takesBearer(asked: Description): boolean {
  const schemes = (asked.get('wwwauth[]') ?? []).map((challenge) => challenge.split(' ')[0]?.toLowerCase());
  return (
    (asked.get('capability[]') ?? []).includes('authtype') && schemes.includes('bearer') && !schemes.includes('basic')
  );
}
