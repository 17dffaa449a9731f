// `exchequer init`: a first configuration, and one rule for each platform that is named. Writes everything or nothing, never over a file
// that is there, asks nobody and reaches no network. Exit 0 written, 1 something is there already, 2 usage, 3 could not write.

import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { issuerProblem } from '../../parsing/uri.ts';
import { FIRST_STEPS, PLATFORMS, sourceName } from './init-platforms.ts';
import { blanksIn, firstFiles } from './init-text.ts';
import type { ExitCode, Terminal } from './terminal.ts';

interface Flags {
  readonly dir: string;
  readonly platform?: readonly string[];
  readonly issuer?: string;
  readonly claim?: readonly string[];
}

/** Plain in YAML wherever it stands in a line of ours. */
const PLAIN = /^[A-Za-z0-9/](?:[A-Za-z0-9._~/:@+=|-]*[A-Za-z0-9._~/@+=|-])?$/;

const several = (one: string, all: readonly string[] = []): readonly string[] => [...all, one];

export function registerInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .description('write a first configuration, with one rule for each platform')
    .option('--dir <folder>', 'where to', '.')
    .option('--platform <kind>', `one of ${PLATFORMS.join(', ')}; may stand several times`, several)
    .option('--issuer <url>', 'our own issuer')
    .option('--claim <kind.name=value>', 'a value to fill in, such as github.repository_id=74; several times', several)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => terminal.exit(await init(terminal, flags)));
}

async function init(terminal: Terminal, flags: Flags): Promise<ExitCode> {
  const wrong = usageProblem(flags);
  if (wrong !== undefined) {
    terminal.err(wrong);
    return 2;
  }
  const platforms = [...new Set(flags.platform)];
  const files = firstFiles({ platforms, issuer: flags.issuer, values: new Map(pairsOf(flags.claim)) });
  const there = await existing(flags.dir, files.keys());
  if (there.length > 0) {
    for (const path of there) terminal.err(`${path} is there already: nothing was written`);
    return 1;
  }
  const problem = await writeAll(flags.dir, files);
  if (problem !== undefined) {
    terminal.err(problem);
    return 3;
  }
  for (const line of next(flags.dir, files, { platforms, named: terminal.env.EXCHEQUER_CONFIG })) terminal.err(line);
  return 0;
}

function usageProblem({ platform = [], issuer, claim }: Flags): string | undefined {
  const all = PLATFORMS.join(', ');
  if (platform.length === 0) return `--platform is needed, one or several: ${all}`;
  const strange = platform.find((kind) => !Object.hasOwn(FIRST_STEPS, kind));
  if (strange !== undefined) return `--platform must be one of ${all}`;
  const problem = issuer === undefined ? undefined : (issuerProblem(issuer) ?? plainProblem(issuer));
  if (problem !== undefined) return `--issuer ${problem}`;
  for (const [place, value] of pairsOf(claim)) {
    const [kind = '', name = ''] = place.split('.');
    if (!platform.includes(kind)) return `--claim ${place}: begins with no --platform`;
    const names = Object.keys(FIRST_STEPS[kind]?.blanks ?? {});
    if (!names.includes(name)) return `--claim ${place}: to fill in is ${names.join(', ')}`;
    const unfit = plainProblem(value);
    if (unfit !== undefined) return `--claim ${place} ${unfit}`;
  }
  return undefined;
}

const plainProblem = (text: string): string | undefined =>
  PLAIN.test(text) ? undefined : 'must be letters, digits and . _ ~ / : @ + = | -, or be written into the file by hand';

const pairsOf = (claims: readonly string[] = []): readonly (readonly [string, string])[] =>
  claims.map((claim) => {
    const [place = '', ...value] = claim.split('=');
    return [place, value.join('=')];
  });

async function existing(folder: string, paths: Iterable<string>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of [...paths].map((one) => join(folder, one))) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats) found.push(path);
  }
  return found;
}

/** Everything, or, where something fails, nothing; then why. */
async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<string | undefined> {
  const written: string[] = [];
  for (const [name, text] of files) {
    const path = join(folder, name);
    try {
      await mkdir(dirname(path), { recursive: true });
      // Somebody may have written it since it was looked for.
      await writeFile(path, text, { flag: 'wx' });
      written.push(path);
    } catch (error) {
      for (const done of written) await rm(done, { force: true });
      return `${path}: ${error instanceof Error ? error.message : 'cannot be written'}; nothing was written`;
    }
  }
  return undefined;
}

function* next(
  folder: string,
  files: ReadonlyMap<string, string>,
  { platforms, named = '' }: { readonly platforms: readonly string[]; readonly named: string | undefined },
): Generator<string> {
  yield `wrote ${[...files.keys()].map((name) => join(folder, name)).join(', ')}`;
  const blanks = blanksIn(files.values());
  if (blanks > 0) yield `${blanks} lines say FILL IN, and how to find what belongs there`;
  const wrote = join(folder, 'exchequer.yaml');
  const other = named !== '' && resolve(named) !== resolve(wrote);
  if (other) yield `EXCHEQUER_CONFIG names ${named}, not what was written: unset it, or say --config`;
  const config = folder === '.' && !other ? '' : ` --config ${wrote}`;
  yield 'next:';
  yield `  exchequer dev${config}`;
  yield `  exchequer token deploy --as ${sourceName(platforms[0] ?? '')}${config}`;
  yield `  exchequer check${config}`;
}
