// DPoP proofs (RFC 9449 §4.3, rows DP-01 to DP-06): whether a caller has the key that its proof brings, made the proof for this request, and
// lately. Sizes, form, key, address and time are judged before the signature, and the nonce after it, so that whoever is told of a
// nonce has nothing else to mend. A nonce is always demanded (DP-12). Asks no store: the caller spends `jti` (DP-05).

import { isJsonObject, type JsonObject } from '../core/json.ts';
import { JTI_BYTES_MAX, LEEWAY_SECONDS, NUMERIC_DATE_MAX } from '../core/limits.ts';
import { DPOP_PROOF_BYTES_MAX, DPOP_RSA_BITS_MAX, DPOP_WINDOW_SECONDS } from '../core/limits-delegation.ts';
import type { SignatureAlgorithm } from '../core/outside.ts';
import type { DpopProofs, Nonces } from '../core/ports.ts';
import type { PresentedProof } from '../core/proof-of-possession.ts';
import { ok, type ProofProblem, refuse } from '../core/refusal.ts';
import { parseJws, type UnprovedJws } from '../parsing/jws.ts';
import { type KeyMaterialJwk, keyProblem, publicMaterial, suits } from '../parsing/public-jwk.ts';
import { normalizedHttpUri } from '../parsing/uri.ts';
import { presentedKey, signedByOne } from './jose.ts';
import { HEADERS_REFUSED } from './jwt-header.ts';

/** What proofs may be signed with, as the metadata says (DP-10): asymmetric, and no EdDSA. */
export const DPOP_ALGORITHMS: readonly SignatureAlgorithm[] = [
  ...(['ES256', 'ES384', 'ES512'] as const),
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
];

const TYP = 'dpop+jwt';
/** A proof brings its key as `jwk`, and no other; a member that we do not know is nobody's (RFC 7515 §4). */
const HEADERS_REFUSED_HERE = HEADERS_REFUSED.filter((member) => member !== 'jwk');

/** Judges proofs with these nonces. What it says is the same in every replica that has the same nonces. */
export function createDpopProofs({ nonces }: { readonly nonces: Nonces }): DpopProofs {
  return Object.freeze({
    async verify(proof: PresentedProof, nowSeconds: number) {
      const no = (problem: ProofProblem) => refuse({ reason: 'dpop_proof_refused', problem });
      const read = readProof(proof.texts);
      if (typeof read === 'string') return no(read);
      const { jws, alg, material, claims } = read;
      const misfit = requestProblem(claims, proof) ?? timeProblem(claims, nowSeconds);
      if (misfit) return no(misfit);

      const presented = await presentedKey(material, alg);
      if (!presented) return no('key');
      if (!(await signedByOne(jws, [presented.key]))) return no('signature');

      const { jti, iat, nonce } = claims;
      if (nonce === undefined || !nonces.accepts(nonce, nowSeconds))
        return refuse({ reason: 'dpop_nonce_wanted', nonce: nonces.current(nowSeconds) });
      return ok({ jkt: presented.jkt, jti, expiresAtSeconds: iat + DPOP_WINDOW_SECONDS });
    },
  } satisfies DpopProofs);
}

/** A proof that has the form of one. Nobody has proved any of it. */
interface UnprovedProof {
  readonly jws: UnprovedJws;
  readonly alg: SignatureAlgorithm;
  readonly material: KeyMaterialJwk;
  readonly claims: ProofClaims;
}

/** RFC 9449 §4.2. Further claims are ignored: proofs for resource servers have some (MC-25). */
interface ProofClaims {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  readonly iat: number;
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  readonly nonce: string | undefined;
}

function readProof([text, ...others]: readonly string[]): UnprovedProof | ProofProblem {
  if (text === undefined) return 'malformed';
  // Proxies join two headers of one name with a comma, which no compact JWS has (RFC 9110 §5.3).
  if (others.length > 0 || text.includes(',')) return 'repeated';
  if (text.length > DPOP_PROOF_BYTES_MAX) return 'too_large';
  const parsed = parseJws(text);
  if (!parsed.ok) return parsed.problem === 'header_too_large' ? 'too_large' : 'malformed';
  const { jws } = parsed;

  if (jws.typ !== TYP) return 'typ';
  const alg = DPOP_ALGORITHMS.find((known) => known === jws.alg);
  if (!alg) return 'algorithm';
  if (HEADERS_REFUSED_HERE.some((member) => Object.hasOwn(jws.header, member))) return 'header';
  const material = materialOf(jws.header, alg);
  if (!material) return 'key';
  const claims = claimsOf(jws.claims);
  return claims ? { jws, alg, material, claims } : 'claims';
}

/** The public key in the header, where it is one that can have made this signature and is meant to. */
function materialOf({ jwk }: JsonObject, alg: SignatureAlgorithm): KeyMaterialJwk | undefined {
  if (!isJsonObject(jwk) || keyProblem(jwk) !== undefined) return undefined;
  const { alg: stated = alg, use = 'sig', key_ops: operations = ['verify'] } = jwk;
  if (stated !== alg || use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) return undefined;
  const material = publicMaterial(jwk, DPOP_RSA_BITS_MAX);
  return typeof material !== 'string' && suits(material, alg) ? material : undefined;
}

function claimsOf({ jti, htm, htu, iat, exp, nbf, nonce }: JsonObject): ProofClaims | undefined {
  if (typeof jti !== 'string' || jti === '' || Buffer.byteLength(jti) > JTI_BYTES_MAX) return undefined;
  if (typeof htm !== 'string' || typeof htu !== 'string' || !isTime(iat)) return undefined;
  if (exp !== undefined && !isTime(exp)) return undefined;
  if (nbf !== undefined && !isTime(nbf)) return undefined;
  if (nonce !== undefined && typeof nonce !== 'string') return undefined;
  return { jti, htm, htu, iat, exp, nbf, nonce };
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= NUMERIC_DATE_MAX;

/** The method is compared byte for byte, the address as RFC 9449 §4.3 says: normalised, without query and fragment. */
function requestProblem({ htm, htu }: ProofClaims, wanted: PresentedProof): 'htm' | 'htu' | undefined {
  if (htm !== wanted.htm) return 'htm';
  const said = normalizedHttpUri(htu);
  return said !== undefined && said === normalizedHttpUri(wanted.htu) ? undefined : 'htu';
}

/** A proof needs neither `exp` nor `nbf`; one that has them means them (RFC 7519 §4.1.4, §4.1.5). */
function timeProblem({ iat, exp, nbf }: ProofClaims, nowSeconds: number): 'time' | undefined {
  if (Math.abs(nowSeconds - iat) > DPOP_WINDOW_SECONDS) return 'time';
  if (exp !== undefined && exp <= nowSeconds - LEEWAY_SECONDS) return 'time';
  return nbf !== undefined && nbf > nowSeconds + LEEWAY_SECONDS ? 'time' : undefined;
}
