// POST /introspect against a whole broker: what an active token is told to be, and that everything else is one answer.

import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { type Answer, CLUSTER_ISSUER, mint } from '../support/broker.ts';
import { SECRETS } from '../support/client-broker.ts';
import { createDpopClient } from '../support/dpop-client.ts';
import { createForge } from '../support/forge.ts';
import {
  audienceOf,
  type OwnTokenBroker,
  secretOf,
  startOwnTokenBroker,
  tokenIn,
} from '../support/own-token-broker.ts';

let broker: OwnTokenBroker;
beforeAll(async () => {
  broker = await startOwnTokenBroker();
}, 30_000);
afterAll(() => broker?.stop());

const INACTIVE = '{"active":false}';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const bound = { grant_type: 'client_credentials', audience: 'bound' };

describe('an active token', () => {
  it('IN-04, TX-49 is told by its claims, and by no member for one that it has not', async () => {
    const authTime = broker.now() - 5;
    const token = await broker.begin({ subject_token: await broker.staffToken({ auth_time: authTime, acr: 'mfa' }) });
    const second = tokenIn(await broker.goOn('one', token));
    const { lineage, ...claims } = decodeJwt(second);
    const answer = await broker.introspect(second, 'two');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(answer.body).toEqual({ active: true, token_type: 'Bearer', ...claims });
    expect(answer.body).toMatchObject({ auth_time: authTime, acr: 'mfa', sub: 'staff:alice', client_id: 'one' });
    const began = { iss: broker.issuer, sub: 'litellm' };
    expect(answer.body.act).toEqual({ iss: broker.issuer, sub: 'one', act: began });
    expect(lineage).toHaveLength(1);
    expect(broker.lastRecord()).toMatchObject({
      event: 'introspection',
      outcome: 'answered',
      active: true,
      client: { id: 'two' },
      token: { jti: claims.jti, sub: 'staff:alice', clientId: 'one', aud: audienceOf('two') },
      targets: ['two'],
    });
    expect(JSON.stringify(broker.lastRecord())).not.toContain(second.slice(-20));
  });

  it('is told of a target with parameters, to whoever introspects it', async () => {
    const pod = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
    const asked = await broker.exchange(await mint(broker, 'cluster', pod, { typ: undefined }), { audience: 'space' });
    const address = 'https://payments.spaces.example';
    expect((await broker.introspect(tokenIn(asked))).body).toMatchObject({ active: true, aud: address });
    expect(broker.lastRecord()).toMatchObject({ targets: ['space'] });
    expect((await broker.introspect(tokenIn(asked), 'one')).text).toBe(INACTIVE);
  });

  it('IN-04 says to which key it is bound, and what it is used as', async () => {
    const certificate = await broker.edge.mintSvid('/x', { uris: ['https://edge.example/client'] });
    const edge = broker.as(certificate);
    const byCertificate = tokenIn(await edge.token({ ...bound, client_id: 'edge' }));
    edge.close();
    const dpop = createDpopClient(broker, broker);
    const secret = { client_id: 'litellm', client_secret: SECRETS.litellm };
    const byProof = tokenIn(await dpop.ask({ ...bound, ...secret }));
    expect((await broker.introspect(byCertificate)).body).toMatchObject({
      token_type: 'Bearer',
      cnf: { 'x5t#S256': createHash('sha256').update(new X509Certificate(certificate.cert).raw).digest('base64url') },
    });
    expect((await broker.introspect(byProof)).body).toMatchObject({ token_type: 'DPoP', cnf: { jkt: dpop.jkt } });
  });

  it('IN-03 is found whatever the hint says', async () => {
    const token = await broker.begin();
    for (const hint of ['access_token', 'refresh_token', 'something else'])
      expect((await broker.introspect(token, 'one', { token_type_hint: hint })).body.active).toBe(true);
  });
});

/** Everything of an answer that a caller sees, but for the time of day. */
const seen = ({ status, headers: { date: _, ...headers }, text }: Answer) => ({ status, headers, text });

describe('whatever is not an active token that the client may know', () => {
  const forged = (claims: Record<string, unknown>): string =>
    createForge('ES256', 'nobody').token(claims, { typ: 'at+jwt' });
  const cases: readonly (readonly [string, string, () => Promise<Answer>])[] = [
    ['an unknown key', 'key_unknown', async () => broker.introspect(forged(decodeJwt(await broker.begin())))],
    ['another issuer', 'typ_refused', async () => broker.introspect(await broker.staffToken())],
    [
      'another issuer, in our form',
      'claim_invalid',
      async () => broker.introspect(forged({ ...decodeJwt(await broker.begin()), iss: 'https://sts.other.example' })),
    ],
    [
      'another audience (CVE-2026-37979)',
      'not_introspected',
      async () => broker.introspect(await broker.begin(), 'two'),
    ],
    ['a client without targets', 'not_introspected', async () => broker.introspect(await broker.begin(), 'bound')],
    ['malformed', 'credential_malformed', () => broker.introspect('no token at all')],
    ['malformed, and not even ASCII', 'credential_malformed', () => broker.introspect('é\n.a.b')],
    [
      'a changed signature',
      'signature_invalid',
      async () => broker.introspect((await broker.begin()).replace(/.{8}$/, 'AAAAAAAA')),
    ],
    [
      'revoked',
      'withdrawn',
      async () => {
        const token = await broker.begin();
        expect((await broker.introspect(token)).body.active).toBe(true);
        await broker.revoke(token);
        return broker.introspect(token);
      },
    ],
    [
      'expired',
      'expired',
      async () => {
        const token = await broker.begin();
        const left = Number(decodeJwt(token).exp) - broker.now();
        broker.clock.offsetSeconds = left - 2;
        expect((await broker.introspect(token)).body.active).toBe(true);
        broker.clock.offsetSeconds = left + 1;
        return broker.introspect(token).finally(() => {
          broker.clock.offsetSeconds = 0;
        });
      },
    ],
  ];

  it.each(cases)('IN-02, IN-05, IN-06 %s is one answer, and why is on record', async (_title, reason, ask) => {
    const plain = await broker.introspect('x');
    expect(seen(await ask())).toEqual(seen(plain));
    expect(plain.text).toBe(INACTIVE);
    expect(broker.lastRecord()).toMatchObject({ event: 'introspection', outcome: 'answered', active: false, reason });
  });

  it('IN-06 what a key signed that was revoked since is one of it', async () => {
    const own = await startOwnTokenBroker();
    const token = await own.begin();
    expect((await own.introspect(token)).body.active).toBe(true);
    const { kid } = decodeProtectedHeader(token);
    expect(await own.command(`/keys/${kid}/revoke`, {})).toMatchObject({ status: 200 });
    expect((await own.introspect(token)).text).toBe(INACTIVE);
    expect(own.lastRecord()).toMatchObject({ active: false, reason: 'key_unknown' });
    expect((await own.introspect(await own.begin())).body.active).toBe(true);
    await own.stop();
  }, 30_000);
});

