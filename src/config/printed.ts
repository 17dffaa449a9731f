// A resolved configuration for people to read (`check --print`): every default, duration and path as it counts. No secret, no key and
// nothing that came from a reference: where a value holds such a text, the reference stands in its place.

import type { Json, JsonObject } from '../core/json.ts';
import type { Config } from './config.ts';

/** By the names that exchequer.yaml has, trust sources, clients and targets by their own. */
export function printedConfig(config: Config): JsonObject {
  const { issuer, listen, observe, control, sources, clients, targets, store, keys, audit, digest } = config;
  const { tls } = listen;
  const named = <One extends { readonly name: string }>(all: readonly One[], rest: (one: One) => object) =>
    Object.fromEntries(all.map((one) => [one.name, rest(one)]));
  return redacted(config, {
    issuer,
    listen: {
      address: addressOf(listen),
      tls: 'workloadApi' in tls ? tls : { certificate: tls.certificate, key: tls.key },
    },
    observe: { address: addressOf(observe) },
    control,
    trust: named(sources, ({ name: _, options, file: _file, position: _position, ...common }) => ({
      ...common,
      ...options,
    })),
    clients: named(
      clients.map(({ id, options }) => ({ name: id, options })),
      // The hash of a secret is one too, whatever form it was written in.
      ({ options }) => ({ ...options, ...('secret' in options ? { secret: '(hidden)' } : {}) }),
    ),
    targets: named(targets, ({ kind, address, options }) => ({ kind, address, ...options })),
    store,
    keys,
    audit,
    digest,
  });
}

const addressOf = ({ host, port }: Config['observe']): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function redacted({ redact }: Pick<Config, 'redact'>, value: object): JsonObject {
  const one = (inner: unknown): Json => {
    if (typeof inner === 'string') return redact(inner);
    if (typeof inner === 'number' || typeof inner === 'boolean') return inner;
    if (Array.isArray(inner)) return inner.map(one);
    return typeof inner === 'object' && inner !== null ? redacted({ redact }, inner) : null;
  };
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [redact(key), one(inner)]),
  );
}
