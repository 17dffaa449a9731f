// What a kind of target is to the rest: its options, the address it is asked for by, its terms for policy, and how its issuer is
// made. Adding a kind is one file that exports a `TargetKind`, and one line in compose-configuration.ts.

import type { z } from 'zod';
import type { Issuer, Signer } from '../core/ports.ts';

/** What policy needs to know of a target. Lifetimes in seconds. */
export interface TargetTerms {
  readonly scopes: readonly string[];
  /** Of the scopes that a person must confirm. */
  readonly scopeConfirms?: Readonly<Record<string, ConfirmTerms>>;
  readonly defaultScopes: readonly string[];
  readonly lifetimeSecondsMax: number;
  readonly require?: {
    readonly sources?: readonly string[];
    /** What is issued is bound to a key of the caller. */
    readonly proof?: boolean;
    readonly actor?: boolean;
    readonly confirm?: ConfirmTerms;
    readonly lifetimeMaxSeconds?: number;
  };
}

/** How a person must have authenticated. */
export interface ConfirmTerms {
  readonly acr: readonly string[] | undefined;
  readonly maxAgeSeconds: number | undefined;
}

/** What an issuer is made with, beside the target's own options. */
export interface IssuerParts {
  /** Our own issuer, byte for byte as published. */
  readonly issuer: string;
  readonly signer: Signer;
}

export interface TargetKind<Options extends z.ZodObject = z.ZodObject> {
  readonly kind: string;
  readonly options: Options;
  address(options: z.output<Options>): string;
  terms(options: z.output<Options>): TargetTerms;
  create(parts: IssuerParts, options: z.output<Options>): Issuer;
}
