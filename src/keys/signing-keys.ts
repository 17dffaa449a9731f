// Our signing keys: one ring for each algorithm, kept in order by ring-keeper.ts. Owns the timer that rotates them and the
// published JWK Set (RFC 7517; MD-09). Signing reads memory alone and never waits for a file.

import type { JsonObject } from '../core/json.ts';
import { SIGNING_KEY_RETRY_MS, SIGNING_KEY_TICK_MS } from '../core/limits.ts';
import type { Clock, RandomBytes, RevokedKey, Signer, SigningAlgorithm, SigningKeyView } from '../core/ports.ts';
import { createSerially } from '../files/serially.ts';
import { openKeyFiles, type StoredKey } from './key-files.ts';
import { currentKey, keyState, maySignFromSeconds, nextKey } from './ring.ts';
import { ALGORITHMS, createRingKeeper, type RingKeeper, type SigningKeysEvent } from './ring-keeper.ts';

export interface SigningKeys extends Signer {
  /** The published set, with every next and every retired key. The same object until a key changes. */
  jwks(): { readonly keys: readonly JsonObject[] };
  list(): readonly SigningKeyView[];
  /** The longest lifetime of anything that a published key has signed. */
  longestSignedSeconds(): number;
  /** Lets the next key sign now. Rejects, and changes nothing, where a verifier may still hold a set without it. */
  rotate(algorithm?: SigningAlgorithm): Promise<readonly SigningKeyView[]>;
  /** The theft drill: the key is out of the set at once, whatever the disk does; resolves when that is durable. */
  revoke(kid: string): Promise<RevokedKey>;
  /** Brings the rings into order. The timer does this; tests do it by hand. */
  tick(): Promise<void>;
  close(): void;
}

export interface SigningKeysParts {
  readonly directory: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** These three may change with the configuration; the last is the longest lifetime that may be signed now. */
  readonly rotateEverySeconds: () => number;
  readonly publishAheadSeconds: () => number;
  readonly longestLifetimeSeconds: () => number;
  readonly onEvent: (event: SigningKeysEvent) => void;
}

/** Opens the keys, or makes the first ones. Rejects where a file or the directory is unsafe or broken, or in use. */
export async function openSigningKeys(parts: SigningKeysParts): Promise<SigningKeys> {
  const files = await openKeyFiles(parts.directory, parts.randomBytes);
  try {
    const keeper = createRingKeeper({ ...parts, files, stored: await files.readAll() });
    for (const algorithm of ALGORITHMS) await keeper.settle(algorithm);
    return createSigningKeys(parts, keeper, files.close);
  } catch (error) {
    files.close();
    throw error;
  }
}

function createSigningKeys(parts: SigningKeysParts, keeper: RingKeeper, unlock: () => void): SigningKeys {
  const serial = createSerially();
  const list = () => keeper.keys().map(viewOf);
  const tick = () => serial(() => keeper.settleAll(ALGORITHMS));
  const stopTimer = startTimer(parts, tick);

  return Object.freeze({
    sign: (algorithm: SigningAlgorithm, typ: string, claims: JsonObject) =>
      signWith(keeper, { algorithm, typ, claims }),
    jwks: keeper.published,
    list,
    longestSignedSeconds: () => Math.max(0, ...keeper.keys().map(({ record }) => record.longestLifetimeSeconds)),
    rotate: (algorithm?: SigningAlgorithm) =>
      serial(async () => {
        const wanted = algorithm === undefined ? ALGORITHMS : [algorithm];
        // All are asked before the first is touched: a rotation happens whole or not at all.
        const replaced = wanted.map((one) => replaceable(one, keeper, parts));
        for (const { algorithm: one, kid } of replaced) await keeper.settle(one, kid);
        return list();
      }),
    revoke: (kid: string) =>
      serial(async () => {
        const key = keeper.find(kid);
        if (!key) throw new Error(`there is no signing key with the kid ${JSON.stringify(kid)}`);
        await keeper.revoke(key);
        return { revoked: viewOf(key), keys: list() };
      }),
    tick,
    close: () => {
      stopTimer();
      keeper.close();
      // A step that is being written keeps the directory until it is done.
      void serial(async () => unlock());
    },
  });
}

interface ToSign {
  readonly algorithm: SigningAlgorithm;
  readonly typ: string;
  readonly claims: JsonObject;
}

/** The header is exactly `alg`, `kid`, `typ`. A key that is revoked while it signs signs nothing: the next one does. */
async function signWith(keeper: RingKeeper, { algorithm, typ, claims }: ToSign): Promise<string> {
  const payload = base64url(JSON.stringify(claims));
  for (;;) {
    const key = keeper.current(algorithm);
    if (!key) throw new Error(`there is no signing key for ${algorithm}`);
    const { kid } = key.record;
    const input = `${base64url(JSON.stringify({ alg: algorithm, kid, typ }))}.${payload}`;
    const signature = await key.material.sign(Buffer.from(input));
    if (keeper.find(kid)) return `${input}.${signature.toString('base64url')}`;
  }
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

/** Ticks for as long as the keys are open. After a failure it pauses, so that a full disk is not reported every second. */
function startTimer({ clock, onEvent }: SigningKeysParts, tick: () => Promise<void>): () => void {
  let notBeforeMs = 0;
  let busy = false;
  const timer = setInterval(() => {
    if (busy || clock.elapsedMs() < notBeforeMs) return;
    busy = true;
    tick()
      .catch((error: unknown) => {
        notBeforeMs = clock.elapsedMs() + SIGNING_KEY_RETRY_MS;
        onEvent({ event: 'failed', error });
      })
      .finally(() => {
        busy = false;
      });
  }, SIGNING_KEY_TICK_MS).unref();
  return () => clearInterval(timer);
}

function viewOf({ record }: StoredKey): SigningKeyView {
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
