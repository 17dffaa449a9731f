// DPoP at the token endpoint (RFC 9449), against a whole broker: the nonce, what tokens are bound to, replay, and that no binding is
// lost on the way. What a proof must be is judged mutation by mutation in test/verifiers/dpop.test.ts.

import { createHash, randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DPOP_WINDOW_SECONDS } from '../../src/core/limits-delegation.ts';
import { type Answer, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { JWT_BEARER } from '../support/clients.ts';
import { createDpopClient, type DpopClient } from '../support/dpop-client.ts';
import { createForge } from '../support/forge.ts';

const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

let broker: ClientBroker;
let client: DpopClient;
let other: DpopClient;
beforeAll(async () => {
  broker = await startClientBroker();
  client = createDpopClient(broker, broker);
  other = createDpopClient(broker, broker);
  for (const one of [client, other]) await one.ask(await worker());
});
afterAll(() => broker.stop());

const claimsOf = ({ body, text }: Answer) => {
  if (typeof body.access_token !== 'string') throw new Error(text);
  return decodeJwt(body.access_token);
};
/** What became of a request: `granted`, or its code and the reason on record. */
function verdict({ status, body }: Answer): string {
  const { reason, evidence } = broker.lastRecord();
  const { problem, requirement } = (evidence ?? {}) as { problem?: string; requirement?: string };
  return status === 200 ? 'granted' : `${body.error}: ${problem ?? requirement ?? reason}`;
}
const worker = async (claims: object = {}) => ({
  grant_type: TOKEN_EXCHANGE,
  subject_token: await broker.workerToken({ ...claims }),
  subject_token_type: JWT_TYPE,
  audience: 'ledger',
});
const bySecret = {
  grant_type: 'client_credentials',
  client_id: 'litellm',
  client_secret: SECRETS.litellm,
  audience: 'ledger',
};
/** A worker's request with any headers, a Host of another included. */
async function raw(path: string, headers: Record<string, string | string[]>): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const options = { method: 'POST', path, servername: 'localhost', headers: { ...type, ...headers } };
  return broker.call(options, new URLSearchParams(await worker()).toString());
}
const cnf = ({ jkt }: DpopClient) => ({ cnf: { jkt } });

describe('a nonce', () => {
  it('DP-06, DP-12 is wanted from everybody at first, in one header, and the newest comes with a success', async () => {
    const fresh = createDpopClient(broker, broker);
    const first = await fresh.send(await worker());
    expect([first.status, first.body.error, verdict(first)]).toEqual([
      400,
      'use_dpop_nonce',
      'use_dpop_nonce: dpop_nonce_wanted',
    ]);
    expect(first.headers).not.toHaveProperty('www-authenticate');
    expect(fresh.nonce()).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
    const second = await fresh.send(await worker());
    expect(verdict(second)).toBe('granted');
    expect(second.headers['dpop-nonce']).toBe(fresh.nonce());
    // Left out again, it is wanted again: nothing of the client is remembered.
    expect(verdict(await fresh.send(await worker(), fresh.proof({ nonce: undefined })))).toBe(
      'use_dpop_nonce: dpop_nonce_wanted',
    );
  });

  it('A-153 that nobody gave is answered with the newest', async () => {
    const form = await worker();
    for (const nonce of ['', 'x', randomUUID(), client.nonce()?.replace(/^./, 'Z'), client.nonce()?.replace(/.$/, 'x')])
      expect(verdict(await client.send(form, client.proof({ nonce })))).toBe('use_dpop_nonce: dpop_nonce_wanted');
    expect(verdict(await client.send(form))).toBe('granted');
  });
});

describe('a token that is asked for with a proof', () => {
  it('DP-07, mcp-oauth#446, mcp-oauth#447 is of type DPoP and bound to the key; without one it is a bearer token', async () => {
    const answer = await client.ask(await worker());
    expect(answer.body).toMatchObject({
      token_type: 'DPoP',
      issued_token_type: expect.stringMatching(/access_token$/),
    });
    expect(claimsOf(answer)).toMatchObject(cnf(client));
    expect(broker.lastRecord()).toMatchObject({ dpop: client.jkt, boundTo: client.jkt });
    const bearer = await broker.token(await worker());
    expect(bearer.body).toMatchObject({ token_type: 'Bearer' });
    expect(claimsOf(bearer)).not.toHaveProperty('cnf');
    expect(bearer.headers).not.toHaveProperty('dpop-nonce');
  });

  it.each([
    ['client_credentials', async () => bySecret],
    [
      'jwt-bearer',
      async () => ({ grant_type: JWT_BEARER_GRANT, assertion: (await worker()).subject_token, audience: 'ledger' }),
    ],
    ['a key of RSA', worker],
  ])('DP-07 whatever the grant and the key: %s', async (what, form) => {
    const key = what === 'a key of RSA' ? createForge('RS256', 'rsa') : undefined;
    const one = key ? createDpopClient(broker, broker, key) : client;
    const answer = await one.ask(await form());
    expect(answer.body).toMatchObject({ token_type: 'DPoP' });
    if (!key) expect(claimsOf(answer)).toMatchObject(cnf(client));
  });

  it('DP-10 meets proof: required of a target and of a client, as a certificate does', async () => {
    const bound = { ...bySecret, audience: 'bound' };
    expect(claimsOf(await client.ask(bound))).toMatchObject(cnf(client));
    expect(verdict(await broker.token(bound))).toBe('invalid_target: proof');
    const strict = { ...bySecret, client_id: 'bound' };
    expect(claimsOf(await client.ask(strict))).toMatchObject(cnf(client));
    expect(verdict(await broker.token(strict))).toBe('invalid_target: proof');
  });

  it('DP-10 the metadata says what proofs may be signed with', async () => {
    const { body } = await broker.call({ path: '/.well-known/oauth-authorization-server' });
    expect(body.dpop_signing_alg_values_supported).toEqual(
      expect.arrayContaining(['ES256', 'ES384', 'RS256', 'PS256']),
    );
    expect(body.dpop_signing_alg_values_supported).not.toContain('none');
  });
});

