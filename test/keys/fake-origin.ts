// An origin of keys behind a fake `Outbound`, with time that moves only when the test says so. Every fetch is counted; an
// answer is given at once, or held until the test releases it.

import { setImmediate } from 'node:timers/promises';
import { vi } from 'vitest';
import type { Outbound, OutboundAnswer, OutboundRequest } from '../../src/core/outside.ts';
import type { Clock } from '../../src/core/ports.ts';
import type { KeysOrigin } from '../../src/keys/discovery.ts';
import { createRemoteKeys, type RemoteKeys, type RemoteKeysParts } from '../../src/keys/remote-jwks.ts';
import type { KeysEvent } from '../../src/keys/status.ts';

/** What the origin says to one request: a text, the outbound client's failure, or a promise of either. */
export type Says = string | OutboundAnswer | Promise<string | OutboundAnswer>;

export const REFUSED: OutboundAnswer = { ok: false, problem: 'network', detail: 'ECONNREFUSED' };

export interface FakeOrigin {
  readonly requests: OutboundRequest[];
  readonly keys: RemoteKeys;
  readonly events: KeysEvent[];
  /** What every request is told from now on. */
  says(answer: Says | ((url: string) => Says)): void;
  /** Resolves with the next event; call it before the deed that causes it. */
  nextEvent(): Promise<KeysEvent>;
}

const clock: Clock = { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() };

/** Fake timers and clocks; the sockets and crypto of Node go on as ever. */
export function freezeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: 1_790_000_000_000 });
}

export function openFakeOrigin(options: Partial<RemoteKeysParts> & { origin?: KeysOrigin } = {}): FakeOrigin {
  const requests: OutboundRequest[] = [];
  const events: KeysEvent[] = [];
  let waiting = Promise.withResolvers<KeysEvent>();
  let answer: (url: string) => Says = () => REFUSED;
  const outbound: Outbound = {
    async request(request) {
      requests.push(request);
      const said = await answer(request.url);
      return typeof said === 'string' ? { ok: true, body: Buffer.from(said) } : said;
    },
  };
  const keys = createRemoteKeys({
    origin: { url: 'https://keys.example/jwks' },
    outbound,
    clock,
    randomBytes: (count) => new Uint8Array(count),
    use: 'sig',
    algorithms: ['RS256', 'ES256'],
    onEvent(event) {
      events.push(event);
      waiting.resolve(event);
    },
    ...options,
  });
  return {
    requests,
    keys,
    events,
    says(next) {
      answer = typeof next === 'function' ? next : () => next;
    },
    nextEvent() {
      waiting = Promise.withResolvers();
      // The fetch that told of it has ended too by then, as it has whenever a real timer fires.
      return waiting.promise.then(async (event) => {
        await setImmediate();
        return event;
      });
    },
  };
}
