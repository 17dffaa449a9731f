// The options that say where a source's keys come from, the same for every kind that has an issuer: its discovery document, a
// JWK Set at a URL that the operator pins, or a file.

import { z } from 'zod';
import type { KeyOrigin } from '../core/ports.ts';
import { issuerProblem } from '../parsing/uri.ts';

const notBuilt = (what: string) => z.undefined({ error: `${what} is not built yet` }).optional();

/** An issuer: an https URL that is compared byte for byte. */
export const issuerUrl = z
  .string()
  .superRefine((text, context) => {
    const problem = issuerProblem(text);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .describe('`iss` of the tokens, byte for byte; an https URL without query or fragment');

const jwksFile = z.strictObject({ file: z.string().min(1).describe('a JWK Set, relative to this file') });
const jwksUrl = z.strictObject({
  url: issuerUrl.describe('an https URL of a JWK Set'),
  ca: z.string().min(1).optional().describe("PEM certificates to trust instead of the system's"),
  tokenFile: notBuilt('a bearer token for the keys'),
});

/** `jwks` and `privateNetwork`, as fields of a kind's options. */
export const keyOptions = {
  jwks: z.union([jwksFile, jwksUrl]).optional().describe("keys from here instead of the issuer's discovery document"),
  privateNetwork: z
    .boolean()
    .default(false)
    .describe('permits private addresses for this source, never link-local or loopback'),
  discovery: notBuilt('discovery elsewhere than the issuer'),
  tokenReview: notBuilt('TokenReview'),
};

interface KeyOptions {
  readonly jwks?: { readonly file: string } | { readonly url: string; readonly ca?: string | undefined } | undefined;
  readonly privateNetwork: boolean;
}

/** Where the keys of an issuer come from, by these options. */
export function keyOriginOf(issuer: string, { jwks, privateNetwork }: KeyOptions): KeyOrigin {
  if (jwks === undefined) return { from: 'discovery', issuer, privateNetwork };
  if ('file' in jwks) return { from: 'file', file: jwks.file };
  return { from: 'url', url: jwks.url, privateNetwork, ...(jwks.ca === undefined ? {} : { ca: jwks.ca }) };
}

/** Whether nobody outside can reach the keys: then the source's principals are the operator's own, and may be told more (`tell`). */
export const keysArePrivate = ({ jwks, privateNetwork }: KeyOptions): boolean =>
  privateNetwork || (jwks !== undefined && 'file' in jwks);
