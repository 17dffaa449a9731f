// Durations as operators write them: one positive whole number and one unit, `90s`, `15m`, `12h`, `30d`. A bare number has no
// unit and does not load, so that nobody has to guess between seconds and minutes.

import { z } from 'zod';

const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);

/** From text to seconds. */
export const durationSeconds = z
  .string({ error: 'must be a duration in text, such as 90s, 15m, 12h or 30d' })
  .regex(/^[1-9][0-9]{0,7}[smhd]$/, { error: 'must be a duration such as 90s, 15m, 12h or 30d' })
  .describe('A duration: a positive whole number and one unit, such as 90s, 15m, 12h or 30d.')
  .transform((text) => Number(text.slice(0, -1)) * (UNIT_SECONDS.get(text.slice(-1)) ?? 0));
