// AWS Signature Version 4, computed by its definition and with no code of AWS's, for servers that judge requests and tests that sign them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { createHmac, hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Signing {
  readonly method: string;
  /** As sent; `/` unless given. */
  readonly path?: string;
  /** `name=value`, percent-encoded. */
  readonly pairs: readonly string[];
  readonly headers: readonly (readonly [string, string])[];
  readonly date: string;
  readonly region: string;
  readonly secret: string;
  /** Empty unless given. */
  readonly body?: string;
}

const hmac = (key: string | Uint8Array, text: string): Uint8Array => createHmac('sha256', key).update(text).digest();

/** Hex, for the service `sts`. */
export function signatureOf({ method, path = '/', pairs, headers, date, region, secret, body = '' }: Signing): string {
  const canonical = [
    method,
    path,
    [...pairs].sort().join('&'),
    ...headers.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    '',
    headers.map(([name]) => name).join(';'),
    hash('sha256', body),
  ].join('\n');
  const scope = `${date.slice(0, 8)}/${region}/sts/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash('sha256', canonical)].join('\n');
  const key = [date.slice(0, 8), region, 'sts', 'aws4_request'].reduce<string | Uint8Array>(hmac, `AWS4${secret}`);
  return Buffer.from(hmac(key, toSign)).toString('hex');
}

/** `20261121T140501Z` in seconds since the epoch. */
export const secondsOf = (date: string): number =>
  Date.parse(date.replace(/^(....)(..)(..T..)(..)(..)Z$/, '$1-$2-$3:$4:$5Z')) / 1_000;

/** Seconds since the epoch as `20261121T140501Z`. */
export const dateOf = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace(/[-:]|\.\d+/g, '');

export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Whoever may have signed one. `endsAt`: seconds since the epoch. */
export interface SigningKey {
  readonly secret: string;
  readonly sessionToken: string;
  readonly endsAt: number;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/, ]+)\/([0-9]{8})\/([a-z0-9-]+)\/sts\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
/** How far the clock of a signature may be off. */
const SKEW_SECONDS = 900;

/** The access key id of whoever signed a request in its headers, or the code by which AWS refuses it. */
export function signerOf(
  request: SignedRequest,
  { keys, now }: { readonly keys: (accessKeyId: string) => SigningKey | undefined; readonly now: number },
): { readonly accessKeyId: string } | { readonly code: string } {
  const { headers } = request;
  if (headers.authorization === undefined) return { code: 'MissingAuthenticationToken' };
  const [, accessKeyId = '', day = '', region = '', signed = '', signature = ''] =
    AUTHORIZATION.exec(headers.authorization) ?? [];
  if (signature === '') return { code: 'IncompleteSignature' };
  const key = keys(accessKeyId);
  if (!key || headers['x-amz-security-token'] !== key.sessionToken) return { code: 'InvalidClientTokenId' };
  const date = String(headers['x-amz-date']);
  const names = signed.split(';');
  // What is not signed could have been changed on the way.
  if (!names.includes('host') || !names.includes('x-amz-date') || date.slice(0, 8) !== day)
    return { code: 'SignatureDoesNotMatch' };
  const [path = '/', query = ''] = request.url.split('?');
  const expected = signatureOf({
    method: request.method,
    path,
    pairs: query === '' ? [] : query.split('&'),
    headers: names.map((name): readonly [string, string] => [name, String(headers[name])]),
    date,
    region,
    secret: key.secret,
    body: request.body,
  });
  if (expected !== signature || !(Math.abs(secondsOf(date) - now) <= SKEW_SECONDS))
    return { code: 'SignatureDoesNotMatch' };
  return key.endsAt > now ? { accessKeyId } : { code: 'ExpiredToken' };
}
