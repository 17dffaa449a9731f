// `exchequer azure TARGET`: an access token in the shape of `az account get-access-token --output json`, for programs that run `az`
// (AzureCliCredential of every SDK). What they ask `az` for may be handed over behind `--`: anything but a token is refused, and so is a token
// for another resource than `--for` names, since whoever is shown a token can use it where it is good.

import type { Command } from 'commander';
import { parseJws } from '../../../parsing/jws.ts';
import { type CallerFlags, withCaller } from '../broker-caller.ts';
import { jsonLine, shown } from '../shown.ts';
import type { Terminal } from '../terminal.ts';
import { askForAccessToken, endFailed, failed, type HelperTools } from './helper.ts';

interface Flags extends CallerFlags {
  readonly for?: string;
}

/** Adds the verb to the program. */
export function registerAzure(program: Command, terminal: Terminal, tools: HelperTools): void {
  withCaller(program.command('azure'))
    .description('an access token, as `az account get-access-token` prints it')
    .argument('<target>', 'the target, an application of Azure')
    .argument('[az...]', 'behind --: what `az` is run with')
    .option('--for <resource>', 'the resource that the target is for: another that `az` is asked for is refused')
    .action(async (target: string, az: readonly string[], flags: Flags) => {
      const wrong = azProblem(az, flags.for);
      if (wrong !== undefined) return endFailed(terminal, failed(2, wrong));
      const had = await askForAccessToken(terminal, tools, flags, target);
      if (!had.ok) return endFailed(terminal, had);
      if (had.expiresAtSeconds === undefined)
        return endFailed(terminal, failed(3, 'the broker does not say how long this token lives'));
      terminal.out(jsonLine(answerOf(had.token, had.expiresAtSeconds)));
      terminal.exit(0);
    });
}

function azProblem(az: readonly string[], resource: string | undefined): string | undefined {
  if (az.length === 0) return undefined;
  if (az[0] !== 'account' || az[1] !== 'get-access-token')
    return shown(`exchequer stands in for \`az account get-access-token\` alone, not for: az ${az.join(' ')}`);
  if (resource === undefined) return undefined;
  const asked = optionOf(az, '--resource') ?? optionOf(az, '--scope');
  return asked === undefined || resourceOf(asked) === resourceOf(resource)
    ? undefined
    : shown(`this target is for ${resource}, and not for ${asked}`);
}

function optionOf(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) : words[at + 1];
}

/** A scope is its resource with `/.default` behind it; SDKs write a slash at its end or none. */
const resourceOf = (text: string): string => text.replace(/\/\.default$/, '').replace(/\/$/, '');

function answerOf(token: string, expiresAtSeconds: number): object {
  const parsed = parseJws(token);
  const { tid } = parsed.ok ? parsed.jws.claims : {};
  return {
    accessToken: token,
    expiresOn: localTime(new Date(expiresAtSeconds * 1_000)),
    expires_on: expiresAtSeconds,
    ...(typeof tid === 'string' ? { tenant: tid } : {}),
    tokenType: 'Bearer',
  };
}

/** As Python writes a time without its zone, which is this machine's: what readers from before `expires_on` expect. */
function localTime(time: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}.000000`;
}
