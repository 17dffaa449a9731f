// One question to AWS STS about one presigned request: who signed it? The request goes to the host that was judged, with our own value of
// the header that its signature covers, and with nothing else of the caller's. A request that was made for somebody else fails there by
// its signature. Bounded in time, bytes, rate and number; the answer is never kept. It counts only where it has the one form known.

import { isJsonObject, type Json, type JsonObject, valueAt } from '../core/json.ts';
import {
  AWS_IDENTITIES_AT_ONCE_MAX,
  AWS_IDENTITIES_PER_SECOND_MAX,
  AWS_IDENTITY_BYTES_MAX,
  AWS_IDENTITY_MS,
} from '../core/limits-outside.ts';
import type { Outbound, OutboundAnswer } from '../core/outside.ts';
import type { Clock } from '../core/ports.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';
import type { PresignedRequest } from '../parsing/presigned-request.ts';
import { AWS_STS_ISSUER } from '../platforms/aws-caller-identity.ts';
import { createGate } from './gate.ts';

export type CallerAnswer =
  | { readonly answered: 'identity'; readonly claims: JsonObject }
  /** STS knows who it is, and it is no role. */
  | { readonly answered: 'other' }
  /** STS does not take the request: it was signed by nobody, for somebody else, or too long ago. */
  | { readonly answered: 'refused' }
  /** STS could not be asked, or said nothing that counts; `problem` quotes none of it. */
  | { readonly answered: 'unavailable'; readonly problem: string };

/** Throws only for faults. Calls may overlap. */
export type CallerIdentity = (request: PresignedRequest) => Promise<CallerAnswer>;

export interface CallerIdentityParts {
  /** Our value of the header that callers sign. */
  readonly audience: string;
  readonly outbound: Outbound;
  readonly clock: Clock;
}

/** For one source: its rate and number count apart from those of others. */
export function createCallerIdentity({ audience, outbound, clock }: CallerIdentityParts): CallerIdentity {
  const admit = createGate({
    clock,
    perSecondMax: AWS_IDENTITIES_PER_SECOND_MAX,
    atOnceMax: AWS_IDENTITIES_AT_ONCE_MAX,
  });
  return async ({ host, query }) => {
    const leave = admit();
    if (!leave) return unavailable('more requests than may be asked about');
    try {
      return judge(
        await outbound.request({
          url: `https://${host}/?${query}`,
          bytesMax: AWS_IDENTITY_BYTES_MAX,
          deadlineMs: AWS_IDENTITY_MS,
          accept: 'application/json',
          signedAudience: audience,
          refusals: true,
        }),
      );
    } finally {
      leave();
    }
  };
}

/** Codes by which STS says that it is busy; the first with status 400. */
const BUSY = ['Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequestsException'];

function judge(answer: OutboundAnswer): CallerAnswer {
  if (!answer.ok) return unavailable(`${answer.problem} (${answer.detail})`);
  const text = decodeUtf8(answer.body);
  const read = text === undefined ? undefined : readJson(text);
  const root = read?.ok && isJsonObject(read.value) ? read.value : undefined;
  if (answer.refused) return judgeRefusal(answer.refused.status, root && valueAt(root, ['Error', 'Code']));
  if (!root) return unavailable('the answer is no acceptable JSON object');
  return identityOf(valueAt(root, ['GetCallerIdentityResponse', 'GetCallerIdentityResult']));
}

/** A no that names its reason, or that is 403, is about the request; any other may be about STS. */
function judgeRefusal(status: number, code: Json | undefined): CallerAnswer {
  const named = typeof code === 'string' && !BUSY.includes(code);
  if ((status === 400 && named) || (status === 403 && (named || code === undefined))) return { answered: 'refused' };
  return unavailable(`status (${status})`);
}

const ARN = /^arn:(aws(?:-[a-z]+)*):(iam|sts)::([0-9]{12}):(.+)$/;
const ASSUMED_ROLE = /^assumed-role\/([A-Za-z0-9+=,.@_-]{1,64})\/([A-Za-z0-9+=,.@_-]{2,64})$/;
const USER_ID = /^(AROA[A-Z0-9]{12,124}):(.+)$/;

/** Account, ARN and id must tell of one and the same session of a role. */
function identityOf(result: Json | undefined): CallerAnswer {
  if (!isJsonObject(result)) return unavailable('the answer is no GetCallerIdentity response');
  const { Account: account, Arn: arn, UserId: userId } = result;
  if (typeof account !== 'string' || typeof arn !== 'string' || typeof userId !== 'string')
    return unavailable('the answer is no GetCallerIdentity response');
  const [, partition, service, ofArn, resource = ''] = ARN.exec(arn) ?? [];
  if (partition === undefined || ofArn !== account) return unavailable('the answer contradicts itself');
  const [, role, session] = service === 'sts' ? (ASSUMED_ROLE.exec(resource) ?? []) : [];
  if (role === undefined || session === undefined) return { answered: 'other' };
  const [, roleId, ofId] = USER_ID.exec(userId) ?? [];
  if (roleId === undefined || ofId !== session) return unavailable('the answer contradicts itself');
  const claims = { iss: AWS_STS_ISSUER, sub: roleId, account, arn, role, role_id: roleId, session, partition };
  return { answered: 'identity', claims: Object.freeze(Object.assign(Object.create(null), claims)) };
}

const unavailable = (problem: string): CallerAnswer => ({ answered: 'unavailable', problem });
