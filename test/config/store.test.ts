// Where state is kept: one folder or one Redis, how each way to reach it is written, and what is no way.

import { describe, expect, it } from 'vitest';
import { restartNeeded } from '../../src/config/restart.ts';
import { BASE, load, problems } from './folder.ts';

const FILES = { '/etc/x/redis-password': 'secret', '/etc/x/redis-ca.crt': 'CA', '/etc/x/sentinel-password': 'secret' };
const withStore = (store: string) => load(BASE.replace('{ directory: ./state }', store), { files: FILES });
const redis = (members: string) => withStore(`{ redis: { ${members} } }`);

function settings(members: string) {
  const loaded = redis(members);
  if (!loaded.ok) throw new Error(problems(loaded).join('\n'));
  return loaded.config.store;
}

const REST = {
  tls: false,
  ca: undefined,
  username: undefined,
  passwordFile: undefined,
  prefix: 'exchequer',
  replicas: 0,
};

describe('a store in Redis', () => {
  it('is reached at one address, with the ordinary port and database unless written', () => {
    expect(settings('url: redis://redis.acme.example')).toEqual({
      redis: {
        ...REST,
        reach: { kind: 'standalone', address: { host: 'redis.acme.example', port: 6379 }, database: 0 },
      },
    });
    expect(settings('url: "redis://[fd00::1]:6380/3"')).toMatchObject({
      redis: { reach: { address: { host: 'fd00::1', port: 6380 }, database: 3 } },
    });
  });

  it('has TLS, a user, a password file and authorities, by absolute paths of files that are there', () => {
    const members =
      'url: rediss://redis.acme.example, username: sts, passwordFile: redis-password, ca: redis-ca.crt, prefix: sts-eu, replicas: 1';
    expect(settings(members)).toMatchObject({
      redis: {
        tls: true,
        ca: '/etc/x/redis-ca.crt',
        username: 'sts',
        passwordFile: '/etc/x/redis-password',
        prefix: 'sts-eu',
        replicas: 1,
      },
    });
  });

  it('is found by Sentinels, which have a user of their own', () => {
    const sentinel =
      '{ master: shared, urls: ["rediss://s1", "rediss://s2:5000"], username: w, passwordFile: sentinel-password }';
    expect(settings(`sentinel: ${sentinel}`)).toEqual({
      redis: {
        ...REST,
        tls: true,
        reach: {
          kind: 'sentinel',
          master: 'shared',
          addresses: [
            { host: 's1', port: 26_379 },
            { host: 's2', port: 5_000 },
          ],
          username: 'w',
          passwordFile: '/etc/x/sentinel-password',
        },
      },
    });
  });

  it('is a Cluster by some of its nodes', () => {
    expect(settings('cluster: ["redis://n1", "redis://n2:7000"]')).toMatchObject({
      redis: {
        reach: {
          kind: 'cluster',
          addresses: [
            { host: 'n1', port: 6379 },
            { host: 'n2', port: 7000 },
          ],
        },
      },
    });
  });

  it('keeps no password in the configuration, its digest, or among the files that a reload follows', () => {
    const loaded = redis('url: rediss://redis, passwordFile: redis-password, ca: redis-ca.crt');
    if (!loaded.ok) throw new Error(problems(loaded).join('\n'));
    const { config } = loaded;
    expect(JSON.stringify(config.store)).not.toContain('secret');
    expect(config.watched.filter((path) => path.includes('redis'))).toEqual([]);
    const other = load(
      BASE.replace(
        '{ directory: ./state }',
        '{ redis: { url: rediss://redis, passwordFile: redis-password, ca: redis-ca.crt } }',
      ),
      {
        files: { ...FILES, '/etc/x/redis-password': 'another' },
      },
    );
    expect(other).toMatchObject({ ok: true, config: { digest: config.digest } });
  });

  it('needs a restart to become another one', () => {
    const [one, two, folder] = [redis('url: redis://a'), redis('url: redis://b'), withStore('{ directory: ./state }')];
    if (!one.ok || !two.ok || !folder.ok) throw new Error('does not load');
    expect(restartNeeded(one.config, two.config)).toEqual(['store.redis']);
    expect(restartNeeded(one.config, one.config)).toEqual([]);
    expect(restartNeeded(folder.config, one.config)).toEqual(['store.directory', 'store.redis']);
  });
});

describe('a store that does not load', () => {
  it.each([
    ['no store', '{}', 'store: must have exactly one of `directory` and `redis`'],
    [
      'two stores',
      '{ directory: ./state, redis: { url: redis://a } }',
      'store: must have exactly one of `directory` and `redis`',
    ],
    ['no way', '{ redis: {} }', 'store.redis: must have exactly one of `url`, `sentinel` and `cluster`'],
    [
      'two ways',
      '{ redis: { url: redis://a, cluster: ["redis://b"] } }',
      'store.redis: must have exactly one of `url`, `sentinel` and `cluster`',
    ],
    [
      'a password in an address',
      '{ redis: { url: "redis://sts:s3cr3t@a" } }',
      'store.redis.url: must hold no user and no password: `username` and `passwordFile` say who asks',
    ],
    [
      'another scheme',
      '{ redis: { url: http://a } }',
      'store.redis.url: must be redis:// or rediss:// (TLS), a host, and where need be a port',
    ],
    [
      'a port that is none',
      '{ redis: { url: redis://a:66000 } }',
      'store.redis.url: must be redis:// or rediss:// (TLS), a host, and where need be a port',
    ],
    [
      'a query',
      '{ redis: { url: "redis://a?db=1" } }',
      'store.redis.url: must be redis:// or rediss:// (TLS), a host, and where need be a port',
    ],
    [
      'a database of a Cluster',
      '{ redis: { cluster: ["redis://a/1"] } }',
      'store.redis.cluster[0]: must name no database here',
    ],
    [
      'addresses that are not alike',
      '{ redis: { cluster: ["redis://a", "rediss://b"] } }',
      'store.redis.cluster: must be redis:// or rediss:// alike',
    ],
    ['no address', '{ redis: { cluster: [] } }', 'store.redis.cluster: must name at least one'],
    [
      'authorities without TLS',
      '{ redis: { url: redis://a, ca: redis-ca.crt } }',
      'store.redis.ca: is of no use without rediss://',
    ],
    [
      'a file that is not there',
      '{ redis: { url: redis://a, passwordFile: nowhere } }',
      'store.redis.passwordFile: the file cannot be read (ENOENT)',
    ],
    [
      'a prefix that would cut keys',
      '{ redis: { url: redis://a, prefix: "a:{b}" } }',
      'store.redis.prefix: must be letters, digits, `.`, `_` and `-`',
    ],
  ])('says so of %s', (_what, store, problem) => {
    const found = problems(withStore(store));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
    expect(found[0]).not.toContain('s3cr3t');
  });
});
