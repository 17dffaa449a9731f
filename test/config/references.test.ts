// Files that options name: by which members, and where they are looked for.

import { describe, expect, it } from 'vitest';
import { createReferences } from '../../src/config/references.ts';
import { readYaml } from '../../src/parsing/yaml.ts';

function open(texts: Readonly<Record<string, string>>) {
  const read = readYaml('exchequer.yaml', 'a: { b: 1 }\n');
  if (!read.ok) throw new Error('the document does not load');
  return createReferences({
    document: read.document,
    base: '/etc/x',
    files: {
      read(path) {
        const text = texts[path];
        if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
        return text;
      },
      list: () => [],
      probe: () => undefined,
    },
  });
}

describe('files that options name', () => {
  it('are read by `file`, `ca` and `bootstrap`, relative to the configuration', () => {
    const references = open({ '/etc/x/a.json': 'A', '/etc/x/ca.pem': 'CA', '/run/boot.json': 'BOOT' });
    const options = { bundle: { file: 'a.json', ca: './ca.pem', bootstrap: '/run/boot.json', profile: 'https_web' } };
    expect(references.resolve(options, ['trust'])).toEqual({
      bundle: { file: '/etc/x/a.json', ca: '/etc/x/ca.pem', bootstrap: '/run/boot.json', profile: 'https_web' },
    });
    expect([...references.files]).toEqual([
      ['/etc/x/a.json', 'A'],
      ['/etc/x/ca.pem', 'CA'],
      ['/run/boot.json', 'BOOT'],
    ]);
    expect(references.problems).toEqual([]);
  });

  it('are a problem where they are missing', () => {
    const references = open({});
    references.resolve({ bootstrap: 'gone.json' }, ['a']);
    expect(references.problems.map(({ message }) => message)).toEqual(['the file cannot be read (ENOENT)']);
  });
});
