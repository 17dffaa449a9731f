// What is made of the INFO of Redis: warnings that are told once, and evictions that are counted from one look to the next.

import { expect, it } from 'vitest';
import { createInspection, type InspectEvent } from '../../src/stores/redis-inspect.ts';

const info = (fields: Readonly<Record<string, string | number>>): string =>
  ['# Memory', ...Object.entries(fields).map(([name, value]) => `${name}:${value}`), ''].join('\r\n');
const GOOD = { maxmemory: 1_000, maxmemory_policy: 'noeviction', aof_enabled: 1, evicted_keys: 0 };

function looks(...rounds: readonly (readonly string[])[]): readonly InspectEvent[] {
  const events: InspectEvent[] = [];
  const inspect = createInspection((event) => events.push(event));
  for (const nodes of rounds) inspect(nodes);
  return events;
}

it('says nothing of a Redis that keeps what it is given', () => {
  expect(looks([info(GOOD)], [info(GOOD)])).toEqual([]);
  // Without a limit nothing is ever evicted, whatever the policy.
  expect(looks([info({ ...GOOD, maxmemory: 0, maxmemory_policy: 'allkeys-lru' })])).toEqual([]);
});

it('tells once that keys may be evicted, and that nothing is written down, of any node', () => {
  const bad = info({ ...GOOD, maxmemory_policy: 'volatile-ttl', aof_enabled: 0 });
  expect(looks([info(GOOD), bad], [info(GOOD), bad])).toEqual([
    { event: 'redis_evicts', policy: 'volatile-ttl' },
    { event: 'redis_not_durable' },
  ]);
});

it('counts what was evicted since the last look, over all nodes and restarts', () => {
  const at = (evicted: number) => info({ ...GOOD, evicted_keys: evicted });
  expect(looks([at(0), at(3)], [at(2), at(3)], [at(2), at(3)], [at(0), at(1)])).toEqual([
    { event: 'redis_evicted', keys: 3 },
    { event: 'redis_evicted', keys: 2 },
    { event: 'redis_evicted', keys: 1 },
  ]);
});
