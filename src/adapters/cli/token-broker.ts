// The broker as its callers see it: metadata (RFC 8414 §3), then one exchange (RFC 8693 §2.1) or, for a certificate, one
// `client_credentials` over mutual TLS. Metadata comes before any credential: what is no broker, or another one than was named, gets
// none (RFC 8414 §3.3). Tells a refusal, which is the broker's word, from an answer that could not be had.

import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { OVERLOAD_RETRY_SECONDS, REQUEST_DEADLINE_MS } from '../../core/limits.ts';
import {
  DISCOVERY_BYTES_MAX,
  EXCHANGE_RETRIES_MAX,
  EXCHANGE_RETRY_SECONDS_MAX,
  TOKEN_ANSWER_BYTES_MAX,
} from '../../core/limits-outside.ts';
import type { OutboundAnswer, OutboundRequest } from '../../core/outside.ts';
import { CLIENT_CREDENTIALS_GRANT, JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT } from '../../core/request.ts';
import { decodeUtf8, readJson } from '../../parsing/json.ts';
import { shown } from './shown.ts';
import type { Credential, TokenTools } from './token-credential.ts';

/** Which broker, and what to trust for it. */
export interface BrokerAddress {
  readonly issuer: string;
  /** PEM certificates instead of the system's. */
  readonly ca: string | undefined;
}

export interface Order {
  readonly target: string;
  readonly scope: string | undefined;
  /** RFC 8693 §2.1 `requested_token_type`; the target's own where it is left out. */
  readonly requestedTokenType?: string | undefined;
  readonly credential: Credential;
  /** Parameters beside the credential: who acts, and what authenticates a client. Of `dev` alone. */
  readonly beside?: Readonly<Record<string, string>> | undefined;
}

export type Answered =
  | { readonly answer: 'token'; readonly token: string; readonly whole: JsonObject }
  /** A dry run: what a token would be like. */
  | {
      readonly answer: 'would_grant';
      readonly seconds: number;
      readonly scope: string | undefined;
      readonly whole: JsonObject;
    }
  /** All of it is printable. `hints` say what may be wrong on the caller's side. */
  | { readonly answer: 'refused'; readonly sentence: string; readonly hints?: readonly string[] }
  | { readonly answer: 'unknown'; readonly problem: string };

const unknown = (problem: string): Extract<Answered, { answer: 'unknown' }> => ({ answer: 'unknown', problem });

/** What every request to the broker has. A caller's own broker may stand on its own network, and that is no danger to it. */
const requestTo = ({ ca }: BrokerAddress) => ({
  accept: 'application/json',
  privateNetwork: true,
  ...(ca === undefined ? {} : { ca }),
});

/** Where tokens are asked for, from the metadata of this very issuer. Never throws. */
export async function findTokenEndpoint(
  tools: TokenTools,
  broker: BrokerAddress,
): Promise<{ readonly answer: 'endpoint'; readonly url: string } | Extract<Answered, { answer: 'unknown' }>> {
  const { origin, pathname } = new URL(broker.issuer);
  // RFC 8414 §3.1: a path goes behind the well-known one.
  const url = `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`;
  const answer = await tools.request({ url, bytesMax: DISCOVERY_BYTES_MAX, ...requestTo(broker) });
  if (!answer.ok) return unknown(`${url}: ${answer.problem} (${answer.detail})${caHint(broker, answer)}`);
  const metadata = jsonOf(answer);
  if (!metadata) return unknown(`${url}: no metadata of an authorization server`);
  // RFC 8414 §3.3, and the audience of the credential: the issuer is the text, byte for byte.
  if (metadata.issuer !== broker.issuer)
    return unknown(
      `${url}: is the metadata of ${typeof metadata.issuer === 'string' ? shown(metadata.issuer) : 'nobody'}, not of ${broker.issuer}`,
    );
  const { token_endpoint: endpoint } = metadata;
  const parsed = typeof endpoint === 'string' ? URL.parse(endpoint) : null;
  // No credential goes to another server than the one that was named.
  if (parsed?.origin !== origin) return unknown(`${url}: its token_endpoint is not at ${origin}`);
  return { answer: 'endpoint', url: parsed.href };
}

/** Node's codes for a certificate whose authority it does not know. */
const UNTRUSTED = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];

function caHint({ ca }: BrokerAddress, { problem, detail }: Extract<OutboundAnswer, { ok: false }>): string {
  if (problem !== 'tls' || !UNTRUSTED.includes(detail)) return '';
  return ca === undefined
    ? "; --ca names the authority of the broker's certificate"
    : "; what --ca names is not the authority of the broker's certificate";
}

