// What it comes to where a store cannot answer for certain (core/ports.ts): nobody can know now, so nothing leaves, and the caller is told to
// ask again. Any other error of a store is a fault, and stays one.

import { UNAVAILABLE_RETRY_SECONDS } from './limits.ts';
import { StoreUnavailable } from './ports.ts';
import { type Result, refuse, type UnavailableRefusal } from './refusal.ts';

/** Nobody can know now. */
export const STORE_UNAVAILABLE: UnavailableRefusal = Object.freeze({
  reason: 'store_unavailable',
  retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
});

/** The refusal that an error of a store stands for. Throws one that stands for none. */
export function refuseUnavailable(error: unknown): Result<never, UnavailableRefusal> {
  if (error instanceof StoreUnavailable) return refuse(STORE_UNAVAILABLE);
  throw error;
}
