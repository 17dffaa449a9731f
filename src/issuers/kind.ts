// What a kind of target is to the rest: its options, the address it is asked for by, its terms for policy, and how its issuer is
// made. Adding a kind is one file that exports a `TargetKind`, and one line in compose-kinds.ts.

import type { z } from 'zod';
import type { AskCloud, SecretMemory } from '../core/cloud-ports.ts';
import type { CloudEndpoint, CloudTrust } from '../core/cloud-trust.ts';
import type { Outbound } from '../core/outside.ts';
import type { Issuer, Signer } from '../core/ports.ts';
import type { Parameters } from '../parsing/template.ts';

/** What policy needs to know of a target. Lifetimes in seconds. */
export interface TargetTerms {
  readonly scopes: readonly string[];
  /** Of the scopes that a person must confirm. */
  readonly scopeConfirms?: Readonly<Record<string, ConfirmTerms>>;
  readonly defaultScopes: readonly string[];
  readonly lifetimeSecondsMax: number;
  /** Set where a cloud issues it: the shortest lifetime that it gives, and whether that may outlive what it is made from. */
  readonly cloud?: { readonly floorSeconds: number; readonly outlive: boolean };
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

/** What assertions for a target are made from, beside its options. */
export interface TargetPlace {
  /** Our own issuer, byte for byte as published. */
  readonly issuer: string;
  /** The target's name, and its parameters; sorted. */
  readonly target: string;
  readonly parameters: readonly string[];
}

/** What an issuer is made with, beside the target's own options. */
export interface IssuerParts extends TargetPlace {
  readonly signer: Signer;
  readonly clouds: CloudParts;
}

/** What clouds are reached by. */
export interface CloudParts {
  readonly ask: AskCloud;
  readonly outbound: Outbound;
  /** What was given is found again here by whoever presents it: aws-credentials.ts, google-session.ts. */
  readonly secrets: SecretMemory;
  /** Texts of the files that options name, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
}

export interface TargetKind<Options extends z.ZodObject = z.ZodObject> {
  readonly kind: string;
  readonly options: Options;
  address(options: z.output<Options>, name: string): string;
  terms(options: z.output<Options>): TargetTerms;
  /** The `aud` of what our key signs for it, with parameters as written: no two targets may share one, or one would open the other. */
  signedFor(options: z.output<Options>, target: { readonly name: string; readonly issuer: string }): string;
  create(parts: IssuerParts, options: z.output<Options>): Issuer;
  /**
   * Claims of the subject that its credentials of a cloud say, by their paths. Others are not shown to its issuer, and have no bearing on who
   * shares one with whom; absent: none.
   */
  claims?(options: z.output<Options>): readonly (readonly string[])[];
  /** The other side; absent where no cloud is asked. */
  readonly cloud?: CloudSide<Options>;
}

/** What is on the other side of a target of a cloud. */
export interface CloudSide<Options extends z.ZodObject = z.ZodObject> {
  /** What the cloud must trust, with a value for every parameter. */
  trust(options: z.output<Options>, place: TargetPlace, values: Parameters): CloudTrust;
  /** Where it is asked. */
  endpoints(options: z.output<Options>, files: CloudParts['files']): readonly CloudEndpoint[];
}
