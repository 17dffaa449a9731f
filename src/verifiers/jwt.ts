// One JWT against one source: header, claims, then keys and signature; everything local comes before anything that may go
// outward. Kinds differ in their table and in a check or a name of their own; the order is the same for all (JB-01 to JB-10).

import { hash } from 'node:crypto';
import type { Foreseen } from '../core/cause.ts';
import type { JsonObject } from '../core/json.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { TOKEN_REVIEW_RETRY_SECONDS } from '../core/limits-outside.ts';
import type { KeySource, SignatureAlgorithm } from '../core/outside.ts';
import { asProved, type Principal, type Proof, type Role } from '../core/principal.ts';
import { type CredentialRefusal, ok, type Result, refuse, type UnavailableRefusal } from '../core/refusal.ts';
import type { UnprovedJws } from '../parsing/jws.ts';
import { handleOf } from '../parsing/token-handle.ts';
import { accountedClaims } from './accounted.ts';
import { type CarriedTerms, carriedBy, carriedProblem } from './carried-claims.ts';
import {
  audienceProblem,
  boundTo,
  type ClaimRefusal,
  jtiProblem,
  subjectProblem,
  tableProblem,
  timeProblem,
  unsupportedClaim,
} from './claims.ts';
import { signedByOne } from './jose.ts';
import { type HeaderTerms, headerProblem, likelyType } from './jwt-header.ts';
import type { Responsibility, SourceSettings, SourceVerifier } from './kind.ts';
import { lackingFile } from './lacking-file.ts';
import { principalName } from './name.ts';
import { claimsInName } from './name-read.ts';
import type { TokenReview } from './token-review.ts';

export interface JwtSource extends HeaderTerms {
  readonly settings: SourceSettings;
  readonly responsibility: Responsibility;
  /** Undefined only where there is a `review`. */
  readonly keys: KeySource | undefined;
  readonly issuer: string;
  /** Further issuers that it proves (KB-10). */
  readonly otherIssuers?: readonly string[];
  readonly tell: 'caller' | 'operator';
  readonly presenter: 'self' | 'client';
  /** The `aud` values that are ours in a role, where that is not the source's own audience alone. */
  readonly audiences?: (role: Role) => readonly string[];
  /** A token without `jti` is told from others by its signing input; so are those of a table that says so. */
  readonly jtiOptional?: true;
  /** The claims as everything after reads them, where a platform writes one thing in two ways. */
  readonly readClaims?: (claims: JsonObject) => JsonObject;
  /** Its tokens are about people, or may be: `auth_time` and `acr` are theirs. */
  readonly people?: boolean;
  /** They are our own: `aud` is whatever they were issued for, and they carry `lineage` and `origin`. */
  readonly own?: true;
  /** A check of the kind's own, after the common ones. */
  readonly ownProblem?: (claims: JsonObject) => ClaimRefusal | undefined;
  /** The name, where the kind does not take it from its table. */
  readonly ownName?: (claims: JsonObject) => string;
  /** Asked last of all about a token that nothing else refuses. Where there are no `keys`, it alone proves. */
  readonly review?: TokenReview;
  /** A second bound on the expiry, such as Kubernetes' `warnafter`. */
  readonly earlierExpiry?: (claims: JsonObject) => number | undefined;
}

