// AWS STS as `exchequer dev` needs it: requests that nobody signed, for claims that somebody wanted to try, and the answer that STS would give to
// them. It answers for its own requests alone, once each to the verifier that is the real one; everything else goes nowhere.

import type { JsonObject } from '../core/json.ts';
import { DEV_TOKEN_SECONDS } from '../core/limits.ts';
import type { Outbound } from '../core/outside.ts';
import type { RandomBytes } from '../core/ports.ts';
import { SIGNED_HEADERS } from '../parsing/presigned-request.ts';
import { stsEndpoint } from '../parsing/sts-endpoint.ts';

export interface StandInSts {
  /** What AWS's libraries would have signed for a role with these claims. */
  present(region: string, claims: JsonObject, nowSeconds: number): string;
  readonly outbound: Outbound;
}

const ACCESS_KEY = 'ASIAEXAMPLEEXAMPLE12';
const SIGNATURE_BYTES = 32;

/** `otherwise` takes every other request. */
export function createStandInSts(randomBytes: RandomBytes, otherwise: Outbound): StandInSts {
  /** By signature, for as long as the process lives: it is one person's. */
  const presented = new Map<string, JsonObject>();
  return Object.freeze({
    present(region: string, claims: JsonObject, nowSeconds: number) {
      const signature = Buffer.from(randomBytes(SIGNATURE_BYTES)).toString('hex');
      presented.set(signature, claims);
      const date = new Date(nowSeconds * 1_000).toISOString().replace(/[-:]|\.[0-9]{3}/g, '');
      const endpoint = stsEndpoint(region);
      const scope = `${date.slice(0, 8)}/${endpoint.region}/sts/aws4_request`;
      const query = {
        Action: 'GetCallerIdentity',
        Version: '2011-06-15',
        'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
        'X-Amz-Credential': `${ACCESS_KEY}/${scope}`,
        'X-Amz-Date': date,
        'X-Amz-Expires': String(DEV_TOKEN_SECONDS),
        'X-Amz-Security-Token': 'exchequer-dev',
        'X-Amz-SignedHeaders': SIGNED_HEADERS,
        'X-Amz-Signature': signature,
      };
      const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      return `https://${endpoint.host}/?${pairs.join('&')}`;
    },
    outbound: Object.freeze({
      async request(request: Parameters<Outbound['request']>[0]) {
        const [, signature = ''] = /[?&]X-Amz-Signature=([0-9a-f]+)$/.exec(request.url) ?? [];
        const claims = presented.get(signature);
        return claims ? { ok: true as const, body: answerOf(claims) } : otherwise.request(request);
      },
    }),
  });
}

function answerOf({ account, arn, role_id: id, session }: JsonObject): Uint8Array {
  const result = { Account: account, Arn: arn, UserId: `${id}:${session}` };
  return Buffer.from(JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: result } }));
}
