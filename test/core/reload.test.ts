// Reload without any parts of a broker: what throws is a refusal like any other.

import { expect, it } from 'vitest';
import { createReload, type ReloadParts, type ReloadResult } from '../../src/core/reload.ts';

function reloadWith(change: Partial<ReloadParts<string>>) {
  const reported: ReloadResult[] = [];
  let generation = 1;
  const reload = createReload<string>({
    prepare: () => Promise.resolve({ ok: true, next: 'next' }),
    swap: () => {
      generation += 1;
      return generation;
    },
    drained: () => Promise.resolve(),
    generation: () => generation,
    report: (result) => Promise.resolve(void reported.push(result)),
    ...change,
  });
  return { reload, reported };
}

const fails = (): never => {
  throw new Error('no such thread');
};

it('the control: what prepares and swaps is reported as done', async () => {
  const { reload, reported } = reloadWith({});
  expect(await reload()).toEqual({ ok: true, generation: 2, problems: [] });
  expect(reported).toHaveLength(1);
});

it.each([
  ['preparing', { prepare: async () => fails() }],
  ['swapping', { swap: fails }],
])('F-35 %s that throws is refused and reported, and never rejects', async (_title, change) => {
  const { reload, reported } = reloadWith(change);
  const refused = { ok: false, generation: 1, problems: ['cannot be taken: no such thread'] };
  expect(await reload()).toEqual(refused);
  expect(reported).toEqual([refused]);
});