/** A verifier of this source's JWTs. */
export function createJwtVerifier(source: JwtSource): SourceVerifier {
  const { settings } = source;
  const replay = settings.replay ?? source.table.replay;
  const jtiOptional = source.jtiOptional ?? source.table.jtiOptional ?? false;
  const accounted = accountedClaims(source.table);
  const read = source.readClaims ?? ((claims: JsonObject) => claims);
  const judgeClaims = claimsJudge(source, jtiOptional ? 'reusable' : replay);

  return Object.freeze({
    source: settings.name,
    kind: source.table.kind,
    responsibility: source.responsibility,
    tell: settings.tell ?? source.tell,

    async verify(jws, tokenType, role, nowSeconds) {
      const no = (refusal: ClaimRefusal) => refuse(withRole(refusal, role, settings.name));
      const claims = read(jws.claims);
      const problem =
        headerProblem(source, jws, tokenType) ?? judgeClaims(claims, role) ?? timeOf(source, claims, nowSeconds);
      if (problem) return no(problem);
      const principal = principalOf(source, claims);
      if (!principal.ok) return no(principal.refusal);
      if (!source.keys && !source.review) throw new Error('a source without keys and without a review');

      const unsigned = source.keys && (await signatureProblem(source.keys, jws, settings.name));
      if (unsigned?.reason === 'keys_unavailable') return refuse(unsigned);
      if (unsigned) return no(unsigned);

      const review = await source.review?.(jws.text, claims);
      if (review?.reviewed === 'unavailable') return refuse(reviewUnavailable(settings.name, review.problem));
      if (review?.reviewed === 'refused') return no({ reason: 'review_refused', problem: review.problem });
      const proved = review ? { ...principal.value, claims: review.claims } : principal.value;
      return ok(asProved(proved, proofOf(source, jws, { replay, jtiOptional, accounted })));
    },

    assume(presented) {
      const claims = read(presented);
      const problem = judgeClaims(claims, 'subject');
      if (problem) return refuse(withRole(problem, 'subject', settings.name));
      const principal = principalOf(source, claims);
      return principal.ok ? principal : refuse(withRole(principal.refusal, 'subject', settings.name));
    },

    told: (name) => claimsInName(source.table, name),
    carries(claims) {
      const terms = termsOf(source, claims);
      const problem = carriedProblem(claims, 'subject', terms);
      return problem ? refuse(withRole(problem, 'subject', settings.name)) : ok(carriedBy(claims, terms));
    },

    foresee(presented, header, nowSeconds, role = 'subject') {
      const claims = read(presented);
      return foreseen(source, role, claims, [
        header && headerProblem(source, header, likelyType(source, header)),
        judgeClaims(claims, role),
        header || claims.exp !== undefined ? timeOf(source, claims, nowSeconds) : undefined,
      ]);
    },
  } satisfies SourceVerifier);
}

/** Every check of the claims but those of time, in the order of the rows (JB-01 to JB-10); the first that fails. */
function claimsJudge(source: JwtSource, replay: Proof['replay']) {
  const { settings, table } = source;
  return (claims: JsonObject, role: Role): ClaimRefusal | undefined =>
    subjectProblem(claims, table.kind) ??
    (source.own
      ? undefined
      : audienceProblem(
          claims,
          source.audiences?.(role) ?? [settings.audience],
          role !== 'client' && settings.otherAudiences,
        )) ??
    unsupportedClaim(claims) ??
    carriedProblem(claims, role, termsOf(source, claims)) ??
    bindingProblem(claims) ??
    jtiProblem(claims, replay) ??
    tableProblem(claims, table, settings.require) ??
    source.ownProblem?.(claims) ??
    requirementProblem(settings, claims);
}

/** What is said without a proof: each problem once, and the principal in spite of them. */
function foreseen(
  source: JwtSource,
  role: Role,
  claims: JsonObject,
  judged: readonly (ClaimRefusal | undefined)[],
): Foreseen {
  const named = isNamed(source, claims) ? principalOf(source, claims) : undefined;
  const problems = [...judged, named?.ok === false ? named.refusal : undefined].filter((one) => one !== undefined);
  const reasons = new Set(problems.map((problem) => JSON.stringify(problem)));
  const ends = [claims.exp, source.earlierExpiry?.(claims)].filter((time) => typeof time === 'number');
  return {
    principal: named?.ok ? named.value : undefined,
    refusals: problems
      .filter((problem) => reasons.delete(JSON.stringify(problem)))
      .map((problem) => withRole(problem, role, source.settings.name)),
    endsAtSeconds: ends.length === 0 ? undefined : Math.min(...ends),
    presenter: source.presenter,
  };
}

/** Where the name is made of other claims, one without `sub` is one too: of claims at hand, which are rarely the whole payload. */
const isNamed = ({ table, ownName }: JwtSource, { sub }: JsonObject): boolean =>
  typeof sub === 'string' || (sub === undefined && table.name !== 'sub' && !ownName);

type SignatureProblem = ClaimRefusal | Extract<UnavailableRefusal, { reason: 'keys_unavailable' }>;

