// Identity tokens of the metadata server: a token of ours for the audience that is asked for, had when somebody asks and kept while half of its
// life is left. Whoever reaches the port may name any audience, so what is kept, and what is asked at once, is bounded.

import { LRUCache } from 'lru-cache';
import { LOCAL_AUDIENCES_MAX, LOCAL_IDENTITIES_AT_ONCE_MAX } from '../../core/limits-local.ts';
import { type BearerToken, fetchAs, type LocalBroker, readBearer } from './credentials.ts';
import { createFresh, type Fresh, type FreshParts } from './fresh.ts';
import type { Fetched, Served } from './held.ts';

export interface Identities {
  get(audience: string): Promise<Served<BearerToken>>;
  close(): void;
}

export function createIdentities(
  parts: Pick<FreshParts<BearerToken>, 'clock' | 'randomBytes' | 'after'> & { readonly broker: LocalBroker },
): Identities {
  const { broker, clock } = parts;
  const kept = new LRUCache<string, Fresh<BearerToken>>({
    max: LOCAL_AUDIENCES_MAX,
    dispose: (fresh) => fresh.close(),
  });
  let asking = 0;

  async function askFor(audience: string): Promise<Fetched<BearerToken>> {
    if (asking >= LOCAL_IDENTITIES_AT_ONCE_MAX) return TOO_MANY;
    asking += 1;
    try {
      return await fetchAs(broker, { target: audience }, clock.nowSeconds(), readBearer);
    } finally {
      asking -= 1;
    }
  }

  function freshFor(audience: string): Fresh<BearerToken> {
    const made = kept.get(audience) ?? createFresh({ ...parts, ask: () => askFor(audience), ahead: false });
    kept.set(audience, made);
    return made;
  }

  return Object.freeze({
    get: (audience) => freshFor(audience).current(),
    close: () => kept.clear(),
  } satisfies Identities);
}

const TOO_MANY = { had: 'nothing', problem: 'too many identity tokens are asked for at once' } as const;
