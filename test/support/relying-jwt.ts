// A JWT as a cloud judges it that was told to trust its issuer: by the keys that the issuer publishes and by nothing else.

import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import { IssuerUnreachable, publishedKeys, type TrustedIssuer } from './relying-cloud.ts';

/** What is wrong with it. */
export type JwtProblem = 'malformed' | 'issuer' | 'algorithm' | 'unreachable' | 'signature' | 'times';

export type JudgedJwt =
  | { readonly claims: Readonly<Record<string, unknown>> & { readonly iat: number; readonly exp: number } }
  | { readonly problem: JwtProblem };

/** Times are left to the cloud. */
export async function judgeJwt(
  token: string,
  { issuers, algorithms }: { readonly issuers: readonly TrustedIssuer[]; readonly algorithms: readonly string[] },
): Promise<JudgedJwt> {
  const read = unproved(token);
  if (!read) return { problem: 'malformed' };
  const { claims, alg, kid } = read;
  // Byte for byte: a slash at the end makes another issuer.
  const trusted = issuers.find(({ issuer }) => issuer === claims.iss);
  if (!trusted) return { problem: 'issuer' };
  if (!algorithms.includes(alg ?? '')) return { problem: 'algorithm' };
  try {
    const keys = await publishedKeys(trusted);
    if (kid === undefined) return { problem: 'signature' };
    await compactVerify(token, keys, { algorithms: [...algorithms] });
  } catch (error) {
    return { problem: error instanceof IssuerUnreachable ? 'unreachable' : 'signature' };
  }
  const { iat, exp } = claims;
  if (!isInteger(iat) || !isInteger(exp)) return { problem: 'times' };
  return { claims: { ...claims, iat, exp } };
}

function unproved(token: string) {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    const claims: Readonly<Record<string, unknown>> = decodeJwt(token);
    return { claims, alg, kid };
  } catch {
    return undefined;
  }
}

const isInteger = (value: unknown): value is number => Number.isInteger(value);

/** The target whose assertion this is by its audience, `<issuer>/targets/<name>`, and what it pins then. */
export function targetOf({ iss, aud }: Readonly<Record<string, unknown>>): string | undefined {
  const [, issuer, name] = /^(https:\/\/.+)\/targets\/([a-z0-9-]+)$/.exec(String(aud)) ?? [];
  return issuer === iss && name !== undefined ? `target:${name}` : undefined;
}
