// The words that change a credential of the demo: a wrong ref, a token that has ended, and nothing that is passed over.

import { describe, expect, it } from 'vitest';
import { changedClaims } from '../../../src/adapters/cli/demo/claims.ts';

const CLAIMS = { ref: 'refs/heads/main', exp: 1_790_000_000 };

describe('claims of a minted credential', () => {
  it('are what the words say, a number where it was one', () => {
    expect(changedClaims(CLAIMS, ['ref=refs/heads/a=b', 'exp=1', 'team=7'])).toEqual({
      ref: 'refs/heads/a=b',
      exp: 1,
      team: '7',
    });
    expect(changedClaims(CLAIMS, [])).toEqual(CLAIMS);
  });

  it.each(['ref', '=x', 'exp=soon'])('are not minted at all with %s', (word) => {
    expect(changedClaims(CLAIMS, ['ref=x', word])).toBeUndefined();
  });
});
