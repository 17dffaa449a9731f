// Asks clouds within bounds, apart for each account: what one of them does to us touches nobody who asks for another (F-50).
// Never throws for what a cloud does.

import type { AskCloud, CloudAttempt } from '../core/cloud-ports.ts';
import { CLOUD_MS, CLOUD_RETRY_SECONDS } from '../core/limits-cloud.ts';
import { ok, refuse } from '../core/refusal.ts';

export function createAskCloud(): AskCloud {
  return async ({ cloud, target }, attempt) => {
    const made = await attempt(CLOUD_MS);
    return made.ok ? ok(made.value) : refuse(refusalOf(made, { cloud, target }));
  };
}

function refusalOf(
  { problem, again, retryAfterSeconds = CLOUD_RETRY_SECONDS }: Extract<CloudAttempt<never>, { ok: false }>,
  about: Pick<Parameters<AskCloud>[0], 'cloud' | 'target'>,
) {
  return again === 'never'
    ? ({ reason: 'cloud_refused', ...about, problem } as const)
    : ({ reason: 'cloud_unavailable', ...about, problem, retryAfterSeconds } as const);
}
