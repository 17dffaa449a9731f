// Tokens that are bound to a certificate (RFC 8705 §3), against a whole broker: by whom they can be had, what they say, that a binding
// is never lost on the way, and that nothing outlives the key that it is bound to.

import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Caller, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { JWT_BEARER, JWT_SPIFFE } from '../support/clients.ts';
import type { SvidOptions, X509Svid } from '../support/spiffe-authority.ts';

let broker: ClientBroker;
const callers: Caller[] = [];
beforeAll(async () => {
  broker = await startClientBroker();
});
afterEach(() => {
  broker.clock.offsetSeconds = 0;
});
afterAll(async () => {
  for (const caller of callers) caller.close();
  await broker.stop();
});

async function connect(
  options: SvidOptions = {},
): Promise<Caller & { readonly svid: X509Svid; readonly print: string }> {
  const svid = await broker.mesh.mintSvid('/ns/payments/sa/api', options);
  const caller = broker.as(svid);
  callers.push(caller);
  const print = createHash('sha256')
    .update(svid.ders[0] ?? '')
    .digest('base64url');
  return { ...caller, svid, print };
}

const claimsOf = ({ body, text }: Answer) => {
  if (typeof body.access_token !== 'string') throw new Error(text);
  return decodeJwt(body.access_token);
};
function refusedFor({ status, body }: Answer): string {
  const { reason, evidence } = broker.lastRecord();
  const detail = (evidence ?? {}) as { requirement?: unknown };
  return status === 200 ? 'granted' : `${body.error}: ${detail.requirement ?? reason}`;
}
const cnf = (print: string) => ({ cnf: { 'x5t#S256': print } });
const bySecret = { grant_type: 'client_credentials', client_id: 'litellm', client_secret: SECRETS.litellm };

describe('a target with proof: required', () => {
  it('MT-04 binds to the certificate of the connection, whatever authenticated the client', async () => {
    const caller = await connect();
    const assertion = await broker.assertion('signer');
    for (const credential of [
      bySecret,
      { grant_type: 'client_credentials', client_assertion_type: JWT_BEARER, client_assertion: assertion },
    ])
      expect(claimsOf(await caller.token({ ...credential, audience: 'bound' })).cnf).toEqual({
        'x5t#S256': caller.print,
      });
    expect(broker.lastRecord()).toMatchObject({ boundTo: caller.print, mtls: caller.print });
    expect(refusedFor(await broker.token({ ...bySecret, audience: 'bound' }))).toBe('invalid_target: proof');
  });

  it('MT-04 binds a workload that presents its own token', async () => {
    const caller = await connect();
    const token = await broker.workerToken();
    expect(claimsOf(await caller.exchange(token, { audience: 'bound' })).cnf).toEqual({ 'x5t#S256': caller.print });
    expect(refusedFor(await broker.exchange(token, { audience: 'bound' }))).toBe('invalid_target: proof');
    // The same where nothing asks for it is a bearer token, certificate or not.
    expect(claimsOf(await caller.exchange(token))).not.toHaveProperty('cnf');
  });
});

describe('a client with proof: required', () => {
  it('MT-04 has no token that is not bound, of any target', async () => {
    const caller = await connect();
    const form = { ...bySecret, client_id: 'bound', audience: 'ledger' };
    expect(claimsOf(await caller.token(form)).cnf).toEqual({ 'x5t#S256': caller.print });
    expect(refusedFor(await broker.token(form))).toBe('invalid_target: proof');
    expect(claimsOf(await broker.token({ ...bySecret, audience: 'ledger' }))).not.toHaveProperty('cnf');
  });

  it('MT-04 nor one for somebody whose token it presents', async () => {
    const caller = await connect();
    const form = {
      grant_type: TOKEN_EXCHANGE,
      subject_token: await broker.appToken(),
      subject_token_type: JWT_TYPE,
      audience: 'mcp',
      client_id: 'bound',
      client_secret: SECRETS.litellm,
    };
    expect(claimsOf(await caller.token(form))).toMatchObject({ sub: 'apps:app-1', ...cnf(caller.print) });
    expect(refusedFor(await broker.token(form))).toBe('invalid_target: proof');
  });
});

