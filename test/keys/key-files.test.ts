// Key files that must stop the start: open to others, broken, weak, swapped. Each beside the file that starts.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSigningKeys } from '../../src/keys/signing-keys.ts';

let root: string;
let directory: string;
let path: string;
let whole: string;

/** Opens and closes at once; tells how that went. */
async function start(): Promise<string> {
  try {
    const keys = await openSigningKeys({
      directory,
      shared: false,
      clock: { nowSeconds: () => 1_800_000_000, elapsedMs: () => 0 },
      randomBytes,
      isRevoked: () => false,
      rotateEverySeconds: () => 86_400,
      publishAheadSeconds: () => 86_400,
      longestLifetimeSeconds: () => 300,
      onEvent: () => undefined,
    });
    keys.close();
    return 'started';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchequer-key-files-'));
  directory = join(root, 'keys');
  expect(await start()).toBe('started');
  // An ES256 key: its file is the shortest.
  for (const name of (await readdir(directory)).filter((one) => one.endsWith('.json'))) {
    const text = await readFile(join(directory, name), 'utf8');
    if (!text.includes('"ES256"')) continue;
    path = join(directory, name);
    whole = text;
  }
});
beforeEach(async () => {
  await rm(path, { force: true });
  await writeFile(path, whole, { mode: 0o600 });
  await chmod(directory, 0o700);
  expect(await start()).toBe('started');
});
afterAll(() => rm(root, { recursive: true }));

const pem = (pair: { privateKey: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer } }): string =>
  pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const publicPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }).toString();
const having = (more: Record<string, unknown>): string => JSON.stringify({ ...JSON.parse(whole), ...more });

describe('a start', () => {
  it.each([
    ['the directory', () => directory, 0o701, 'must have mode 0700, has 0701'],
    ['a key file', () => path, 0o640, 'must have mode 0600, has 0640'],
  ])('is refused while others can read %s, and leaves the mode as it is (A-199)', async (_name, what, mode, says) => {
    await chmod(what(), mode);
    expect(await start()).toContain(`${what()}: ${says}`);
    expect(await start()).toContain(says);
  });

  it.each<[string, () => string, string]>([
    ['an empty file', () => '', 'is not a key file (no JSON)'],
    ['half a file', () => whole.slice(0, whole.length / 2), 'is not a key file (no JSON)'],
    ['a member that is not ours', () => having({ weak: true }), 'is not a key file (wrong: its members)'],
    ['another version', () => having({ version: 2 }), 'is not a key file (wrong: version)'],
    ['a time that is text', () => having({ createdAtSeconds: 'now' }), 'is not a key file (wrong: createdAtSeconds)'],
    [
      'a key that retired and never signed',
      () => having({ currentSinceSeconds: undefined, retiredAtSeconds: 1 }),
      'is retired and has never been current',
    ],
    ['no key', () => having({ privateKey: 'secret text' }), 'holds no private key that can be read'],
    ['a public key', () => having({ privateKey: publicPem() }), 'holds no private key that can be read'],
    [
      'a curve of its own',
      () => having({ privateKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-384' })) }),
      'its key is not on the curve P-256',
    ],
    [
      'RSA where ES256 is said',
      () => having({ privateKey: pem(generateKeyPairSync('rsa', { modulusLength: 2_048 })) }),
      'its key is not on the curve P-256',
    ],
    [
      'RSA of 1,024 bits',
      () => having({ algorithm: 'RS256', privateKey: pem(generateKeyPairSync('rsa', { modulusLength: 1_024 })) }),
      'its key has 1024 bits, must have 2048 to 8192',
    ],
    [
      'RSA with the exponent 3',
      () =>
        having({
          algorithm: 'RS256',
          privateKey: pem(generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 })),
        }),
      'its public exponent is not 65537',
    ],
    [
      'another key than its name says',
      () => having({ privateKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })) }),
      'holds another key than its name says',
    ],
    ['far too much', () => `${whole}${' '.repeat(20_000)}`, 'is larger than 16384 bytes'],
  ])('is refused by %s, which is named and never replaced or quoted (A-199)', async (_name, text, says) => {
    const written = text();
    await writeFile(path, written);
    const message = await start();
    expect(message).toBe(`${path}: ${says}`);
    expect(await readFile(path, 'utf8')).toBe(written);
  });

  it('is refused by a link in the place of a key file', async () => {
    await rename(path, join(root, 'elsewhere.json'));
    await symlink(join(root, 'elsewhere.json'), path);
    expect(await start()).toContain('ELOOP');
  });

  // Only root can give a file away.
  it.skipIf(process.getuid?.() !== 0)(
    'is refused by a key file that belongs to somebody else (skipped unless root, who alone can make one)',
    async () => {
      await chown(path, 12_345, 0);
      expect(await start()).toBe(`${path}: belongs to user 12345, must belong to user 0`);
    },
  );

  it('is refused where a file stands in the place of the directory', async () => {
    const before = directory;
    directory = join(root, 'a-file');
    await writeFile(directory, '');
    const message = await start();
    directory = before;
    expect(message).toMatch(/EEXIST|is not a directory/);
  });

  it('clears away a file that was never finished, and leaves alone what is not ours', async () => {
    await writeFile(join(directory, '.signing-x.json.tmp'), 'half');
    await writeFile(join(directory, 'audit-key.pem'), 'not ours');
    expect(await start()).toBe('started');
    const names = await readdir(directory);
    expect(names).not.toContain('.signing-x.json.tmp');
    expect(names).toContain('audit-key.pem');
  });

  it('is refused while another process has the directory', async () => {
    const keys = await openSigningKeys({
      directory,
      shared: false,
      clock: { nowSeconds: () => 1_800_000_000, elapsedMs: () => 0 },
      randomBytes,
      isRevoked: () => false,
      rotateEverySeconds: () => 86_400,
      publishAheadSeconds: () => 86_400,
      longestLifetimeSeconds: () => 300,
      onEvent: () => undefined,
    });
    expect(await start()).toContain('another process uses this directory');
    keys.close();
    expect(await start()).toBe('started');
  });
});
