// Durations in configuration and policies: one number, one unit.

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { durationSeconds } from '../../src/parsing/duration.ts';

describe('durationSeconds', () => {
  it.each([
    ['90s', 90],
    ['15m', 900],
    ['12h', 43_200],
    ['30d', 2_592_000],
    ['99999999d', 8_639_999_913_600],
  ])('reads %s', (text, seconds) => {
    expect(durationSeconds.parse(text)).toBe(seconds);
  });

  it.each([
    900,
    '900',
    '',
    '0s',
    '-5m',
    '1.5h',
    '1h30m',
    '15 m',
    '15M',
    ' 15m',
    '15m\n',
    '015m',
    '1w',
    '999999999s',
    null,
    [1],
  ])('does not read %j, and says how a duration is written', (value) => {
    const read = durationSeconds.safeParse(value);
    expect(read.error?.issues.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^must be a duration( in text,)? such as 90s, 15m, 12h or 30d$/),
    ]);
  });

  it('stands in a JSON Schema as the text that is written', () => {
    expect(z.toJSONSchema(durationSeconds, { io: 'input', target: 'draft-7' })).toMatchObject({
      type: 'string',
      pattern: '^[1-9][0-9]{0,7}[smhd]$',
      description: expect.stringContaining('15m'),
    });
  });
});
