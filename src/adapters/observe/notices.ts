// What requests show to be wrong with a source and only its operator can mend, as warnings in the log: a key file that is older than
// the cluster's keys, an API server that cannot be asked. Records and metrics have every case; here each source speaks once in
// NOTICE_SECONDS at most, however many callers knock.

import { NOTICE_SECONDS } from '../../core/limits.ts';
import type { RequestRecord } from '../../core/own-token-record.ts';
import type { Clock, Observer } from '../../core/ports.ts';

export interface NoticesParts<Inner extends Observer> {
  /** Told of everything, before this is. */
  readonly observer: Inner;
  readonly clock: Clock;
  readonly warn: (fields: object, text: string) => void;
}

/** What to do, by the member of the evidence that shows it. */
const NOTICES: readonly (readonly [reason: string, member: string, text: string])[] = [
  [
    'key_unknown',
    'lacking',
    'tokens come with a key that the key file lacks: export it again (a cluster: kubectl get --raw /openid/v1/jwks)',
  ],
  [
    'review_unavailable',
    'problem',
    'the API server, or AWS STS, could not be asked about credentials, which are refused',
  ],
];

/** The observer, and warnings beside it. */
export function withNotices<Inner extends Observer>({ observer, clock, warn }: NoticesParts<Inner>): Inner {
  /** By source and reason: both are configuration's and ours, so there are not many. */
  const said = new Map<string, { atMs: number; since: number }>();

  function notice(record: RequestRecord): void {
    const evidence: Readonly<Record<string, unknown>> = { ...record.evidence };
    const found = NOTICES.find(([reason, member]) => reason === record.reason && evidence[member] !== undefined);
    if (!found) return;
    const [reason, member, text] = found;
    const key = `${reason} ${evidence.source}`;
    const nowMs = clock.elapsedMs();
    const before = said.get(key);
    if (before && nowMs - before.atMs < NOTICE_SECONDS * 1_000) {
      before.since += 1;
      return;
    }
    said.set(key, { atMs: nowMs, since: 0 });
    const { source, [member]: what } = evidence;
    warn({ source, reason, decision: record.decision, [member]: what, alsoSince: before?.since ?? 0 }, text);
  }

  return Object.freeze({
    ...observer,
    finished(record: RequestRecord, elapsedMs: number) {
      observer.finished(record, elapsedMs);
      notice(record);
    },
  });
}
