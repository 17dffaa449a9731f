// `exchequer keys list`, `rotate`, `revoke KID`: the signing keys of the running broker, asked and changed over its control
// socket. The broker decides; what it refuses is shown as it says it, with exit 3. Shows no key material: the
// tools that are handed over have none.

import { type Command, Option } from 'commander';
import type { RevokedKey, SigningAlgorithm, SigningKeyView } from '../../core/ports.ts';
import { trustLeft } from './cloud-reach.ts';
import { exitOf, unreachedText, unrecordedText } from './incident-tools.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import { escaped } from './shown.ts';
import { instant, table } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** Each rejects with an error whose message people may read. */
export interface KeyTools {
  list(): Promise<readonly SigningKeyView[]>;
  rotate(algorithm?: SigningAlgorithm): Promise<readonly SigningKeyView[]>;
  revoke(kid: string): Promise<RevokedKey>;
}

interface Flags {
  readonly config?: string;
  readonly control?: string;
  readonly json?: true;
}

/** Adds the verbs to the program. Gives `keys`, for verbs about keys that need no broker. */
export function registerKeys(
  program: Command,
  terminal: Terminal,
  toolsOf: (broker: BrokerPlace) => KeyTools,
): Command {
  const at = (flags: Flags): KeyTools => toolsOf(brokerPlace(flags, terminal.env));
  const keys = program.command('keys').description("the running broker's signing keys, and secrets for clients");
  withPlace(keys.command('list'))
    .description('every key that is published, and what it does')
    .option('--json', 'as JSON')
    .action((flags: Flags) => exitOf(terminal, async () => show(terminal, await at(flags).list(), flags.json)));
  withPlace(keys.command('rotate'))
    .description('let the next key sign now; refused while a verifier may not know it yet')
    .addOption(new Option('--algorithm <algorithm>', 'only this ring').choices(['ES256', 'RS256']))
    .option('--json', 'as JSON')
    .action(({ algorithm, ...flags }: Flags & { algorithm?: SigningAlgorithm }) =>
      exitOf(terminal, async () => show(terminal, await at(flags).rotate(algorithm), flags.json)),
    );
  withPlace(keys.command('revoke'))
    .description('the theft drill: the key is out of the published set at once, and the next one signs')
    .argument('<kid>', 'as `keys list` shows it')
    .option('--json', 'as JSON')
    .action((kid: string, flags: Flags) =>
      exitOf(terminal, async () => showRevoked(terminal, await at(flags).revoke(kid), flags.json)),
    );
  return keys;
}

/** What a revoked key leaves behind, for `revoke key` too. Exit 3 where a broker may not know of it. */
export function showRevoked(terminal: Terminal, report: RevokedKey, json: true | undefined): ExitCode {
  const { revoked, keys, unreached, recorded, clouds } = report;
  if (json) terminal.out(JSON.stringify(report));
  else {
    show(terminal, keys, undefined);
    terminal.err(`${revoked.kid} (${revoked.algorithm}, was ${revoked.state}) is out of the published set.`);
    terminal.err('A verifier that holds a copy of the set goes on accepting what it signed, until its copy runs out.');
    for (const line of revoked.algorithm === 'RS256' ? trustLeft(clouds) : []) terminal.err(escaped(line));
  }
  for (const line of [...unrecordedText(recorded), ...unreachedText(unreached)]) terminal.err(escaped(line));
  return unreached.length > 0 ? 3 : 0;
}

function show(terminal: Terminal, keys: readonly SigningKeyView[], json: true | undefined): ExitCode {
  if (json) {
    terminal.out(JSON.stringify({ keys }));
    return 0;
  }
  const rows = keys.map((key) => [
    key.algorithm,
    key.state,
    key.kid,
    instant(key.createdAtSeconds),
    instant(key.currentSinceSeconds),
    instant(key.retiredAtSeconds),
  ]);
  for (const line of table(['ALG', 'STATE', 'KID', 'CREATED', 'CURRENT SINCE', 'RETIRED'], rows)) terminal.out(line);
  return 0;
}
