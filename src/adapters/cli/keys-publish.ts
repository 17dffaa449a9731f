// `exchequer keys publish`: what the broker serves of its issuer, in files for a bucket that serves the issuer's URL to clouds which cannot
// reach the broker, or the key set alone for a cloud that it is uploaded to. Asks the running broker, by its control socket or as the world
// does, else reads the key directory. Publishes what it was given, byte for byte, once that was judged; else writes nothing.

import type { Command } from 'commander';
import type { SigningAlgorithm, SigningKeyView } from '../../core/ports.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import { judgeDocuments, METADATA_PATH, type PublicDocuments } from './public-documents.ts';
import { escaped } from './shown.ts';
import { instant } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** The documents, and what says when they change: known to the broker's operator alone. */
export interface PublishedNow extends PublicDocuments {
  readonly keys?: readonly SigningKeyView[] | undefined;
  readonly rotateEverySeconds?: number | undefined;
  readonly publishAheadSeconds?: number | undefined;
}

/** Each rejects with an error whose message people may read. */
export interface PublishTools {
  /** Of the broker of this configuration. */
  ofBroker(place: BrokerPlace): Promise<PublishedNow>;
  /** As the world reads them, below an issuer; `ca` is a file. */
  ofIssuer(issuer: string, ca: string | undefined): Promise<PublicDocuments>;
  /** Writes one file durably, readable by everybody; its folders are made. */
  write(folder: string, path: string, text: string): Promise<void>;
}

interface Flags {
  readonly to?: string;
  readonly jwks?: string;
  readonly broker?: string;
  readonly ca?: string;
  readonly config?: string;
  readonly control?: string;
  readonly json?: true;
}

/** Adds the verb to `keys`. */
export function registerPublish(keys: Command, terminal: Terminal, tools: PublishTools): void {
  withPlace(keys.command('publish'))
    .description('write what the broker serves of its issuer, for clouds that cannot reach it')
    .option('--to <folder>', "files for a bucket that serves the issuer's URL")
    .option('--jwks <file>', 'the key set alone, to be uploaded (gcloud: --jwk-json-path)')
    .option('--broker <issuer>', 'ask this broker over HTTPS, as the world does, instead of on its control socket')
    .option('--ca <file>', "with --broker: PEM certificates to trust instead of the system's (EXCHEQUER_CA)")
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => terminal.exit(await publish(terminal, tools, flags)));
}

async function publish(terminal: Terminal, tools: PublishTools, flags: Flags): Promise<ExitCode> {
  const { to, jwks, broker } = flags;
  if (to === undefined && jwks === undefined) {
    terminal.err('--to names a folder for both documents, --jwks a file for the key set alone');
    return 2;
  }
  try {
    const now = await (broker === undefined
      ? tools.ofBroker(brokerPlace(flags, terminal.env))
      : tools.ofIssuer(broker, flags.ca ?? (terminal.env.EXCHEQUER_CA || undefined)));
    const judged = judgeDocuments(now);
    if (!judged.ok) throw new Error(judged.problem);
    // The keys before the document that names them: nobody finds an address with nothing behind it.
    const files = [
      ...(jwks === undefined ? [] : [{ folder: '.', path: jwks, text: now.jwks }]),
      ...(to === undefined
        ? []
        : [
            { folder: to, path: judged.jwksPath, text: now.jwks },
            { folder: to, path: METADATA_PATH, text: now.metadata },
          ]),
    ];
    for (const { folder, path, text } of files) await tools.write(folder, path, text);
    const written = files.map(({ folder, path }) => (folder === '.' ? path : `${folder.replace(/\/$/, '')}/${path}`));
    show(terminal, flags, { written, kids: judged.kids, now });
    return 0;
  } catch (error) {
    terminal.err(escaped(error instanceof Error ? error.message : 'could not find out'));
    return 3;
  }
}

interface Shown {
  readonly written: readonly string[];
  readonly kids: readonly string[];
  readonly now: PublishedNow;
}

function show(terminal: Terminal, { to, json }: Flags, { written, kids, now }: Shown): void {
  const again = againOf(now);
  if (json) {
    const when = again && { againAfter: instant(again.after), againBefore: instant(again.before) };
    terminal.out(JSON.stringify({ issuer: now.issuer, written, kids, ...when }));
    return;
  }
  for (const file of written) terminal.out(escaped(file));
  const lines = [
    `${kids.length} keys: ${kids.join(', ')}`,
    ...(to === undefined ? [] : [`what lies in ${to} is to be served at ${now.issuer}, as application/json`]),
    ...(again
      ? [
          `a key that is not in it is made at ${instant(again.after)} and may sign from ${instant(again.before)}: publish again between the two`,
        ]
      : ['publish again after each rotation, within keys.publishAhead (48h unless configured)']),
    'after `keys rotate` and `keys revoke`: at once',
  ];
  for (const line of lines) terminal.err(escaped(line));
}

/**
 * When these documents stop being enough: a rotation makes a key that is not in them, and that one may sign `publishAhead` after it. The
 * next keys of today are in them and may sign meanwhile.
 */
function againOf({ keys, rotateEverySeconds, publishAheadSeconds }: PublishedNow) {
  if (!keys || rotateEverySeconds === undefined || publishAheadSeconds === undefined) return undefined;
  const rotations = (['ES256', 'RS256'] satisfies SigningAlgorithm[]).flatMap((algorithm) => {
    const since = keys
      .filter((key) => key.algorithm === algorithm && key.state === 'current')
      .map(({ currentSinceSeconds = 0 }) => currentSinceSeconds + rotateEverySeconds);
    return since.length === 0 ? [] : [Math.max(...since)];
  });
  if (rotations.length === 0) return undefined;
  const after = Math.min(...rotations);
  return { after, before: after + publishAheadSeconds };
}
