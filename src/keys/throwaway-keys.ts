// Keys for `exchequer dev`: every origin of a source is answered with a key that was made for it on the spot, whose private half stays in this
// process and signs what a person on a laptop wants to try. Nothing is fetched and no file is read. No broker that serves has it.

import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JsonObject } from '../core/json.ts';
import type { KeyOrigin, SignatureAlgorithm } from '../core/outside.ts';
import type { CachedKeys, KeyCaches } from './key-caches.ts';
import type { OwnKeys } from './own-keys.ts';
import { createPinnedKeys } from './pinned-keys.ts';

export interface ThrowawayKeys {
  readonly caches: KeyCaches;
  /** A JWT by the private key of the origin that has this digest. Throws where there is none. */
  sign(digest: string, claims: JsonObject, typ: string | undefined): Promise<string>;
}

interface Made {
  readonly cached: CachedKeys;
  readonly sign: (claims: JsonObject, typ: string | undefined) => Promise<string>;
}

/** Makes a key at the first use of an origin, by the first algorithm that its kind takes. Our own tokens are proved by our own keys. */
export function createThrowawayKeys(ownKeys: OwnKeys): ThrowawayKeys {
  /** For as long as the process lives: a source that a reload takes away and brings back has the same key. */
  const made = new Map<string, Promise<Made>>();
  return Object.freeze({
    caches: Object.freeze({
      async open(origin: KeyOrigin, { algorithms, source = '' }: Parameters<KeyCaches['open']>[1]) {
        const [algorithm] = algorithms;
        const digest = createHash('sha256')
          .update(JSON.stringify([origin, algorithm, source]))
          .digest('hex');
        if (origin.from === 'own') made.set(digest, Promise.resolve(makeNone(digest, ownKeys)));
        const known = made.get(digest) ?? (algorithm ? make(digest, algorithm) : Promise.resolve(makeNone(digest)));
        made.set(digest, known);
        return { ok: true as const, opened: (await known).cached };
      },
      retain: () => undefined,
    } satisfies KeyCaches),
    async sign(digest: string, claims: JsonObject, typ: string | undefined) {
      const found = await made.get(digest);
      if (!found) throw new Error('no key was made for this origin');
      return found.sign(claims, typ);
    },
  });
}

/** A source whose principals no key proves that is made here. */
function makeNone(digest: string, ownKeys?: OwnKeys): Made {
  const none = createPinnedKeys([]);
  return Object.freeze({
    cached: { digest, keys: ownKeys ?? none, authorities: none.authorities, ignored: [] },
    sign: () => Promise.reject(new Error('no key proves anybody of this source')),
  });
}

async function make(digest: string, alg: SignatureAlgorithm): Promise<Made> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const kid = await calculateJwkThumbprint(await exportJWK(publicKey));
  const keys = createPinnedKeys([{ kid, alg, key: publicKey }]);
  return Object.freeze({
    cached: { digest, keys, authorities: keys.authorities, ignored: [] },
    sign: (claims: JsonObject, typ: string | undefined) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg, kid, ...(typ === undefined ? {} : { typ }) })
        .sign(privateKey),
  });
}