describe('a proof', () => {
  it('DP-05, A-151 is good for one request, whoever sends it', async () => {
    const proof = client.proof();
    expect(verdict(await client.send(await worker(), proof))).toBe('granted');
    const { decision } = broker.lastRecord();
    expect(verdict(await client.send(await worker(), proof))).toBe('invalid_dpop_proof: dpop_proof_replayed');
    expect(broker.lastRecord()).toMatchObject({ evidence: { spentBy: decision } });
    expect(verdict(await client.send(bySecret, proof))).toBe('invalid_dpop_proof: dpop_proof_replayed');
    // A jti is the key's own: what somebody else calls theirs is not spent by it.
    const { jti } = decodeJwt(proof);
    expect(verdict(await other.send(await worker(), other.proof({ jti })))).toBe('granted');
    expect(verdict(await client.send(await worker()))).toBe('granted');
  });

  it('DP-05 of two requests at once that show it, one is granted', async () => {
    const [proof, form] = [client.proof(), await worker()];
    const answers = await Promise.all(Array.from({ length: 8 }, () => broker.token(form, { dpop: proof })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 7 }, () => 400)]);
  });

  it('DP-05 is not spent where nobody was proved, so that strangers cannot fill the store', async () => {
    const proof = client.proof();
    const refused = { ...(await worker()), subject_token: 'a.b.c' };
    expect(verdict(await client.send(refused, proof))).toBe('invalid_request: base64url');
    expect(verdict(await client.send(await worker(), proof))).toBe('granted');
  });

  it('DP-01, A-151 stands in one header', async () => {
    const send = (dpop: string | string[]) => raw('/token', { dpop });
    expect(verdict(await send([client.proof(), client.proof()]))).toBe('invalid_dpop_proof: repeated');
    expect(verdict(await send([client.proof(), '']))).toBe('invalid_dpop_proof: repeated');
    expect(verdict(await send(`${client.proof()}, ${client.proof()}`))).toBe('invalid_dpop_proof: repeated');
    expect(verdict(await send(client.proof()))).toBe('granted');
  });

  it('DP-03, A-152, A-179 is for the address as configured, whatever the request calls us', async () => {
    const elsewhere = 'https://sts.attacker.example/token';
    const headers = {
      host: 'sts.attacker.example',
      'x-forwarded-host': 'sts.attacker.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=sts.attacker.example;proto=https',
    };
    const send = async (htu: string, more = {}) =>
      verdict(await raw('/token', { dpop: client.proof({ htu }), ...more }));
    expect(await send(elsewhere, headers)).toBe('invalid_dpop_proof: htu');
    expect(await send(elsewhere)).toBe('invalid_dpop_proof: htu');
    expect(await send(`${broker.issuer}/token`, headers)).toBe('granted');
    expect(await send(`${broker.issuer.replace('https', 'HTTPS')}/token?x=y#z`)).toBe('granted');
  });

  it('DP-03 for another endpoint of ours is for no other', async () => {
    const decide = (dpop: string) => raw('/decide', { dpop });
    const htu = `${broker.issuer}/decide`;
    expect(verdict(await client.send(await worker(), client.proof({ htu })))).toBe('invalid_dpop_proof: htu');
    expect(verdict(await decide(client.proof()))).toBe('invalid_dpop_proof: htu');
    const proof = client.proof({ htu });
    const would = await decide(proof);
    // The newest one, which may be another than a moment ago.
    const nonce = expect.stringMatching(/^[\w-]{32}$/);
    expect([would.status, would.body.granted, would.headers['dpop-nonce']]).toEqual([200, true, nonce]);
    expect(verdict(await decide(proof))).toBe('invalid_dpop_proof: dpop_proof_replayed');
  });

  it('DP-02, A-182 that is refused is refused in the same words, whatever is wrong with it', async () => {
    const form = await worker();
    const texts = ['x', client.proof({ htm: 'GET' }), client.proof({}, { typ: 'JWT' }), client.proof({ iat: 1 })];
    const bodies = new Set<string>();
    for (const text of texts) {
      const { body, status } = await client.send(form, text);
      bodies.add(`${status} ${body.error} ${String(body.error_description).replace(/\S+$/, '')}`);
    }
    expect([...bodies]).toEqual(['400 invalid_dpop_proof the DPoP proof was refused; decision ']);
    expect(verdict(await client.send(form))).toBe('granted');
  });
});

