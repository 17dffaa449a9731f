// The options that say where a source's keys come from, the same for every kind that has an issuer: its discovery document, one
// that is fetched elsewhere, a JWK Set at a URL that the operator pins, or a file. And who is asked about a token beside its keys.

import { z } from 'zod';
import type { KeyOrigin } from '../core/outside.ts';
import { issuerProblem } from '../parsing/uri.ts';

/** An issuer: an https URL that is compared byte for byte. */
export const issuerUrl = z
  .string()
  .superRefine((text, context) => {
    const problem = issuerProblem(text);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .describe('`iss` of the tokens, byte for byte; an https URL without query or fragment');

/** A place that is reached over TLS, by whom it may be vouched for, and what we say to it. */
const place = (what: string) =>
  z.strictObject({
    url: issuerUrl.describe(what),
    ca: z.string().min(1).optional().describe("PEM certificates to trust instead of the system's"),
    tokenFile: z
      .string()
      .min(1)
      .optional()
      .describe('a bearer token for this origin alone, in a file that is read anew for every request'),
  });

const jwksFile = z.strictObject({ file: z.string().min(1).describe('a JWK Set, relative to this file') });
const jwksUrl = place('an https URL of a JWK Set');
/** Where a JWK Set is, whosever it is. */
export const jwksPlace = z.union([jwksFile, jwksUrl]);
const JWKS = "keys from here instead of the issuer's discovery document";

/** `jwks`, `discovery` and `privateNetwork`, as fields of a kind's options. */
export const keyOptions = {
  jwks: jwksPlace.optional().describe(JWKS),
  discovery: place('an https URL below which the discovery document stands; the document must still name `issuer`')
    .optional()
    .describe('the discovery document from here instead of from the issuer'),
  privateNetwork: z
    .boolean()
    .default(false)
    .describe('permits private addresses for this source, never link-local or loopback'),
  tokenReview: z.undefined({ error: 'is for sources of the kind `kubernetes`' }).optional(),
};

/** The same, where an API server can be asked about every token. */
export const reviewedKeyOptions = {
  ...keyOptions,
  jwks: z
    .union([jwksFile, jwksUrl, z.literal('none')])
    .optional()
    .describe(`${JWKS}; \`none\`: \`tokenReview\` alone says who somebody is`),
  tokenReview: place("an https URL of the cluster's API server")
    .optional()
    .describe('asks the API server about every token, after all other checks; never cached'),
};

/** Somewhere to send requests, with absolute paths. */
export interface Place {
  readonly url: string;
  readonly ca?: string | undefined;
  readonly tokenFile?: string | undefined;
}

export interface KeyOptions {
  readonly jwks?: { readonly file: string } | Place | 'none' | undefined;
  readonly discovery?: Place | undefined;
  readonly privateNetwork: boolean;
}

/** A check of a kind's options, for `superRefine`. */
export function oneOrigin({ jwks, discovery }: KeyOptions, context: z.core.$RefinementCtx): void {
  if (jwks !== undefined && discovery !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['discovery'],
      message: 'stands beside `jwks`: keys come from one of them',
    });
}

/** Where the keys of an issuer come from, by these options. */
export function keyOriginOf(issuer: string, { jwks, discovery, privateNetwork }: KeyOptions): KeyOrigin {
  if (jwks === 'none') return { from: 'none' };
  if (jwks === undefined)
    return discovery === undefined
      ? { from: 'discovery', issuer, privateNetwork }
      : { from: 'discovery', issuer, base: discovery.url, privateNetwork, ...trustOf(discovery) };
  return jwksOrigin(jwks, privateNetwork);
}

/** A JWK Set in a file or at a URL. */
export const jwksOrigin = (jwks: { readonly file: string } | Place, privateNetwork: boolean): KeyOrigin =>
  'file' in jwks ? { from: 'file', file: jwks.file } : { from: 'url', url: jwks.url, privateNetwork, ...trustOf(jwks) };

const trustOf = ({ ca, tokenFile }: Place) => ({
  ...(ca === undefined ? {} : { ca }),
  ...(tokenFile === undefined ? {} : { tokenFile }),
});

/** Whether nobody outside can reach the keys: then the source's principals are the operator's own, and may be told more (`tell`). */
export const keysArePrivate = ({ jwks, privateNetwork }: KeyOptions): boolean =>
  privateNetwork || (typeof jwks === 'object' && 'file' in jwks);
