// What the verbs that read a trail share: how `--since` is written, and how a trail that cannot be read ends a verb. It reads no trail
// itself.

import { InvalidArgumentError } from 'commander';
import { durationSeconds } from '../../parsing/duration.ts';
import { shown } from './shown.ts';
import type { Terminal } from './terminal.ts';

export const SINCE_HELP = 'only records from this time on: 2027-01-31, 2027-01-31T08:00:00Z, or how long ago: 30d';

/** From when on, in seconds since the epoch, told the time. */
export type Since = (nowSeconds: number) => number;

const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** For commander: a day begins in UTC. */
export function sinceOption(value: string): Since {
  const ago = durationSeconds.safeParse(value);
  if (ago.success) return (nowSeconds) => nowSeconds - ago.data;
  const milliseconds = TIME.test(value) ? Date.parse(value) : Number.NaN;
  // Commander prints the message and ends with its own usage error.
  if (!Number.isFinite(milliseconds))
    throw new InvalidArgumentError('It must be a day, an RFC 3339 time, or a duration such as 24h or 30d.');
  return () => milliseconds / 1000;
}

/** Runs a verb; exit 3 with the reason where something cannot be read. */
export async function readable(terminal: Terminal, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    terminal.err(shown(error instanceof Error ? error.message : 'the trail cannot be read'));
    terminal.exit(3);
  }
}
