// docs/clouds/setup.md: what it shows is what is printed for the configuration that it shows.

import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fencedBlocks, placeExample } from '../../support/examples.ts';
import { runProgram } from '../../support/program.ts';

const PAGE = join(import.meta.dirname, '../../../docs/clouds/setup.md');
const blocks = fencedBlocks(readFileSync(PAGE, 'utf8'));
const textsOf = (info: string) => blocks.filter((block) => block.info === info).map(({ text }) => text);
const shown = blocks.flatMap(({ info, text }) => {
  const [, line] = /^(?:hcl|sh) (setup .*)$/.exec(info) ?? [];
  return line === undefined ? [] : [[line, text] as const];
});

describe('the page about setup', () => {
  let config = '';
  beforeAll(async () => {
    config = await placeExample(textsOf('yaml exchequer.yaml').join(), textsOf('yaml policy'));
  });
  afterAll(() => rmSync(dirname(config), { recursive: true }));

  it('shows every cloud', () => {
    expect([...new Set(shown.map(([line]) => line.split(' ')[1]))]).toEqual(['aws', 'gcp', 'azure']);
  });

  it.each(shown)('shows what `%s` prints', async (line, text) => {
    const { out, exits } = await runProgram([...line.split(' '), '--config', config]);
    expect(`${out.join('\n')}\n`).toBe(text);
    expect(exits).toEqual([0]);
  });
});
