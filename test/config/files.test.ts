// Files and folders as configuration reads them, on a real file system.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConfigFiles } from '../../src/config/files.ts';
import { CONFIG_FILE_BYTES_MAX } from '../../src/core/limits.ts';

const { read, list } = createConfigFiles();
let folder = '';
const at = (...names: string[]): string => join(folder, ...names);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exchequer-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('read', () => {
  it('gives the text of a file, also of one longer than a chunk', () => {
    const text = 'grün\n'.repeat(50_000);
    writeFileSync(at('a'), text);
    expect(read(at('a'))).toBe(text);
    writeFileSync(at('empty'), '');
    expect(read(at('empty'))).toBe('');
  });

  it('does not read what is not UTF-8, a folder, a pipe, or nothing', () => {
    writeFileSync(at('latin1'), Buffer.from([0x67, 0xfc]));
    expect(() => read(at('latin1'))).toThrow('it is not UTF-8');
    expect(() => read(folder)).toThrow('it is a folder');
    execFileSync('mkfifo', [at('pipe')]);
    // Opening a pipe that nobody writes to once blocked the whole process.
    expect(() => read(at('pipe'))).toThrow('it is not a regular file');
    expect(() => read(at('nope'))).toThrow('ENOENT');
  });

  it('does not read a file beyond its size', () => {
    writeFileSync(at('long'), '');
    truncateSync(at('long'), CONFIG_FILE_BYTES_MAX + 1);
    expect(() => read(at('long'))).toThrow(`it is longer than ${CONFIG_FILE_BYTES_MAX} bytes`);
    truncateSync(at('long'), CONFIG_FILE_BYTES_MAX);
    expect(read(at('long')).length).toBe(CONFIG_FILE_BYTES_MAX);
  });
});

describe('list', () => {
  const names = (path: string) => list(path).map((one) => one.path.slice(folder.length + 1));

  it('walks a Kubernetes mount through its links, and sees every file once', () => {
    mkdirSync(at('mount', '..2026'), { recursive: true });
    writeFileSync(at('mount', '..2026', 'a.yaml'), '');
    symlinkSync('..2026', at('mount', '..data'));
    symlinkSync('..data/a.yaml', at('mount', 'a.yaml'));
    mkdirSync(at('mount', 'team'));
    writeFileSync(at('mount', 'team', 'b.yaml'), '');
    expect(names(at('mount'))).toEqual(['mount/a.yaml', 'mount/team/b.yaml']);
  });

  it('does not go round in circles', () => {
    mkdirSync(at('a'));
    writeFileSync(at('a', 'x.yaml'), '');
    symlinkSync('..', at('a', 'up'));
    expect(names(at('a'))).toContain('a/x.yaml');
    symlinkSync('.', at('a', 'self'));
    expect(names(at('a')).filter((name) => name === 'a/x.yaml')).toEqual(['a/x.yaml']);
  });

  it('throws for a missing folder, a file, and a link that leads nowhere', () => {
    expect(() => list(at('nope'))).toThrow('ENOENT');
    writeFileSync(at('file'), '');
    expect(() => list(at('file'))).toThrow('it is not a folder');
    mkdirSync(at('b'));
    symlinkSync('gone.yaml', at('b', 'a.yaml'));
    expect(() => list(at('b'))).toThrow('ENOENT');
  });
});
