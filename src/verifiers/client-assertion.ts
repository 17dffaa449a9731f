// private_key_jwt (RFC 7523 §2.2 and §3; RFC 7523bis §4; rows JA-02 to JA-10): `iss` and `sub` are the client, the audience is our
// issuer alone, and an assertion is good for one request. Its keys are those of the client that it names, and of no other.

import type { KeySource } from '../core/outside.ts';
import type { UnprovedJws } from '../parsing/jws.ts';
import { CLIENT_ASSERTION } from '../platforms/client.ts';
import { createJwtVerifier } from './jwt.ts';
import type { SourceVerifier } from './kind.ts';

export interface AssertionParts {
  readonly id: string;
  readonly keys: KeySource;
  readonly ownIssuer: string;
  /** The token endpoint's URL where the client's older `aud` is taken too. */
  readonly tokenEndpoint: string | undefined;
}

/** A verifier of one client's assertions. */
export const createAssertionVerifier = ({ id, keys, ownIssuer, tokenEndpoint }: AssertionParts): SourceVerifier =>
  createJwtVerifier({
    settings: {
      name: 'clients',
      audience: ownIssuer,
      ownIssuer,
      otherAudiences: false,
      scopesAreCeiling: false,
      replay: 'once',
      tell: 'operator',
      maxAgeSeconds: undefined,
      unmetRequirement: () => undefined,
      require: {},
    },
    table: CLIENT_ASSERTION,
    keys,
    issuer: ownIssuer,
    responsibility: { issuer: ownIssuer, audience: ownIssuer },
    tokenTypes: CLIENT_ASSERTION.tokenTypes,
    tell: 'operator',
    presenter: 'self',
    audiences: () => (tokenEndpoint === undefined ? [ownIssuer] : [ownIssuer, tokenEndpoint]),
    jtiOptional: true,
    ownProblem({ iss, sub }) {
      if (iss === undefined) return { reason: 'claim_missing', claim: 'iss' };
      if (iss !== id) return { reason: 'claim_invalid', claim: 'iss' };
      return sub === id ? undefined : { reason: 'claim_invalid', claim: 'sub' };
    },
  });

/** Which client an assertion says it is from, before anything of it has been proved; undefined where it does not say one name. */
export function assertedClient({ claims: { iss, sub } }: UnprovedJws): string | undefined {
  const named = sub ?? iss;
  return typeof named === 'string' ? named : undefined;
}
