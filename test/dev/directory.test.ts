// The folder of `dev`: ours alone, made anew, and never one that somebody else put there first.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { devDirectory, isOurs, makeDirectory, removeDirectory } from '../../src/dev/directory.ts';

describe('the folder of dev', () => {
  let base: string;
  let directory: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'dev-'));
    directory = join(base, 'mine');
  });
  afterEach(() => rmSync(base, { recursive: true }));

  it('is made for us alone, without what an earlier one left', () => {
    makeDirectory(directory);
    writeFileSync(join(directory, 'left'), '');
    makeDirectory(directory);
    expect([statSync(directory).mode & 0o777, existsSync(join(directory, 'left')), isOurs(directory)]).toEqual([
      0o700,
      false,
      true,
    ]);
    removeDirectory(directory);
    expect([existsSync(directory), isOurs(directory)]).toEqual([false, false]);
  });

  it.each([
    [
      'is open to others',
      () => {
        mkdirSync(directory);
        chmodSync(directory, 0o755);
      },
    ],
    ['is a link to somewhere', () => symlinkSync(base, directory)],
    ['is a file', () => writeFileSync(directory, '')],
  ])('is neither used nor removed where it %s', (_what, put) => {
    put();
    expect(isOurs(directory)).toBe(false);
    expect(() => makeDirectory(directory)).toThrow('is not ours, or open to others');
    expect(existsSync(directory)).toBe(true);
  });

  it('is one for each configuration, however its path is written', () => {
    expect(devDirectory('/a/exchequer.yaml')).not.toBe(devDirectory('/b/exchequer.yaml'));
    expect(devDirectory(relative(process.cwd(), '/a/exchequer.yaml'))).toBe(devDirectory('/a/exchequer.yaml'));
  });
});
