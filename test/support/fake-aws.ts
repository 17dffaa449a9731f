// AWS STS as far as a broker and unmodified SDKs speak to it, over TLS: AssumeRoleWithWebIdentity for roles that trust our issuer by what it
// publishes, and GetCallerIdentity for whoever has credentials of it. It refuses as AWS does, and misbehaves where a test says so.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Assumption, judgeAssumption, Refused, type RoleTrust } from './fake-aws-trust.ts';
import type { TrustedIssuer } from './relying-cloud.ts';
import { signerOf } from './sigv4.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

/** What it gave, and for what. */
export interface AwsSession extends Assumption {
  readonly arn: string;
  readonly roleId: string;
  readonly account: string;
  readonly name: string;
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
  readonly seconds: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Seconds since the epoch. */
  readonly endsAt: number;
}

/** How it answers instead. A code makes an answer of AWS's own form; `rewrite` changes what would have been a good one. */
export type Misbehaviour =
  | { readonly status: number; readonly code: string; readonly retryAfter?: string }
  | { readonly status: number; readonly text: string; readonly retryAfter?: string }
  | { readonly rewrite: (xml: string) => string }
  /** Nothing at all; half of it, and the connection is gone; half of it, and that is all. */
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'refuse in 200'
  | 'empty'
  | 'json';

/** Good answers made wrong. */
export const WITHOUT_SESSION_TOKEN = { rewrite: (xml: string) => xml.replace(/<SessionToken>.*<\/SessionToken>/, '') };
export const ANOTHER_ROLE = { rewrite: (xml: string) => xml.replaceAll('assumed-role/', 'assumed-role/admin-') };
/** Ends this much later than was asked. */
export const longerBy = (seconds: number) => ({
  rewrite: (xml: string) => xml.replace(/(?<=<Expiration>)[^<]*/, (end) => rfc3339(Date.parse(end) / 1_000 + seconds)),
});
export const THROTTLED = { status: 400, code: 'Throttling' };
export const REGION_DISABLED = { status: 403, code: 'RegionDisabledException' };

export interface FakeAws extends TlsServer {
  /** The forms of AssumeRoleWithWebIdentity that it was asked with, in order; those that it refused too. */
  readonly asked: URLSearchParams[];
  readonly sessions: AwsSession[];
  /** By ARN; a role that is not here trusts the target whose audience and subject it is shown. */
  readonly roles: Map<string, RoleTrust>;
  /** Every answer from now on, or what a function says of one. */
  misbehave: Misbehaviour | ((form: URLSearchParams) => Misbehaviour | undefined) | undefined;
  /** The next answers, one each; before `misbehave`. */
  readonly next: Misbehaviour[];
  /** Waited for before each answer. */
  held: Promise<unknown> | undefined;
}

export interface FakeAwsOptions {
  /** The identity providers that every account of it has. */
  readonly issuers: () => readonly TrustedIssuer[];
  /** Its clock, in seconds since the epoch. */
  readonly now?: () => number;
}

export async function openFakeAws({ issuers, now = () => Date.now() / 1_000 }: FakeAwsOptions): Promise<FakeAws> {
  const server = await openTlsServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const form = new URLSearchParams(request.method === 'POST' ? body : request.url?.split('?')[1]);
    const assuming = form.get('Action') === 'AssumeRoleWithWebIdentity';
    if (assuming) aws.asked.push(form);
    await aws.held;
    const standing = typeof aws.misbehave === 'function' ? aws.misbehave(form) : aws.misbehave;
    const misbehaviour = assuming ? (aws.next.shift() ?? standing) : standing;
    if (misbehaviour === 'hang') return;
    const made = await answerTo(request, form, body).catch(refusalOf);
    respond(response, misbehaviour === undefined ? made : misbehaved(made, misbehaviour), misbehaviour);
  }

  async function answerTo(request: IncomingMessage, form: URLSearchParams, body: string): Promise<Made> {
    switch (form.get('Action')) {
      case 'AssumeRoleWithWebIdentity':
        return { status: 200, xml: assumedXml(await assume(form)) };
      case 'GetCallerIdentity':
        return { status: 200, xml: identityXml(callerOf(request, body)) };
      default:
        throw new Refused('InvalidAction');
    }
  }

  async function assume(form: URLSearchParams): Promise<AwsSession> {
    const role = form.get('RoleArn') ?? '';
    const judged = await judgeAssumption(form, { issuers: issuers(), role: aws.roles.get(role) ?? {}, now: now() });
    const session = sessionOf(form, judged, now());
    aws.sessions.push(session);
    return session;
  }

  function callerOf({ method = '', url = '', headers }: IncomingMessage, body: string): AwsSession {
    const byId = (id: string) => aws.sessions.find(({ accessKeyId }) => accessKeyId === id);
    const keys = (id: string) => {
      const found = byId(id);
      return found && { ...found, secret: found.secretAccessKey };
    };
    const signer = signerOf({ method, url, headers, body }, { keys, now: now() });
    const session = 'code' in signer ? undefined : byId(signer.accessKeyId);
    if (session) return session;
    throw new Refused('code' in signer ? signer.code : 'InvalidClientTokenId', 403);
  }

  const aws: FakeAws = {
    ...server,
    asked: [],
    sessions: [],
    roles: new Map(),
    misbehave: undefined,
    next: [],
    held: undefined,
  };
  return aws;
}

