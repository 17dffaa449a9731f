// Records of what the broker itself did or met: starts, stops, reloads, key changes, blocks and revocations, and trouble with its stores. A
// closed union, written on the same chain as the records of requests, with every list and text bounded and counted.

import { RECORDED_NAMES_MAX } from '../core/limits.ts';
import { WITHDRAWAL_NAME_BYTES_MAX, WITHDRAWAL_WHY_CHARACTERS_MAX } from '../core/limits-delegation.ts';
import type { Revocation } from '../core/withdrawal.ts';
import { cutText, type Labels, timestamp } from './record.ts';

export type SystemEvent =
  | {
      readonly event: 'start';
      readonly version: string;
      readonly digests: Digests;
      readonly generation: number;
      readonly accepted: readonly AcceptedFinding[];
    }
  | { readonly event: 'stop'; readonly why: string }
  | {
      readonly event: 'reload';
      readonly outcome: 'applied';
      readonly generation: number;
      readonly digests: Digests;
      /** By name. */
      readonly rulesAdded: readonly string[];
      readonly rulesChanged: readonly string[];
      readonly rulesRemoved: readonly string[];
      /** Denies among the removed, by name: what they held back may pass now. */
      readonly deniesRemoved: readonly string[];
      readonly accepted: readonly AcceptedFinding[];
    }
  | {
      readonly event: 'reload';
      readonly outcome: 'refused';
      /** One text for each problem, as `check` prints it. Holds no secret. */
      readonly problems: readonly string[];
    }
  | {
      readonly event: 'signing_key';
      readonly change: 'created' | 'published' | 'activated' | 'retired' | 'removed' | 'revoked';
      readonly kid: string;
      readonly algorithm: string;
    }
  | ({
      readonly event: 'block';
      readonly identity: string;
    } & WithdrawalEvent)
  | ({
      /** By an operator; that of a client at `/revoke` is a record of its request. */
      readonly event: 'revoke';
      readonly what: Revocation['what'];
      /** A handle, a name, or a `kid`. */
      readonly of: string;
    } & WithdrawalEvent)
  | {
      readonly event: 'unblock';
      readonly id: string;
      readonly identity: string;
      readonly why: string;
      readonly by: string;
      readonly problem?: string | undefined;
    }
  | { readonly event: 'store'; readonly state: 'failed' | 'recovered'; readonly problem: string }
  | { readonly event: 'audit'; readonly problem: string };

/** What the records of blocks and revocations have in common. */
export interface WithdrawalEvent {
  /** Of the block or revocation. */
  readonly id: string;
  readonly why: string;
  /** Who commanded it, as the command line said. */
  readonly by: string;
  /** Since when and until when it counts, RFC 3339; `time` is that of the record. */
  readonly at: string;
  readonly until?: string | undefined;
  /** It was in force already. */
  readonly already?: true | undefined;
  /** Replicas that did not say that they have it. */
  readonly unreached: readonly string[];
  /** Why it could not be done. */
  readonly problem?: string | undefined;
}

/** A finding of the linter that somebody accepted, and why. */
export interface AcceptedFinding {
  readonly lint: string;
  /** The rule or source, by name. */
  readonly about: string;
  /** `file:line:column`. */
  readonly at: string;
  readonly reason: string;
}

/** SHA-256, hex, of what the broker runs on. */
export interface Digests {
  readonly config: string;
  readonly policy: string;
}

/** Texts that stand whole: what is blocked is compared with names, and why is for people. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  identity: WITHDRAWAL_NAME_BYTES_MAX,
  of: WITHDRAWAL_NAME_BYTES_MAX,
  why: 4 * WITHDRAWAL_WHY_CHARACTERS_MAX,
};

/** The event as it is written. A list is cut at RECORDED_NAMES_MAX entries, and its length stands beside it. */
export function renderSystem(event: SystemEvent, nowSeconds: number, labels: Labels): object {
  const { event: name, ...rest } = event;
  const rendered: Record<string, unknown> = { event: name, time: timestamp(nowSeconds) };
  for (const [member, value] of Object.entries(rest)) {
    if (Array.isArray(value)) Object.assign(rendered, list(member, value));
    else rendered[member] = typeof value === 'string' ? cutText(value, BYTES_MAX[member]) : value;
  }
  if (Object.keys(labels).length > 0) rendered.labels = labels;
  return rendered;
}

const list = (member: string, values: readonly (string | AcceptedFinding)[]): object => ({
  [member]: values
    .slice(0, RECORDED_NAMES_MAX)
    .map((value) => (typeof value === 'string' ? cutText(value) : cutAll(value))),
  [`${member}Count`]: values.length,
});

const cutAll = ({ lint, about, at, reason }: AcceptedFinding): AcceptedFinding => ({
  lint: cutText(lint),
  about: cutText(about),
  at: cutText(at),
  reason: cutText(reason),
});
