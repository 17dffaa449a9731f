// Keys from a file: row KB-13, SB-03.

import { describe, expect, it } from 'vitest';
import { readKeySet } from '../../src/keys/jwk-set.ts';
import { createPinnedKeys } from '../../src/keys/pinned-keys.ts';
import { publicJwk, setOf } from './public-jwk.ts';

async function pinned(text: string, path?: string) {
  const set = await readKeySet(text, { use: 'sig', algorithms: ['ES256', 'RS256'] });
  return createPinnedKeys(set.ok ? set.keys : [], path === undefined ? {} : { path });
}

describe('pinned keys', () => {
  it('are found by algorithm and kid, and by algorithm alone where a token has no kid (KB-13, A-9)', async () => {
    const keys = await pinned(setOf(await publicJwk('ES256', 'one'), await publicJwk('ES256', 'two')));
    expect(await keys.find({ alg: 'ES256', kid: 'two' })).toMatchObject({ found: [{ kid: 'two', alg: 'ES256' }] });
    expect(await keys.find({ alg: 'ES256', kid: undefined })).toMatchObject({
      found: [{ kid: 'one' }, { kid: 'two' }],
    });
    expect(await keys.find({ alg: 'RS256', kid: 'two' })).toEqual({ found: 'none' });
    expect(await keys.find({ alg: 'ES256', kid: 'three' })).toEqual({ found: 'none' });
    expect(keys.status()).toMatchObject({ keys: 2, failures: 0, state: 'fresh' });
  });

  it('say which file they are from and which kids it has, where none fits (KB-13)', async () => {
    const text = setOf(await publicJwk('ES256', 'one'), await publicJwk('RS256', 'two'));
    const keys = await pinned(text, '/etc/x/east.json');
    const file = { path: '/etc/x/east.json', kids: ['one', 'two'] };
    expect(await keys.find({ alg: 'ES256', kid: 'three' })).toEqual({ found: 'none', file });
    expect(await keys.find({ alg: 'ES256', kid: 'one' })).toMatchObject({ found: [{ kid: 'one' }] });
  });

  it('that have no kid never answer to one (A-10)', async () => {
    const { kid: _kid, ...nameless } = await publicJwk('ES256', 'x');
    const keys = await pinned(setOf(nameless));
    expect(await keys.find({ alg: 'ES256', kid: 'x' })).toEqual({ found: 'none' });
    expect(await keys.find({ alg: 'ES256', kid: 'undefined' })).toEqual({ found: 'none' });
    expect(await keys.find({ alg: 'ES256', kid: undefined })).toMatchObject({ found: [{ alg: 'ES256' }] });
  });

  it('may be none, and then nothing is proved (SB-03)', async () => {
    const keys = await pinned('{"keys":[]}');
    expect(await keys.find({ alg: 'ES256', kid: undefined })).toEqual({ found: 'none' });
    keys.close();
  });
});
