// `exchequer aws credential-process TARGET`: what AWS SDKs and the AWS CLI run for a profile with `credential_process`. Prints the JSON of its
// version 1, as the broker has made it, and nothing that is not that. A refusal's sentence is on stderr, which SDKs show (exit 1).

import type { Command } from 'commander';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE } from '../../../core/request.ts';
import { readJson } from '../../../parsing/json.ts';
import { type CallerFlags, withCaller } from '../broker-caller.ts';
import { jsonLine } from '../shown.ts';
import type { Terminal } from '../terminal.ts';
import { askBroker, endFailed, failed, type HelperTools } from './helper.ts';

/** Adds the verb to the program. */
export function registerAws(program: Command, terminal: Terminal, tools: HelperTools): void {
  const aws = program.command('aws').description('credential helpers of AWS');
  withCaller(aws.command('credential-process'))
    .description('what `credential_process` of a profile runs')
    .argument('<target>', 'the target, a role of AWS')
    .action(async (target: string, flags: CallerFlags) => {
      const had = await askBroker(terminal, tools, flags, { target, requestedTokenType: AWS_CREDENTIALS_TOKEN_TYPE });
      if (!had.ok) return endFailed(terminal, had);
      const credentials = credentialsIn(had.token);
      if (!credentials) return endFailed(terminal, failed(3, 'the broker gave no credentials of AWS'));
      terminal.out(jsonLine(credentials));
      terminal.exit(0);
    });
}

/** Without `Expiration` an SDK would keep them for ever. */
const MEMBERS = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration'];

function credentialsIn(token: string): JsonObject | undefined {
  const read = readJson(token);
  if (!read.ok || !isJsonObject(read.value) || read.value.Version !== 1) return undefined;
  const credentials = read.value;
  return MEMBERS.every((member) => typeof credentials[member] === 'string') ? credentials : undefined;
}
