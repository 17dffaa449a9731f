// How a person must have authenticated, as operators write it of rules, targets and scopes (RFC 9470): contexts, an age, or both. What it
// means is judged by policy; nothing here asks anybody.

import { z } from 'zod';
import { durationSeconds } from './duration.ts';

/** From `{ acr: [mfa], maxAge: 10m }`; at least one of the two. */
export const confirmSchema = z
  .strictObject({
    acr: z.array(z.string().min(1)).min(1).optional().describe('Authentication contexts, any of which will do.'),
    maxAge: durationSeconds.optional().describe('How long ago the person may have authenticated.'),
  })
  .refine(({ acr, maxAge }) => acr !== undefined || maxAge !== undefined, { error: 'needs acr or maxAge' })
  .transform(({ acr, maxAge }) => ({ acr, maxAgeSeconds: maxAge }))
  .describe('How the person must have authenticated whom the token is about (RFC 9470).');
