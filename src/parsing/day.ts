// Days in configuration and policies: `2027-11-30`, the last day on which something counts. It ends with that day in UTC, and a
// day that is in no calendar is refused.

import { z } from 'zod';

const LAST_YEAR = 9999;

/** A day as written; gives the instant after its end, in seconds since the epoch. */
export const lastDaySeconds = z
  .string({ error: 'must be a day such as 2027-11-30' })
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, { error: 'must be a day such as 2027-11-30' })
  .transform((day, context) => {
    const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
    const start = new Date(Date.UTC(year, month - 1, date));
    if (year >= LAST_YEAR || start.toISOString().slice(0, 10) !== day) {
      context.addIssue({ code: 'custom', message: 'is no day of the calendar' });
      return z.NEVER;
    }
    return Date.UTC(year, month - 1, date + 1) / 1000;
  });
