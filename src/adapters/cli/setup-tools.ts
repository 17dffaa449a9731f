// What `setup` works with, and what its parts hand each other: trusts as the code that signs says them, and what is printed of them for one
// cloud. Types alone.

import type { CloudTrust } from '../../core/cloud-trust.ts';
import type { Json } from '../../core/json.ts';
import type { NotLoaded } from './check.ts';
import type { HclBlock } from './setup-hcl.ts';
import type { ShownCondition } from './walk-text.ts';

export type CloudName = CloudTrust['cloud'];

export interface SetupQuery {
  readonly cloud: CloudName;
  readonly targets: readonly string[];
  /** Of parameters that rules leave to claims. */
  readonly values: Readonly<Record<string, string>>;
}

/** What a cloud must trust for a target with these values. */
export interface FoundTrust<Trust extends CloudTrust = CloudTrust> {
  readonly target: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The rules that give it; none: nobody can have it yet. */
  readonly rules: readonly string[];
  readonly trust: Trust;
}

/** A rule that leaves parameters to what a claim says. */
export interface OpenRule {
  readonly target: string;
  readonly rule: string;
  readonly at: string;
  readonly parameters: readonly string[];
  /** Those that capture them. */
  readonly conditions: readonly ShownCondition[];
}

export type SetupRead =
  | {
      readonly ok: true;
      readonly issuer: string;
      readonly found: readonly FoundTrust[];
      /** Trusts beyond SETUP_TRUSTS_MAX. */
      readonly left: number;
      readonly open: readonly OpenRule[];
    }
  | { readonly ok: false; readonly usage: string }
  | NotLoaded;

export interface SetupTools {
  /** Reaches nobody. */
  trusts(config: string, query: SetupQuery): Promise<SetupRead>;
}

/** What is printed for one cloud. */
export interface Printed {
  readonly terraform: readonly HclBlock[];
  /** Lines for a shell. */
  readonly cli: readonly string[];
  readonly json: Readonly<Record<string, Json>>;
  /** What the cloud would not take. */
  readonly problems: readonly string[];
  /** What whoever applies it should know. */
  readonly remarks: readonly string[];
}
