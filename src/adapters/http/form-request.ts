// One HTTP request that takes a form, as `Received`, and nothing else: POST /token and /decide (RFC 6749 §3.2, RFC 8693 §2.1), /introspect
// (RFC 7662 §2.1) and /revoke (RFC 7009 §2.1). Every request to their paths goes through its operation, so that it is recorded, malformed
// ones too. A certificate counts only from the connection itself, never from a header (MT-07, A-98). Decides nothing.

import type { IncomingMessage } from 'node:http';
import type { PresentedCertificates } from '../../core/client.ts';
import { type OwnTokenRequest, readOwnTokenRequest } from '../../core/own-token-request.ts';
import type { PresentedProof } from '../../core/proof-of-possession.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import {
  type Caller,
  type GrantType,
  knownGrantType,
  type Parameters,
  type Received,
  readTokenRequest,
  type TokenRequest,
  type Transport,
} from '../../core/request.ts';
import { type KeepsEmpty, parseForm } from '../../parsing/form.ts';
import { headerValues } from '../../parsing/header-values.ts';
import { parseJsonParameters } from '../../parsing/json-parameters.ts';
import type { Body, ReadBody } from './body.ts';
import { presentedCertificates } from './peer-certificates.ts';

/** A request's body, and its peer as read before waiting for that body: a socket that has gone no longer knows it. */
export interface Arrived {
  readonly peer: string;
  readonly certificates: PresentedCertificates | undefined;
  /** Undefined where there was none, or it was not read. */
  readonly body: Body | undefined;
}

/** A request of which no body was read. */
export const arrivedWithout = (message: IncomingMessage, refusal?: SyntaxRefusal): Arrived => ({
  peer: peerAddress(message.socket.remoteAddress),
  certificates: presentedCertificates(message.socket),
  body: refusal && refuse(refusal),
});

/** Waits for the body. Never rejects. */
export async function arrive(message: IncomingMessage, readBody: ReadBody): Promise<Arrived> {
  const arrived = arrivedWithout(message);
  return { ...arrived, body: await readBody(message) };
}

/** How the parameters of one form are read. */
export interface Form<Request> {
  read(parameters: Parameters, caller: Caller): Result<Request>;
  /** For the record of what is refused for its parameters too. */
  grantType(parameters: Parameters): GrantType | undefined;
  /** Whether its parameters may come as JSON instead. */
  readonly takesJson?: true;
  /** Its parameters that do not count as omitted where they have no value; in a form. */
  readonly keepsEmpty?: KeepsEmpty;
}

export const TOKEN_FORM: Form<TokenRequest> = Object.freeze({
  read: readTokenRequest,
  grantType: (parameters: Parameters) => knownGrantType(parameters.get('grant_type')?.[0]),
});
export const OWN_TOKEN_FORM: Form<OwnTokenRequest> = Object.freeze({
  read: readOwnTokenRequest,
  grantType: () => undefined,
});

/** What an operation is told of a request to its endpoint, whose own address as configured is `htu`; to a facade, under its name. */
export function receiveForm<Request>(
  message: IncomingMessage,
  { peer, certificates, body }: Arrived,
  {
    form,
    htu,
    transport = 'oauth',
  }: { readonly form: Form<Request>; readonly htu: string; readonly transport?: Transport },
): Received<Request> {
  const parse = parserFor(message, form);
  const parameters = parse.ok ? readForm(body, parse.value) : parse;
  return {
    ...receiveBare(message, { peer, certificates }, transport),
    grantType: parameters.ok ? form.grantType(parameters.value) : undefined,
    request: parameters.ok ? form.read(parameters.value, callerOf(message, certificates, htu)) : parameters,
  };
}

/** Where a request came from, whatever is in it. */
export const receiveBare = (
  { headers }: IncomingMessage,
  { peer, certificates }: Pick<Arrived, 'peer' | 'certificates'>,
  transport: Transport,
): Omit<Received, 'grantType' | 'request'> => ({
  transport,
  peer,
  traceId: traceId(headers.traceparent),
  mtls: certificates?.thumbprint,
});

