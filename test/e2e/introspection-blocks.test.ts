// Blocks and revocations by an operator, as a resource server sees them at POST /introspect: whoever is in a token, in whatever role.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnTokenBroker, startOwnTokenBroker, tokenIn } from '../support/own-token-broker.ts';

let broker: OwnTokenBroker;
beforeAll(async () => {
  broker = await startOwnTokenBroker();
}, 30_000);
afterAll(() => broker?.stop());

const INACTIVE = '{"active":false}';
const why = 'a test';
const command = async (path: string, body: object) => {
  const { status, text } = await broker.command(path, { why, ...body });
  expect([path, status, text]).toEqual([path, 200, expect.any(String)]);
};

describe('a block', () => {
  /** Made by litellm for alice, then by `one`, then by `two`: everybody is in the last. */
  const third = async () => {
    const first = await broker.begin();
    return tokenIn(await broker.goOn('two', tokenIn(await broker.goOn('one', first))));
  };

  it.each([
    ['the subject', 'staff:alice'],
    ['its client, who is the current actor', 'clients:two'],
    ['an actor in the middle of its chain', 'clients:one'],
    ['the first actor of its chain', 'clients:litellm'],
    ['everybody of a source', 'staff:*'],
  ])('IN-06 of %s makes a token inactive at once, and again active where it is lifted', async (_title, identity) => {
    const token = await third();
    expect((await broker.introspect(token)).body.active).toBe(true);
    await command('/block', { identity });
    expect((await broker.introspect(token)).text).toBe(INACTIVE);
    expect(broker.lastRecord()).toMatchObject({
      event: 'introspection',
      active: false,
      reason: 'withdrawn',
      token: { sub: 'staff:alice', clientId: 'two' },
    });
    await command('/unblock', { which: identity });
    expect((await broker.introspect(token)).body.active).toBe(true);
  });

  it('of somebody else changes nothing', async () => {
    const token = await third();
    await command('/block', { identity: 'staff:bob' });
    expect((await broker.introspect(token)).body.active).toBe(true);
    await command('/unblock', { which: 'staff:bob' });
  });

  it('of the resource server itself lets it introspect nothing, and revoke nothing', async () => {
    const token = await broker.begin();
    await command('/block', { identity: 'clients:reader' });
    await command('/block', { identity: 'clients:litellm' });
    for (const answer of [await broker.introspect(token, 'reader'), await broker.revoke(token, 'litellm')]) {
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_client']);
      expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'withdrawn' });
    }
    await command('/unblock', { which: 'clients:reader' });
    await command('/unblock', { which: 'clients:litellm' });
    expect((await broker.introspect(token, 'reader')).body.active).toBe(true);
  });
});

describe('a revocation', () => {
  it('IN-06 of one token leaves what was made from it, and that of its chain does not', async () => {
    const tokens = await broker.chain();
    const active = () => Promise.all(tokens.map(async (token) => (await broker.introspect(token)).body.active));
    await command('/revoke', { what: 'token', of: String(decodeJwt(tokens[1] ?? '').jti) });
    expect(await active()).toEqual([true, false, true, true, true]);
    await command('/revoke', { what: 'chain', of: String(decodeJwt(tokens[2] ?? '').jti) });
    expect(await active()).toEqual([true, false, false, false, false]);
  });

  it.each([
    ['subject', 'staff:alice'],
    ['actor', 'clients:litellm'],
    ['client', 'litellm'],
  ])('IN-06 by %s ends what was issued so far', async (what, of) => {
    const token = await broker.begin();
    expect((await broker.introspect(token)).body.active).toBe(true);
    await command('/revoke', { what, of });
    expect((await broker.introspect(token)).text).toBe(INACTIVE);
    // What is issued in a later second is not meant.
    broker.clock.offsetSeconds += 2;
    expect((await broker.introspect(await broker.begin())).body.active).toBe(true);
  });
});
