// The options of a target of kind `gcp`: the provider that trusts us, the service account that is impersonated, if any, and the scopes of its
// tokens. Lifetimes are Google's: without a service account its STS gives an hour, whatever is asked (CG-06).

import { z } from 'zod';
import {
  GOOGLE_LIFETIME_SECONDS_MAX,
  GOOGLE_LIFETIME_SECONDS_MIN,
  GOOGLE_TOKEN_SECONDS,
} from '../core/limits-cloud.ts';
import { cloudOptions } from './cloud-options.ts';

const PROVIDER =
  /^\/\/iam\.googleapis\.com\/projects\/[0-9]{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/;
const SERVICE_ACCOUNT = /^[A-Za-z0-9<>_.-]{1,200}@[A-Za-z0-9<>_.-]{1,200}$/;

export const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'must be one scope of Google' });
const url = z.url({ protocol: /^https$/, error: 'must be an https URL' });
const { endpoint: _one, ...common } = cloudOptions({
  floorSeconds: GOOGLE_LIFETIME_SECONDS_MIN,
  secondsMax: GOOGLE_LIFETIME_SECONDS_MAX,
  usually: '1h',
});

export const gcpOptions = z
  .strictObject({
    ...common,
    provider: z
      .string()
      .regex(PROVIDER, {
        error:
          'must be //iam.googleapis.com/projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<provider>',
      })
      .describe('The full resource name of the workload identity provider.'),
    serviceAccount: z
      .string()
      .regex(SERVICE_ACCOUNT, { error: 'must be the e-mail address of a service account' })
      .optional()
      .describe(
        'The service account that is impersonated; parameters may stand in it. Without one, access is granted to the caller itself.',
      ),
    scopes: z
      .record(scope, z.strictObject({}))
      .default({ [CLOUD_PLATFORM]: {} })
      .describe('The scopes that its tokens may have.'),
    defaultScopes: z
      .array(scope)
      .min(1)
      .optional()
      .describe('Granted where none are asked for; all of them unless written.'),
    endpoints: z
      .strictObject({
        sts: url.optional().describe('Instead of https://sts.googleapis.com.'),
        iamcredentials: url.optional().describe('Instead of https://iamcredentials.googleapis.com.'),
      })
      .optional()
      .describe('Where Google is asked instead of its public endpoints.'),
  })
  .superRefine(({ serviceAccount, lifetime, deliver, scopes, defaultScopes = [] }, context) => {
    if (serviceAccount === undefined && deliver === 'credentials' && lifetime < GOOGLE_TOKEN_SECONDS)
      context.addIssue({
        code: 'custom',
        path: ['lifetime'],
        message: `is under the cloud's floor: without a service account Google gives ${GOOGLE_TOKEN_SECONDS} seconds`,
      });
    for (const [index, one] of defaultScopes.entries())
      if (!Object.hasOwn(scopes, one))
        context.addIssue({
          code: 'custom',
          path: ['defaultScopes', index],
          message: `${one} is none of the target's scopes`,
        });
  });
export type GcpOptions = z.output<typeof gcpOptions>;
