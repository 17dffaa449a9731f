// The options of a target of kind `azure`: the application or managed identity that trusts our assertions, and the resource that its tokens
// are for (CZ rows). The tenant is the operator's, never taken from a token, and nothing in these options is a parameter: Entra
// compares subjects whole, and knows no more than twenty of them for one application.

import { z } from 'zod';
import { AZURE_POLICY_SECONDS_MAX, AZURE_TOKEN_SECONDS_MAX } from '../core/limits-cloud.ts';
import { cloudOptions } from './cloud-options.ts';

const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** `common`, `organizations` and `consumers` are no tenants. */
const TENANT = new RegExp(`^(?:${GUID}|[a-z0-9-]+(?:\\.[a-z0-9-]+)+)$`);
const CLIENT_ID = new RegExp(`^${GUID}$`);
const RESOURCE = new RegExp(`^(?:${GUID}|(?:https|api)://[A-Za-z0-9._~:/-]+)$`);

const options = z.strictObject({
  ...cloudOptions({
    floorSeconds: AZURE_TOKEN_SECONDS_MAX,
    secondsMax: AZURE_POLICY_SECONDS_MAX,
    usually: `${AZURE_TOKEN_SECONDS_MAX}s`,
  }),
  audience: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^<>\s]+$/, { error: 'must have no parameters and no spaces' })
    .optional()
    .describe(
      'The `aud` of our assertions, which the federated credential names; `<issuer>/targets/<name>` unless written.',
    ),
  tenant: z
    .string()
    .regex(TENANT, {
      error: 'must be a tenant: its id, or one of its domains, in lower case, such as example.onmicrosoft.com',
    })
    .describe('The tenant of the application: its id, or one of its domains.'),
  clientId: z
    .string()
    .regex(CLIENT_ID, { error: 'must be the client id of an application or a managed identity, in lower case' })
    .describe('The client id of the application, or of the user-assigned managed identity.'),
  resource: z
    .string()
    .max(256)
    .regex(RESOURCE, { error: 'must be the address of a resource, such as https://vault.azure.net' })
    .refine((resource) => !resource.endsWith('/.default'), { error: 'stands without `/.default`, which is added' })
    .optional()
    .describe('What the tokens are for; every permission that the application has there.'),
});

export const azureOptions = options.superRefine(({ deliver, resource, lifetime, require }, context) => {
  const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (deliver === 'assertion') {
    // Whoever takes an assertion to Entra says what for.
    if (resource !== undefined) problem(['resource'], 'cannot be kept where `deliver: assertion` is written');
    return;
  }
  if (resource === undefined) problem(['resource'], 'says what the tokens are for');
  if ((require?.lifetimeMax ?? lifetime) < lifetime)
    problem(
      ['require', 'lifetimeMax'],
      `is under the lifetime of ${lifetime} seconds, and Entra gives that whatever is asked`,
    );
});
export type AzureOptions = z.output<typeof azureOptions>;
