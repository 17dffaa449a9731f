// `keys secret`: what is printed where, what is written, and that every character is as likely as any other.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecret } from '../../../src/adapters/cli/keys-secret.ts';
import { clientOptions } from '../../../src/verifiers/client-options.ts';
import { runProgram } from '../../support/program.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const SECRET = /^[A-Za-z0-9]{43}$/;

describe('a secret', () => {
  it('is 43 letters and digits, more than 2^256 of them being possible', () => {
    expect(62n ** 43n > 2n ** 256n && 62n ** 42n < 2n ** 256n).toBe(true);
    expect(createSecret((count) => Uint8Array.from({ length: count }, (_, at) => at))).toMatch(SECRET);
  });

  it('has every character from exactly four byte values: the other eight are drawn again', () => {
    const counts = new Map<string, number>();
    for (let value = 0; value < 248; value += 1) {
      const first = createSecret((count) => new Uint8Array(count).fill(value))[0] ?? '';
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    expect([counts.size, [...new Set(counts.values())]]).toEqual([62, [4]]);
    // Refused bytes first, then good ones: had they been taken modulo, the secret would begin with their letters.
    let draws = 0;
    const secret = createSecret((count) => new Uint8Array(count).fill(draws++ === 0 ? 248 : 61));
    expect([secret, draws]).toEqual(['9'.repeat(43), 2]);
  });
});

describe('exchequer keys secret', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secret-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('prints the secret alone on stdout, and says its SHA-256 and where each goes beside it', async () => {
    const said = await runProgram(['keys', 'secret']);
    const [secret = ''] = said.out;
    expect(said).toMatchObject({ out: [expect.stringMatching(SECRET)], exits: [0] });
    expect(said.err.join('\n')).toContain(sha256(secret));
    expect(said.err.join('\n')).toMatch(/secret: "\$\{file:\/run\/secrets\/NAME\.sha256\}"/);
    expect(said.err.join('\n')).not.toContain(secret);
    // The broker takes what is printed.
    expect(clientOptions.safeParse({ secret: sha256(secret) }).success).toBe(true);
  });

  it('is another one each time', async () => {
    const [one, other] = [await runProgram(['keys', 'secret']), await runProgram(['keys', 'secret'])];
    expect(one.out).not.toEqual(other.out);
  });

  it('says both as JSON', async () => {
    const said = await runProgram(['keys', 'secret', '--json']);
    const { secret, sha256: digest } = JSON.parse(said.out.join());
    expect([secret, digest, said.err]).toEqual([expect.stringMatching(SECRET), sha256(secret), []]);
  });

  it('writes both to new files that only their owner reads, and prints the secret nowhere', async () => {
    const [secretFile, digestFile] = [join(folder, 'secret'), join(folder, 'client.sha256')];
    const said = await runProgram(['keys', 'secret', '--secret-to', secretFile, '--sha256-to', digestFile]);
    const secret = readFileSync(secretFile, 'utf8');
    expect(said).toMatchObject({ out: [], exits: [0] });
    expect(said.err.join('\n')).not.toContain(secret);
    expect(secret).toMatch(SECRET);
    expect(readFileSync(digestFile, 'utf8')).toBe(`${sha256(secret)}\n`);
    expect(statSync(secretFile).mode & 0o777).toBe(0o600);
  });

  it('overwrites nothing: exit 3, and a digest of a secret that nobody has does not stay', async () => {
    const [secretFile, digestFile] = [join(folder, 'secret'), join(folder, 'client.sha256')];
    writeFileSync(secretFile, 'in use');
    const said = await runProgram(['keys', 'secret', '--secret-to', secretFile, '--sha256-to', digestFile]);
    expect(said).toEqual({ out: [], err: [`${secretFile} was not written (EEXIST)`], exits: [3] });
    expect(readFileSync(secretFile, 'utf8')).toBe('in use');
    expect(() => readFileSync(digestFile)).toThrow('ENOENT');
  });
});