describe('who asks', () => {
  it('IN-01 is somebody: anonymous is invalid_client, a wrong secret 401 with a challenge', async () => {
    const token = await broker.begin();
    const ask = (headers: object, more = '') =>
      broker.call({ method: 'POST', path: '/introspect', headers: { ...FORM, ...headers } }, `token=${token}${more}`);
    for (const more of ['', '&client_id=reader', '&client_id=nobody']) {
      const anonymous = await ask({}, more);
      expect([anonymous.status, anonymous.body.error]).toEqual([400, 'invalid_client']);
      expect(broker.lastRecord()).toMatchObject({ event: 'introspection', reason: 'client_credential_refused' });
    }
    const wrong = await ask({ authorization: secretOf('reader').replace(/.{4}$/, 'AAA=') });
    expect([wrong.status, wrong.headers['www-authenticate']]).toEqual([401, 'Basic realm="exchequer"']);
    expect((await ask({ authorization: secretOf('reader') })).body.active).toBe(true);
  });

  it('JA-08 shows an assertion once, whichever endpoint it is for', async () => {
    const mcp = { subject_token: await broker.appToken(), audience: 'mcp' };
    const assertion = async () => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await broker.assertion('signer', { jti: crypto.randomUUID() }),
    });
    const own = await assertion();
    const token = tokenIn(await broker.exchange(mcp.subject_token, { ...mcp, ...(await assertion()) }));
    const ask = (form: Record<string, string>) =>
      broker.call(
        { method: 'POST', path: '/introspect', headers: FORM },
        new URLSearchParams({ token, ...form }).toString(),
      );
    expect((await ask(own)).body.active).toBe(true);
    expect((await ask(own)).body.error).toBe('invalid_client');
    expect(broker.lastRecord()).toMatchObject({ reason: 'replayed', evidence: { role: 'client' } });
  });

  it('DP-05, DP-09 proves the key that its assertion is bound to, by a proof for this endpoint', async () => {
    const dpop = createDpopClient(broker, broker);
    await dpop.ask({ ...bound, client_id: 'litellm', client_secret: SECRETS.litellm });
    const ask = async (proof?: string) => {
      const form = new URLSearchParams({
        token: 'x',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await broker.assertion('signer', { jti: crypto.randomUUID(), cnf: { jkt: dpop.jkt } }),
      });
      const headers = { ...FORM, ...(proof === undefined ? {} : { dpop: proof }) };
      return broker.call({ method: 'POST', path: '/introspect', headers }, form.toString());
    };
    const proof = dpop.proof({ htu: `${broker.issuer}/introspect` });
    expect((await ask(proof)).text).toBe(INACTIVE);
    expect((await ask(proof)).body.error).toBe('invalid_dpop_proof');
    expect(broker.lastRecord()).toMatchObject({ event: 'introspection', reason: 'dpop_proof_replayed' });
    expect((await ask()).body.error).toBe('invalid_client');
    expect(broker.lastRecord()).toMatchObject({ reason: 'binding_mismatch', evidence: { role: 'client' } });
    expect((await ask(dpop.proof({ htu: `${broker.issuer}/token` }))).body.error).toBe('invalid_dpop_proof');
  });
});

describe('a badly formed request', () => {
  it.each([
    ['no token', '', {}, 'parameter_missing'],
    ['two tokens', 'token=a&token=a', {}, 'parameter_repeated'],
    ['two audiences, which nothing here takes', 'token=a&audience=a&audience=b', {}, 'parameter_repeated'],
    ['a token of more than 65,536 bytes', `token=${'a'.repeat(65_537)}`, {}, 'parameter_too_large'],
    ['the token in the address', 'token=a', { path: '/introspect?token=a' }, 'query_forbidden'],
    ['JSON', '{"token":"a"}', { headers: { 'content-type': 'application/json' } }, 'media_type_unsupported'],
    ['GET', '', { method: 'GET' }, 'method_not_allowed'],
  ])('OA-04 %s is refused, and recorded, as at /token', async (_title, body, change, reason) => {
    const headers = { ...FORM, authorization: secretOf('reader'), ...('headers' in change ? change.headers : {}) };
    const answer = await broker.call({ method: 'POST', path: '/introspect', ...change, headers }, body || undefined);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).toMatchObject({ error: 'invalid_request' });
    expect(broker.lastRecord()).toMatchObject({ event: 'introspection', outcome: 'refused', reason });
  });
});
