// POST /token (RFC 6749 §3.2, RFC 8693 §2.1), and POST /decide, which takes the same form: turns one HTTP request into `Received`, and
// nothing else. Every request to the paths goes through its operation, so that it is recorded, malformed ones too. A certificate counts only from the connection itself, never from a header (MT-07, A-98). Decides nothing.

import type { IncomingMessage } from 'node:http';
import type { PresentedCertificates } from '../../core/client.ts';
import type { PresentedProof } from '../../core/proof-of-possession.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import {
  knownGrantType,
  type Parameters,
  type Received,
  readTokenRequest,
  type TokenRequest,
} from '../../core/request.ts';
import { parseForm } from '../../parsing/form.ts';
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

/** What the exchange is told of a request to the token endpoint, whose own address as configured is `htu`. */
export function receiveToken(message: IncomingMessage, { peer, certificates, body }: Arrived, htu: string): Received {
  const early = refuseEarly(message);
  const parameters = early ? refuse(early) : readForm(body);
  return {
    transport: 'oauth',
    peer,
    traceId: traceId(message.headers.traceparent),
    mtls: certificates?.thumbprint,
    grantType: parameters.ok ? knownGrantType(parameters.value.get('grant_type')?.[0]) : undefined,
    request: parameters.ok ? readRequest(message, parameters.value, { certificates, htu }) : parameters,
  };
}

function readForm(body: Body | undefined): Result<Parameters> {
  // A POST without a body is an empty form: its first parameter is missing.
  if (!body) return ok(new Map());
  return body.ok ? parseForm(body.value) : body;
}

/** What is wrong with the request before its body is looked at. */
function refuseEarly(message: IncomingMessage): SyntaxRefusal | undefined {
  const { headers } = message;
  if (message.method !== 'POST') return { reason: 'method_not_allowed' };
  // RFC 6749 §2.3.1, §3.2: nothing is taken from the address, where logs and histories keep it (OA-04, A-177).
  if (message.url?.includes('?')) return { reason: 'query_forbidden' };
  if (!isForm(message)) return { reason: 'media_type_unsupported' };
  // A second content or transfer coding under the form is a second parser's reading of the same bytes.
  if (headers['content-encoding'] !== undefined) return { reason: 'body_malformed', problem: 'encoded' };
  const transfer = headers['transfer-encoding'];
  // HTTP/1.0 knows no transfer coding: where it has one, its framing is faulty (RFC 9112 §6.1).
  if (transfer !== undefined && (transfer.toLowerCase() !== 'chunked' || message.httpVersion === '1.0'))
    return { reason: 'body_malformed', problem: 'encoded' };
  return undefined;
}

/** `application/x-www-form-urlencoded`, alone or with `charset=UTF-8` and nothing else. */
const FORM = /^application\/x-www-form-urlencoded *(?:; *charset=(?:utf-8|"utf-8") *)?$/i;

function isForm({ headers, rawHeaders }: IncomingMessage): boolean {
  // Node keeps the first of two: a proxy may have judged by the second.
  const sent = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type');
  return sent.length === 1 && FORM.test(headers['content-type'] ?? '');
}

/** Headers of attestation-based client authentication, which is not built. */
const ATTESTATIONS = ['oauth-client-attestation', 'oauth-client-attestation-pop'];

function readRequest(
  message: IncomingMessage,
  parameters: Parameters,
  { certificates, htu }: { readonly certificates: PresentedCertificates | undefined; readonly htu: string },
): Result<TokenRequest> {
  const { headers } = message;
  const attested = ATTESTATIONS.some((name) => headers[name] !== undefined);
  const proof = presentedProof(message, htu);
  return readTokenRequest(parameters, { authorization: headers.authorization, attested, certificates, proof });
}

/** Every DPoP header, as sent: of two, Node would join them into one (DP-01). What it must be for is ours to say. */
function presentedProof({ rawHeaders }: IncomingMessage, htu: string): PresentedProof | undefined {
  const texts = rawHeaders.filter((_, index) => rawHeaders[index - 1]?.toLowerCase() === 'dpop' && index % 2 === 1);
  return texts.length === 0 ? undefined : { texts, htm: 'POST', htu };
}

/** An IPv4 peer on a dual-stack socket is recorded as the IPv4 address it is. */
const peerAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');

/** W3C Trace Context §3.2, version 00 only; all-zero ids are invalid there, and anything else is no trace id. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const traceId = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
