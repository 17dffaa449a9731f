// Client secrets: the readings of Basic that count, at most two in force, and expiry to the second.

import { beforeAll, describe, expect, it } from 'vitest';
import { parseBasic } from '../../src/parsing/basic.ts';
import { secretProblem } from '../../src/verifiers/client-secret.ts';
import {
  basic,
  basicEncoded,
  type ClientsUnderTest,
  createClientsUnderTest,
  sha256,
  verdictOf,
} from '../support/clients.ts';
import { NOW } from '../support/sources.ts';

const secret = (text: string) =>
  ({ by: 'secret', secrets: [{ sha256: sha256(text), untilSeconds: undefined }] }) as const;
const URL_ID = 'https://app.example/c?x=1+2&y=%2B';
const HARD = 'p+s%w:o r/d=&ü';

let world: ClientsUnderTest;
beforeAll(async () => {
  world = await createClientsUnderTest({
    plain: secret('Az09'),
    hard: secret(HARD),
    [URL_ID]: secret(HARD),
    https: secret('//app.example/c:s'),
    'a%3Ab': secret('raw'),
    'a.b': secret('a b'),
  });
});
const verdict = (authorization: string) => verdictOf(world, { authorization });

describe('Basic credentials', () => {
  it.each([
    ['plain', 'Az09'],
    ['hard', HARD],
    [URL_ID, HARD],
  ])('OA-03 %s authenticates with both halves form-encoded', async (id, text) => {
    expect(await verdict(basicEncoded(id, text))).toBe('client_secret_basic');
    expect(await verdict(basicEncoded(id, `${text}x`))).toBe('basic: secret_wrong');
  });

  it('OA-03 takes them raw as well, where a form decoder reads something else or nothing', async () => {
    expect(await verdict(basic('plain', 'Az09'))).toBe('client_secret_basic');
    // `%w` is no escape, and `+` would be a blank: only the raw reading is the secret.
    expect(await verdict(basic('hard', HARD))).toBe('client_secret_basic');
    expect(await verdict(basic('a.b', 'a b'))).toBe('client_secret_basic');
    expect(await verdict(basic('a.b', 'a+b'))).toBe('client_secret_basic');
    expect(await verdict(basic('a.b', 'a%2Bb'))).toBe('basic: secret_wrong');
  });

  it('OA-03 an un-encoded id splits at its first colon, and becomes no other client', async () => {
    // `https` is registered, with exactly the secret that the rest spells: then it is that client which authenticates, and the
    // caller needed its secret for it.
    expect(parseBasic(basic('https://app.example/c', 's'))[0]).toEqual({ id: 'https', secret: '//app.example/c:s' });
    expect(await verdict(basic(URL_ID, HARD))).toBe('basic: secret_wrong');
    expect(await verdictOf(world, { authorization: basic('https://app.example/c', 's'), id: URL_ID })).toBe(
      'basic: client_id_differs',
    );
  });

  it.each([
    ['a secret of blanks', basic('plain', ' '), 'basic: secret_wrong'],
    ['two empty halves', basic('', ''), 'basic: unregistered'],
    ['no colon', `Basic ${Buffer.from('plain').toString('base64')}`, 'basic: malformed'],
    [
      'bytes that are no UTF-8',
      `Basic ${Buffer.from([0x70, 0x3a, 0xff, 0xfe]).toString('base64')}`,
      'basic: malformed',
    ],
    ['a control character', basic('plain', 'Az09\n'), 'basic: malformed'],
    ['an escaped control character', basic('plain', 'Az09%0A'), 'basic: secret_wrong'],
    ['an escaped NUL in the id', basic('plain%00', 'Az09'), 'basic: unregistered'],
    ['two values in one header', `${basic('plain', 'Az09')}, ${basic('plain', 'Az09')}`, 'basic: malformed'],
    ['base64url', `Basic ${Buffer.from('plain:??>>').toString('base64url')}`, 'basic: malformed'],
    ['a digest of the right secret', basic('plain', sha256('Az09')), 'basic: secret_wrong'],
    ['another case of the id', basic('PLAIN', 'Az09'), 'basic: unregistered'],
    ['another case of the scheme', basic('plain', 'Az09').replace('Basic', 'bAsIc'), 'client_secret_basic'],
  ])('%s', async (_what, header, expected) => {
    expect(await verdict(header)).toBe(expected);
  });

  it('gives both readings where they differ, the specified one first, and nothing else', () => {
    expect(parseBasic(basic('a+b', 'c%20d'))).toEqual([
      { id: 'a b', secret: 'c d' },
      { id: 'a+b', secret: 'c%20d' },
    ]);
    expect(parseBasic(basic('a', 'b'))).toEqual([{ id: 'a', secret: 'b' }]);
    expect(parseBasic(basic('a', '%'))).toEqual([{ id: 'a', secret: '%' }]);
    expect(parseBasic('Basic')).toEqual([]);
  });

  it('an id with an escape in its own spelling is found by it', async () => {
    expect(await verdict(basic('a%3Ab', 'raw'))).toBe('client_secret_basic');
    expect(await verdict(basic('a%3Ab', 'wrong'))).toBe('basic: secret_wrong');
  });
});

describe('the secrets of a client', () => {
  const until = NOW + 100;
  const kept = [
    { sha256: sha256('old'), untilSeconds: until },
    { sha256: sha256('new'), untilSeconds: undefined },
  ];

  it('OA-09 are one or two, each until its own second', () => {
    expect(secretProblem(kept, ['old'], until - 1)).toBeUndefined();
    expect(secretProblem(kept, ['old'], until)).toBe('secret_expired');
    expect(secretProblem(kept, ['new'], until)).toBeUndefined();
    expect(secretProblem(kept, ['other'], NOW)).toBe('secret_wrong');
    expect(secretProblem([], ['old'], NOW)).toBe('secret_wrong');
  });

  it('OA-09 count in any of the readings, and expired in one is not wrong in the other', () => {
    expect(secretProblem(kept, ['x', 'new'], NOW)).toBeUndefined();
    expect(secretProblem(kept, ['old', 'new'], until)).toBeUndefined();
    expect(secretProblem(kept, ['x', 'old'], until)).toBe('secret_expired');
    expect(secretProblem(kept, [], NOW)).toBe('secret_wrong');
  });

  it('OA-09 are compared whole, as hashes of one length, whatever was sent', () => {
    const near = [sha256('a'), `${sha256('a').slice(0, -2)}00`, `00${sha256('a').slice(2)}`];
    for (const [index, one] of near.entries())
      expect(secretProblem([{ sha256: one, untilSeconds: undefined }], ['a'], NOW)).toBe(
        index === 0 ? undefined : 'secret_wrong',
      );
    expect(secretProblem(kept, ['x'.repeat(4_096)], NOW)).toBe('secret_wrong');
  });
});