describe('a workload that is registered with proof: required', () => {
  it('MT-04 does not escape it by asking under its own name', async () => {
    // The old mistake: as itself it was no registered client, and got a bearer token for its JWT-SVID.
    const path = '/ns/strict/sa/job';
    const ask = async (client_id: string) => ({
      grant_type: 'client_credentials',
      audience: 'ledger',
      client_assertion_type: JWT_SPIFFE,
      client_assertion: await broker.mesh.signJwt(path, broker.issuer, broker.now()),
      client_id,
    });
    const caller = await connect();
    for (const client_id of ['strict', broker.mesh.id(path)]) {
      expect(refusedFor(await broker.token(await ask(client_id)))).toBe('invalid_target: proof');
      expect(claimsOf(await caller.token(await ask(client_id)))).toMatchObject(cnf(caller.print));
    }
  });
});

describe('a subject token that is bound', () => {
  it('MT-05, A-155 is taken from the holder of its key only', async () => {
    const [caller, other] = [await connect(), await connect()];
    const token = await broker.workerToken(cnf(caller.print));
    expect(refusedFor(await caller.exchange(token))).toBe('granted');
    expect(refusedFor(await other.exchange(token))).toBe('invalid_request: binding_mismatch');
    expect(refusedFor(await broker.exchange(token))).toBe('invalid_request: binding_mismatch');
  });

  it('MT-05, A-156 never becomes an unbound one, by any grant, for any target', async () => {
    const caller = await connect();
    const token = await broker.workerToken(cnf(caller.print));
    expect(claimsOf(await caller.exchange(token))).toMatchObject({
      aud: 'https://api.example/ledger',
      ...cnf(caller.print),
    });
    const bearer = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token, audience: 'ledger' };
    expect(claimsOf(await caller.token(bearer))).toMatchObject(cnf(caller.print));
    expect(refusedFor(await broker.token(bearer))).toBe('invalid_grant: binding_mismatch');
  });

  it('A-155 a client in the right connection cannot present what is bound to another key', async () => {
    const [caller, other] = [await connect(), await connect()];
    const form = async () => ({
      grant_type: TOKEN_EXCHANGE,
      subject_token: await broker.appToken(cnf(other.print)),
      subject_token_type: JWT_TYPE,
      audience: 'mcp',
      client_id: 'litellm',
      client_secret: SECRETS.litellm,
    });
    expect(refusedFor(await caller.token(await form()))).toBe('invalid_request: binding_mismatch');
    expect(claimsOf(await other.token(await form()))).toMatchObject(cnf(other.print));
  });

  it("MT-05 a client's own assertion or SVID that is bound is taken from the holder of its key only", async () => {
    // The old mistake: only the subject's binding was looked at, so a stolen credential of a client served anybody.
    const [caller, other] = [await connect(), await connect()];
    const gateway = await broker.mesh.signJwt('/ns/mcp/sa/gateway', broker.issuer, broker.now(), cnf(caller.print));
    for (const credential of [
      async () => ({
        client_assertion_type: JWT_BEARER,
        client_assertion: await broker.assertion('signer', { jti: randomUUID(), ...cnf(caller.print) }),
      }),
      async () => ({ client_assertion_type: JWT_SPIFFE, client_assertion: gateway, client_id: 'gateway' }),
    ]) {
      const presented = await broker.appToken();
      expect(refusedFor(await other.exchange(presented, { audience: 'mcp', ...(await credential()) }))).toBe(
        'invalid_client: binding_mismatch',
      );
      expect(refusedFor(await caller.exchange(presented, { audience: 'mcp', ...(await credential()) }))).toBe(
        'granted',
      );
    }
    const itself = async () => ({
      grant_type: 'client_credentials',
      audience: 'ledger',
      client_assertion_type: JWT_BEARER,
      client_assertion: await broker.assertion('signer', { jti: randomUUID(), ...cnf(caller.print) }),
    });
    expect(refusedFor(await broker.token(await itself()))).toBe('invalid_client: binding_mismatch');
    expect(claimsOf(await caller.token(await itself()))).toMatchObject(cnf(caller.print));
  });

  it.each([
    ['another kind of binding', { kid: 'a' }, 'claim_unsupported'],
    ['a whole key', { jwk: { kty: 'EC' } }, 'claim_unsupported'],
    ['a key that nobody proved', { jkt: 'a'.repeat(43) }, 'binding_mismatch'],
    ['a key that is no thumbprint', { jkt: 'short' }, 'claim_invalid'],
    ['two kinds at once', { 'x5t#S256': 'a'.repeat(43), jkt: 'a'.repeat(43) }, 'claim_unsupported'],
    ['an empty one', {}, 'claim_unsupported'],
    ['one that is no thumbprint', { 'x5t#S256': 'short' }, 'claim_invalid'],
    ['one with padding', { 'x5t#S256': `${'a'.repeat(43)}=` }, 'claim_invalid'],
    ['one in a list', [{ 'x5t#S256': 'a'.repeat(43) }], 'claim_invalid'],
  ])('A-156 with %s is refused', async (_what, confirmation, reason) => {
    const caller = await connect();
    expect(refusedFor(await caller.exchange(await broker.workerToken({ cnf: confirmation })))).toBe(
      `invalid_request: ${reason}`,
    );
  });
});

