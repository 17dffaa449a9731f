// Credentials in the wrong place, against a whole broker: under another id, by another method, for another role. Each is refused
// with its own problem, and the same credential in its own place passes.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Caller, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, MACHINE, SECRET_BEFORE, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { basic, basicEncoded, JWT_BEARER, JWT_SPIFFE } from '../support/clients.ts';

let broker: ClientBroker;
const callers: Caller[] = [];

beforeAll(async () => {
  broker = await startClientBroker();
});
afterAll(async () => {
  for (const caller of callers) caller.close();
  await broker.stop();
});

const GATEWAY = '/ns/mcp/sa/gateway';
async function connect(path: string, uris?: readonly string[]): Promise<Caller> {
  const svid = await (uris ? broker.edge : broker.mesh).mintSvid(path, uris ? { uris } : {});
  const caller = broker.as(svid);
  callers.push(caller);
  return caller;
}

const ITSELF = { grant_type: 'client_credentials', audience: 'ledger' };
const exchange = async (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: TOKEN_EXCHANGE,
  subject_token: await broker.appToken(),
  subject_token_type: JWT_TYPE,
  audience: 'mcp',
  ...more,
});
const litellm = { client_id: 'litellm', client_secret: SECRETS.litellm };
const assertionOf = (assertion: string, type = JWT_BEARER) => ({
  client_assertion_type: type,
  client_assertion: assertion,
});

/** What the caller sees, and why in truth. */
function said({ status, body }: Answer): string {
  if (status === 200) return 'granted';
  const { reason, evidence } = broker.lastRecord();
  const { problem = reason } = (evidence ?? {}) as { problem?: unknown };
  return `${status} ${body.error}: ${problem}`;
}
const ask = async (form: Readonly<Record<string, string>>, headers = {}, caller: Pick<Caller, 'token'> = broker) =>
  said(await caller.token(form, headers));

describe('a credential for another client', () => {
  it('A-150 the secret of one under the id of another', async () => {
    expect(await ask({ ...ITSELF, ...litellm })).toBe('granted');
    expect(await ask({ ...ITSELF, ...litellm, client_id: 'kong' })).toBe('400 invalid_client: secret_wrong');
    expect(await ask(ITSELF, { authorization: basic('kong', SECRETS.litellm) })).toBe(
      '401 invalid_client: secret_wrong',
    );
    expect(await ask({ ...ITSELF, client_id: 'kong' }, { authorization: basic('litellm', SECRETS.litellm) })).toBe(
      '401 invalid_client: client_id_differs',
    );
  });

  it('A-150 an assertion of one under the id of another, or by its key', async () => {
    const own = await broker.assertion('signer', { jti: randomUUID() });
    expect(await ask({ ...ITSELF, ...assertionOf(own), client_id: 'elder' })).toBe(
      '400 invalid_client: client_id_differs',
    );
    const { signer } = broker.clientKeys;
    const claims = { iss: 'elder', sub: 'elder', aud: broker.issuer, exp: broker.now() + 60 };
    expect(await ask({ ...ITSELF, ...assertionOf(await signer.sign(claims)) })).toBe('400 invalid_client: key_unknown');
    expect(await ask({ ...ITSELF, ...assertionOf(own), client_id: 'signer' })).toBe('granted');
  });

  it('A-150 the certificate of one under the id of another, of the same method or not', async () => {
    const edge = await connect('/x', ['https://edge.example/client']);
    expect(await ask({ ...ITSELF, client_id: 'edge' }, {}, edge)).toBe('granted');
    expect(await ask({ ...ITSELF, client_id: 'host' }, {}, edge)).toBe('400 invalid_client: other_identity');
    expect(await ask({ ...ITSELF, client_id: 'litellm' }, {}, edge)).toBe('400 invalid_client: other_method');
    expect(await ask({ ...ITSELF, client_id: 'gateway' }, {}, edge)).toBe('400 invalid_client: spiffe_id');
  });

  it('A-150 a valid SVID of another workload', async () => {
    const [gateway, machine] = [await connect(GATEWAY), await connect('/ns/payments/sa/api')];
    expect(await ask(await exchange({ client_id: 'gateway' }), {}, gateway)).toBe('granted');
    expect(await ask(await exchange({ client_id: 'gateway' }), {}, machine)).toBe('400 invalid_client: other_identity');
    expect(await ask({ ...ITSELF, client_id: MACHINE }, {}, gateway)).toBe('400 invalid_client: client_id_differs');
    expect(await ask({ ...ITSELF, client_id: MACHINE }, {}, machine)).toBe('granted');
  });
});