describe('a subject token that is bound to a key', () => {
  it('DP-09, A-156 is taken from its holder only, and never becomes an unbound one', async () => {
    const form = await worker(cnf(client));
    expect(verdict(await broker.token(form))).toBe('invalid_request: binding_mismatch');
    expect(verdict(await other.ask(form))).toBe('invalid_request: binding_mismatch');
    const answer = await client.ask(form);
    expect(answer.body).toMatchObject({ token_type: 'DPoP' });
    expect(claimsOf(answer)).toMatchObject(cnf(client));
  });

  it('DP-09 nor as the assertion of a jwt-bearer grant', async () => {
    const { subject_token: assertion } = await worker(cnf(client));
    const form = { grant_type: JWT_BEARER_GRANT, assertion, audience: 'ledger' };
    expect(verdict(await broker.token(form))).toBe('invalid_grant: binding_mismatch');
    expect(verdict(await other.ask(form))).toBe('invalid_grant: binding_mismatch');
    expect(claimsOf(await client.ask(form))).toMatchObject(cnf(client));
  });

  it('DP-09 a thumbprint of another kind is no key: neither the certificate of a key, nor the key of a certificate', async () => {
    const svid = await broker.mesh.mintSvid('/ns/payments/sa/api');
    const caller = broker.as(svid);
    try {
      const print = createHash('sha256')
        .update(svid.ders[0] ?? '')
        .digest('base64url');
      const both = createDpopClient(broker, caller, client.key);
      await both.ask(await worker());
      expect(verdict(await caller.token(await worker({ cnf: { jkt: print } })))).toBe(
        'invalid_request: binding_mismatch',
      );
      expect(verdict(await client.ask(await worker({ cnf: { 'x5t#S256': client.jkt } })))).toBe(
        'invalid_request: binding_mismatch',
      );
      // Its holder may move it from the certificate to a key: what is issued is bound all the same (MT-05).
      const moved = await both.ask(await worker({ cnf: { 'x5t#S256': print } }));
      expect(claimsOf(moved)).toMatchObject(cnf(client));
      expect(verdict(await client.ask(await worker({ cnf: { 'x5t#S256': print } })))).toBe(
        'invalid_request: binding_mismatch',
      );
    } finally {
      caller.close();
    }
  });

  it("DP-09 a client's assertion that is bound is taken, and spent, from its holder only", async () => {
    const asserted = async (jti: string) => ({
      grant_type: 'client_credentials',
      audience: 'ledger',
      client_assertion_type: JWT_BEARER,
      client_assertion: await broker.assertion('signer', { jti, ...cnf(client) }),
    });
    const form = await asserted(randomUUID());
    expect(verdict(await broker.token(form))).toBe('invalid_client: binding_mismatch');
    expect(verdict(await other.ask(form))).toBe('invalid_client: binding_mismatch');
    expect(claimsOf(await client.ask(form))).toMatchObject(cnf(client));
    expect(verdict(await client.ask(form))).toBe('invalid_client: replayed');
  });
});

describe('the clock', () => {
  // A store never goes back: whoever moves its clock needs a broker of their own.
  let late: ClientBroker;
  let caller: DpopClient;
  beforeAll(async () => {
    late = await startClientBroker();
    caller = createDpopClient(late, late);
  });
  afterAll(() => late.stop());
  const form = async () => ({
    grant_type: TOKEN_EXCHANGE,
    subject_token: await late.workerToken(),
    subject_token_type: JWT_TYPE,
    audience: 'ledger',
  });
  const said = async (answer: Promise<Answer>) => {
    const { status, body } = await answer;
    return status === 200 ? 'granted' : `${body.error}: ${JSON.stringify(late.lastRecord().evidence)}`;
  };

  it('DP-04, A-153 ours says how long a proof is taken, and how long a nonce', async () => {
    expect(await said(caller.ask(await form()))).toBe('granted');
    const [iat, first] = [late.now(), caller.nonce()];
    late.clock.offsetSeconds = DPOP_WINDOW_SECONDS - 10;
    expect(await said(caller.ask(await form()))).toBe('granted');
    expect(await said(caller.send(await form(), caller.proof({ iat })))).toBe('granted');
    late.clock.offsetSeconds = DPOP_WINDOW_SECONDS + 2;
    expect(await said(caller.send(await form(), caller.proof({ iat })))).toBe('invalid_dpop_proof: {"problem":"time"}');
    late.clock.offsetSeconds = 3_600;
    expect(await said(caller.send(await form(), caller.proof({ nonce: first })))).toMatch(/^use_dpop_nonce: /);
    expect(caller.nonce()).not.toBe(first);
    expect(await said(caller.send(await form()))).toBe('granted');
  });
});