/** Why none of the source's keys is known to have signed; undefined where one did. */
async function signatureProblem(
  keys: KeySource,
  jws: UnprovedJws,
  source: string,
): Promise<SignatureProblem | undefined> {
  const known = await keys.find({ alg: jws.alg as SignatureAlgorithm, kid: jws.kid });
  if (known.found === 'unavailable')
    return { reason: 'keys_unavailable', source, retryAfterSeconds: known.retryAfterSeconds };
  if (known.found === 'none') return { reason: 'key_unknown', ...lackingFile(known, jws) };
  return (await signedByOne(jws, known.found)) ? undefined : { reason: 'signature_invalid' };
}

const reviewUnavailable = (source: string, problem: string): UnavailableRefusal => ({
  reason: 'review_unavailable',
  source,
  problem,
  retryAfterSeconds: TOKEN_REVIEW_RETRY_SECONDS,
});

function timeOf(source: JwtSource, claims: JsonObject, nowSeconds: number): ClaimRefusal | undefined {
  const { lifetimeSecondsMax } = source.table;
  const problem = timeProblem(claims, { lifetimeSecondsMax, maxAgeSeconds: source.settings.maxAgeSeconds }, nowSeconds);
  if (problem) return problem;
  const earlier = source.earlierExpiry?.(claims);
  return earlier !== undefined && earlier <= nowSeconds - LEEWAY_SECONDS ? { reason: 'expired' } : undefined;
}

const bindingProblem = (claims: JsonObject): ClaimRefusal | undefined => {
  const bound = boundTo(claims);
  return 'reason' in bound ? bound : undefined;
};

const requirementProblem = (settings: SourceSettings, claims: JsonObject): ClaimRefusal | undefined => {
  const claim = settings.unmetRequirement(claims);
  return claim === undefined ? undefined : { reason: 'requirement_unmet', claim };
};

function principalOf(
  source: JwtSource,
  claims: JsonObject,
): Result<Principal, never> | { ok: false; refusal: ClaimRefusal } {
  const named = source.ownName
    ? { name: source.ownName(claims) }
    : principalName(source.settings.name, source.table, claims);
  if ('missing' in named) return { ok: false, refusal: { reason: 'claim_missing', claim: named.missing } };
  return ok({
    source: source.settings.name,
    kind: source.table.kind,
    issuer: source.otherIssuers?.find((other) => other === claims.iss) ?? source.issuer,
    subject: String(claims.sub ?? ''),
    name: named.name,
    claims,
  });
}

function proofOf(
  source: JwtSource,
  jws: UnprovedJws,
  { replay, jtiOptional, accounted }: Pick<Proof, 'replay' | 'accounted'> & { readonly jtiOptional: boolean },
): Proof {
  const { exp, iat, jti, aud } = jws.claims;
  const sha256 = hash('sha256', jws.signingInput);
  const bound = boundTo(jws.claims);
  const terms = termsOf(source, jws.claims);
  const id = typeof jti === 'string' ? jti : jtiOptional ? `sha256:${sha256}` : undefined;
  return {
    sha256,
    jti: id,
    expiresAt: Math.min(Number(exp), source.earlierExpiry?.(jws.claims) ?? Number.POSITIVE_INFINITY),
    replay,
    tell: source.settings.tell ?? source.tell,
    presenter: source.presenter,
    audience: source.own ? String(aud) : source.settings.audience,
    boundTo: 'reason' in bound ? undefined : bound.key,
    issuedAt: typeof iat === 'number' ? iat : undefined,
    handle: id === undefined ? undefined : handleOf(terms.issuer, id),
    carried: carriedBy(jws.claims, terms),
    accounted,
  };
}

const termsOf = (source: JwtSource, { iss }: JsonObject): CarriedTerms => ({
  issuer: source.otherIssuers?.find((other) => other === iss) ?? source.issuer,
  delegates: source.table.delegates === true,
  people: source.people === true,
  scopesAreCeiling: source.settings.scopesAreCeiling,
  own: source.own === true,
});

const withRole = (refusal: ClaimRefusal, role: Role, source: string): CredentialRefusal => ({
  ...refusal,
  role,
  source,
});