/** Asks for a token. Never throws. */
export const askForToken = async (
  tools: TokenTools,
  broker: BrokerAddress,
  endpoint: string,
  order: Order,
): Promise<Answered> => readAnswer(await send(tools, broker, endpoint, order), endpoint, readToken);

/** Asks whether there would be a token: beside the token endpoint, since no metadata has a member for it. Never throws. */
export async function askWhether(tools: TokenTools, broker: BrokerAddress, order: Order): Promise<Answered> {
  const endpoint = `${broker.issuer.replace(/\/$/, '')}/decide`;
  const answer = await send(tools, broker, endpoint, order);
  // A broker from before there were dry runs has refused nothing.
  if (answer.ok && answer.refused?.status === 404) return unknown(`${endpoint}: this broker answers no dry run`);
  return readAnswer(answer, endpoint, readWhether);
}

/** Waits and asks again where the broker says 503, within a bound. */
async function send(tools: TokenTools, broker: BrokerAddress, endpoint: string, order: Order): Promise<OutboundAnswer> {
  const request: OutboundRequest = {
    url: endpoint,
    bytesMax: TOKEN_ANSWER_BYTES_MAX,
    body: { mediaType: 'application/x-www-form-urlencoded', text: formOf(order) },
    refusals: true,
    deadlineMs: REQUEST_DEADLINE_MS,
    ...(order.credential.kind === 'identity' ? { identity: order.credential.tls } : {}),
    ...requestTo(broker),
  };
  for (let retries = 0; ; retries += 1) {
    const answer = await tools.request(request);
    const after = retryAfter(answer);
    if (after === undefined || after > EXCHANGE_RETRY_SECONDS_MAX || retries === EXCHANGE_RETRIES_MAX) return answer;
    await tools.wait(after * 1_000);
  }
}

function formOf({ target, scope, requestedTokenType, credential, beside = {} }: Order): string {
  const form = new URLSearchParams(
    credential.kind === 'token'
      ? {
          grant_type: TOKEN_EXCHANGE_GRANT,
          subject_token: credential.token,
          subject_token_type: credential.tokenType ?? JWT_TOKEN_TYPE,
          audience: target,
        }
      : { grant_type: CLIENT_CREDENTIALS_GRANT, client_id: credential.spiffeId, audience: target },
  );
  if (scope !== undefined) form.set('scope', scope);
  if (requestedTokenType !== undefined) form.set('requested_token_type', requestedTokenType);
  for (const [name, value] of Object.entries(beside)) form.set(name, value);
  return form.toString();
}

/** Seconds to wait, where the broker could not do its work and says that it may soon. */
const retryAfter = (answer: OutboundAnswer): number | undefined =>
  answer.ok && answer.refused?.status === 503
    ? (answer.refused.retryAfterSeconds ?? OVERLOAD_RETRY_SECONDS)
    : undefined;

type ReadGranted = (body: JsonObject | undefined, endpoint: string) => Answered;

function readAnswer(answer: OutboundAnswer, endpoint: string, readGranted: ReadGranted): Answered {
  if (!answer.ok) return unknown(`${endpoint}: ${answer.problem} (${answer.detail})`);
  const body = jsonOf(answer);
  return answer.refused ? readRefusal(answer.refused.status, body, endpoint) : readGranted(body, endpoint);
}

const readToken: ReadGranted = (body, endpoint) => {
  const token = body?.access_token;
  // What goes to a terminal and into variables is a token and nothing else.
  if (!body || typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    return unknown(`${endpoint}: an answer without an access token`);
  return { answer: 'token', token, whole: body };
};

const readWhether: ReadGranted = (body, endpoint) => {
  if (body?.granted !== true || typeof body.expires_in !== 'number')
    return unknown(`${endpoint}: no answer of a dry run`);
  const scope = typeof body.scope === 'string' ? body.scope : undefined;
  return { answer: 'would_grant', seconds: body.expires_in, scope, whole: body };
};

function readRefusal(status: number, body: JsonObject | undefined, endpoint: string): Answered {
  const error = typeof body?.error === 'string' ? shown(body.error) : undefined;
  if (error === undefined) return unknown(`${endpoint}: ${status}, and no answer of a token endpoint`);
  const { error_description: description } = body ?? {};
  const sentence = typeof description === 'string' ? `${error}: ${shown(description)}` : error;
  // RFC 6749 §5.2 and FORMATS: everything from 500 says that nothing was decided.
  return status < 500 ? { answer: 'refused', sentence } : unknown(`${endpoint}: ${status} ${sentence}`);
}

function jsonOf({ body }: Extract<OutboundAnswer, { ok: true }>): JsonObject | undefined {
  const text = decodeUtf8(body);
  const read = text === undefined ? undefined : readJson(text);
  return read?.ok && isJsonObject(read.value) ? read.value : undefined;
}
