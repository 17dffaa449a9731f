// Sources and targets as policy needs to know them: what compose-configuration.ts makes of configuration for the compiler and
// the linter. Plain data, so that it can be handed to a thread.

import type { ReplayClass, Tell } from '../../core/principal.ts';
import type { PlatformTable } from '../../platforms/table.ts';
import type { CloudTarget, CompiledTarget, Confirm } from '../compiled.ts';

/** A trust source, as policy needs to know it. */
export interface SourceView {
  readonly name: string;
  readonly kind: string;
  readonly table: PlatformTable;
  /** For SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly subjects: 'workloads' | 'people';
  /** Claims that pin people. */
  readonly pins: readonly string[];
  readonly tell: Tell;
  /** The one `aud` value that its tokens must bear. */
  readonly audience: string;
  readonly otherAudiences: boolean;
  /** As configured; undefined for the kind's own. */
  readonly replay: ReplayClass | undefined;
  readonly maxAgeSeconds: number | undefined;
  /** The most that its principals can get; undefined: anything. */
  readonly reach: readonly string[] | undefined;
  /** As written; undefined for none. Its problems are reported where it was written, by compileRequire. */
  readonly require: unknown;
}

/** A target, as policy needs to know it. */
export interface TargetView extends Omit<CompiledTarget, 'require' | 'scopeConfirms' | 'cloud'> {
  /** The `aud` of what is signed for it, where that is another than its address. */
  readonly signedFor?: string;
  readonly cloud?: CloudTarget;
  readonly scopeConfirms?: Readonly<Record<string, Confirm>>;
  readonly require?: {
    readonly sources?: readonly string[];
    readonly proof?: boolean;
    readonly actor?: boolean;
    readonly confirm?: Confirm;
    readonly lifetimeMaxSeconds?: number;
  };
}
