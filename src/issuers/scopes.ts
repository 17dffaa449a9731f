// Scopes of targets as they are written: each with how a person must have authenticated for it, and those that are granted where none are
// asked for. Which of them somebody may have is policy's.

import { z } from 'zod';
import { confirmSchema } from '../parsing/confirm.ts';
import type { ConfirmTerms, TargetTerms } from './kind.ts';

type Scopes = Readonly<Record<string, { readonly confirm?: ConfirmTerms | undefined }>>;

/** `scope`: what one of them may look like. */
export const scopesSchema = (scope: z.ZodString) =>
  z.record(scope, z.strictObject({ confirm: confirmSchema.optional() }));

/** Reports each of the default scopes that is none of the target's. */
export function checkDefaultScopes(
  { scopes, defaultScopes }: { readonly scopes: Scopes; readonly defaultScopes: readonly string[] },
  context: z.RefinementCtx,
): void {
  for (const [index, scope] of defaultScopes.entries())
    if (!Object.hasOwn(scopes, scope))
      context.addIssue({
        code: 'custom',
        path: ['defaultScopes', index],
        message: `${scope} is none of the target's scopes`,
      });
}

export const scopeTerms = (
  scopes: Scopes,
  defaultScopes: readonly string[],
): Pick<TargetTerms, 'scopes' | 'scopeConfirms' | 'defaultScopes'> => ({
  scopes: Object.keys(scopes),
  scopeConfirms: Object.fromEntries(
    Object.entries(scopes).flatMap(([scope, { confirm }]) => (confirm ? [[scope, confirm]] : [])),
  ),
  defaultScopes,
});