describe('a method that is not the registered one', () => {
  it.each([
    [
      'a secret for a client with keys',
      { client_id: 'signer', client_secret: 'x' },
      {},
      '400 invalid_client: other_method',
    ],
    [
      'a secret for a SPIFFE workload',
      { client_id: 'gateway', client_secret: 'x' },
      {},
      '400 invalid_client: other_method',
    ],
    [
      'Basic for a client with a certificate',
      {},
      { authorization: basic('edge', 'x') },
      '401 invalid_client: other_method',
    ],
    ['nothing for a client with a secret', { client_id: 'litellm' }, {}, '400 invalid_client: credential_missing'],
    ['nothing for a client with keys', { client_id: 'signer' }, {}, '400 invalid_client: credential_missing'],
    ['no certificate for a client with one', { client_id: 'edge' }, {}, '400 invalid_client: credential_missing'],
    [
      'no certificate for a registered workload',
      { client_id: 'gateway' },
      {},
      '400 invalid_client: credential_missing',
    ],
    ['no certificate for a workload as itself', { client_id: MACHINE }, {}, '400 invalid_client: credential_missing'],
    [
      'a secret for a workload as itself',
      { client_id: MACHINE, client_secret: 'x' },
      {},
      '400 invalid_client: unregistered',
    ],
    [
      'Basic for a workload as itself',
      {},
      { authorization: basicEncoded(MACHINE, 'x') },
      '401 invalid_client: unregistered',
    ],
    ['a secret of nobody', { client_id: 'nobody', client_secret: 'x' }, {}, '400 invalid_client: unregistered'],
    ['Basic of nobody', {}, { authorization: basic('nobody', 'x') }, '401 invalid_client: unregistered'],
    ['a bearer token', {}, { authorization: 'Bearer x' }, '401 invalid_client: unsupported'],
    [
      'two methods',
      litellm,
      { authorization: basic('litellm', SECRETS.litellm) },
      '401 invalid_client: several_methods',
    ],
    ['an attestation', {}, { 'oauth-client-attestation': 'x' }, '400 invalid_client: unsupported'],
    [
      'an id by its issued name',
      { client_id: 'clients:litellm', client_secret: SECRETS.litellm },
      {},
      '400 invalid_client: unregistered',
    ],
    ['an id by the name of another source', { client_id: 'apps:app-1' }, {}, '400 invalid_client: unregistered'],
  ])('OA-02, JA-09 %s', async (_what, form, headers, expected) => {
    expect(await ask({ ...ITSELF, ...form }, headers)).toBe(expected);
    expect(await ask({ ...ITSELF, ...litellm })).toBe('granted');
  });

  it('OA-02 a certificate beside a secret is neither a second method nor the method', async () => {
    const gateway = await connect(GATEWAY);
    expect(await ask({ ...ITSELF, ...litellm }, {}, gateway)).toBe('granted');
    expect(broker.lastRecord()).toMatchObject({ client: { id: 'litellm', method: 'client_secret_post' } });
    expect(await ask({ ...ITSELF, ...litellm, client_secret: 'x' }, {}, gateway)).toBe(
      '400 invalid_client: secret_wrong',
    );
  });

  it('SC-01 a JWT-SVID is no private_key_jwt, nor the reverse; under its own type it is', async () => {
    const svid = await broker.mesh.signJwt('/ns/payments/sa/api', broker.issuer, broker.now());
    expect(await ask({ ...ITSELF, client_id: MACHINE, ...assertionOf(svid) })).toBe('400 invalid_client: unregistered');
    const own = await broker.assertion('signer', { jti: randomUUID() });
    expect(await ask({ ...ITSELF, client_id: 'signer', ...assertionOf(own, JWT_SPIFFE) })).toBe(
      '400 invalid_client: other_method',
    );
    expect(await ask({ ...ITSELF, client_id: MACHINE, ...assertionOf(own, JWT_SPIFFE) })).toBe(
      '400 invalid_client: issuer_unknown',
    );
    expect(await ask({ ...ITSELF, client_id: MACHINE, ...assertionOf(svid, JWT_SPIFFE) })).toBe('granted');
  });
});