type Parse = (body: Uint8Array) => Result<Parameters, SyntaxRefusal>;

function readForm(body: Body | undefined, parse: Parse): Result<Parameters> {
  // A POST without a body is an empty form: its first parameter is missing.
  if (!body) return ok(new Map());
  return body.ok ? parse(body.value) : body;
}

/** What reads its body, or what is wrong with the request before that is looked at. */
function parserFor(
  message: IncomingMessage,
  form: Pick<Form<never>, 'takesJson' | 'keepsEmpty'>,
): Result<Parse, SyntaxRefusal> {
  const { headers } = message;
  if (message.method !== 'POST') return refuse({ reason: 'method_not_allowed' });
  // RFC 6749 §2.3.1, §3.2: nothing is taken from the address, where logs and histories keep it (OA-04, A-177).
  if (message.url?.includes('?')) return refuse({ reason: 'query_forbidden' });
  const parse = parserOf(message, form);
  if (!parse) return refuse({ reason: 'media_type_unsupported' });
  // A second content or transfer coding under the form is a second parser's reading of the same bytes.
  if (headers['content-encoding'] !== undefined) return refuse({ reason: 'body_malformed', problem: 'encoded' });
  const transfer = headers['transfer-encoding'];
  // HTTP/1.0 knows no transfer coding: where it has one, its framing is faulty (RFC 9112 §6.1).
  if (transfer !== undefined && (transfer.toLowerCase() !== 'chunked' || message.httpVersion === '1.0'))
    return refuse({ reason: 'body_malformed', problem: 'encoded' });
  return ok(parse);
}

/** `application/x-www-form-urlencoded`, alone or with `charset=UTF-8` and nothing else. */
const FORM = /^application\/x-www-form-urlencoded *(?:; *charset=(?:utf-8|"utf-8") *)?$/i;
const JSON_TYPE = /^application\/json *(?:; *charset=(?:utf-8|"utf-8") *)?$/i;

/** The parser of a body's media type, where there is one. */
function parserOf(
  { headers, rawHeaders }: IncomingMessage,
  { takesJson, keepsEmpty }: Pick<Form<never>, 'takesJson' | 'keepsEmpty'>,
): Parse | undefined {
  // Node keeps the first of two: a proxy may have judged by the second.
  const type = headers['content-type'] ?? '';
  if (headerValues(rawHeaders, 'content-type').length !== 1) return undefined;
  if (FORM.test(type)) return (body) => parseForm(body, keepsEmpty);
  return takesJson && JSON_TYPE.test(type) ? parseJsonParameters : undefined;
}

/** Headers of attestation-based client authentication, which is not built. */
const ATTESTATIONS = ['oauth-client-attestation', 'oauth-client-attestation-pop'];

function callerOf(message: IncomingMessage, certificates: PresentedCertificates | undefined, htu: string): Caller {
  const { headers } = message;
  const attested = ATTESTATIONS.some((name) => headers[name] !== undefined);
  return { authorization: authorizationOf(message), attested, certificates, proof: presentedProof(message, htu) };
}

/** Of two, Node would keep the first, and a proxy may have judged by the second: together they are no credential. */
function authorizationOf({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const texts = headerValues(rawHeaders, 'authorization');
  return texts.length > 1 ? texts.join(', ') : headers.authorization;
}

/** Every DPoP header, as sent: of two, Node would join them into one (DP-01). What it must be for is ours to say. */
function presentedProof({ headers, rawHeaders }: IncomingMessage, htu: string): PresentedProof | undefined {
  if (headers.dpop === undefined) return undefined;
  return { texts: headerValues(rawHeaders, 'dpop'), htm: 'POST', htu };
}

/** An IPv4 peer on a dual-stack socket is recorded as the IPv4 address it is. */
const peerAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');

/** W3C Trace Context §3.2, version 00 only; all-zero ids are invalid there, and anything else is no trace id. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const traceId = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
