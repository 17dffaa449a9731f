// Our signing keys: one ring for each algorithm, kept in order by ring-keeper.ts. Owns the timer that rotates them and follows what other
// brokers change, and the published JWK Set (RFC 7517; MD-09). Signing reads memory alone and never waits for a file; where the directory
// could not be read for so long that the others may have gone on without it, nothing is signed.

import type { JsonObject } from '../core/json.ts';
import {
  SIGNING_KEY_RETRY_MS,
  SIGNING_KEY_TICK_MS,
  SIGNING_KEY_UNREAD_SECONDS_MAX,
  SIGNING_KEY_UNREAD_SECONDS_MIN,
} from '../core/limits.ts';
import type { Clock, RandomBytes, RevokedKey, Signer, SigningAlgorithm, SigningKeyView } from '../core/ports.ts';
import { createSerially } from '../files/serially.ts';
import { openKeyFiles, type StoredKey } from './key-files.ts';
import { currentKey, keyState, maySignFromSeconds, nextKey } from './ring.ts';
import { ALGORITHMS, openRingKeeper, type RingKeeper, type SigningKeysEvent } from './ring-keeper.ts';

export interface SigningKeys extends Signer {
  /** The published set, with every next and every retired key. The same object until a key changes. */
  jwks(): { readonly keys: readonly JsonObject[] };
  list(): readonly SigningKeyView[];
  /** The longest lifetime of anything that a published key has signed. */
  longestSignedSeconds(): number;
  /** Lets the next key sign now. Rejects, and changes nothing, where a verifier may still hold a set without it. */
  rotate(algorithm?: SigningAlgorithm): Promise<readonly SigningKeyView[]>;
  /** The theft drill: the key is out of the set at once, whatever the disk does; resolves when that is durable. */
  revoke(kid: string): Promise<Pick<RevokedKey, 'revoked' | 'keys'>>;
  /** Takes over what others have changed, and brings the rings into order. The timer does this; tests do it by hand. */
  tick(): Promise<void>;
  /** Whether anything can be signed. */
  healthy(): boolean;
  close(): void;
}

export interface SigningKeysParts {
  readonly directory: string;
  /** Whether brokers that share a store may use the directory at the same time. */
  readonly shared: boolean;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Whether a key was revoked, at whatever broker: asked whenever one is used or published, and it must not wait. */
  readonly isRevoked: (kid: string) => boolean;
  /** These three may change with the configuration; the last is the longest lifetime that may be signed now. */
  readonly rotateEverySeconds: () => number;
  readonly publishAheadSeconds: () => number;
  readonly longestLifetimeSeconds: () => number;
  readonly onEvent: (event: SigningKeysEvent) => void;
}

/** Opens the keys, or makes the first ones. Rejects where a file or the directory is unsafe or broken, or in use. */
export async function openSigningKeys(parts: SigningKeysParts): Promise<SigningKeys> {
  const files = await openKeyFiles(parts);
  try {
    return createSigningKeys(parts, await openRingKeeper({ ...parts, files }), files.close);
  } catch (error) {
    files.close();
    throw error;
  }
}

function createSigningKeys(parts: SigningKeysParts, keeper: RingKeeper, unlock: () => void): SigningKeys {
  const serial = createSerially();
  const list = () => keeper.keys().map(viewOf);
  const { obey, current } = createObedience(keeper, parts.isRevoked);
  const follow = () => serial(keeper.follow);
  const settle = () =>
    serial(async () => {
      obey(keeper.keys());
      if (keeper.isDue()) await keeper.settle();
    });
  const stopTimer = startTimer(parts, { follow, settle });
  const isRead = () => {
    const sinceMs = keeper.unreadSinceMs();
    return sinceMs === undefined || (parts.clock.elapsedMs() - sinceMs) / 1_000 < unreadSecondsMax(parts);
  };

  return Object.freeze({
    async sign(algorithm: SigningAlgorithm, typ: string, claims: JsonObject) {
      if (!isRead()) throw new Error('the directory of our signing keys could not be read for too long');
      for (;;) {
        const key = current(algorithm);
        if (!key) throw new Error(`there is no signing key for ${algorithm}`);
        const token = await signWith(key, typ, claims);
        // A key that is revoked while it signs signs nothing: the next one does.
        if (keeper.find(key.record.kid) && !parts.isRevoked(key.record.kid)) return token;
      }
    },
    jwks() {
      obey(keeper.keys());
      return keeper.published();
    },
    list,
    healthy: () => isRead() && ALGORITHMS.every((algorithm) => current(algorithm) !== undefined),
    longestSignedSeconds: () => Math.max(0, ...keeper.keys().map(({ record }) => record.longestLifetimeSeconds)),
    rotate: (algorithm?: SigningAlgorithm) =>
      serial(async () => {
        const wanted = algorithm === undefined ? ALGORITHMS : [algorithm];
        // All are asked before the first is touched: a rotation happens whole or not at all.
        await keeper.rotate(() => wanted.map((one) => replaceable(one, keeper, parts)));
        return list();
      }),
    async revoke(kid: string) {
      // What others change meanwhile is waited for later: here it is dead now.
      const key = keeper.condemn(kid);
      if (!key) throw new Error(`there is no signing key with the kid ${JSON.stringify(kid)}`);
      await serial(keeper.settle);
      return { revoked: viewOf(key), keys: list() };
    },
    async tick() {
      await follow();
      await settle();
    },
    close: () => {
      stopTimer();
      keeper.close();
      // A step that is being written keeps the directory until it is done.
      void serial(async () => unlock());
    },
  });
}

