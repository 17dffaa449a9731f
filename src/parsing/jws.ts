// A compact JWS taken apart (RFC 7515 §7.1, RFC 7519 §7.2 steps 1 to 10), with nothing about it proved. Sizes are capped before
// anything is decoded. Refuses JSON serialisation, JWE, unsigned texts, and every text that base64url or JSON would read in
// two ways. Which algorithms, types and header members are acceptable is the verifiers' business, not judged here.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import { CREDENTIAL_BYTES_MAX, JOSE_HEADER_BYTES_MAX, KID_BYTES_MAX } from '../core/limits.ts';
import type { CredentialProblem } from '../core/refusal.ts';
import { decodeBase64url } from './base64url.ts';
import { decodeUtf8, readJson } from './json.ts';

/** What a JWS says. Nobody has proved any of it. */
export interface UnprovedJws {
  readonly text: string;
  readonly header: JsonObject;
  /** As the header has it; neither empty nor judged. */
  readonly alg: string;
  /** Printable ASCII, 1 to KID_BYTES_MAX bytes, or absent. */
  readonly kid: string | undefined;
  readonly typ: string | undefined;
  readonly claims: JsonObject;
  /** The text that the signature covers. */
  readonly signingInput: string;
  /** Never empty. */
  readonly signature: Uint8Array;
}

export type JwsParsed =
  | { readonly ok: true; readonly jws: UnprovedJws }
  | { readonly ok: false; readonly problem: CredentialProblem };

/** Takes a compact JWS apart, or says what is wrong with it. Never throws. */
export function parseJws(text: string): JwsParsed {
  if (text.length > CREDENTIAL_BYTES_MAX) return no('too_large');
  const dots = dotsOf(text);
  if (dots.length === 4) return no('encrypted');
  const [first, second] = dots;
  if (first === undefined || second === undefined || dots.length !== 2) return no('not_compact');
  const encodedSignature = text.slice(second + 1);
  if (encodedSignature === '') return no('not_compact');
  if (Math.floor((first * 3) / 4) > JOSE_HEADER_BYTES_MAX) return no('header_too_large');

  const headerBytes = decodeBase64url(text.slice(0, first));
  const payloadBytes = decodeBase64url(text.slice(first + 1, second));
  const signature = decodeBase64url(encodedSignature);
  if (!headerBytes || !payloadBytes || !signature) return no('base64url');

  const header = readBytes(headerBytes);
  if (!header.ok || !isJsonObject(header.value)) return no('header_json');
  const { alg, kid, typ } = header.value;
  if (typeof alg !== 'string' || alg === '' || !isKid(kid) || !isText(typ)) return no('header_member');

  const claims = readBytes(payloadBytes);
  if (!claims.ok) return no('payload_json');
  if (!isJsonObject(claims.value)) return no('payload_not_object');
  const signingInput = text.slice(0, second);
  return {
    ok: true,
    jws: Object.freeze({ text, header: header.value, alg, kid, typ, claims: claims.value, signingInput, signature }),
  };
}

const no = (problem: CredentialProblem): JwsParsed => ({ ok: false, problem });

/** Positions of the dots, five at most: enough to tell a JWS from a JWE from neither, whatever the text. */
function dotsOf(text: string): readonly number[] {
  const dots: number[] = [];
  for (let at = text.indexOf('.'); at >= 0 && dots.length < 5; at = text.indexOf('.', at + 1)) dots.push(at);
  return dots;
}

function readBytes(bytes: Uint8Array): ReturnType<typeof readJson> {
  const text = decodeUtf8(bytes);
  return text === undefined ? { ok: false, problem: 'syntax' } : readJson(text);
}

const isText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string';

/** An empty `kid` names no key; refusing it here also keeps it from causing a fetch. */
const isKid = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= KID_BYTES_MAX && /^[\x20-\x7e]+$/.test(value));
