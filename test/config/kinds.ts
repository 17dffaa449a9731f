// Two small kinds of sources and one of targets, as compose.ts passes the real ones: configuration is a function of its kinds.

import { z } from 'zod';
import type { Kinds } from '../../src/config/config.ts';

const bundle = z.object({
  trustDomain: z.string(),
  bundle: z.strictObject({
    file: z.string(),
    url: z.undefined({ error: 'bundle endpoints are not built yet' }).optional(),
  }),
});

const oidc = z
  .object({
    issuer: z.string(),
    jwks: z
      .union([z.strictObject({ file: z.string() }), z.strictObject({ url: z.string(), ca: z.string().optional() })])
      .optional(),
    privateNetwork: z.boolean().default(false).describe('permits private addresses'),
    subjects: z.enum(['people', 'workloads']),
  })
  .superRefine(({ issuer }, context) => {
    if (issuer.includes('?')) context.addIssue({ code: 'custom', path: ['issuer'], message: `${issuer} has a query` });
  });

const token = z.object({
  audience: z.string().min(1),
  scopes: z.record(z.string(), z.strictObject({})).default({}),
  proof: z.undefined({ error: '`proof` is not built yet' }).optional(),
});

export const KINDS: Kinds = {
  trust: [
    { kind: 'oidc', options: oidc, issuer: (options) => String(options.issuer) },
    { kind: 'spiffe', options: bundle, issuer: (options) => `spiffe://${String(options.trustDomain)}` },
  ],
  client: { options: z.object({ secret: z.string().optional() }) },
  targets: [
    {
      kind: 'token',
      options: token,
      address: (options) => String(options.audience),
      signedFor: (options) => String(options.audience),
    },
  ],
};
