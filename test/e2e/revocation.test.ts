// POST /revoke against a whole broker: a client ends its own token, with everything that was made from it, at once and nowhere else
// (keycloak#51633, keycloak#33252).

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, formOf } from '../support/broker.ts';
import { HOPS, type OwnTokenBroker, secretOf, startOwnTokenBroker, tokenIn } from '../support/own-token-broker.ts';

let broker: OwnTokenBroker;
beforeAll(async () => {
  broker = await startOwnTokenBroker();
}, 30_000);
afterAll(() => broker?.stop());

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const isActive = async (token: string) => (await broker.introspect(token)).body.active;
const activeIn = async (tokens: readonly string[]) => Promise.all(tokens.map(isActive));
/** Status and body, and that it is told as nothing: no type, and no length but none. */
const told = ({ status, text, headers }: Answer) => [status, text, headers['content-type'], headers['content-length']];
const NOTHING = [200, '', undefined, '0'];

describe('a chain of five tokens', () => {
  it('ends at once with its first one: none is active, and none can be exchanged', async () => {
    const [tokens, other] = [await broker.chain(), await broker.chain()];
    expect(await activeIn(tokens)).toEqual([true, true, true, true, true]);
    expect(told(await broker.revoke(tokens[0] ?? ''))).toEqual(NOTHING);
    expect(await activeIn(tokens)).toEqual([false, false, false, false, false]);
    for (const [index, hop] of HOPS.slice(0, -1).entries()) {
      const refused = await broker.goOn(hop, tokens[index] ?? '');
      expect([refused.status, refused.body.error]).toEqual([400, 'invalid_request']);
      expect(broker.lastRecord()).toMatchObject({ event: 'exchange', outcome: 'refused', reason: 'withdrawn' });
    }
    // The same person's other chain goes on.
    expect(await activeIn(other)).toEqual([true, true, true, true, true]);
    expect((await broker.goOn('one', other[0] ?? '')).status).toBe(200);
  });

  it('ends from its third on where that one is revoked, by the client that asked for it', async () => {
    const tokens = await broker.chain();
    expect((await broker.revoke(tokens[2] ?? '', 'two')).status).toBe(200);
    expect(await activeIn(tokens)).toEqual([true, true, false, false, false]);
    expect((await broker.goOn('two', tokens[1] ?? '')).status).toBe(200);
    expect((await broker.goOn('three', tokens[2] ?? '')).status).toBe(400);
  });

  it('names on record who ended which token, and by which revocation the others ended', async () => {
    const tokens = await broker.chain();
    await broker.revoke(tokens[0] ?? '');
    const { withdrawal, token } = broker.lastRecord();
    expect(broker.lastRecord()).toMatchObject({
      event: 'revocation',
      outcome: 'answered',
      client: { id: 'litellm' },
      token: { sub: 'staff:alice', clientId: 'litellm' },
    });
    await broker.introspect(tokens[4] ?? '');
    expect(broker.lastRecord()).toMatchObject({ active: false, reason: 'withdrawn', evidence: { withdrawal } });
    expect(broker.lastRecord().token).not.toEqual(token);
  });
});

describe('what is not its own', () => {
  it('RV-01 a client does not end, not even one whose target it introspects', async () => {
    const token = await broker.begin();
    for (const client of ['one', 'reader', 'two']) expect(told(await broker.revoke(token, client))).toEqual(NOTHING);
    expect(broker.lastRecord()).toMatchObject({ event: 'revocation', outcome: 'answered', reason: 'not_its_own' });
    expect(await isActive(token)).toBe(true);
    expect(told(await broker.revoke(token, 'litellm'))).toEqual(NOTHING);
    expect(await isActive(token)).toBe(false);
  });

  it.each([
    ['random', 'a.b.c', 'credential_malformed'],
    ['of another issuer', '', 'typ_refused'],
  ])('RV-02 a token that is %s changes nothing, and is told as any other', async (_title, text, reason) => {
    expect(told(await broker.revoke(text || (await broker.staffToken())))).toEqual(NOTHING);
    expect(broker.lastRecord()).toMatchObject({ outcome: 'answered', reason });
  });

  it('RV-01 nobody ends: without authentication the token stays', async () => {
    const token = await broker.begin();
    const ask = (headers: object, form: Record<string, string>) =>
      broker.call({ method: 'POST', path: '/revoke', headers: { ...FORM, ...headers } }, formOf({ token, ...form }));
    const anonymous = await ask({}, { client_id: 'litellm' });
    expect([anonymous.status, anonymous.body.error]).toEqual([400, 'invalid_client']);
    expect(broker.lastRecord()).toMatchObject({ event: 'revocation', outcome: 'refused' });
    expect(await isActive(token)).toBe(true);
    expect((await ask({ authorization: secretOf('litellm') }, {})).status).toBe(200);
    expect(await isActive(token)).toBe(false);
  });
});

describe('a workload that nobody registered', () => {
  const ID = 'spiffe://prod.example/ns/payments/sa/api';
  const other = 'spiffe://prod.example/ns/payments/sa/other';

  it('RV-01 ends the tokens that it has for itself, by its SVID, and no other workload does', async () => {
    const [own, another] = [
      broker.as(await broker.mesh.mintSvid('/ns/payments/sa/api')),
      broker.as(await broker.mesh.mintSvid('/ns/payments/sa/other')),
    ];
    const ask = { grant_type: 'client_credentials', client_id: ID, audience: 'ledger' };
    const token = tokenIn(await own.token(ask));
    const revoke = (as: typeof own, id: string) =>
      as.call({ method: 'POST', path: '/revoke', headers: FORM }, formOf({ token, client_id: id }));
    expect(await isActive(token)).toBe(true);
    expect(told(await revoke(another, other))).toEqual(NOTHING);
    expect((await revoke(another, ID)).body.error).toBe('invalid_client');
    expect(await isActive(token)).toBe(true);
    expect(told(await revoke(own, ID))).toEqual(NOTHING);
    expect(await isActive(token)).toBe(false);
    own.close();
    another.close();
  });
});

describe('many at once', () => {
  it('do not wait for each other: every one is answered, and in force', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => broker.begin()));
    const answers = await Promise.all(tokens.map((token) => broker.revoke(token)));
    expect(answers.map(({ status }) => status)).toEqual(tokens.map(() => 200));
    expect(new Set(await activeIn(tokens))).toEqual(new Set([false]));
  });

  it('RV-01 one token twice is ended once, and answered twice', async () => {
    const token = await broker.begin();
    const answers = await Promise.all([broker.revoke(token), broker.revoke(token)]);
    expect(answers.map(told)).toEqual([NOTHING, NOTHING]);
    expect(told(await broker.revoke(token))).toEqual(NOTHING);
    expect(await isActive(token)).toBe(false);
  });
});
