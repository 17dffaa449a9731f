// The key of a spent credential: injective over everything that tells two spendings apart.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Spending } from '../../src/core/ports.ts';
import { claimKey } from '../../src/stores/claim-key.ts';

const BASE: Spending = { purpose: 'subject', issuer: 'github', jti: 'one', target: undefined };

describe('the key of a spent credential', () => {
  it('is 43 characters of base64url, and the same for the same spending', () => {
    expect(claimKey(BASE)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(claimKey({ ...BASE })).toBe(claimKey(BASE));
  });

  it('does not run parts into each other (A-54)', () => {
    const cut = (issuer: string, jti: string, target?: string) => claimKey({ purpose: 'subject', issuer, jti, target });
    expect(cut('a|b', 'c')).not.toBe(cut('a', 'b|c'));
    expect(cut('a', 'b', 'c')).not.toBe(cut('a', 'b:1:c'));
    expect(cut('a', 'b', '')).not.toBe(cut('a', 'b'));
  });

  it('differs wherever any two spendings differ (A-54)', () => {
    const spendings = fc.record({
      purpose: fc.constantFrom('subject', 'actor', 'client'),
      issuer: fc.string({ unit: fc.constantFrom('a', ':', '1', '|') }),
      jti: fc.string({ unit: fc.constantFrom('a', ':', '1', '|') }),
      target: fc.option(fc.string({ unit: fc.constantFrom('a', ':', '1') }), { nil: undefined }),
    });
    const same = (a: Spending, b: Spending) =>
      a.purpose === b.purpose && a.issuer === b.issuer && a.jti === b.jti && a.target === b.target;
    fc.assert(
      fc.property(spendings, spendings, (a, b) => {
        expect(claimKey(a) === claimKey(b)).toBe(same(a, b));
      }),
      { numRuns: 2_000 },
    );
  });
});
