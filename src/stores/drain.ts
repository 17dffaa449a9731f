// The wait for requests that were in work when something was withdrawn. It is bounded: one that hangs past its own deadline must not
// keep an operator from the answer, who is then told that it may still leave.

import { setTimeout } from 'node:timers/promises';
import { REQUEST_DEADLINE_MS } from '../core/limits.ts';

/** Whether everybody who had entered has left within REQUEST_DEADLINE_MS. */
export async function drainedInTime(drained: () => Promise<void>, deadlineMs = REQUEST_DEADLINE_MS): Promise<boolean> {
  const over = new AbortController();
  const late = setTimeout(deadlineMs, false, { signal: over.signal, ref: false }).catch(() => false);
  const inTime = await Promise.race([drained().then(() => true), late]);
  over.abort();
  return inTime;
}
