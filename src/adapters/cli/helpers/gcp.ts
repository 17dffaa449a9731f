// `exchequer gcp executable [TARGET]`: the executable source of an `external_account` file (AIP-4117). With a target, the subject token is what
// the broker gives for it: our assertion for Google's own STS. Without one it is the credential of where this runs, for a file whose
// `token_url` is the broker. Google's libraries read stdout and stderr as one: an error is JSON too, with exit 0, and stderr is silent.
// Writes no `output_file`: an assertion is made fresh for each exchange (CG-05), and no secret stays on a disk.

import type { Command } from 'commander';
import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../../core/request.ts';
import { parseJws } from '../../../parsing/jws.ts';
import { type CallerFlags, findCaller, withCaller } from '../broker-caller.ts';
import { jsonLine } from '../shown.ts';
import type { Terminal } from '../terminal.ts';
import { askBroker, type Failed, failed, type HelperTools } from './helper.ts';

type SubjectToken = { readonly ok: true; readonly token: string } | Failed;

/** Adds the verb to the program. */
export function registerGcp(program: Command, terminal: Terminal, tools: HelperTools): void {
  const gcp = program.command('gcp').description('credential helpers of Google Cloud');
  withCaller(gcp.command('executable'))
    .description('what the `executable` of an external_account file runs')
    .argument('[target]', 'the target whose assertion is the subject token; else the credential of where this runs')
    .action(async (target: string | undefined, flags: CallerFlags) => {
      const had =
        target === undefined
          ? await ownCredential(terminal, tools, flags)
          : await assertionFor(terminal, tools, flags, target);
      terminal.out(jsonLine(had.ok ? responseOf(terminal, had.token) : errorOf(had)));
      terminal.exit(0);
    });
}

async function assertionFor(
  terminal: Terminal,
  tools: HelperTools,
  flags: CallerFlags,
  target: string,
): Promise<SubjectToken> {
  const had = await askBroker(terminal, tools, flags, { target });
  if (!had.ok || isJwt(had.token)) return had;
  return failed(
    3,
    `${target} gives credentials and no assertion: it needs \`deliver: assertion\`, or a file whose token_url is the broker`,
  );
}

async function ownCredential(terminal: Terminal, tools: HelperTools, flags: CallerFlags): Promise<SubjectToken> {
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return failed(found.exit, ...found.says);
  const had = await found.credential();
  if (!had.ok) return failed(3, had.problem);
  const { credential } = had;
  return credential.kind === 'token' && isJwt(credential.token)
    ? { ok: true, token: credential.token }
    : failed(3, 'what proves this workload is no JWT: Google takes no other');
}

const isJwt = (token: string): boolean => parseJws(token).ok;

/** Of the type that the file asks for, where it is one of the two names of a JWT; Google's libraries insist on it. */
function responseOf({ env }: Terminal, token: string): object {
  const wanted = env.GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE;
  const parsed = parseJws(token);
  const { exp } = parsed.ok ? parsed.jws.claims : {};
  return {
    version: 1,
    success: true,
    token_type: wanted === ID_TOKEN_TYPE ? ID_TOKEN_TYPE : JWT_TOKEN_TYPE,
    id_token: token,
    ...(typeof exp === 'number' ? { expiration_time: exp } : {}),
  };
}

/** The code is the broker's, where it said one. */
function errorOf({ exit, says }: Failed): object {
  const message = says.join(' ');
  const code = exit === 1 ? (/^([a-z_]+):? ?/.exec(message)?.[1] ?? 'refused') : 'unavailable';
  return { version: 1, success: false, code, message };
}
