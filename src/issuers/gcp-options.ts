// The options of a target of kind `gcp`: the provider that trusts our assertions, the service account that is taken on, and what its tokens
// may be used for (CG rows). What Google would not take, or would give otherwise, does not load.

import { z } from 'zod';
import {
  GOOGLE_LIFETIME_SECONDS_MAX,
  GOOGLE_LIFETIME_SECONDS_MIN,
  GOOGLE_TOKEN_SECONDS,
} from '../core/limits-cloud.ts';
import { cloudOptions, httpsUrl } from './cloud-options.ts';
import { checkDefaultScopes, scopesSchema } from './scopes.ts';

/** Pools and providers: 4 to 32 lower-case letters, digits and dashes. */
const PROVIDER =
  /^\/\/iam\.googleapis\.com\/projects\/(?<project>[0-9]{1,20})\/locations\/global\/workloadIdentityPools\/(?<pool>[a-z0-9-]{4,32})\/providers\/[a-z0-9-]{4,32}$/;
/** Parameters may stand in the account's name and in the project's. */
const SERVICE_ACCOUNT =
  /^(?:[a-z0-9-]|<[A-Za-z][A-Za-z0-9_-]*>)+@(?:[a-z0-9.-]|<[A-Za-z][A-Za-z0-9_-]*>)+\.gserviceaccount\.com$/;

export const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

/** One of Google's: an address, or one of the three short names of OpenID Connect. */
const scope = z.string().regex(/^(?:openid|email|profile|https:\/\/[A-Za-z0-9._~/-]+)$/, {
  error: `must be a scope of Google's, such as ${CLOUD_PLATFORM}`,
});

const { endpoint: _one, ...common } = cloudOptions({
  floorSeconds: GOOGLE_LIFETIME_SECONDS_MIN,
  secondsMax: GOOGLE_LIFETIME_SECONDS_MAX,
  usually: `${GOOGLE_TOKEN_SECONDS}s`,
});

const options = z.strictObject({
  ...common,
  provider: z
    .string()
    .regex(PROVIDER, {
      error:
        'must be the resource name of a provider, with the number of its project, such as //iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/providers/exchequer',
    })
    .describe('The resource name of the provider that trusts our issuer, byte for byte.'),
  serviceAccount: z
    .string()
    .max(256)
    .regex(SERVICE_ACCOUNT, {
      error: 'must be the e-mail address of a service account, such as lake@example-data.iam.gserviceaccount.com',
    })
    .optional()
    .describe(
      'The service account that is taken on, with parameters; else the caller itself has access, as `principal://...`.',
    ),
  scopes: scopesSchema(scope)
    .refine((scopes) => Object.keys(scopes).length > 0, { error: 'must name at least one scope' })
    .optional()
    .describe(`The scopes that the target has; ${CLOUD_PLATFORM} unless written.`),
  defaultScopes: z
    .array(scope)
    .min(1)
    .optional()
    .describe(
      'Granted where none are asked for; cloud-platform, or all scopes of a target without it, unless written.',
    ),
  endpoints: z
    .strictObject({
      sts: httpsUrl.optional().describe('Instead of https://sts.googleapis.com.'),
      iamcredentials: httpsUrl.optional().describe('Instead of https://iamcredentials.googleapis.com.'),
    })
    .optional()
    .describe('Where Google is asked instead of its public endpoints.'),
});

type Chosen = z.output<typeof options>;

export const gcpOptions = options.superRefine((chosen, context) => {
  checkDefaultScopes(scopesOf(chosen), context);
  for (const { path, message } of problemsOf(chosen)) context.addIssue({ code: 'custom', path, message });
});
export type GcpOptions = z.output<typeof gcpOptions>;

interface Problem {
  readonly path: string[];
  readonly message: string;
}

/** What no single option shows to be wrong. */
function* problemsOf({
  serviceAccount,
  lifetime,
  deliver,
  require,
  scopes,
  defaultScopes,
}: Chosen): Generator<Problem> {
  if (deliver === 'assertion') {
    // Whoever takes an assertion to Google says what for.
    for (const [name, value] of Object.entries({ scopes, defaultScopes }))
      if (value !== undefined) yield { path: [name], message: 'cannot be kept where `deliver: assertion` is written' };
    return;
  }
  if (serviceAccount !== undefined) return;
  const message = `must be ${GOOGLE_TOKEN_SECONDS} seconds without \`serviceAccount\`: Google gives an hour, whatever is asked`;
  if (lifetime !== GOOGLE_TOKEN_SECONDS) yield { path: ['lifetime'], message };
  if ((require?.lifetimeMax ?? GOOGLE_TOKEN_SECONDS) < GOOGLE_TOKEN_SECONDS)
    yield { path: ['require', 'lifetimeMax'], message };
}

/** The scopes, with what stands for those that are not written. */
export function scopesOf({
  scopes = { [CLOUD_PLATFORM]: {} },
  defaultScopes,
}: Pick<Chosen, 'scopes' | 'defaultScopes'>) {
  const usual = Object.hasOwn(scopes, CLOUD_PLATFORM) ? [CLOUD_PLATFORM] : Object.keys(scopes);
  return { scopes, defaultScopes: defaultScopes ?? usual };
}

/** The number of the provider's project, and the name of its pool. */
export const poolOf = (provider: string): { readonly project: string; readonly pool: string } => {
  const { project = '', pool = '' } = PROVIDER.exec(provider)?.groups ?? {};
  return { project, pool };
};