describe('a client with two secrets', () => {
  it('OA-09 authenticates with both until the last day of the older, and then with the newer alone', async () => {
    const older = { authorization: basic('kong', SECRET_BEFORE) };
    const newer = { authorization: basic('kong', SECRETS.kong) };
    expect([await ask(ITSELF, older), await ask(ITSELF, newer)]).toEqual(['granted', 'granted']);
    broker.clock.offsetSeconds = 2 * 86_400;
    try {
      expect(await ask(ITSELF, older)).toBe('401 invalid_client: secret_expired');
      expect(await ask(ITSELF, newer)).toBe('granted');
      expect(await ask(ITSELF, { authorization: basic('kong', 'x') })).toBe('401 invalid_client: secret_wrong');
    } finally {
      broker.clock.offsetSeconds = 0;
    }
  });
});

describe('a credential for another role', () => {
  it('A-46 a subject token is no client assertion, whatever the id', async () => {
    const worker = await broker.workerToken();
    expect(await ask({ ...ITSELF, ...assertionOf(worker) })).toBe('400 invalid_client: unregistered');
    expect(await ask({ ...ITSELF, client_id: 'signer', ...assertionOf(worker) })).toBe(
      '400 invalid_client: client_id_differs',
    );
    expect(await ask({ ...ITSELF, client_id: MACHINE, ...assertionOf(worker, JWT_SPIFFE) })).toBe(
      '400 invalid_client: other_identity',
    );
    expect(said(await broker.exchange(worker))).toBe('granted');
  });

  it('a client assertion is no subject token and no assertion grant: its issuer is no source', async () => {
    const own = () => broker.assertion('signer', { jti: randomUUID() });
    expect(said(await broker.exchange(await own()))).toBe('400 invalid_request: issuer_unknown');
    const bearer = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await own() };
    expect(await ask({ ...bearer, audience: 'ledger' })).toBe('400 invalid_grant: issuer_unknown');
    expect(await ask({ ...ITSELF, ...assertionOf(await own()) })).toBe('granted');
  });

  it('A-129 client_credentials with a subject token, an assertion or an actor is refused, never served without it', async () => {
    for (const [parameter, value] of [
      ['subject_token', await broker.workerToken()],
      ['subject_token', 'x'.repeat(70_000)],
      ['subject_token_type', JWT_TYPE],
      ['assertion', 'a.b.c'],
      ['actor_token', 'a.b.c'],
    ] as const)
      expect(await ask({ ...ITSELF, ...litellm, [parameter]: value }), parameter).toBe(
        `400 invalid_request: ${value.length > 65_536 ? 'parameter_too_large' : 'parameter_unsupported'}`,
      );
    expect(await ask({ ...ITSELF, ...litellm })).toBe('granted');
  });

  it('A-129 a token exchange whose subject token is missing, blank or unreadable never falls back to the client', async () => {
    const { subject_token: _, ...without } = await exchange(litellm);
    expect(await ask(without)).toBe('400 invalid_request: parameter_missing');
    expect(await ask({ ...without, subject_token: '' })).toBe('400 invalid_request: parameter_missing');
    expect(await ask({ ...without, subject_token: ' ' })).toBe('400 invalid_request: parameter_malformed');
    expect(await ask({ ...without, subject_token: 'x'.repeat(65_537) })).toBe(
      '400 invalid_request: parameter_too_large',
    );
    expect(await ask({ ...without, subject_token: 'a.b.c' })).toBe('400 invalid_request: base64url');
    expect(await ask({ ...without, subject_token: 'a.b.c', subject_token_type: '' })).toBe(
      '400 invalid_request: parameter_missing',
    );
    const elsewhere = { client_id: 'elsewhere', client_secret: SECRETS.kong };
    expect(await ask(await exchange(elsewhere))).toBe('400 invalid_client: client_not_presenter');
    expect(await ask(await exchange(litellm))).toBe('granted');
  });

  it('JA-06, JA-07 a bad grant assertion is invalid_grant, a bad client assertion invalid_client', async () => {
    const bearer = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', audience: 'mcp' };
    const expired = { iat: broker.now() - 600, exp: broker.now() - 300 };
    expect(await ask({ ...bearer, assertion: await broker.appToken(expired), ...litellm })).toBe(
      '400 invalid_grant: expired',
    );
    const late = assertionOf(await broker.assertion('signer', expired));
    expect(await ask({ ...bearer, assertion: await broker.appToken(), ...late })).toBe('400 invalid_client: expired');
    expect(await ask({ ...bearer, assertion: await broker.appToken(), ...litellm })).toBe('granted');
    const twice = `grant_type=${encodeURIComponent(bearer.grant_type)}&assertion=a&assertion=b&audience=mcp`;
    const answer = await broker.call(
      { method: 'POST', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      twice,
    );
    expect(said(answer)).toBe('400 invalid_request: parameter_repeated');
  });
});

