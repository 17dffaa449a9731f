// Records of what the broker itself did or met: starts, stops, reloads, key changes, and trouble with its stores. A closed
// union, written on the same chain as the records of requests, with every list and text bounded and counted.

import { RECORDED_NAMES_MAX } from '../core/limits.ts';
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
  | { readonly event: 'store'; readonly state: 'failed' | 'recovered'; readonly problem: string }
  | { readonly event: 'audit'; readonly problem: string };

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

/** The event as it is written. A list is cut at RECORDED_NAMES_MAX entries, and its length stands beside it. */
export function renderSystem(event: SystemEvent, nowSeconds: number, labels: Labels): object {
  const { event: name, ...rest } = event;
  const rendered: Record<string, unknown> = { event: name, time: timestamp(nowSeconds) };
  for (const [member, value] of Object.entries(rest)) {
    if (Array.isArray(value)) Object.assign(rendered, list(member, value));
    else rendered[member] = typeof value === 'string' ? cutText(value) : value;
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
