// The options of one OAuth client in exchequer.yaml: exactly one method of authentication, and what the client may present. The method's
// own name is the member that it is written under.

import { z } from 'zod';
import type { KeyOrigin, KeySource } from '../core/outside.ts';
import { lastDaySeconds } from '../parsing/day.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type ClientSettings, isSpiffePattern } from './client-kind.ts';
import { jwksOrigin, jwksPlace } from './key-options.ts';

const SHA256 = /^[0-9a-f]{64}$/;
const METHODS = ['spiffe', 'jwks', 'certificate', 'secret'] as const;

/** Judged once the reference is followed; what is written is always a reference (config/secrets.ts), and so editors are told. */
const sha256 = z
  .string()
  .regex(SHA256, { error: 'must be the SHA-256 of the secret, in hexadecimal, as `exchequer keys secret` prints it' })
  .meta({
    description: 'Where the SHA-256 of the secret is: a reference, never the value.',
    pattern: '^\\$\\{[^}]+\\}$',
  });
const expiring = z.strictObject({
  sha256,
  until: lastDaySeconds.optional().describe('The last day on which it counts, in UTC.'),
});
const secrets = z
  .array(z.union([sha256, expiring]))
  .min(1)
  .max(2, { error: 'at most two secrets: the old one and the new' });

const spiffe = z
  .string()
  .refine(
    isSpiffePattern,
    'must be a SPIFFE ID with a path; below an exact first segment its last may be `*`, or `**` for everything below',
  )
  .describe('The SPIFFE ID that authenticates it, by mutual TLS or by a JWT-SVID as its assertion.');

const certificate = z
  .strictObject({
    ca: z.string().min(1).describe('PEM certificates of the one authority that counts, relative to this file'),
    uri: z
      .string()
      .min(1)
      .refine((uri) => !/^spiffe:/i.test(uri), 'is a SPIFFE ID: write it under `spiffe`')
      .optional()
      .describe('the URI name that its certificate bears'),
    dns: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/, { error: 'must be a host name' })
      .optional()
      .describe('the DNS name that its certificate bears'),
  })
  .refine(({ uri, dns }) => (uri === undefined) !== (dns === undefined), 'needs exactly one of uri and dns');

export const clientOptions = z
  .strictObject({
    spiffe: spiffe.optional(),
    jwks: jwksPlace.optional().describe('The keys of its assertions (private_key_jwt).'),
    certificate: certificate.optional().describe('Its certificate, by mutual TLS (tls_client_auth).'),
    secret: z
      .union([sha256, expiring, secrets])
      .optional()
      .describe('SHA-256 of its secret (client_secret_basic, client_secret_post); one or two, each may expire.'),
    tokenEndpointAudience: z
      .literal('allow')
      .optional()
      .describe("Its assertions may have the token endpoint's URL as `aud`, as they did before RFC 7523bis."),
    privateNetwork: z.boolean().default(false).describe('Permits private addresses for the URL of its keys.'),
    presents: z
      .array(z.string().min(1))
      .default([])
      .describe("`aud` values of people's and own tokens that it may present."),
    proof: z
      .literal('required')
      .optional()
      .describe('All its tokens are bound to a key: that of its DPoP proof, or the certificate of its connection.'),
    introspects: z
      .array(z.string().min(1))
      .default([])
      .describe('Names of the targets whose tokens it may introspect: those for which it is the resource server.'),
  })
  .superRefine((options, context) => {
    const methods = METHODS.filter((method) => options[method] !== undefined);
    if (methods.length !== 1)
      context.addIssue({ code: 'custom', message: `needs exactly one of ${METHODS.join(', ')}` });
    if (options.tokenEndpointAudience !== undefined && options.jwks === undefined)
      context.addIssue({ code: 'custom', path: ['tokenEndpointAudience'], message: 'is for clients with jwks' });
    if (options.privateNetwork && !(options.jwks && 'url' in options.jwks))
      context.addIssue({ code: 'custom', path: ['privateNetwork'], message: 'is for clients with a jwks url' });
  });

/** What the schema makes of them. */
export type ClientOptions = z.output<typeof clientOptions>;

/** Where the keys of a client's assertions come from; undefined where it has none. */
export const clientKeyOrigin = ({ jwks, privateNetwork }: ClientOptions): KeyOrigin | undefined =>
  jwks && jwksOrigin(jwks, privateNetwork);

/** The client, with what its options name: its keys, or its authority's certificates. */
export function clientSettings(
  id: string,
  options: ClientOptions,
  opened: { readonly keys: KeySource | undefined; readonly authorities: readonly Certificate[] },
): ClientSettings {
  const { presents, introspects, proof } = options;
  const terms = { id, presents, introspects, proofRequired: proof === 'required' };
  return Object.freeze({ ...terms, method: methodOf(options, opened) });
}

function methodOf(
  { spiffe, certificate, secret, tokenEndpointAudience }: ClientOptions,
  { keys, authorities }: Parameters<typeof clientSettings>[2],
): ClientSettings['method'] {
  if (spiffe !== undefined) return { by: 'spiffe', pattern: spiffe };
  if (keys) return { by: 'jwks', keys, tokenEndpointAudience: tokenEndpointAudience === 'allow' };
  if (certificate) {
    const { uri, dns = '' } = certificate;
    return { by: 'certificate', authorities, name: uri === undefined ? { dns } : { uri } };
  }
  const secrets = secret === undefined ? [] : Array.isArray(secret) ? secret : [secret];
  return {
    by: 'secret',
    secrets: secrets.map((one) =>
      typeof one === 'string'
        ? { sha256: one, untilSeconds: undefined }
        : { sha256: one.sha256, untilSeconds: one.until },
    ),
  };
}
