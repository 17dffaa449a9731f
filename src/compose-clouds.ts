// Clouds, composed: how they are asked, what is kept of what they gave, and the issuers of all targets, with the cache before those that
// ask a cloud. Outlives configurations, but for the issuers: what is kept is found again under the same target and policy alone.

import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Configuration } from './compose-configuration.ts';
import { targetKindOf } from './compose-kinds.ts';
import type { Store } from './compose-store.ts';
import type { TargetConfig } from './config/config.ts';
import type { CacheUse, CloudCall } from './core/cloud-ports.ts';
import type { Outbound } from './core/outside.ts';
import type { Clock, Issuer, Signer } from './core/ports.ts';
import { createAskCloud } from './issuers/ask-cloud.ts';
import { type CloudCache, createCloudCache } from './issuers/cached.ts';
import type { CloudParts } from './issuers/kind.ts';

/** Told of what happens, for metrics. */
export interface CloudListener {
  cloudCalled(call: CloudCall): void;
  cacheUsed(target: string, use: CacheUse): void;
}

/** What clouds are reached by, for every configuration. */
export interface Clouds extends Omit<CloudParts, 'files'> {
  readonly cache: CloudCache;
  follow(listener: CloudListener): void;
}

interface CloudsParts {
  readonly clock: Clock;
  readonly outbound: Outbound;
  readonly store: Store;
  readonly log: Logger;
}

export function openClouds({ clock, outbound, store, log }: CloudsParts): Clouds {
  let listener: CloudListener | undefined;
  return Object.freeze({
    ask: createAskCloud({ clock, onCall: (call) => listener?.cloudCalled(call) }),
    outbound,
    secrets: store.secrets,
    cache: createCloudCache({
      clock,
      secrets: store.secrets,
      withdrawals: store,
      onUse: (target, use) => listener?.cacheUsed(target, use),
      onFault: (error) => log.error({ err: error }, 'fault while a credential was asked for ahead of time'),
    }),
    follow(following: CloudListener) {
      listener = following;
    },
  });
}

/** By the names of their targets. */
export function issuersOf(
  { config, compiled }: Configuration,
  { signer, clouds }: { readonly signer: Signer; readonly clouds: Clouds },
): ReadonlyMap<string, Issuer> {
  const made = config.targets.map((target): readonly [string, Issuer] => {
    const { name, parameters, options } = target;
    const kind = targetKindOf(target);
    const parts = { issuer: config.issuer, signer, target: name, parameters };
    const issuer = kind.create({ ...parts, clouds: { ...clouds, files: config.files } }, options);
    // An assertion is fresh for everybody who gets one (CG-05).
    if (options.deliver !== 'credentials') return [name, issuer];
    const digest = digestOf(target, { issuer: config.issuer, files: config.files, policy: compiled.digest });
    return [name, clouds.cache.over(issuer, { digest, claims: kind.claims?.(options) ?? [] })];
  });
  return new Map(made);
}

/** Of all that its credentials follow from, beside orders: a file is what stands in it, wherever it lies. */
function digestOf(
  { name, kind, address, signedFor, parameters, options }: TargetConfig,
  { issuer, files, policy }: Pick<Configuration['config'], 'issuer' | 'files'> & { readonly policy: string },
): string {
  const read = (_name: string, value: unknown) => (typeof value === 'string' ? (files.get(value) ?? value) : value);
  const target = JSON.stringify({ name, kind, address, signedFor, parameters, options }, read);
  return hash('sha256', JSON.stringify([issuer, policy, target]));
}
