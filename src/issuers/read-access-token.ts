// Reads an access token of ours back from its own bytes, for the recheck. Its signature is not verified again: our own signer made it
// a moment ago, and checking one takes twice as long as making it. What is in it is read strictly, and a header or claim that
// nobody ordered cannot be read at all (RFC 9068 §2).

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { Confirmation, Origin } from '../core/principal.ts';

/** What an access token of ours says. */
export interface IssuedFacts {
  readonly id: string;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** `cnf`; null for a bearer token, so that its absence is compared too. */
  readonly boundTo: Confirmation | null;
  /** `act`; null where nobody acts. */
  readonly act: JsonObject | null;
  readonly lineage: readonly string[];
  readonly origin: Origin;
  readonly authTime: number | null;
  readonly acr: string | null;
}

export interface ExpectedHeader {
  readonly algorithm: string;
  readonly typ: string;
}

const MEMBERS = [
  ...['iss', 'aud', 'sub', 'client_id', 'iat', 'exp', 'jti', 'scope', 'cnf'],
  ...['act', 'auth_time', 'acr', 'origin', 'lineage'],
];

/** The facts, in the order in which the issuer expects them, so that their JSON can be compared. Throws where it cannot be read. */
export function readAccessToken(token: string, { algorithm, typ }: ExpectedHeader): IssuedFacts {
  const [header, claims, signature, ...more] = token.split('.');
  if (!header || !claims || !signature || more.length > 0) throw new Error('the issued token is not a compact JWS');
  const { alg, kid, typ: presented, ...others } = readPart(header);
  if (alg !== algorithm || presented !== typ || typeof kid !== 'string' || Object.keys(others).length > 0)
    throw new Error('the issued token has another header');

  const said = readPart(claims);
  const unknown = Object.keys(said).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw new Error(`the issued token has the claim ${unknown}`);
  return {
    id: text(said.jti),
    issuer: text(said.iss),
    audience: text(said.aud),
    subject: text(said.sub),
    clientId: text(said.client_id),
    scopes: said.scope === undefined ? [] : text(said.scope).split(' '),
    issuedAt: instant(said.iat),
    expiresAt: instant(said.exp),
    boundTo: said.cnf === undefined ? null : confirmation(said.cnf),
    act: said.act === undefined ? null : object(said.act),
    lineage: said.lineage === undefined ? [] : texts(said.lineage),
    origin: originOf(object(said.origin)),
    authTime: said.auth_time === undefined ? null : instant(said.auth_time),
    acr: said.acr === undefined ? null : text(said.acr),
  };
}

const originOf = ({ iss, sub }: JsonObject): Origin => ({ iss: text(iss), sub: text(sub) });

function texts(value: Json): readonly string[] {
  if (!Array.isArray(value)) throw new Error('a claim of the issued token is no list');
  return value.map(text);
}

function object(value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error('a claim of the issued token is no object');
  return value;
}

function readPart(part: string): JsonObject {
  const value = parsed(Buffer.from(part, 'base64url').toString('utf8'));
  if (!isJsonObject(value)) throw new Error('a part of the issued token is not an object');
  return value;
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new Error('a part of the issued token is not JSON');
  }
}

function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error('a claim of the issued token is not text');
  return value;
}

/** RFC 8705 §3.1, RFC 9449 §6.1: one thumbprint, and no other member. */
function confirmation(value: Json): Confirmation {
  const { 'x5t#S256': certificate, jkt, ...others } = object(value);
  if ((certificate === undefined) === (jkt === undefined) || Object.keys(others).length > 0)
    throw new Error('the issued token has another confirmation');
  return certificate === undefined ? { jkt: text(jkt) } : { 'x5t#S256': text(certificate) };
}

function instant(value: Json | undefined): number {
  if (!Number.isSafeInteger(value) || typeof value !== 'number')
    throw new Error('a time of the issued token is not whole seconds');
  return value;
}
