// Resolved configuration: what exchequer.yaml means once every `${...}`, default, duration and relative path has been worked out
// and every file that it names has been read. One frozen value; a reload makes another. Written configuration is schema.ts.

import type { z } from 'zod';
import type { ReplayClass, Tell } from '../core/principal.ts';
import type { Position, Problem, YamlDocument } from '../parsing/yaml.ts';
import type { StoreConfig } from './store.ts';

type Options = Readonly<Record<string, unknown>>;

/** A kind of trust source, as far as configuration needs to know it. */
export interface TrustKind {
  readonly kind: string;
  readonly options: z.ZodObject;
  /** `iss` of its tokens, or `spiffe://<trust domain>`. */
  issuer(options: Options, ownIssuer: string): string;
  /** Further issuers of the same party, whose tokens the source proves too (KB-10). */
  otherIssuers?(options: Options): readonly string[];
  /** Nothing in its credentials names a source, so that there is at most one of the kind. */
  readonly alone?: true;
  /** The audience where none is written, if not our issuer. */
  audience?(options: Options): string | undefined;
}

/** A kind of target. */
export interface TargetKind {
  readonly kind: string;
  readonly options: z.ZodObject;
  /** The address by which callers may ask for it, beside its name. */
  address(options: Options, name: string): string;
  /** The `aud` of what our key signs for it. */
  signedFor(options: Options, target: { readonly name: string; readonly issuer: string }): string;
  /** Set where a cloud issues it, which trusts our issuer. */
  readonly cloud?: object;
}

/** What an OAuth client may have, as far as configuration needs to know it. */
export interface ClientKind {
  readonly options: z.ZodObject;
}

export interface Kinds {
  readonly trust: readonly TrustKind[];
  readonly client: ClientKind;
  readonly targets: readonly TargetKind[];
}

/** Where something stands in a file. */
export interface Placed {
  readonly file: string;
  readonly position: Position;
}

export interface SourceConfig extends Placed {
  readonly name: string;
  readonly kind: string;
  /** `iss` of its tokens, or `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly otherIssuers: readonly string[];
  /** There is at most one of its kind. */
  readonly alone: boolean;
  readonly audience: string;
  readonly otherAudiences: boolean;
  readonly scopesAreCeiling: boolean;
  readonly replay: ReplayClass | undefined;
  readonly tell: Tell | undefined;
  readonly maxAgeSeconds: number | undefined;
  /** The targets that its principals can get at most; undefined: any. */
  readonly reach: readonly string[] | undefined;
  /** As written; the policy's compiler checks it. */
  readonly require: Options;
  /** Lint rules that are accepted, with the reason. */
  readonly accept: Readonly<Record<string, string>>;
  /** As the kind's own schema gave them; every path in them is absolute. */
  readonly options: Options;
}

export interface TargetConfig extends Placed {
  readonly name: string;
  readonly kind: string;
  /** With its parameters as written. */
  readonly address: string;
  /** The `aud` of what our key signs for it, with its parameters as written. */
  readonly signedFor: string;
  /** Parameters in any text of its options; sorted. */
  readonly parameters: readonly string[];
  /** A cloud issues it. */
  readonly cloud: boolean;
  /** Lint rules that are accepted, with the reason. */
  readonly accept: Readonly<Record<string, string>>;
  readonly options: Options;
}

export interface ClientConfig extends Placed {
  /** The `client_id`. */
  readonly id: string;
  /** As the schema gave them; every path in them is absolute. */
  readonly options: Options;
}

/** What the policies of a folder may speak of; undefined: anything. */
export interface PolicyScope {
  readonly trust?: readonly string[] | undefined;
  readonly reach?: readonly string[] | undefined;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly issuer: string;
  /** `unread`: its files that are not there. Who does not listen needs none. */
  readonly listen: Address & { readonly tls: TlsFiles | TlsWorkload; readonly unread: readonly Problem[] };
  readonly observe: Address;
  readonly control: { readonly socket: string };
  readonly sources: readonly SourceConfig[];
  readonly clients: readonly ClientConfig[];
  readonly targets: readonly TargetConfig[];
  readonly document: YamlDocument;
  /** Name, relative to exchequer.yaml's folder, and text of every policy file. */
  readonly policyTexts: readonly (readonly [string, string])[];
  /** What the files of restricted folders may speak of, by the names of the files. */
  readonly policyScopes: ReadonlyMap<string, readonly PolicyScope[]>;
  readonly store: StoreConfig;
  readonly keys: {
    readonly directory: string;
    readonly rotateEverySeconds: number;
    readonly publishAheadSeconds: number;
  };
  readonly audit: AuditConfig;
  /** Text of every file that a source's options name, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
  /** Every file and folder whose change means a reload; absolute. */
  readonly watched: readonly string[];
  /** SHA-256, hex, of everything that was read. */
  readonly digest: string;
  /** A text with everything that came from a reference shown as its reference. */
  readonly redact: (text: string) => string;
}

/** Paths, and the PEM text that stood there. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly certificatePem: string;
  /** Secret: never printed, logged or put into a message. */
  readonly keyPem: string;
}

/** The X.509-SVID that a Workload API gives us. */
export interface TlsWorkload {
  readonly workloadApi: string;
}

export interface AuditConfig {
  /** `stdout`, or an absolute path. */
  readonly to: string;
  /** Whether a file is synced for each group of records. */
  readonly sync: boolean;
  readonly labels: Readonly<Record<string, string>>;
}
