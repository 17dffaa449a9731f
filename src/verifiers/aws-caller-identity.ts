// AWS roles by a presigned GetCallerIdentity request: read by its bytes, sent to an STS host that configuration lists and nowhere else,
// and believed where STS answers for an assumed role. Everything local comes before anything that goes outward. The request
// is spent by its signature. Users, the root of an account, federated users and the roles of people prove nothing.

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { AWS_IDENTITY_RETRY_SECONDS, AWS_REGIONS_MAX, AWS_REQUEST_SECONDS_MAX } from '../core/limits-outside.ts';
import { asProved, type Principal, type Proof, type Role } from '../core/principal.ts';
import { type CredentialRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import { type PresignedRequest, readPresignedRequest } from '../parsing/presigned-request.ts';
import { STS_REGION, type StsEndpoint, stsEndpoint } from '../parsing/sts-endpoint.ts';
import { AWS_STS_ISSUER, isRoleOfPeople, AWS_CALLER_IDENTITY as TABLE } from '../platforms/aws-caller-identity.ts';
import { accountedClaims } from './accounted.ts';
import { type CallerIdentity, createCallerIdentity } from './caller-identity.ts';
import { type ClaimRefusal, tableProblem } from './claims.ts';
import type { SourceKind, SourceSettings, SourceVerifier } from './kind.ts';
import { principalName } from './name.ts';
import { claimsInName } from './name-read.ts';

const options = z.object({
  regions: z
    .array(z.string().regex(STS_REGION, { error: 'must be a region of AWS, such as eu-west-1, or aws-global' }))
    .min(1, { error: 'must name at least one region' })
    .max(AWS_REGIONS_MAX)
    .describe(
      'Whose STS endpoints are asked; requests for any other host are refused. `aws-global`: sts.amazonaws.com.',
    ),
  audience: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, { error: 'must be printable ASCII without spaces: it is the value of a header' })
    .optional()
    .describe('What callers sign as `x-exchequer-audience`; our issuer unless written.'),
});

/** By host. */
type Hosts = ReadonlyMap<string, StsEndpoint>;

const hostsOf = (regions: readonly string[]): Hosts =>
  new Map(regions.map(stsEndpoint).map((endpoint) => [endpoint.host, endpoint]));

export const awsCallerIdentity: SourceKind<typeof options> = Object.freeze({
  kind: TABLE.kind,
  table: TABLE,
  options,
  alone: true,
  issuer: () => AWS_STS_ISSUER,
  subjects: () => 'workloads',
  pins: () => [],
  keyOrigin: () => ({ from: 'none' }),
  create: (settings, { regions }, { outbound, clock }) =>
    createVerifier({
      settings,
      hosts: hostsOf(regions),
      ask: createCallerIdentity({ audience: settings.audience, outbound, clock }),
    }),
} satisfies SourceKind<typeof options>);

interface VerifierParts {
  readonly settings: SourceSettings;
  readonly hosts: Hosts;
  readonly ask: CallerIdentity;
}

type ClaimResult<T> = Result<T, never> | { readonly ok: false; readonly refusal: ClaimRefusal };

