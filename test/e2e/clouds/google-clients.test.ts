// Client authentication at Google's token endpoint: whoever is registered is judged as anywhere, and whoever is not is nobody.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { formOf, type TestBroker } from '../../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../../support/client-broker.ts';
import { basic } from '../../support/clients.ts';
import { GCLOUD_BASIC, GCLOUD_CLIENT, GOOGLE_FORM } from '../../support/google-requests.ts';

let broker: ClientBroker;
beforeAll(async () => {
  broker = await startClientBroker();
});
afterAll(() => broker.stop());

type Asked = Awaited<ReturnType<TestBroker['call']>>;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

async function exchange(authorization: string | undefined, path = '/gcp/token/mcp', more = {}): Promise<Asked> {
  const form = { ...GOOGLE_FORM, scope: 'tools', subject_token: await broker.appToken(), ...more };
  const headers = { ...FORM, ...(authorization === undefined ? {} : { authorization }) };
  return broker.call({ method: 'POST', path, headers }, formOf(form));
}

it('takes what only a client may present, from that client', async () => {
  const got = await exchange(basic('litellm', SECRETS.litellm));
  expect([got.status, got.body.token_type]).toEqual([200, 'Bearer']);
  expect(broker.lastRecord()).toMatchObject({
    client: { id: 'litellm', method: 'client_secret_basic' },
    transport: 'gcp-sts',
  });
  expect(broker.lastRecord()).not.toHaveProperty('unprovedClientId');
});

it('does not take it from a client that nobody registered, which is none', async () => {
  for (const authorization of [GCLOUD_BASIC, undefined]) {
    const got = await exchange(authorization);
    expect([got.status, got.body.error]).toEqual([400, 'invalid_client']);
    expect(broker.lastRecord()).toMatchObject({ reason: 'client_required' });
  }
  await exchange(GCLOUD_BASIC);
  expect(broker.lastRecord()).toMatchObject({ unprovedClientId: GCLOUD_CLIENT });
});

it.each<[string, () => string, object]>([
  ['a wrong secret', () => basic('litellm', SECRETS.kong), { problem: 'secret_wrong' }],
  ['no secret', () => basic('litellm', ''), { problem: 'secret_wrong' }],
  ['a secret, where it is registered with a key', () => basic('signer', 'x'), { problem: 'other_method' }],
])(
  'refuses a registered client with %s, here and where it asks whose a token is',
  async (_what, authorization, problem) => {
    const told = await exchange(authorization());
    const refusal = { reason: 'client_credential_refused', evidence: { method: 'basic', ...problem } };
    expect(broker.lastRecord()).toMatchObject({ event: 'exchange', ...refusal });
    const headers = { ...FORM, authorization: authorization() };
    const asked = await broker.call({ method: 'POST', path: '/gcp/introspect', headers }, 'token=x');
    expect(broker.lastRecord()).toMatchObject({ event: 'caller_identity', ...refusal });
    for (const got of [told, asked]) {
      expect([got.status, got.body.error]).toEqual([401, 'invalid_client']);
      expect(got.headers['www-authenticate']).toMatch(/^Basic /);
    }
  },
);

it('knows the same stranger at /token as a client that failed (positive control)', async () => {
  const got = await broker.token(
    { ...GOOGLE_FORM, audience: 'mcp', scope: 'tools', subject_token: await broker.appToken() },
    { authorization: GCLOUD_BASIC },
  );
  expect([got.status, got.body.error]).toEqual([401, 'invalid_client']);
  expect(broker.lastRecord()).toMatchObject({ evidence: { problem: 'unregistered' } });
});