interface Made {
  readonly status: number;
  readonly xml: string;
  readonly retryAfter?: string | undefined;
}

const refusalOf = (error: unknown): Made => {
  if (error instanceof Refused) return { status: error.status, xml: refusedXml(error.code) };
  throw error;
};

function misbehaved(made: Made, misbehaviour: Misbehaviour): Made {
  if (misbehaviour === 'refuse in 200') return { status: 200, xml: refusedXml('InternalFailure') };
  if (misbehaviour === 'empty') return { status: 200, xml: '' };
  if (misbehaviour === 'json') return { status: 200, xml: JSON.stringify({ AssumeRoleWithWebIdentityResponse: {} }) };
  if (misbehaviour === 'truncate') return { ...made, xml: made.xml.slice(0, made.xml.length / 2) };
  if (typeof misbehaviour === 'string') return made;
  if ('rewrite' in misbehaviour) return made.status === 200 ? { ...made, xml: misbehaviour.rewrite(made.xml) } : made;
  const { status, retryAfter } = misbehaviour;
  return { status, retryAfter, xml: 'code' in misbehaviour ? refusedXml(misbehaviour.code) : misbehaviour.text };
}

function respond(response: ServerResponse, { status, xml, retryAfter }: Made, how: Misbehaviour | undefined): void {
  const type = how === 'json' ? 'application/json' : 'text/xml';
  const requestId = randomBytes(16).toString('hex');
  const wait = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  const whole = { 'content-length': Buffer.byteLength(xml) };
  response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': requestId, ...wait, ...whole });
  if (how === 'reset') response.write(xml.slice(0, xml.length / 2), () => response.destroy());
  else response.end(xml);
}

function sessionOf(form: URLSearchParams, judged: Assumption, now: number): AwsSession {
  const [, partition, , , account = '', path = ''] = (form.get('RoleArn') ?? '').split(':');
  const name = form.get('RoleSessionName') ?? '';
  const seconds = Number(form.get('DurationSeconds') ?? 3_600);
  return {
    ...judged,
    arn: `arn:${partition}:sts::${account}:assumed-role/${path.slice(path.lastIndexOf('/') + 1)}/${name}`,
    roleId: `AROA${idOf(path)}:${name}`,
    account,
    name,
    policy: form.get('Policy') ?? undefined,
    policyArns: [...form].filter(([key]) => key.startsWith('PolicyArns.')).map(([, arn]) => arn),
    seconds,
    accessKeyId: `ASIA${idOf(randomBytes(10).toString('hex'))}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(300).toString('base64'),
    endsAt: Math.floor(now) + seconds,
  };
}

/** Sixteen capital letters. */
const idOf = (text: string): string =>
  [...Buffer.from(text.padEnd(16, '0')).subarray(-16)].map((byte) => String.fromCharCode(65 + (byte % 26))).join('');

const rfc3339 = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');

const NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';

const assumedXml = (session: AwsSession): string =>
  `<AssumeRoleWithWebIdentityResponse ${NAMESPACE}><AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>${escaped(session.subject)}</SubjectFromWebIdentityToken><Audience>${escaped(session.audience)}</Audience><AssumedRoleUser><Arn>${session.arn}</Arn><AssumedRoleId>${session.roleId}</AssumedRoleId></AssumedRoleUser>${session.sourceIdentity === undefined ? '' : `<SourceIdentity>${session.sourceIdentity}</SourceIdentity>`}<Credentials><AccessKeyId>${session.accessKeyId}</AccessKeyId><SecretAccessKey>${session.secretAccessKey}</SecretAccessKey><SessionToken>${session.sessionToken}</SessionToken><Expiration>${rfc3339(session.endsAt)}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>${METADATA}</AssumeRoleWithWebIdentityResponse>`;

const METADATA = '<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>';

const identityXml = ({ arn, roleId, account }: AwsSession): string =>
  `<GetCallerIdentityResponse ${NAMESPACE}><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>${roleId}</UserId><Account>${account}</Account></GetCallerIdentityResult>${METADATA}</GetCallerIdentityResponse>`;

const refusedXml = (code: string): string =>
  `<ErrorResponse ${NAMESPACE}><Error><Type>Sender</Type><Code>${code}</Code><Message>Refused by the fake.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
