// A pipe whose reader has seen enough (`| head`): the verb ends without a word.

import { describe, expect, it } from 'vitest';
import { spawnVerb } from '../support/served.ts';

describe('a reader that goes away', () => {
  it('ends a verb quietly, and is no fault of the program', async () => {
    const all = spawnVerb(['schema', 'policy']);
    expect([await all.ended, all.stderr()]).toEqual([0, '']);
    const cut = spawnVerb(['schema', 'policy']);
    cut.child.stdout?.destroy();
    expect([0, 3]).toContain(await cut.ended);
    expect(cut.stderr()).toBe('');
  });
});
