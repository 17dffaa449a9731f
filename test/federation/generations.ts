// What workloads of a federation present: SVIDs of each root that there was, on living connections, on new ones, and as JWTs. An SVID
// is presented before its root is published, while it is, and after it was removed.

import { setTimeout } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import type { Answer, Caller } from '../support/broker.ts';
import { asItself, type Bundle, bundleOf, type Domain, type Federation, PATH } from './federation.ts';
import { createRoot, type Root, type Way } from './watched-load.ts';

/** The time within which a removed root ends everywhere (F-16), from when its origin has told. */
export const REMOVED_MS_MAX = 10_000;
/** Roots of a domain whose SVIDs go on being presented: the newest and those behind it, removed ones too. */
const PRESENTED = 3;

/** One root of a domain with what was minted under it. */
export interface Generation {
  readonly root: Root;
  readonly identity: { readonly cert: string; readonly key: string };
  /** One connection for all of its life. */
  readonly living: Caller;
  readonly token: string;
}

/** By the newest root of the domain. */
export async function openGeneration({ broker, authorities }: Federation, domain: Domain): Promise<Generation> {
  const identity = await authorities[domain].mintSvid(PATH);
  const token = await authorities[domain].signJwt(PATH, broker.issuer, broker.now(), { exp: broker.now() + 3_600 });
  return { root: createRoot(), identity, living: broker.as(identity), token };
}

const endOf = ({ status, body }: Answer): string => (status === 200 ? '200' : String(body.error));

/** Three ways of asking for a domain, over the generations that it has had. */
export function waysOf({ broker }: Federation, domain: Domain, generations: readonly Generation[]): readonly Way[] {
  const way = (name: string, send: (generation: Generation) => Promise<Answer>): Way => ({
    name: `${domain} ${name}`,
    next(number) {
      const shown = generations.slice(-PRESENTED);
      const generation = shown[number % shown.length];
      return generation && { root: generation.root, send: async () => endOf(await send(generation)) };
    },
  });
  return [
    way('living', ({ living }) => living.token(asItself(domain))),
    way('new', async ({ identity }) => {
      const caller = broker.as(identity);
      return caller.token(asItself(domain)).finally(caller.close);
    }),
    way('jwt', ({ token }) => broker.exchange(token)),
  ];
}

/** How a change is told to the broker; the watch of a file and the stream of a Workload API are waited for. */
export type Telling = 'origin' | 'watch';

export interface Change {
  readonly federation: Federation;
  readonly domain: Domain;
  readonly bundle: Bundle;
  /** Whose answer shows that the change has taken effect. */
  readonly probe: Generation;
  readonly granted: boolean;
  readonly telling?: Telling;
}

/** Changes what an origin says; resolves when the broker answers by it, with the ms that it took. */
export async function change({
  federation,
  domain,
  bundle,
  probe,
  granted,
  telling = 'origin',
}: Change): Promise<number> {
  const { broker } = federation;
  const begun = performance.now();
  if (telling === 'watch') federation.write(bundle);
  else await federation.publish(domain, bundle);
  const answered = async (): Promise<void> => {
    const ends = await Promise.all([probe.living.token(asItself(domain)), broker.exchange(probe.token)]);
    expect(ends.map(({ status }) => status)).toEqual(granted ? [200, 200] : [400, 400]);
  };
  // Once a reload or a fetch has answered, the very next request must show it.
  if (telling === 'watch' || domain === 'streamed')
    await vi.waitFor(answered, { timeout: REMOVED_MS_MAX, interval: 5 });
  else await answered();
  return performance.now() - begun;
}

export interface Rotation {
  readonly federation: Federation;
  readonly domain: Domain;
  /** The newest last. */
  readonly generations: Generation[];
  readonly telling: Telling;
  /** How long both roots are published. */
  readonly bothMs: number;
}

/** New root published, new SVIDs, old root removed; gives the ms that the removal took. */
export async function rotate({ federation, domain, generations, telling, bothMs }: Rotation): Promise<number> {
  const authority = federation.authorities[domain];
  const old = generations.at(-1);
  await authority.rotate();
  const fresh = await openGeneration(federation, domain);
  generations.push(fresh);
  await setTimeout(100);
  fresh.root.publishing();
  const now = () => bundleOf(authority);
  await change({ federation, domain, bundle: now(), probe: fresh, granted: true, telling });
  fresh.root.published();
  if (domain === 'fetched') await federation.renewEndpoint();
  await setTimeout(bothMs);
  authority.retire();
  if (!old) return 0;
  old.root.removing();
  const tookMs = await change({ federation, domain, bundle: now(), probe: old, granted: false, telling });
  old.root.removed();
  await setTimeout(100);
  return tookMs;
}