function createVerifier({ settings, hosts, ask }: VerifierParts): SourceVerifier {
  const { name: source, audience } = settings;
  const accounted = accountedClaims(TABLE);
  const tell = settings.tell ?? 'caller';
  const no = (refusal: ClaimRefusal, role: Role) => refuse({ ...refusal, role, source } as CredentialRefusal);

  return Object.freeze({
    source,
    kind: TABLE.kind,
    tell,
    responsibility: { issuer: AWS_STS_ISSUER, audience },
    told: (name) => claimsInName(TABLE, name),
    // STS issues no JWT that proves a caller: what says that it is one is none.
    verify: async (_jws, _tokenType, role) => no({ reason: 'token_type_refused' }, role),

    async verifyRequest(text, role, nowSeconds) {
      const read = readRequest(text, hosts);
      if (!read.ok) return no(read.refusal, role);
      const problem = timeProblem(read.value, settings.maxAgeSeconds, nowSeconds);
      if (problem) return no(problem, role);
      const answer = await ask(read.value);
      if (answer.answered === 'unavailable')
        return refuse({
          reason: 'review_unavailable',
          source,
          problem: answer.problem,
          retryAfterSeconds: AWS_IDENTITY_RETRY_SECONDS,
        });
      if (answer.answered === 'refused') return no({ reason: 'review_refused', problem: 'not_authenticated' }, role);
      if (answer.answered === 'other') return no({ reason: 'claim_invalid', claim: 'arn' }, role);
      if (answer.claims.partition !== hosts.get(read.value.host)?.partition)
        return no({ reason: 'claim_invalid', claim: 'partition' }, role);
      const principal = principalOf(settings, answer.claims);
      if (!principal.ok) return no(principal.refusal, role);
      const replay = settings.replay ?? TABLE.replay;
      return ok(asProved(principal.value, proofOf(read.value, { replay, tell, audience, accounted })));
    },

    assume(claims) {
      const principal = principalOf(settings, claims);
      return principal.ok ? principal : no(principal.refusal, 'subject');
    },
  } satisfies SourceVerifier);
}

/** A request for a host that configuration lists, signed for that host's region. */
function readRequest(text: string, hosts: Hosts): ClaimResult<PresignedRequest> {
  const read = readPresignedRequest(text);
  if (!read.ok) return { ok: false, refusal: { reason: 'credential_malformed', problem: read.problem } };
  const host = hosts.get(read.request.host);
  if (!host) return { ok: false, refusal: { reason: 'credential_malformed', problem: 'request_host' } };
  if (host.region !== read.request.region)
    return { ok: false, refusal: { reason: 'credential_malformed', problem: 'request_credential' } };
  return ok(read.request);
}

/** Fresh by our own clock: STS looks at its own, later. */
function timeProblem(
  { signedAtSeconds, expiresSeconds }: PresignedRequest,
  maxAgeSeconds: number | undefined,
  nowSeconds: number,
): ClaimRefusal | undefined {
  if (expiresSeconds > AWS_REQUEST_SECONDS_MAX)
    return { reason: 'lifetime_too_long', secondsMax: AWS_REQUEST_SECONDS_MAX };
  if (signedAtSeconds > nowSeconds + LEEWAY_SECONDS) return { reason: 'not_yet_valid' };
  if (signedAtSeconds + expiresSeconds <= nowSeconds - LEEWAY_SECONDS) return { reason: 'expired' };
  return maxAgeSeconds !== undefined && nowSeconds - signedAtSeconds > maxAgeSeconds + LEEWAY_SECONDS
    ? { reason: 'too_old', secondsMax: maxAgeSeconds }
    : undefined;
}

function principalOf(settings: SourceSettings, claims: JsonObject): ClaimResult<Principal> {
  const unmet = settings.unmetRequirement(claims);
  const problem =
    tableProblem(claims, TABLE, settings.require) ??
    (isRoleOfPeople(String(claims.role)) ? { reason: 'claim_forbidden' as const, claim: 'role' } : undefined) ??
    (unmet === undefined ? undefined : { reason: 'requirement_unmet' as const, claim: unmet });
  if (problem) return { ok: false, refusal: problem };
  const named = principalName(settings.name, TABLE, claims);
  if ('missing' in named) return { ok: false, refusal: { reason: 'claim_missing', claim: named.missing } };
  const { name } = named;
  return ok({
    source: settings.name,
    kind: TABLE.kind,
    issuer: AWS_STS_ISSUER,
    subject: String(claims.sub),
    name,
    claims,
  });
}

function proofOf(
  { signature, signedAtSeconds, expiresSeconds }: PresignedRequest,
  more: Pick<Proof, 'replay' | 'tell' | 'audience' | 'accounted'>,
): Proof {
  // The order of parameters may change, and the signature stays: it is what tells one request from another.
  const sha256 = hash('sha256', signature);
  return {
    ...more,
    sha256,
    jti: `sha256:${sha256}`,
    expiresAt: signedAtSeconds + expiresSeconds,
    presenter: 'self',
    boundTo: undefined,
    issuedAt: signedAtSeconds,
  };
}
