// `exchequer keys secret`: a client secret that nobody chose, and the SHA-256 of it that the broker keeps. Asks no broker and reads no
// configuration. The secret is on stdout alone, so that `>` or `|` takes it; with --secret-to it is printed nowhere.
// Overwrites no file: a secret that somebody still uses would be gone.

import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { SECRET_CHARACTERS } from '../../core/limits-outside.ts';
import type { RandomBytes } from '../../core/ports.ts';
import { shown } from './shown.ts';
import type { Terminal } from './terminal.ts';

export interface SecretTools {
  readonly randomBytes: RandomBytes;
  /** Makes a file, readable for its owner alone. Rejects where there is one. */
  writeNew(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
}

interface Flags {
  readonly secretTo?: string;
  readonly sha256To?: string;
  readonly json?: true;
}

/** Adds the verb to `keys`. */
export function registerSecret(keys: Command, terminal: Terminal, tools: SecretTools): void {
  keys
    .command('secret')
    .description('a new client secret of 256 random bits, and the SHA-256 for exchequer.yaml')
    .option('--secret-to <file>', 'write the secret to a new file instead of stdout')
    .option('--sha256-to <file>', 'write the SHA-256 to a new file')
    .option('--json', 'as JSON, without what was written to files')
    .action(async (flags: Flags) => {
      const secret = createSecret(tools.randomBytes);
      const sha256 = createHash('sha256').update(secret).digest('hex');
      const problem = await writeFiles(tools, flags, secret, sha256);
      if (problem !== undefined) {
        terminal.err(problem);
        terminal.exit(3);
        return;
      }
      show(terminal, flags, secret, sha256);
      terminal.exit(0);
    });
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Bytes from here on would make the first letters likelier than the last. */
const FAIR = 256 - (256 % ALPHABET.length);

/** Letters and digits: the same in a form, in Basic with and without encoding, in YAML and in a shell. */
export function createSecret(randomBytes: RandomBytes): string {
  let secret = '';
  while (secret.length < SECRET_CHARACTERS) {
    for (const byte of randomBytes(SECRET_CHARACTERS)) {
      if (byte < FAIR && secret.length < SECRET_CHARACTERS) secret += ALPHABET[byte % ALPHABET.length];
    }
  }
  return secret;
}

/** The digest first: alone it is no secret and of no use, and can be taken back. */
async function writeFiles(
  tools: SecretTools,
  { secretTo, sha256To }: Flags,
  secret: string,
  sha256: string,
): Promise<string | undefined> {
  const written: string[] = [];
  for (const [path, text] of [
    [sha256To, `${sha256}\n`],
    // No line end: whoever sends the file as it is would send that too.
    [secretTo, secret],
  ] as const) {
    if (path === undefined) continue;
    try {
      await tools.writeNew(path, text);
      written.push(path);
    } catch (error) {
      for (const one of written) await tools.remove(one);
      return shown(`${path} was not written (${error instanceof Error && 'code' in error ? error.code : 'unknown'})`);
    }
  }
  return undefined;
}

function show(terminal: Terminal, { secretTo, sha256To, json }: Flags, secret: string, sha256: string): void {
  if (json) {
    const parts = { ...(secretTo === undefined ? { secret } : {}), ...(sha256To === undefined ? { sha256 } : {}) };
    terminal.out(JSON.stringify(parts));
    return;
  }
  if (secretTo === undefined) terminal.out(secret);
  terminal.err(`secret   ${shown(secretTo ?? 'on stdout')}: for the client, and for nobody else; it is kept nowhere`);
  terminal.err(`sha256   ${shown(sha256To ?? sha256)}`);
  terminal.err('broker   the sha256, by file or variable, in exchequer.yaml under clients:');
  // References are to absolute paths.
  const file = sha256To?.startsWith('/') ? sha256To : '/run/secrets/NAME.sha256';
  terminal.err(`         NAME: { secret: "\${file:${shown(file)}}" }`);
}
