import { describe, expect, it } from 'vitest';
import { readTime } from '../../../src/adapters/cli/explain-input.ts';

describe('a time on the command line', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-11-26T00:58:00Z', 1_795_654_680],
    ['2026-11-26t00:58:00z', 1_795_654_680],
    ['2026-11-26 01:58:00+01:00', 1_795_654_680],
    ['2026-11-25T23:28:00.500-01:30', 1_795_654_680.5],
  ])('%s is read with its offset', (text, seconds) => {
    expect(readTime(text)).toBe(seconds);
  });

  it.each([
    ['without an offset', '2026-11-26T00:58:00'],
    ['without a time', '2026-11-26'],
    ['of seconds alone', '1795654680'],
    ['in no calendar', '2026-13-01T00:00:00Z'],
    ['before the epoch', '1969-12-31T23:59:59Z'],
    ['with something behind it', '2026-11-26T00:58:00Z '],
    ['in words', 'now'],
  ])('one %s is none', (_title, text) => {
    expect(readTime(text)).toBeUndefined();
  });
});
