// Whether AWS lets a web identity assume a role: its JWT by nothing but what its issuer publishes, then the role's trust policy, then what
// the session is asked to be. The codes are those of AWS (CA-01 to CA-08).

import { deflateRawSync } from 'node:zlib';
import { compactVerify, decodeJwt, errors } from 'jose';
import { IssuerUnreachable, publishedKeys, type TrustedIssuer } from './relying-cloud.ts';

/** What a role says of web identities. */
export interface RoleTrust {
  /** `aud` and `sub` that it asks for; unless given, those of the target that it belongs to, whatever its name. */
  readonly audience?: string;
  readonly subject?: string;
  /** `sts:TagSession`, and `sts:SetSourceIdentity`; nobody has them by himself. */
  readonly tags?: boolean;
  readonly sourceIdentity?: boolean;
  /** MaxSessionDuration: an hour unless given. */
  readonly secondsMax?: number;
}

export interface Assumption {
  readonly audience: string;
  readonly subject: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitive: readonly string[];
  readonly sourceIdentity: string | undefined;
}

export interface Judging {
  /** The identity providers of the account. */
  readonly issuers: readonly TrustedIssuer[];
  readonly role: RoleTrust | undefined;
  readonly now: number;
}

/** A refusal of AWS's. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;
  readonly status: number;
  constructor(code: string, status = 400) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

/** CA-02. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const AUDIENCE = /^(?<issuer>https:\/\/.+)\/targets\/(?<target>[a-z0-9-]+)$/;
/** Its age, and how far its clock may be ahead. */
const ASSERTION_SECONDS_MAX = 86_400;
const SKEW_SECONDS = 300;

/** What the session becomes. Throws `Refused`. */
export async function judgeAssumption(form: URLSearchParams, judging: Judging): Promise<Assumption> {
  judgeParameters(form, judging.role?.secondsMax ?? 3_600);
  const claims = await proved(form.get('WebIdentityToken') ?? '', judging);
  const audience = text(claims.azp ?? claims.aud, 'aud');
  const subject = text(claims.sub, 'sub');
  // CA-04.
  if (subject.length < 4 || subject.length > 255) throw new Refused('InvalidIdentityToken');
  const { role } = judging;
  const target = AUDIENCE.exec(audience)?.groups;
  const own = target?.issuer === claims.iss ? `target:${target?.target}` : undefined;
  const audienceFits = role?.audience === undefined ? own !== undefined : audience === role.audience;
  const subjectFits =
    role?.subject === undefined
      ? own !== undefined && (subject === own || subject.startsWith(`${own}:`))
      : subject === role.subject;
  if (!role || !audienceFits || !subjectFits) throw new Refused('AccessDenied', 403);
  const tagged = tagsOf(claims['https://aws.amazon.com/tags']);
  const sourceIdentity = sourceIdentityOf(claims['https://aws.amazon.com/source_identity']);
  if (Object.keys(tagged.tags).length > 0 && !role.tags) throw new Refused('AccessDenied', 403);
  if (sourceIdentity !== undefined && !role.sourceIdentity) throw new Refused('AccessDenied', 403);
  judgePolicies(form, tagged.tags);
  return { audience, subject, ...tagged, sourceIdentity };
}

function judgeParameters(form: URLSearchParams, secondsMax: number): void {
  const seconds = Number(form.get('DurationSeconds') ?? 3_600);
  const fits =
    /^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role\/[\w+=,.@/-]+$/.test(form.get('RoleArn') ?? '') &&
    /^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '') &&
    /^[\w.-]{4,20000}$/.test(form.get('WebIdentityToken') ?? '') &&
    Number.isInteger(seconds) &&
    seconds >= 900 &&
    seconds <= Math.min(43_200, secondsMax) &&
    /^[\u0009\u000a\u000d\u0020-\u00ff]{0,2048}$/.test(form.get('Policy') ?? '') &&
    form.get('ProviderId') === null;
  if (!fits) throw new Refused('ValidationError');
}

