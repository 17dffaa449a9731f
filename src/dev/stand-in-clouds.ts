// Clouds as `exchequer dev` needs them: shown and not called. They answer what issuers ask of them with credentials that open nothing, and say
// so in every one; what they would have been asked, by whose name and with which pins, is told to the person at the terminal. Every
// other request goes on.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Outbound, OutboundRequest } from '../core/outside.ts';
import { ACCESS_TOKEN_TYPE } from '../core/request.ts';
import { readJson } from '../parsing/json.ts';
import { parseJws } from '../parsing/jws.ts';

export interface StandInCloudsParts {
  readonly nowSeconds: () => number;
  /** One line for a person. */
  readonly show: (line: string) => void;
  /** Takes every other request. */
  readonly otherwise: Outbound;
}

/** Stands in every credential that is none. */
export const NOT_REAL = 'exchequer-dev-not-real';
const ACCESS_KEY = 'ASIADEVNOTREALDEVNOT';

export function createStandInClouds({ nowSeconds, show, otherwise }: StandInCloudsParts): Outbound {
  const answerTo = (request: OutboundRequest): string | undefined => {
    const { body } = request;
    const asked = body && questionOf(request.url, body.text);
    if (!asked) return undefined;
    show(`${asked.shown} Nobody is asked: what is given opens nothing.`);
    return asked.answer(nowSeconds());
  };
  return Object.freeze({
    request(request: OutboundRequest) {
      const text = answerTo(request);
      return text === undefined
        ? otherwise.request(request)
        : Promise.resolve({ ok: true as const, body: Buffer.from(text) });
    },
  });
}

interface Question {
  readonly shown: string;
  readonly answer: (nowSeconds: number) => string;
}

/** What is asked of which cloud, by the form of its question. */
function questionOf(url: string, text: string): Question | undefined {
  const form = new URLSearchParams(text);
  const one = (name: string) => form.get(name) ?? '';
  if (one('Action') === 'AssumeRoleWithWebIdentity') return ofAws(one);
  if (url.endsWith('/v1/token') && form.has('subject_token'))
    return {
      shown: `Google would be asked for ${one('scope')} at ${one('audience')}, ${pinsOf(one('subject_token'))}.`,
      answer: () =>
        JSON.stringify({
          access_token: NOT_REAL,
          issued_token_type: ACCESS_TOKEN_TYPE,
          token_type: 'Bearer',
          expires_in: 3_599,
        }),
    };
  if (url.endsWith(':generateAccessToken')) return ofServiceAccount(url, text);
  if (url.endsWith('/oauth2/v2.0/token') && form.has('client_assertion'))
    return {
      shown: `Entra would be asked for ${one('scope')} as ${one('client_id')}, ${pinsOf(one('client_assertion'))}.`,
      answer: () => JSON.stringify({ token_type: 'Bearer', expires_in: 3_599, access_token: NOT_REAL }),
    };
  return undefined;
}

function ofAws(one: (name: string) => string): Question {
  const [arn, session, seconds] = [one('RoleArn'), one('RoleSessionName'), Number(one('DurationSeconds'))];
  const [, partition = '', , , account = '', path = ''] = arn.split(':');
  const role = path.slice(path.lastIndexOf('/') + 1);
  const claims = claimsOf(one('WebIdentityToken'));
  const narrowing = ['Policy', 'PolicyArns.member.1.arn'].some((name) => one(name) !== '');
  const policy = narrowing ? ', narrowed by session policies' : '';
  return {
    shown: `AWS would be asked for ${arn} for ${seconds} s as ${session}${policy}, ${pinsOf(one('WebIdentityToken'))}.`,
    answer: (nowSeconds) => {
      const end = new Date(Math.floor(nowSeconds + seconds) * 1_000).toISOString();
      const credentials = `<AccessKeyId>${ACCESS_KEY}</AccessKeyId><SecretAccessKey>${NOT_REAL}</SecretAccessKey><SessionToken>${NOT_REAL}</SessionToken><Expiration>${end}</Expiration>`;
      const user = `<Arn>arn:${partition}:sts::${account}:assumed-role/${role}/${session}</Arn><AssumedRoleId>AROADEVNOTREALDEVNOT:${session}</AssumedRoleId>`;
      const result = `<SubjectFromWebIdentityToken>${marked(claims.sub)}</SubjectFromWebIdentityToken><Audience>${marked(claims.aud)}</Audience><AssumedRoleUser>${user}</AssumedRoleUser><Credentials>${credentials}</Credentials>`;
      return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>${result}</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    },
  };
}

function ofServiceAccount(url: string, text: string): Question {
  const account = decodeURIComponent(/serviceAccounts\/([^/:]+):/.exec(url)?.[1] ?? '');
  const read = readJson(text);
  const { lifetime: said, scope } = read.ok && isJsonObject(read.value) ? read.value : {};
  const lifetime = String(said);
  return {
    shown: `Google would be asked for a token of ${account} for ${lifetime}, with ${[scope].flat().join(' ')}.`,
    answer: (nowSeconds) => {
      const end = new Date(Math.floor(nowSeconds + Number.parseInt(lifetime, 10)) * 1_000).toISOString();
      return JSON.stringify({ accessToken: NOT_REAL, expireTime: end });
    },
  };
}

/** What a cloud pins, and what AWS alone reads. */
function pinsOf(assertion: string): string {
  const { sub, aud, target, ...claims } = claimsOf(assertion);
  const tags = claims['https://aws.amazon.com/tags'];
  const shown: readonly (readonly [string, unknown])[] = [
    ['sub', sub],
    ['aud', aud],
    ['target', target],
    ['source identity', claims['https://aws.amazon.com/source_identity']],
    ['tags', isJsonObject(tags) ? JSON.stringify(tags.principal_tags) : undefined],
  ];
  return `by ${shown.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`])).join(', ')}`;
}

/** Our own signer made it a moment ago. */
function claimsOf(assertion: string): JsonObject {
  const parsed = parseJws(assertion);
  return parsed.ok ? parsed.jws.claims : {};
}

const marked = (value: unknown): string => String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
