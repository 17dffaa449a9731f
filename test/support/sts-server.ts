// AWS STS as far as a broker asks it: GetCallerIdentity over TLS, for presigned requests. Signature Version 4 is judged (sigv4.ts) over
// the query and the headers that it was sent, under the host that it is; so a header of another value is another request. A test
// makes it slow, broken or wrong.

import type { IncomingMessage } from 'node:http';
import type { Outbound, OutboundRequest } from '../../src/core/outside.ts';
import { dateOf, secondsOf, signatureOf } from './sigv4.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

export interface Caller {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly sessionToken: string;
  readonly identity: { readonly Account: string; readonly Arn: string; readonly UserId: string };
}

export interface StsServer extends TlsServer {
  /** The broker's way outward to it: the host that was asked for, in the URL, is this server. */
  readonly outbound: Outbound;
  /** What was asked of `outbound`, in order. */
  readonly asked: OutboundRequest[];
  /** Instead of an answer: nothing at all, a status, or a text with its status. */
  failing:
    | 'silent'
    | number
    | { readonly status: number; readonly text: string; readonly location?: string }
    | undefined;
  readonly callers: Map<string, Caller>;
}

export interface StsOptions {
  readonly host: string;
  readonly region: string;
  readonly now: () => number;
  readonly outbound: Outbound;
}

export async function openSts({ host, region, now, outbound }: StsOptions): Promise<StsServer> {
  const asked: OutboundRequest[] = [];
  const server = await openTlsServer((request, response) => {
    const say = (status: number, text: string, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    const { failing } = sts;
    if (failing === 'silent') return;
    if (typeof failing === 'number') return void say(failing, '');
    if (failing) return void say(failing.status, failing.text, failing.location ? { location: failing.location } : {});
    const judged = judge(request, { host, region, now: now(), callers: sts.callers });
    if (typeof judged === 'string') say(403, JSON.stringify({ Error: { Code: judged, Message: 'x', Type: 'Sender' } }));
    else say(200, answerOf(judged.identity));
  });
  const sts: StsServer = {
    ...server,
    asked,
    failing: undefined,
    callers: new Map(),
    outbound: {
      request(request) {
        asked.push(request);
        const { host: wanted, pathname, search } = new URL(request.url);
        if (wanted !== host)
          return Promise.resolve({ ok: false, problem: 'network', detail: `no such host: ${wanted}` });
        return outbound.request({
          ...request,
          url: `https://localhost:${server.port}${pathname}${search}`,
          ca: server.ca,
        });
      },
    },
  };
  return sts;
}

/** What STS says of somebody, with `accept: application/json`. */
export const answerOf = (identity: object): string =>
  JSON.stringify({
    GetCallerIdentityResponse: { GetCallerIdentityResult: identity, ResponseMetadata: { RequestId: 'r-1' } },
  });

interface Judging {
  readonly host: string;
  readonly region: string;
  readonly now: number;
  readonly callers: ReadonlyMap<string, Caller>;
}

/** The caller, or the code of the error. */
function judge(
  { url = '', headers, method = '' }: IncomingMessage,
  { host, region, now, callers }: Judging,
): Caller | string {
  const query = new URL(url, 'https://x').searchParams;
  const [accessKeyId = '', ...scope] = (query.get('X-Amz-Credential') ?? '').split('/');
  const caller = callers.get(accessKeyId);
  if (!caller || query.get('X-Amz-Security-Token') !== caller.sessionToken) return 'InvalidClientTokenId';
  const date = query.get('X-Amz-Date') ?? '';
  if (scope.join('/') !== `${date.slice(0, 8)}/${region}/sts/aws4_request`) return 'SignatureDoesNotMatch';
  const signed = (query.get('X-Amz-SignedHeaders') ?? '').split(';');
  const values = signed.map((name): readonly [string, string] => [
    name,
    name === 'host' ? host : String(headers[name]),
  ]);
  const pairs = url.slice(url.indexOf('?') + 1).split('&');
  const unsigned = pairs.filter((pair) => !pair.startsWith('X-Amz-Signature='));
  const expected = signatureOf({ method, pairs: unsigned, headers: values, date, region, secret: caller.secret });
  if (query.get('X-Amz-Signature') !== expected) return 'SignatureDoesNotMatch';
  return secondsOf(date) + Number(query.get('X-Amz-Expires')) > now ? caller : 'ExpiredTokenException';
}

export interface Presigning {
  readonly caller: Caller;
  readonly host: string;
  readonly region: string;
  readonly signedAtSeconds: number;
  readonly expiresSeconds?: number;
  readonly audience: string;
  /** Beside or instead of what a request has; undefined takes one away. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
  /** Headers that are signed, beside host. */
  readonly headers?: Readonly<Record<string, string>>;
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** A presigned GetCallerIdentity request, as SDKs make them. */
export function presign(from: Presigning): string {
  const { caller, host, region, audience } = from;
  const date = dateOf(from.signedAtSeconds);
  const headers = Object.entries({ host, ...(from.headers ?? { 'x-exchequer-audience': audience }) }).sort();
  const parameters = {
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${caller.accessKeyId}/${date.slice(0, 8)}/${region}/sts/aws4_request`,
    'X-Amz-Date': date,
    'X-Amz-Expires': String(from.expiresSeconds ?? 60),
    'X-Amz-Security-Token': caller.sessionToken,
    'X-Amz-SignedHeaders': headers.map(([name]) => name).join(';'),
    ...from.parameters,
  };
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encode(name)}=${encode(value)}`],
  );
  const signature = signatureOf({ method: 'GET', pairs, headers, date, region, secret: caller.secret });
  return `https://${host}/?${[...pairs, `X-Amz-Signature=${signature}`].join('&')}`;
}
