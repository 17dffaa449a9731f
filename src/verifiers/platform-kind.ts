// A kind of trust source made of a platform's table: the table does the work, and a kind adds what it alone can say. Issuers have
// the form that the platform gives them, so that one which no token bears does not load. Options are each kind's own.

import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { issuerProblem } from '../parsing/uri.ts';
import { issuerFormProblem, type PlatformTable } from '../platforms/table.ts';
import type { ClaimRefusal } from './claims.ts';
import { createJwtVerifier } from './jwt.ts';
import { type KeyOptions, keyOptions, keyOriginOf, keysArePrivate, oneOrigin } from './key-options.ts';
import type { SourceKind } from './kind.ts';

/** What the options of one source come to. */
export interface Chosen {
  readonly issuer: string;
  /** The audience that the platform fixes. */
  readonly audience?: string | undefined;
  readonly keys: KeyOptions;
}

export interface PlatformParts<Options extends z.ZodObject> {
  readonly table: PlatformTable;
  readonly options: Options;
  readonly read: (options: z.infer<Options>) => Chosen;
  /** A check of claims that the table cannot say, given the source's issuer. */
  readonly ownProblem?: (claims: JsonObject, issuer: string) => ClaimRefusal | undefined;
  readonly readClaims?: (claims: JsonObject) => JsonObject;
}

/** A kind whose principals are workloads that present themselves, by JWTs that the table describes. */
export function platformKind<Options extends z.ZodObject>({
  table,
  options,
  read,
  ownProblem,
  readClaims,
}: PlatformParts<Options>): SourceKind<Options> {
  return Object.freeze({
    kind: table.kind,
    table,
    options,
    issuer: (chosen) => read(chosen).issuer,
    audience: (chosen) => read(chosen).audience,
    subjects: () => 'workloads',
    pins: () => [],
    keyOrigin(chosen) {
      const { issuer, keys } = read(chosen);
      return keyOriginOf(issuer, keys);
    },
    create(settings, chosen, { keys }) {
      const { issuer, keys: keyChoice } = read(chosen);
      const tenancy = table.shared?.tenancy.some((claim) => Object.hasOwn(settings.require, claim)) ?? false;
      const own = table.ownIssuer === true && !table.shared?.issuers.includes(issuer);
      return createJwtVerifier({
        settings,
        table,
        keys,
        issuer,
        responsibility: { issuer, audience: settings.audience },
        tokenTypes: table.tokenTypes,
        tell: tenancy || own || keysArePrivate(keyChoice) ? 'caller' : 'operator',
        presenter: 'self',
        ...(ownProblem && { ownProblem: (claims: JsonObject) => ownProblem(claims, issuer) }),
        ...(readClaims && { readClaims }),
      });
    },
  } satisfies SourceKind<Options>);
}

/** An issuer as the platform writes it. */
export const platformIssuer = ({ issuerForms = [] }: PlatformTable) =>
  z
    .string()
    .superRefine((issuer, context) => {
      const problem = issuerFormProblem(issuerForms, issuer) ?? issuerProblem(issuer);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .describe('`iss` of the tokens, byte for byte; an https URL without query or fragment');

/** Options of a kind whose operator says the issuer. */
export const issuedBy = (table: PlatformTable) =>
  z.object({ issuer: platformIssuer(table), ...keyOptions }).superRefine(oneOrigin);

/** Options of a kind with one issuer for everybody. */
export const issuedByOne = z.object({ ...keyOptions }).superRefine(oneOrigin);

/** Options of a kind with an issuer that most have, and instances with others. */
export const issuedByDefault = (table: PlatformTable) =>
  z.object({ issuer: platformIssuer(table).optional(), ...keyOptions }).superRefine(oneOrigin);
