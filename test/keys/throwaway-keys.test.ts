// The keys of `dev`: one for each source, good for what it signs itself and for nothing else.

import { decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { createOwnKeys } from '../../src/keys/own-keys.ts';
import { createThrowawayKeys } from '../../src/keys/throwaway-keys.ts';

const ORIGIN = { from: 'discovery', issuer: 'https://login.example', privateNetwork: false } as const;
const WITH = { algorithms: ['ES256', 'RS256'], files: new Map(), bundles: new Map() } as const;

describe('throw-away keys', () => {
  const keys = createThrowawayKeys(createOwnKeys());
  const open = async (source: string) => {
    const opened = await keys.caches.open(ORIGIN, { ...WITH, source });
    if (!opened.ok) throw new Error(opened.problem);
    return opened.opened;
  };

  it('verify what was signed for their source, under the algorithm that its kind has first', async () => {
    const one = await open('one');
    const token = await keys.sign(one.digest, { sub: 'a' }, 'JWT');
    const { alg, kid, typ } = decodeProtectedHeader(token);
    expect([alg, typ]).toEqual(['ES256', 'JWT']);
    const found = await one.keys.find({ alg: 'ES256', kid });
    const [first] = Array.isArray(found.found) ? found.found : [];
    if (!first) throw new Error('no key');
    expect((await jwtVerify(token, first.key)).payload).toEqual({ sub: 'a' });
  });

  it('are the same for a source each time, and another source of the same origin has others', async () => {
    const [one, again, other] = [await open('one'), await open('one'), await open('other')];
    expect(again).toBe(one);
    const token = await keys.sign(other.digest, {}, undefined);
    expect(await one.keys.find({ alg: 'ES256', kid: decodeProtectedHeader(token).kid })).toEqual({ found: 'none' });
  });

  it('are never missing or stale, and prove nobody by certificates', async () => {
    const { keys: source, authorities } = await open('one');
    expect(source.status()).toMatchObject({ state: 'fresh', keys: 1, failures: 0 });
    expect(authorities.current()).toEqual({ found: [] });
  });

  it('sign for no origin that was not opened', async () => {
    await expect(keys.sign('unknown', {}, undefined)).rejects.toThrow('no key was made');
  });
});