async function proved(token: string, { issuers, now }: Judging): Promise<Readonly<Record<string, unknown>>> {
  const claims = unproved(token);
  const trusted = issuers.find(({ issuer }) => issuer === claims.iss);
  // "No OpenIDConnect provider found in your account"
  if (!trusted) throw new Refused('InvalidIdentityToken');
  try {
    const keys = await publishedKeys(trusted);
    const { protectedHeader } = await compactVerify(token, keys, { algorithms: ALGORITHMS });
    if (protectedHeader.kid === undefined) throw new Refused('InvalidIdentityToken');
  } catch (error) {
    throw new Refused(error instanceof IssuerUnreachable ? 'IDPCommunicationError' : 'InvalidIdentityToken');
  }
  const { iat, exp, nbf } = claims;
  if (!isInteger(iat) || !isInteger(exp)) throw new Refused('InvalidIdentityToken');
  if (exp <= now || iat < now - ASSERTION_SECONDS_MAX) throw new Refused('ExpiredTokenException');
  if (iat > now + SKEW_SECONDS || (isInteger(nbf) && nbf > now + SKEW_SECONDS))
    throw new Refused('InvalidIdentityToken');
  return claims;
}

function unproved(token: string): Readonly<Record<string, unknown>> {
  try {
    return decodeJwt(token);
  } catch (error) {
    if (error instanceof errors.JWTInvalid) throw new Refused('InvalidIdentityToken');
    throw error;
  }
}

const isInteger = (value: unknown): value is number => Number.isInteger(value);

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string' && name === 'aud') return value[0];
  throw new Refused('InvalidIdentityToken');
}

const TAG = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** CA-06. */
function tagsOf(claim: unknown): Pick<Assumption, 'tags' | 'transitive'> {
  if (claim === undefined) return { tags: {}, transitive: [] };
  const { principal_tags: written, transitive_tag_keys: transitive = [] } = members(claim);
  const tags = Object.entries(members(written)).map(([key, value]): readonly [string, string] => {
    if (!Array.isArray(value) || value.length !== 1 || typeof value[0] !== 'string')
      throw new Refused('InvalidIdentityToken');
    const [one] = value;
    const fits = key.length >= 1 && key.length <= 128 && one.length <= 256 && TAG.test(key) && TAG.test(one);
    if (!fits || /^aws:/i.test(key)) throw new Refused('ValidationError');
    return [key, one];
  });
  const keys = new Set(tags.map(([key]) => key.toLowerCase()));
  if (tags.length > 50 || keys.size < tags.length || !Array.isArray(transitive)) throw new Refused('ValidationError');
  if (transitive.some((key) => !keys.has(String(key).toLowerCase()))) throw new Refused('ValidationError');
  return { tags: Object.fromEntries(tags), transitive: transitive.map(String) };
}

/** CA-07. */
function sourceIdentityOf(claim: unknown): string | undefined {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'string' || !/^[\w+=,.@-]{2,64}$/.test(claim) || /^aws:/i.test(claim))
    throw new Refused('ValidationError');
  return claim;
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('InvalidIdentityToken');
  return { ...value };
}

/** The packed form of policies and tags has a size of its own, which AWS does not explain. */
const PACKED_BYTES_MAX = 2_048;

function judgePolicies(form: URLSearchParams, tags: Assumption['tags']): void {
  const policy = form.get('Policy');
  if (policy !== null) judgeDocument(policy);
  const arns = [...form].filter(([name]) => name.startsWith('PolicyArns.'));
  if (arns.some(([name, arn]) => !/^PolicyArns\.member\.\d+\.arn$/.test(name) || !/^arn:aws.*:policy\//.test(arn)))
    throw new Refused('ValidationError');
  if (arns.length > 10) throw new Refused('ValidationError');
  const packed = deflateRawSync(JSON.stringify([policy, arns, tags]));
  if (packed.length > PACKED_BYTES_MAX) throw new Refused('PackedPolicyTooLarge');
}

function judgeDocument(policy: string): void {
  try {
    const { Version, Statement } = members(JSON.parse(policy));
    const statements = [Statement].flat().map(members);
    const fits = statements.every(
      ({ Effect, Action, NotAction, Resource, NotResource }) =>
        (Effect === 'Allow' || Effect === 'Deny') && (Action ?? NotAction) && (Resource ?? NotResource),
    );
    if (fits && (Version === undefined || Version === '2012-10-17' || Version === '2008-10-17')) return;
  } catch {
    // Refused below.
  }
  throw new Refused('MalformedPolicyDocument');
}