describe('tokens that a client presents', () => {
  it('TX-12 come from a client that is registered for their aud, and from nobody else', async () => {
    const hers = async (more: Readonly<Record<string, string>> = {}) =>
      exchange({ subject_token: await broker.staffToken(), ...more });
    expect(await ask(await exchange())).toBe('400 invalid_client: client_required');
    expect(await ask(await hers())).toBe('400 invalid_client: client_required');
    const app = { authorization: basicEncoded('https://app.example/client', SECRETS['https://app.example/client']) };
    expect(await ask(await exchange(), app)).toBe('400 invalid_client: client_not_presenter');
    expect(await ask(await hers(), app)).toBe('400 invalid_client: client_not_presenter');
    expect(await ask(await exchange(litellm))).toBe('granted');
    // Registered for it, and still no rule lets a person through.
    expect(await ask(await hers(litellm))).toBe('400 invalid_request: no_rule');
  });

  it('TX-12 the audience counts that the token bore, not the one that is asked for', async () => {
    const token = await broker.appToken({ aud: broker.issuer });
    expect(await ask(await exchange({ subject_token: token, ...litellm }))).toBe(
      '400 invalid_request: audience_mismatch',
    );
  });
});

describe('the assertion of a client that is shown again', () => {
  it('JA-08 is refused with the decision that spent it, also where the first one was refused by policy', async () => {
    const once = assertionOf(await broker.assertion('signer', { jti: randomUUID() }));
    expect(await ask({ ...ITSELF, ...once, audience: 'nowhere' })).toBe('400 invalid_target: target_unknown');
    const { decision } = broker.lastRecord();
    expect(await ask({ ...ITSELF, ...once })).toBe('400 invalid_client: replayed');
    expect(broker.lastRecord()).toMatchObject({ evidence: { role: 'client', spentBy: decision } });
    expect(await ask({ ...ITSELF, ...assertionOf(await broker.assertion('signer', { jti: randomUUID() })) })).toBe(
      'granted',
    );
  });

  it('JA-08 is spent by its jti, for each client apart; without one by its text', async () => {
    const jti = randomUUID();
    expect(await ask({ ...ITSELF, ...assertionOf(await broker.assertion('signer', { jti })) })).toBe('granted');
    expect(
      await ask({ ...ITSELF, ...assertionOf(await broker.assertion('signer', { jti, exp: broker.now() + 60 })) }),
    ).toBe('400 invalid_client: replayed');
    expect(await ask({ ...ITSELF, ...assertionOf(await broker.assertion('elder', { jti })) })).toBe('granted');
    const nameless = assertionOf(await broker.assertion('signer'));
    expect(await ask({ ...ITSELF, ...nameless })).toBe('granted');
    expect(await ask({ ...ITSELF, ...nameless })).toBe('400 invalid_client: replayed');
  });

  it('JA-08 of twenty at the same time one passes', async () => {
    const once = assertionOf(await broker.assertion('signer', { jti: randomUUID() }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => broker.token({ ...ITSELF, ...once })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.error))).toEqual(new Set([undefined, 'invalid_client']));
  });
});