/** What was revoked at another broker is dead here whenever it is looked at. */
function createObedience(keeper: RingKeeper, isRevoked: SigningKeysParts['isRevoked']) {
  const obey = (keys: readonly (StoredKey | undefined)[]): void => {
    for (const key of keys) if (key && isRevoked(key.record.kid)) keeper.condemn(key.record.kid);
  };
  return {
    obey,
    current(algorithm: SigningAlgorithm) {
      obey([keeper.current(algorithm)]);
      return keeper.current(algorithm);
    },
  };
}

function unreadSecondsMax({ publishAheadSeconds }: SigningKeysParts): number {
  const half = Math.min(publishAheadSeconds() / 2, SIGNING_KEY_UNREAD_SECONDS_MAX);
  return Math.max(half, SIGNING_KEY_UNREAD_SECONDS_MIN);
}

/** The header is exactly `alg`, `kid`, `typ`. */
async function signWith({ record, material }: StoredKey, typ: string, claims: JsonObject): Promise<string> {
  const { algorithm: alg, kid } = record;
  const input = `${base64url(JSON.stringify({ alg, kid, typ }))}.${base64url(JSON.stringify(claims))}`;
  const signature = await material.sign(Buffer.from(input));
  return `${input}.${signature.toString('base64url')}`;
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

/** The current key, where the next one may take its place now; throws with the time from which it may. */
function replaceable(algorithm: SigningAlgorithm, keeper: RingKeeper, parts: SigningKeysParts) {
  const ring = keeper
    .keys()
    .map((key) => key.record)
    .filter((key) => key.algorithm === algorithm);
  const [current, next] = [currentKey(ring), nextKey(ring)];
  if (!current || !next) throw new Error(`${algorithm}: there is no next key yet`);
  const from = maySignFromSeconds(next, parts.publishAheadSeconds());
  if (from === undefined || parts.clock.nowSeconds() < from) {
    const when = from === undefined ? 'it is published' : new Date(from * 1000).toISOString();
    throw new Error(
      `${algorithm}: the next key ${next.kid} may not sign before ${when}, because verifiers may not know it yet; ` +
        'to replace a stolen key at once, revoke it',
    );
  }
  return { algorithm, kid: current.kid };
}

/**
 * Follows what others change for as long as the keys are open, and takes what steps are due. After a failure steps pause, so that a full
 * disk is not reported every second; following never does.
 */
function startTimer(
  { clock, onEvent }: SigningKeysParts,
  { follow, settle }: { follow(): Promise<void>; settle(): Promise<void> },
): () => void {
  const createPaused = (work: () => Promise<void>, pauses: boolean) => {
    let notBeforeMs = 0;
    return async (): Promise<void> => {
      const isEarly = clock.elapsedMs() < notBeforeMs;
      if (isEarly && pauses) return;
      await work().catch((error: unknown) => {
        if (isEarly) return;
        notBeforeMs = clock.elapsedMs() + SIGNING_KEY_RETRY_MS;
        onEvent({ event: 'failed', error });
      });
    };
  };
  const steps = [createPaused(follow, false), createPaused(settle, true)];
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void (async () => {
      for (const step of steps) await step();
      busy = false;
    })();
  }, SIGNING_KEY_TICK_MS).unref();
  return () => clearInterval(timer);
}

/** What may be told of a key: nothing that it signs with. */
export function viewOf({ record }: Pick<StoredKey, 'record'>): SigningKeyView {
  const { kid, algorithm, createdAtSeconds, currentSinceSeconds, retiredAtSeconds } = record;
  return Object.freeze({
    kid,
    algorithm,
    state: keyState(record),
    createdAtSeconds,
    ...(currentSinceSeconds === undefined ? {} : { currentSinceSeconds }),
    ...(retiredAtSeconds === undefined ? {} : { retiredAtSeconds }),
  });
}
