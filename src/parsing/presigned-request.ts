// A presigned GetCallerIdentity request (AWS Signature Version 4, query form), read by its bytes: nothing here resolves, decodes twice or
// forgives. The query is rebuilt from what was judged, each parameter once, in the one spelling that SigV4 signs, so that no other
// reader can see another request in it (A-165, CVE-2020-16250, CVE-2022-2385).

import { AWS_REQUEST_BYTES_MAX } from '../core/limits-outside.ts';
import type { CredentialProblem } from '../core/refusal.ts';
import { awsDateSeconds } from './aws-text.ts';

export interface PresignedRequest {
  readonly host: string;
  /** All of the query, as it was judged. */
  readonly query: string;
  /** Of the credential's scope. */
  readonly region: string;
  readonly signedAtSeconds: number;
  readonly expiresSeconds: number;
  /** Hex, in lower case. */
  readonly signature: string;
}

export type PresignedRead =
  | { readonly ok: true; readonly request: PresignedRequest }
  | { readonly ok: false; readonly problem: CredentialProblem };

/** Every parameter, byte for byte; a request has each once and no other. Credentials of a role always have a session token. */
const PARAMETERS = [
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
] as const;
type Parameter = (typeof PARAMETERS)[number];

/** What the signature must cover beside the query, exactly. */
export const SIGNED_HEADERS = 'host;x-exchequer-audience';

const URL_FORM = /^https:\/\/([a-z0-9.-]+)\/\?([^#]+)$/;
/** RFC 3986's unreserved characters, and the rest percent-encoded in upper case: what SigV4 calls UriEncode. */
const VALUE = /^(?:[A-Za-z0-9\-._~]|%(?:2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-D]))+$/;
const CREDENTIAL = /^(ASIA[A-Z0-9]{12,124})\/([0-9]{8})\/([a-z0-9-]+)\/sts\/aws4_request$/;

/** Reads the URL, or says what is wrong with it first. Whether its host is one of ours to ask is the caller's to say. */
export function readPresignedRequest(text: string): PresignedRead {
  if (Buffer.byteLength(text) > AWS_REQUEST_BYTES_MAX) return no('too_large');
  const [, host, query] = URL_FORM.exec(text) ?? [];
  if (host === undefined || query === undefined) return no('request_url');
  const values = readQuery(query);
  if (!values) return no('request_parameter');
  const of = (name: Parameter): string => values.get(name) ?? '';

  if (of('Action') !== 'GetCallerIdentity' || of('Version') !== '2011-06-15') return no('request_action');
  if (of('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return no('request_algorithm');
  if (of('X-Amz-SignedHeaders') !== SIGNED_HEADERS) return no('request_signed_headers');
  const signature = of('X-Amz-Signature');
  if (!/^[0-9a-f]{64}$/.test(signature)) return no('request_parameter');
  const [, , day, region] = CREDENTIAL.exec(of('X-Amz-Credential')) ?? [];
  if (day === undefined || region === undefined) return no('request_credential');
  const signedAtSeconds = awsDateSeconds(of('X-Amz-Date'));
  if (signedAtSeconds === undefined || !/^[1-9][0-9]{0,5}$/.test(of('X-Amz-Expires'))) return no('request_time');
  if (!of('X-Amz-Date').startsWith(`${day}T`)) return no('request_credential');
  const expiresSeconds = Number(of('X-Amz-Expires'));
  return { ok: true, request: { host, query: written(values), region, signedAtSeconds, expiresSeconds, signature } };
}

/** Each parameter with its decoded value; undefined where one is missing, unknown, repeated, or spelled in another way. */
function readQuery(query: string): ReadonlyMap<Parameter, string> | undefined {
  const values = new Map<Parameter, string>();
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = PARAMETERS.find((parameter) => parameter === pair.slice(0, equals));
    const value = pair.slice(equals + 1);
    if (equals < 0 || name === undefined || values.has(name) || !VALUE.test(value)) return undefined;
    values.set(name, decodeURIComponent(value));
  }
  return values.size === PARAMETERS.length ? values : undefined;
}

const written = (values: ReadonlyMap<Parameter, string>): string =>
  [...values].map(([name, value]) => `${name}=${uriEncode(value)}`).join('&');

/** `encodeURIComponent` leaves five characters as they are that SigV4 encodes. */
const uriEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const no = (problem: CredentialProblem): PresignedRead => ({ ok: false, problem });
