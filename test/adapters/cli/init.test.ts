// `exchequer init`: what it writes loads for every kind there is, is tight, and never stands over what was there.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../../src/adapters/cli/demo/certificates.ts';
import { FIRST_STEPS, PLATFORMS } from '../../../src/adapters/cli/init-platforms.ts';
import { TRUST_KINDS } from '../../../src/compose-kinds.ts';
import { runProgram } from '../../support/program.ts';

/** Own tokens are no platform: whoever starts has none. */
const KINDS = TRUST_KINDS.map(({ kind }) => kind).filter((kind) => kind !== 'self');

describe('init', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'init-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const init = (...words: readonly string[]) => runProgram(['init', '--dir', folder, ...words]);
  const written = (name: string) => readFileSync(join(folder, name), 'utf8');
  const files = () => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const check = () => runProgram(['check', '--config', join(folder, 'exchequer.yaml')]);
  async function addTls() {
    const { cert, key } = await mintServerCertificate(['sts.example']);
    mkdirSync(join(folder, 'tls'));
    writeFileSync(join(folder, 'tls/tls.crt'), cert);
    writeFileSync(join(folder, 'tls/tls.key'), key);
  }

  it('has first steps for every kind of trust source', () => {
    expect(Object.keys(FIRST_STEPS).sort()).toEqual([...KINDS].sort());
    expect(PLATFORMS).toEqual([...KINDS].sort());
  });

  it.each(KINDS)('writes a source and one rule for %s that load without a warning once TLS is there', async (kind) => {
    expect(await init('--platform', kind)).toMatchObject({ exits: [0], out: [] });
    expect(files()).toEqual(['exchequer.yaml', 'policies', `policies/${kind}.yaml`]);
    const before = await check();
    const stops = before.out.filter((line) => !line.includes(' (info) '));
    expect(stops.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'listen.tls.certificate: the file cannot be read (ENOENT)',
      'listen.tls.key: the file cannot be read (ENOENT)',
    ]);
    await addTls();
    const loaded = await check();
    // What a linter only mentions (an environment with reviewers, a runner) is for a person to choose.
    expect({ ...loaded, out: loaded.out.filter((line) => !/ \(info\) \[[a-z-]+\]$/.test(line)) }).toEqual({
      exits: [0],
      out: [],
      err: [expect.stringMatching(/: loads, with 1 source, 1 target, 1 rule$/)],
    });
  });

  it('writes every kind beside every other', async () => {
    expect((await init(...KINDS.flatMap((kind) => ['--platform', kind]))).exits).toEqual([0]);
    await addTls();
    const { exits, out } = await check();
    expect([exits, out.filter((line) => !line.includes(' (info) '))]).toEqual([[0], []]);
  });

  it('says where EXCHEQUER_CONFIG names another configuration than the one it wrote', async () => {
    const words = (name: string) => ['init', '--dir', join(folder, name), '--platform', 'github'];
    const wrote = (name: string) => join(folder, name, 'exchequer.yaml');
    const other = await runProgram(words('a'), { EXCHEQUER_CONFIG: '/etc/exchequer.yaml' });
    expect(other.err).toContain(
      'EXCHEQUER_CONFIG names /etc/exchequer.yaml, not what was written: unset it, or say --config',
    );
    expect(other.err).toContain(`  exchequer dev --config ${wrote('a')}`);
    const same = await runProgram(words('b'), { EXCHEQUER_CONFIG: wrote('b') });
    expect(same.err.join('\n')).not.toContain('EXCHEQUER_CONFIG');
  });

  it('says at every example how its value is found, and at none that was given', async () => {
    const said = await init(
      '--platform',
      'github',
      '--claim',
      'github.repository_id=1296269',
      '--issuer',
      'https://sts.acme.example',
    );
    expect(said.err).toContain('3 lines say FILL IN, and how to find what belongs there');
    expect(written('policies/github.yaml')).toContain('        repository_id: 1296269\n');
    expect(written('exchequer.yaml')).toContain('issuer: https://sts.acme.example\n');
    expect(written('exchequer.yaml')).toContain('repository_owner_id: 65 # FILL IN: gh api users/OWNER --jq .id\n');
  });

  it('every blank of a kind stands in a line of it, and every line names only blanks', () => {
    for (const { blanks, source, subject } of Object.values(FIRST_STEPS)) {
      const named = [...source, ...subject].flatMap((line) =>
        [...line.matchAll(/<([A-Za-z_-]+)>/g)].map(([, name]) => name),
      );
      expect([...new Set(named)].sort()).toEqual(Object.keys(blanks).sort());
    }
  });

  it.each(['exchequer.yaml', 'policies/gitlab.yaml'])(
    'writes nothing where %s is there, and leaves it as it is',
    async (name) => {
      mkdirSync(join(folder, 'policies'));
      writeFileSync(join(folder, name), 'mine');
      const said = await init('--platform', 'github', '--platform', 'gitlab');
      expect(said).toEqual({
        exits: [1],
        out: [],
        err: [`${join(folder, name)} is there already: nothing was written`],
      });
      expect(files().filter((one) => one.endsWith('.yaml'))).toEqual([name]);
      expect(written(name)).toBe('mine');
    },
  );

  it('takes back what it wrote where the rest cannot be written', async () => {
    writeFileSync(join(folder, 'policies'), 'a file where the folder would be');
    expect(await init('--platform', 'github')).toMatchObject({ exits: [3] });
    expect(files()).toEqual(['policies']);
  });

  it.each([
    [[], /^--platform is needed, one or several: .*github/],
    [['--platform', 'gihub'], /^--platform must be one of .*github/],
    [['--platform', 'github', '--issuer', 'http://sts.example'], /^--issuer /],
    [
      ['--platform', 'github', '--claim', 'gitlab.project_id=1'],
      /^--claim gitlab.project_id: begins with no --platform$/,
    ],
    [
      ['--platform', 'github', '--claim', 'github.ref=main'],
      /^--claim github.ref: to fill in is repository_owner_id, repository_id$/,
    ],
    [
      ['--platform', 'github', '--claim', 'github.repository_id=74\nrules: []'],
      /^--claim github.repository_id must be letters/,
    ],
    [['--platform', 'github', '--claim', 'github.repository_id'], /^--claim github.repository_id must be letters/],
  ])('refuses %j as wrong usage, and writes nothing', async (words, says) => {
    expect(await init(...words)).toMatchObject({ exits: [2], out: [], err: [expect.stringMatching(says)] });
    expect(files()).toEqual([]);
  });
});
