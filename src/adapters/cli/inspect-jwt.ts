// What is wrong with a JWT-SVID: the broker's own verifier says it, and this names the section. Its claims are shown as they are, and
// nobody has proved them; the token itself and its signature are not shown.

import type { JsonObject } from '../../core/json.ts';
import type { CredentialRefusal, UnavailableRefusal } from '../../core/refusal.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { parseJws, type UnprovedJws } from '../../parsing/jws.ts';
import { parseSpiffeId } from '../../parsing/spiffe-id.ts';
import type { BundleSeen } from './inspect-bundle.ts';
import { type Check, type Fact, type Inspection, no, unjudged, yes } from './inspect-report.ts';

type JwtRefusal = CredentialRefusal | UnavailableRefusal;

export interface JwtToInspect {
  readonly text: string;
  readonly bundleOf: (trustDomain: string) => Promise<BundleSeen | { readonly missing: string }>;
  readonly trustDomain: string | undefined;
  readonly audience: string | undefined;
  /** The broker's verifier over a bundle; undefined where it refuses nothing. */
  readonly judge: (
    jws: UnprovedJws,
    by: { readonly trustDomain: string; readonly audience: string; readonly bundle: BundleSeen },
  ) => Promise<JwtRefusal | undefined>;
}

const WHAT = 'JWT-SVID';
const NOTHING: BundleSeen = { keys: [], authorities: [], ignored: [] };

export async function inspectJwt(input: JwtToInspect): Promise<Inspection> {
  const parsed = parseJws(input.text);
  if (!parsed.ok)
    return {
      what: WHAT,
      facts: [],
      checks: [no(`it is no compact JWS (${parsed.problem})`, 'JWT-SVID §1, RFC 7515 §7.1')],
    };
  const { jws } = parsed;
  const facts = factsOf(jws);
  const id = typeof jws.claims.sub === 'string' ? parseSpiffeId(jws.claims.sub) : undefined;
  const trustDomain = input.trustDomain ?? id?.trustDomain;
  const readable = yes('it is a compact JWS', 'JWT-SVID §1, RFC 7515 §7.1');
  if (trustDomain === undefined)
    return { what: WHAT, facts, checks: [readable, no('sub is no SPIFFE ID', 'JWT-SVID §3.1')] };
  const audience = input.audience ?? ownAudience(jws.claims);
  const bundle = await input.bundleOf(trustDomain);
  const known = 'missing' in bundle ? NOTHING : bundle;
  const refusal = await input.judge(jws, { trustDomain, audience, bundle: known });
  const checks = [readable, ...verdictChecks(refusal, bundle), ...audienceChecks(input.audience)];
  return { what: WHAT, facts, checks };
}

/** Keys are asked last: a token that fails there has passed everything else. */
function verdictChecks(
  refusal: JwtRefusal | undefined,
  bundle: BundleSeen | { readonly missing: string },
): readonly Check[] {
  const claims = yes('its header, its claims and its times are as they must be', 'JWT-SVID §2 to §4');
  const key = 'JWT-SVID §4 and §6.2';
  if (refusal === undefined) return [claims, yes('a key of the trust domain signed it', key)];
  if (refusal.reason === 'key_unknown' && 'missing' in bundle) return [claims, unjudged(bundle.missing, key)];
  return refusal.reason === 'key_unknown' || refusal.reason === 'signature_invalid'
    ? [claims, refusalCheck(refusal)]
    : [refusalCheck(refusal)];
}

const audienceChecks = (wanted: string | undefined): readonly Check[] =>
  wanted === undefined ? [unjudged('whom it is for is not judged: --audience says who asks', 'JWT-SVID §3.2')] : [];

/** With no audience to compare, its own: then only its form is judged. */
function ownAudience({ aud }: JsonObject): string {
  const first = Array.isArray(aud) ? aud[0] : aud;
  return typeof first === 'string' ? first : '';
}

function factsOf({ alg, kid, typ, claims }: UnprovedJws): readonly Fact[] {
  const time = (name: string): readonly Fact[] => {
    const value = claims[name];
    return typeof value === 'number' && value >= 0 && value < 1e11 ? [[name, rfc3339(Math.floor(value))]] : [];
  };
  const text = (name: string): readonly Fact[] =>
    claims[name] === undefined
      ? []
      : [[name, typeof claims[name] === 'string' ? claims[name] : JSON.stringify(claims[name])]];
  return [
    ['alg', alg],
    ['kid', kid ?? 'none'],
    ...(typ === undefined ? [] : [['typ', typ] as const]),
    ...text('sub'),
    ...text('aud'),
    ...time('iat'),
    ...time('exp'),
  ];
}

const CLAIM_SECTIONS: Readonly<Record<string, string>> = {
  sub: 'JWT-SVID §3.1',
  aud: 'JWT-SVID §3.2',
  exp: 'JWT-SVID §3.3',
};
const OURS = 'a bound of this broker';

function refusalCheck(refusal: JwtRefusal): Check {
  switch (refusal.reason) {
    case 'typ_refused':
      return no('typ is neither JWT nor JOSE', 'JWT-SVID §2.3');
    case 'header_refused':
      return no('the header has a member other than alg, kid and typ', 'JWT-SVID §2');
    case 'algorithm_refused':
      return no('alg is not RS, ES or PS with 256, 384 or 512', 'JWT-SVID §2.1');
    case 'key_unknown':
      return no('no key of the trust domain has its kid and alg', 'JWT-SVID §4 and §6.2');
    case 'signature_invalid':
      return no('the key of that kid did not sign it', 'JWT-SVID §4');
    case 'claim_missing':
      return no(`${claimName(refusal.claim)} is missing`, claimSection(refusal.claim));
    case 'claim_invalid':
      return no(`${claimName(refusal.claim)} is not what it must be`, claimSection(refusal.claim));
    case 'audience_mismatch':
      return no('aud is not this audience alone', 'JWT-SVID §3.2 and §4');
    case 'expired':
      return no('it has expired', 'JWT-SVID §3.3');
    case 'not_yet_valid':
      return no('it is not valid yet', 'RFC 7519 §4.1.5 and §4.1.6');
    case 'lifetime_too_long':
      return no(`it lives longer than ${refusal.secondsMax} s`, OURS);
    default:
      return no(`the broker refuses it (${refusal.reason})`, OURS);
  }
}

/** A name that the verifier knows; the token may have put any other there. */
const claimName = (claim: string): string => (/^[a-z_]{1,32}$/.test(claim) ? claim : 'a claim');
const claimSection = (claim: string): string => CLAIM_SECTIONS[claim] ?? 'RFC 7519 §4.1';