describe('the certificate that a token is bound to', () => {
  it('MT-04 is never outlived by it', async () => {
    const notAfter = Math.floor(Date.now() / 1000) + 60;
    const caller = await connect({ notAfter: new Date(notAfter * 1000) });
    expect(claimsOf(await caller.token({ ...bySecret, audience: 'bound' })).exp).toBe(notAfter);
    // Nothing is bound here, so that only the target's lifetime counts.
    expect(claimsOf(await caller.token({ ...bySecret, audience: 'ledger' })).exp).toBeGreaterThan(notAfter);
    broker.clock.offsetSeconds = 61;
    expect(refusedFor(await caller.token({ ...bySecret, audience: 'bound' }))).toBe('invalid_request: expired');
  });

  it('MT-07 is that of the connection: headers of proxies are nobody', async () => {
    const { svid } = await connect();
    const pem = encodeURIComponent(svid.cert);
    const headers = {
      'x-forwarded-client-cert': `Cert="${pem}"`,
      'client-cert': `:${Buffer.from(svid.ders[0] ?? '').toString('base64')}:`,
      'x-ssl-client-cert': pem,
    };
    const form = { grant_type: 'client_credentials', client_id: svid.id, audience: 'ledger' };
    expect(refusedFor(await broker.token(form, headers))).toBe('invalid_client: client_credential_refused');
    expect(broker.lastRecord()).toMatchObject({ evidence: { problem: 'credential_missing' } });
    expect(refusedFor(await broker.token({ ...bySecret, audience: 'bound' }, headers))).toBe('invalid_target: proof');
  });

  it('MT-06 is announced in the metadata', async () => {
    const { body } = await broker.call({ path: '/.well-known/oauth-authorization-server' });
    expect(body).toMatchObject({ tls_client_certificate_bound_access_tokens: true });
    expect(body).not.toHaveProperty('mtls_endpoint_aliases');
  });
});

describe('an assertion that was spent', () => {
  it('JA-08 stays spent across a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'exchequer-clients-'));
    const once = async (running: ClientBroker) =>
      running.token({
        grant_type: 'client_credentials',
        audience: 'ledger',
        client_assertion_type: JWT_BEARER,
        client_assertion: await running.assertion('signer', { jti: 'the same' }),
      });
    const first = await startClientBroker({ folder });
    expect((await once(first)).status).toBe(200);
    await first.stop();
    const second = await startClientBroker({ folder, kept: first });
    try {
      expect((await once(second)).body.error).toBe('invalid_client');
      expect(second.lastRecord()).toMatchObject({ reason: 'replayed', evidence: { role: 'client' } });
    } finally {
      await second.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
