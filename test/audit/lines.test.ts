// Reading a trail's lines from a file: whole, from the end, and as it grows or is replaced.

import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLines, verifyFile } from '../../src/audit/lines.ts';
import { grantedRecord, openTrail, temporaryFolder } from './trail.ts';

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of lines) seen.push(line);
  return seen;
}

const fileWith = async (text: string | Buffer): Promise<string> => {
  const file = join(await temporaryFolder(), 'lines');
  await writeFile(file, text);
  return file;
};

describe('the lines of a file', () => {
  it('are cut at line feeds only, also across chunks, the last one with or without its end', async () => {
    const long = 'x'.repeat(100_000);
    expect(await all(openLines(await fileWith(`a\r\n\n${long}\nb\u0085c`)))).toEqual([
      ...['a\r', '', long, 'b\u00c2\u0085c'],
    ]);
    expect(await all(openLines(await fileWith('a\nb\n')))).toEqual(['a', 'b']);
    expect(await all(openLines(await fileWith('')))).toEqual([]);
  });

  it('are kept to a bound, however long they are (F-40)', async () => {
    const [line, next] = await all(openLines(await fileWith(`${'x'.repeat(3_000_000)}\nb\n`)));
    expect(line).toHaveLength(131_073);
    expect(next).toBe('b');
  });

  it('are the last ones, where only those are wanted', async () => {
    expect(await all(openLines(await fileWith('a\nb\nc\n'), { last: 2 }))).toEqual(['b', 'c']);
    expect(await all(openLines(await fileWith('a\nb\nc\n'), { last: 0 }))).toEqual([]);
  });

  it('come as the file grows, whole, and from the file that takes its place', async () => {
    const file = await fileWith('a\nb\n');
    const stop = new AbortController();
    const lines = openLines(file, { follow: true, last: 1, signal: stop.signal });
    const next = async () => (await lines.next()).value;
    expect(await next()).toBe('b');
    await appendFile(file, 'c');
    const c = next();
    await appendFile(file, 'c\n');
    expect(await c).toBe('cc');
    await writeFile(`${file}.new`, 'd\n');
    await rename(`${file}.new`, file);
    expect(await next()).toBe('d');
    stop.abort();
    expect((await lines.next()).done).toBe(true);
  });
});

describe('verifying a file', () => {
  it('judges it by the public key beside the audit key, and rejects what it cannot read', async () => {
    const { audit, file, directory } = await openTrail();
    await audit.write(grantedRecord('D1'));
    await audit.close();
    const key = join(directory, 'audit-key.pub.pem');
    expect(await verifyFile(file, key)).toMatchObject({ intact: true, requests: 1, uncovered: 0 });
    await expect(verifyFile(join(directory, 'none'), key)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(verifyFile(file, file)).rejects.toThrow(/holds no public key/);
  });
});
