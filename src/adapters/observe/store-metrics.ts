// Metrics of the store: whether it can be asked, and what has happened to it. Read when it is scraped, from
// the store itself; events have names from a closed set.

import { Counter, Gauge, type Registry } from 'prom-client';

export interface StoreHealth {
  readonly healthy: boolean;
  /** How often each event has happened since the start. */
  readonly events: ReadonlyMap<string, number>;
}

export function addStore(registers: Registry[], { store }: { readonly store: () => StoreHealth }): void {
  new Gauge({
    name: 'exchequer_store_up',
    help: '1 while the store answers, else 0: then nothing that needs it is issued.',
    registers,
    collect() {
      this.set(store().healthy ? 1 : 0);
    },
  });
  new Counter({
    name: 'exchequer_store_events_total',
    help: 'What has happened to the store: lost, restored, silent, evicted and the like.',
    labelNames: ['event'],
    registers,
    collect() {
      this.reset();
      for (const [event, count] of store().events) this.inc({ event }, count);
    },
  });
}
