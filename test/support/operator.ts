// An operator's command line against a broker of the test: verbs by their words, and what they said.

import { join } from 'node:path';
import { runProgram, type Said } from './program.ts';

export interface OperatorSaid extends Said {
  readonly exit: number | undefined;
  /** Standard output as JSON. */
  json<Value>(): Value;
}

/** Runs verbs on the control socket of the broker in this folder. */
export const operatorOf =
  ({ folder }: { readonly folder: string }) =>
  async (...verb: readonly string[]): Promise<OperatorSaid> => {
    const said = await runProgram([...verb, '--control', join(folder, 'run', 'control.sock')]);
    return { ...said, exit: said.exits[0], json: () => JSON.parse(said.out.join('')) };
  };
