// Whether Redis keeps what it is given: asked twice a minute of every node that takes writes. A policy that evicts lets a spent credential be
// spent again, and a Redis that writes nothing down forgets with its process; both are told, and neither stops the broker.

export type InspectEvent =
  | { readonly event: 'redis_evicts'; readonly policy: string }
  /** Since the last time that was asked. */
  | { readonly event: 'redis_evicted'; readonly keys: number }
  | { readonly event: 'redis_not_durable' };

/** A judge of successive texts of INFO, one for each node. */
export function createInspection(onEvent: (event: InspectEvent) => void): (nodes: readonly string[]) => void {
  const told = new Set<string>();
  let evicted: number | undefined;
  const once = (event: InspectEvent): void => {
    if (told.has(event.event)) return;
    told.add(event.event);
    onEvent(event);
  };

  return (nodes) => {
    const read = nodes.map(fieldsOf);
    const policy = read.map((fields) => fields.get('maxmemory_policy')).find((one) => one && one !== 'noeviction');
    // Without a limit there is nothing to make room for.
    const limited = read.some((fields) => Number(fields.get('maxmemory') ?? 0) > 0);
    if (policy && limited) once({ event: 'redis_evicts', policy });
    if (read.some((fields) => fields.get('aof_enabled') === '0')) once({ event: 'redis_not_durable' });

    const total = read.reduce((sum, fields) => sum + Number(fields.get('evicted_keys') ?? 0), 0);
    // A node that was restarted counts from nothing again.
    const more = evicted === undefined || total < evicted ? total : total - evicted;
    if (more > 0) onEvent({ event: 'redis_evicted', keys: more });
    evicted = total;
  };
}

const fieldsOf = (info: string): ReadonlyMap<string, string> =>
  new Map(
    info.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );
