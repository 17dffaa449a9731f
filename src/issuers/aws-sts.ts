// AssumeRoleWithWebIdentity by AWS's own client, over the one way outward. One attempt: how often, and how long in all, is ask-cloud.ts's
// business. An answer counts only whole, and only where it is about what was asked (A-164, F-51).

import { Readable } from 'node:stream';
import type { STSClient } from '@aws-sdk/client-sts';
import type { CloudAttempt } from '../core/cloud-ports.ts';
import { CLOUD_ANSWER_BYTES_MAX } from '../core/limits-cloud.ts';
import type { Outbound, OutboundAnswer } from '../core/outside.ts';
import type { AwsCredential } from './aws-credentials.ts';
import type { AwsSession } from './aws-session.ts';

/** Where STS is asked. */
export interface StsPlace {
  readonly outbound: Outbound;
  readonly endpoint: string;
  readonly region: string;
  /** PEM. */
  readonly ca: string | undefined;
  readonly privateNetwork: boolean;
}

export interface Assumption {
  readonly session: AwsSession;
  readonly assertion: string;
  readonly seconds: number;
}

export interface Assumed {
  readonly credential: AwsCredential;
  /** Seconds since the epoch, as STS says it. */
  readonly expiresAt: number;
}

/** Asks once. Never throws. */
export type AssumeRole = (assumption: Assumption, deadlineMs: number) => Promise<CloudAttempt<Assumed>>;

export function createAssumeRole(place: StsPlace): AssumeRole {
  let client: Promise<STSClient> | undefined;
  return async (assumption, deadlineMs) => {
    client ??= createClient(place);
    try {
      return await assume(await client, assumption, deadlineMs);
    } catch (error) {
      return attemptOf(error);
    }
  };
}

/** Loaded where it is needed: it takes longer to load than the rest of the program. */
async function createClient(place: StsPlace): Promise<STSClient> {
  const { STSClient } = await import('@aws-sdk/client-sts');
  return new STSClient({
    region: place.region,
    // Written out, or AWS_ENDPOINT_URL_STS of our own environment would win.
    endpoint: place.endpoint,
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    userAgentAppId: '',
    // This broker has none in any cloud; what lies around on its machine is nobody's to have.
    credentials: () => Promise.reject(new Error('the broker has no credentials of AWS')),
    requestHandler: {
      async handle(request: SentRequest, { requestTimeout }: { readonly requestTimeout?: number } = {}) {
        const answer = await place.outbound.request({
          url: place.endpoint,
          bytesMax: CLOUD_ANSWER_BYTES_MAX,
          accept: 'text/xml',
          body: { mediaType: 'application/x-www-form-urlencoded', text: String(request.body) },
          refusals: true,
          privateNetwork: place.privateNetwork,
          ...(place.ca === undefined ? {} : { ca: place.ca }),
          ...(requestTimeout === undefined ? {} : { deadlineMs: requestTimeout }),
        });
        if (!answer.ok) throw new Unanswered(answer.problem, answer.detail);
        return { response: responseOf(answer) };
      },
    },
  });
}

const RETRY_AFTER = 'retry-after';

interface SentRequest {
  readonly body?: unknown;
}

const responseOf = ({ body, refused }: Extract<OutboundAnswer, { ok: true }>) => ({
  statusCode: refused?.status ?? 200,
  headers: {
    'content-type': 'text/xml',
    ...(refused?.retryAfterSeconds === undefined ? {} : { [RETRY_AFTER]: String(refused.retryAfterSeconds) }),
  },
  body: Readable.from([body]),
});

/** STS gave no answer at all. */
class Unanswered extends Error {
  override readonly name = 'Unanswered';
  readonly problem: string;
  constructor(problem: string, detail: string) {
    super(`${problem}: ${detail}`);
    this.problem = problem;
  }
}

async function assume(
  client: STSClient,
  { session, assertion, seconds }: Assumption,
  deadlineMs: number,
): Promise<CloudAttempt<Assumed>> {
  const { AssumeRoleWithWebIdentityCommand } = await import('@aws-sdk/client-sts');
  const { Credentials, AssumedRoleUser, Audience, SubjectFromWebIdentityToken, PackedPolicySize } = await client.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: session.role,
      RoleSessionName: session.name,
      WebIdentityToken: assertion,
      DurationSeconds: seconds,
      ...(session.policy === undefined ? {} : { Policy: session.policy }),
      ...(session.policyArns.length > 0 ? { PolicyArns: session.policyArns.map((arn) => ({ arn })) } : {}),
    }),
    { requestTimeout: deadlineMs },
  );
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = Credentials ?? {};
  const { Arn: principal, AssumedRoleId: assumedRoleId } = AssumedRoleUser ?? {};
  const expiresAt = Math.floor((Credentials?.Expiration?.getTime() ?? Number.NaN) / 1_000);
  if (!isPrintable(accessKeyId) || !isPrintable(secretAccessKey) || !isPrintable(sessionToken)) return INCOMPLETE;
  if (!isPrintable(principal) || !isPrintable(assumedRoleId) || !Number.isFinite(expiresAt)) return INCOMPLETE;
  const said = { principal, id: accessKeyId, audience: Audience ?? '', subject: SubjectFromWebIdentityToken ?? '' };
  const credential = {
    cloud: 'aws',
    session: said,
    accessKeyId,
    secretAccessKey,
    sessionToken,
    assumedRoleId,
    role: session.role,
    ...(PackedPolicySize === undefined ? {} : { packedPolicySize: PackedPolicySize }),
  } as const;
  return { ok: true, value: { credential, expiresAt } };
}

/** What SDKs can read and environments can hold. */
const isPrintable = (text: string | undefined): text is string => text !== undefined && /^[\x21-\x7e]+$/.test(text);

const INCOMPLETE = { ok: false, problem: 'incomplete', again: 'failed' } as const;

/** Codes by which STS says that it is busy. */
const BUSY = ['Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequestsException', 'SlowDown'];
/** Codes by which it says that it could not fetch our keys, or could not work at all. */
const AGAIN = ['IDPCommunicationError', 'InternalFailure', 'InternalError', 'ServiceUnavailable'];

/** The code alone goes on: a message may quote what was sent. */
function attemptOf(error: unknown): CloudAttempt<never> {
  if (error instanceof Unanswered) return { ok: false, problem: error.problem, again: 'failed' };
  const { code, status, retryAfterSeconds } = saidBy(error);
  if (status === 429 || status === 503 || BUSY.includes(code))
    return { ok: false, problem: code || `status_${status}`, again: 'busy', retryAfterSeconds };
  if (code === '') return { ok: false, problem: 'unreadable', again: 'failed' };
  const failed = status === undefined || status >= 500 || AGAIN.includes(code);
  return { ok: false, problem: code, again: failed ? 'failed' : 'never' };
}

interface Said {
  /** As it was sent: AWS's client renames what it knows. Empty where it could not be read. */
  readonly code: string;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
}

function saidBy(error: unknown): Said {
  const code = member(error, 'Code');
  const response = member(error, '$response');
  const status = member(response, 'statusCode') ?? member(member(error, '$metadata'), 'httpStatusCode');
  const wait = Number(member(member(response, 'headers'), RETRY_AFTER));
  return {
    code: typeof code === 'string' && /^[A-Za-z]{1,64}$/.test(code) ? code : '',
    status: typeof status === 'number' && status >= 400 ? status : undefined,
    retryAfterSeconds: Number.isFinite(wait) ? wait : undefined,
  };
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
