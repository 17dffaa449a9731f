// X.509-SVIDs over mutual TLS, against a whole broker: as the subject of client_credentials, as client authentication, and as what
// tokens are bound to. Judged for every request of a living connection.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Caller, POLICIES, startTestBroker, type TestBroker } from '../support/broker.ts';
import { openSpiffeAuthority, type SpiffeAuthority, type X509Svid } from '../support/spiffe-authority.ts';

const PATH = '/ns/payments/sa/api';
const RULES = `
rules:
  - name: mesh-bound
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/api }
    allow: [bound]
  - name: login-through-gateway
    subject: { trust: login, sub: worker-1 }
    client: gateway
    allow: [deploy]
`;

let mesh: SpiffeAuthority;
let svid: X509Svid;
let broker: TestBroker;
let caller: Caller;

const asItself = (id: string) => ({ grant_type: 'client_credentials', client_id: id, audience: 'ledger' });
const claimsOf = ({ body }: Answer) => decodeJwt(String(body.access_token));
const lastRecord = () => broker.records().at(-1) ?? {};

beforeAll(async () => {
  mesh = await openSpiffeAuthority('prod.example');
  svid = await mesh.mintSvid(PATH);
  broker = await startTestBroker({
    config: (yaml) =>
      yaml
        .replace('bundle: { file: ./mesh.json }', 'bundle: { file: ./roots.json }')
        .replace('targets:\n', 'targets:\n  bound: { kind: token, audience: https://bound.example, proof: required }\n')
        .replace(/^targets:/m, 'clients:\n  gateway: { spiffe: spiffe://prod.example/ns/mcp/sa/* }\ntargets:'),
    files: { 'roots.json': mesh.bundleJson() },
    policies: { ...POLICIES, 'mtls.yaml': RULES },
  });
  caller = broker.as(svid);
});
afterAll(async () => {
  caller.close();
  await broker.stop();
});

describe('an X.509-SVID', () => {
  it('SC-03, SX-08 makes its workload the subject of client_credentials, under its own name', async () => {
    const answer = await caller.token(asItself(svid.id));
    expect(answer.status, answer.text).toBe(200);
    expect(claimsOf(answer)).toMatchObject({
      sub: svid.id,
      client_id: svid.id,
      aud: 'https://api.example/ledger',
      origin: { iss: 'spiffe://prod.example', sub: svid.id },
    });
    expect(claimsOf(answer)).not.toHaveProperty('cnf');
    expect(lastRecord()).toMatchObject({
      grantType: 'client_credentials',
      mtls: expect.stringMatching(/^[\w-]{43}$/),
      client: { source: 'mesh', id: svid.id, name: svid.id, method: 'spiffe_x509' },
      subject: { source: 'mesh', name: svid.id },
    });
  });

  it('MT-01 authenticates nobody without client_id, nor under the name of another', async () => {
    const { client_id: _, ...nameless } = asItself(svid.id);
    expect((await caller.token(nameless)).body.error).toBe('invalid_client');
    expect(lastRecord()).toMatchObject({
      reason: 'client_credential_refused',
      evidence: { problem: 'client_id_missing' },
    });
    expect((await caller.token(asItself(mesh.id('/ns/payments/sa/other')))).body.error).toBe('invalid_client');
    expect(lastRecord()).toMatchObject({ evidence: { problem: 'client_id_differs' } });
    expect((await caller.token(asItself(svid.id))).status).toBe(200);
  });

  it('MT-04 is what a token is bound to where the target asks, and nothing is issued there without one', async () => {
    const answer = await caller.token({ ...asItself(svid.id), audience: 'bound' });
    expect(answer.status, answer.text).toBe(200);
    const { createHash } = await import('node:crypto');
    const thumbprint = createHash('sha256')
      .update(svid.ders[0] ?? '')
      .digest('base64url');
    expect(claimsOf(answer).cnf).toEqual({ 'x5t#S256': thumbprint });
    const assertion = await mesh.signJwt(PATH, broker.issuer, broker.now());
    const byJwt = {
      ...asItself(svid.id),
      audience: 'bound',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: assertion,
    };
    expect((await broker.token(byJwt)).body.error).toBe('invalid_target');
    expect(lastRecord()).toMatchObject({ reason: 'target_requirement_unmet', evidence: { requirement: 'proof' } });
    expect(claimsOf(await caller.token(byJwt)).cnf).toEqual({ 'x5t#S256': thumbprint });
  });

  it("A-82 is refused on a living connection once it has expired, by the broker's own clock", async () => {
    const short = await mesh.mintSvid(PATH, { notAfter: new Date(Date.now() + 3_600_000) });
    const connection = broker.as(short);
    expect((await connection.token(asItself(short.id))).status).toBe(200);
    broker.clock.offsetSeconds = 3_601;
    expect((await connection.token(asItself(short.id))).body.error).toBe('invalid_client');
    expect(lastRecord()).toMatchObject({ reason: 'certificate_refused', evidence: { problem: 'expired' } });
    broker.clock.offsetSeconds = 0;
    expect((await connection.token(asItself(short.id))).status).toBe(200);
    connection.close();
  });
});

describe('a client that is registered by its SPIFFE ID', () => {
  it('authenticates by mutual TLS for a token that it presents, and is named beside the subject', async () => {
    const gateway = await mesh.mintSvid('/ns/mcp/sa/gateway');
    const connection = broker.as(gateway);
    const worker = await broker.keys.login.sign({
      iss: 'https://login.example',
      sub: 'worker-1',
      aud: broker.issuer,
      exp: broker.now() + 300,
      iat: broker.now(),
    });
    const answer = await connection.exchange(worker, { audience: 'deploy', client_id: 'gateway' });
    expect(answer.status, answer.text).toBe(200);
    expect(claimsOf(answer)).toMatchObject({ sub: 'login:worker-1', client_id: 'gateway' });
    expect((await broker.exchange(worker, { audience: 'deploy' })).body.error).toBe('invalid_target');
    expect(lastRecord()).toMatchObject({ reason: 'target_not_allowed' });
    expect(lastRecord().trace).toContainEqual(
      expect.objectContaining({ rule: 'login-through-gateway', failed: expect.objectContaining({ part: 'client' }) }),
    );
    expect((await broker.exchange(worker, { audience: 'deploy', client_id: 'gateway' })).body.error).toBe(
      'invalid_client',
    );
    expect(lastRecord()).toMatchObject({ evidence: { problem: 'credential_missing' } });
    connection.close();
  });

  it('A-150 is not another workload of the same domain', async () => {
    expect((await caller.token({ ...asItself('gateway') })).body.error).toBe('invalid_client');
    expect(lastRecord()).toMatchObject({ evidence: { method: 'certificate', problem: 'other_identity' } });
  });
});
