// Our own access tokens: read for introspection and revocation, and where the source `self` is written, exchanged again. Signed by a key of
// ours that is still published, for one audience, about a name that we issued. Whether one was revoked is asked by whoever reads it.

import { z } from 'zod';
import type { KeySource } from '../core/outside.ts';
import type { OwnTokens } from '../core/ports.ts';
import { refuse } from '../core/refusal.ts';
import { ACCESS_TOKEN_TYPE } from '../core/request.ts';
import { parseJws } from '../parsing/jws.ts';
import { SELF } from '../platforms/self.ts';
import { createJwtVerifier } from './jwt.ts';
import type { SourceKind, SourceSettings, SourceVerifier } from './kind.ts';

const options = z.object({});

/** `self: {}`: its issuer is ours, which configuration fills in. */
export const self: SourceKind<typeof options> = Object.freeze({
  kind: SELF.kind,
  table: SELF,
  options,
  issuer: (_options, ownIssuer) => ownIssuer,
  // Whoever a token is about, somebody may act for them: its rules say who, or that nobody is named.
  subjects: () => 'people',
  pins: () => [],
  keyOrigin: () => ({ from: 'own' }),
  create: (settings, _options, { keys }) => createOwnTokenVerifier(settings, keys),
} satisfies SourceKind<typeof options>);

function createOwnTokenVerifier(settings: SourceSettings, keys: KeySource): SourceVerifier {
  const { ownIssuer } = settings;
  return createJwtVerifier({
    settings,
    table: SELF,
    keys,
    issuer: ownIssuer,
    responsibility: { issuer: ownIssuer, audience: ownIssuer },
    tokenTypes: SELF.tokenTypes,
    tell: 'caller',
    presenter: 'client',
    people: true,
    own: true,
    // The name was made when the token was issued.
    ownName: ({ sub }) => String(sub),
    ownProblem: ({ iss }) => (iss === ownIssuer ? undefined : { reason: 'claim_invalid', claim: 'iss' }),
  });
}

/** The port, whether or not own tokens may be exchanged. */
export function createOwnTokens(ownIssuer: string, keys: KeySource): OwnTokens {
  const verifier = createOwnTokenVerifier(
    {
      name: SELF.kind,
      audience: ownIssuer,
      ownIssuer,
      otherAudiences: false,
      scopesAreCeiling: true,
      replay: undefined,
      tell: undefined,
      maxAgeSeconds: undefined,
      unmetRequirement: () => undefined,
      require: {},
    },
    keys,
  );
  return Object.freeze({
    async verify(token: string, nowSeconds: number) {
      const parsed = parseJws(token);
      if (!parsed.ok) return refuse({ role: 'subject', reason: 'credential_malformed', problem: parsed.problem });
      return verifier.verify(parsed.jws, ACCESS_TOKEN_TYPE, 'subject', nowSeconds);
    },
  });
}
