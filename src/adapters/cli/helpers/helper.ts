// What every credential helper shares: one question to the broker, in the name of where this runs, and how it ends where there is no answer. A
// program reads what a helper prints: stdout has the protocol's words and nothing else, stderr is silent where all went well, since some
// clients read both as one. No secret is ever on stderr, which clients log.

import type { JsonObject } from '../../../core/json.ts';
import { ACCESS_TOKEN_TYPE } from '../../../core/request.ts';
import { type CallerFlags, type CallerOrder, type CallerTools, findCaller } from '../broker-caller.ts';
import type { ExitCode, Terminal } from '../terminal.ts';

export interface HelperTools extends CallerTools {
  readonly nowSeconds: () => number;
  /** Standard input in latin1, or undefined where it is more. */
  readInput(bytesMax: number): Promise<string | undefined>;
}

export type Had =
  | {
      readonly ok: true;
      /** Secret. */
      readonly token: string;
      /** The broker's whole answer. Secret. */
      readonly whole: JsonObject;
      /** Undefined where the broker does not say it. */
      readonly expiresAtSeconds: number | undefined;
    }
  | Failed;

export interface Failed {
  readonly ok: false;
  readonly exit: ExitCode;
  /** Printable lines, the refusal's sentence first. */
  readonly says: readonly string[];
}

export const failed = (exit: ExitCode, ...says: readonly string[]): Failed => ({ ok: false, exit, says });

/** Asks the broker for a token. Never rejects. */
export async function askBroker(
  terminal: Terminal,
  tools: HelperTools,
  flags: CallerFlags,
  order: CallerOrder,
): Promise<Had> {
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return failed(found.exit, ...found.says);
  // Before the question: what it ends by is never said to be later than it is.
  const now = tools.nowSeconds();
  const answered = await found.caller.ask(order);
  switch (answered.answer) {
    case 'token': {
      const { token, whole } = answered;
      const { expires_in: seconds } = whole;
      const expiresAtSeconds = typeof seconds === 'number' && seconds > 0 ? Math.floor(now + seconds) : undefined;
      return { ok: true, token, whole, expiresAtSeconds };
    }
    case 'refused':
      return failed(1, answered.sentence, ...(answered.hints ?? []));
    case 'would_grant':
      return failed(3, 'the broker has only said what it would grant');
    case 'unknown':
      return failed(3, answered.problem);
  }
}

/** A token that is shown as it is to whoever the target is for. Credentials of a role are none, and no server may be shown them. */
export const askForAccessToken = (
  terminal: Terminal,
  tools: HelperTools,
  flags: CallerFlags,
  target: string,
): Promise<Had> => askBroker(terminal, tools, flags, { target, requestedTokenType: ACCESS_TOKEN_TYPE });

/** Says what went wrong, and ends so. */
export function endFailed(terminal: Terminal, { exit, says }: Failed): void {
  for (const line of says) terminal.err(line);
  terminal.exit(exit);
}
