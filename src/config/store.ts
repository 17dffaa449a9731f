// Where state that outlives a request is kept: a folder of this broker's own, or a Redis that its replicas share. Redis is reached at one
// address, by its Sentinels, or as a Cluster; addresses hold no secret, and passwords and authorities are files that are read anew for
// every connection.

import { resolve } from 'node:path';
import { z } from 'zod';
import { REDIS_ADDRESSES_MAX, REDIS_PREFIX_CHARACTERS_MAX, REDIS_REPLICAS_MAX } from '../core/limits-store.ts';
import type { RedisSettings, StoreAddress } from '../core/store-settings.ts';
import type { References } from './references.ts';

/** `{ directory }`, or what a shared store is reached by. */
export type StoreConfig = { readonly directory: string } | { readonly redis: RedisSettings };

const PORT = 6379;
const SENTINEL_PORT = 26_379;

interface StoreUrl {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number | undefined;
  readonly database: number | undefined;
}

const URL_TEXT = /^(rediss?):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?(?:\/([0-9]{1,3})?)?$/;
const URL_RULE = 'must be redis:// or rediss:// (TLS), a host, and where need be a port';

const url = (databases: 'database' | 'no database') =>
  z
    .string()
    .describe(`A host and a port, such as rediss://redis.acme.example:6379; rediss is TLS.`)
    .transform((written, context): StoreUrl => {
      const [, scheme, bracketed, plain, port, database] = URL_TEXT.exec(written) ?? [];
      const host = bracketed ?? plain;
      const message = written.includes('@')
        ? 'must hold no user and no password: `username` and `passwordFile` say who asks'
        : host === undefined || Number(port ?? 0) > 65_535
          ? URL_RULE
          : database !== undefined && databases === 'no database'
            ? 'must name no database here'
            : undefined;
      if (message !== undefined || host === undefined) {
        context.addIssue({ code: 'custom', message: message ?? URL_RULE });
        return z.NEVER;
      }
      const asNumber = (digits: string | undefined) => (digits === undefined ? undefined : Number(digits));
      return { tls: scheme === 'rediss', host, port: asNumber(port), database: asNumber(database) };
    });

const urls = z
  .array(url('no database'))
  .min(1, { error: 'must name at least one' })
  .max(REDIS_ADDRESSES_MAX)
  .superRefine((all, context) => {
    if (all.some(({ tls }) => tls !== all[0]?.tls))
      context.addIssue({ code: 'custom', message: 'must be redis:// or rediss:// alike' });
  });

const path = z.string().min(1, { error: 'must not be empty' });
const username = z.string().min(1).optional();
const passwordFile = path
  .optional()
  .describe('A file with the password, read for every connection; relative to this file.');

const sentinel = z
  .strictObject({
    master: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, { error: 'must be the name that the Sentinels give the master' })
      .describe('The name that the Sentinels give the master.'),
    urls: urls.describe('The Sentinels.'),
    username: username.describe('The user at the Sentinels themselves.'),
    passwordFile,
  })
  .describe('A Redis that Sentinels watch.');

const redis = z
  .strictObject({
    url: url('database').optional(),
    sentinel: sentinel.optional(),
    cluster: urls.optional().describe('Some nodes of a Redis Cluster; the others are found by them.'),
    username: username.describe('The user of Redis (its ACL); `default` unless written.'),
    passwordFile,
    ca: path.optional().describe('PEM certificates to trust instead of the system’s; relative to this file.'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, { error: 'must be letters, digits, `.`, `_` and `-`' })
      .max(REDIS_PREFIX_CHARACTERS_MAX)
      .default('exchequer')
      .describe('What every key begins with: the same in all replicas of one broker, and in no other.'),
    replicas: z
      .int()
      .min(0)
      .max(REDIS_REPLICAS_MAX)
      .default(0)
      .describe('How many replicas of Redis must have a write before it counts.'),
  })
  .superRefine((written, context) => {
    const ways = [written.url, written.sentinel, written.cluster].filter((way) => way !== undefined);
    if (ways.length !== 1)
      context.addIssue({ code: 'custom', message: 'must have exactly one of `url`, `sentinel` and `cluster`' });
    else if (written.ca !== undefined && !isTls(written))
      context.addIssue({ code: 'custom', path: ['ca'], message: 'is of no use without rediss://' });
  })
  .describe('A Redis that all replicas of the broker share.');

export const store = z
  .strictObject({
    directory: path.optional().describe('A folder of one broker alone: memory with a journal. Relative to this file.'),
    redis: redis.optional(),
  })
  .superRefine((written, context) => {
    if ((written.directory === undefined) === (written.redis === undefined))
      context.addIssue({ code: 'custom', message: 'must have exactly one of `directory` and `redis`' });
  })
  .describe('What was spent, blocked and revoked, kept across restarts.');

type WrittenRedis = z.infer<typeof redis>;

const isTls = ({ url: one, sentinel: watched, cluster }: WrittenRedis): boolean =>
  [...(one ? [one] : []), ...(watched?.urls ?? []), ...(cluster ?? [])].some(({ tls }) => tls);

export function resolveStore(written: z.infer<typeof store>, base: string, references: References): StoreConfig {
  if (written.redis === undefined) return { directory: resolve(base, written.directory ?? '') };
  const { username: user, passwordFile: password, ca, prefix, replicas } = written.redis;
  const file = (name: string | undefined, at: readonly string[]): string | undefined =>
    name === undefined ? undefined : references.probe(name, ['store', 'redis', ...at]);
  return {
    redis: {
      reach: reachOf(written.redis, (name) => file(name, ['sentinel', 'passwordFile'])),
      tls: isTls(written.redis),
      ca: file(ca, ['ca']),
      username: user,
      passwordFile: file(password, ['passwordFile']),
      prefix,
      replicas,
    },
  };
}

function reachOf(
  { url: one, sentinel: watched, cluster = [] }: WrittenRedis,
  file: (name: string | undefined) => string | undefined,
): RedisSettings['reach'] {
  if (one) return { kind: 'standalone', address: addressOf(one, PORT), database: one.database ?? 0 };
  if (!watched) return { kind: 'cluster', addresses: cluster.map((node) => addressOf(node, PORT)) };
  return {
    kind: 'sentinel',
    master: watched.master,
    addresses: watched.urls.map((node) => addressOf(node, SENTINEL_PORT)),
    username: watched.username,
    passwordFile: file(watched.passwordFile),
  };
}

const addressOf = ({ host, port }: StoreUrl, ordinary: number): StoreAddress => ({ host, port: port ?? ordinary });
