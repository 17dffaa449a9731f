// The jwt-bearer grant (RFC 7523 §2.1): the same credentials, verifiers and rules as a token exchange, under another error code.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, JWT_TYPE, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import { claimsOf, credentialsOf, startSetting } from './setting.ts';

let broker: TestBroker;
beforeAll(async () => {
  broker = await startSetting();
});
afterAll(() => broker.stop());

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const bearer = (assertion: string) => broker.token({ grant_type: JWT_BEARER, assertion, audience: 'ledger' });
const exchange = (subject_token: string) =>
  broker.token({ grant_type: TOKEN_EXCHANGE, subject_token, subject_token_type: JWT_TYPE, audience: 'ledger' });
const judged = ({ status, body }: Answer) => [status, body.error, broker.records().at(-1)?.reason];

describe('a platform token as the assertion of a grant', () => {
  it('JA-11 says the same of a pod as a token exchange does', async () => {
    const pod = await credentialsOf(broker).pod();
    const [one, other] = [await bearer(pod), await exchange(pod)].map(({ body }) =>
      claimsOf(String(body.access_token)),
    );
    expect(one?.sub).toBe('cluster:system:serviceaccount:payments:api');
    for (const name of ['sub', 'aud', 'client_id', 'scope', 'origin']) expect(one?.[name]).toEqual(other?.[name]);
  });

  it.each([
    ['two audiences', (issuer: string) => ({ aud: [issuer, 'https://other.example'] }), 'audience_mismatch'],
    ['the audience of the API server', () => ({ aud: ['https://kubernetes.default.svc'] }), 'audience_mismatch'],
    [
      'a context that no rule names',
      () => ({
        sub: 'system:serviceaccount:other:api',
        'kubernetes.io': {
          namespace: 'other',
          serviceaccount: { name: 'api', uid: 'u' },
          pod: { name: 'p', uid: 'u' },
        },
      }),
      'no_rule',
    ],
    ['a lifetime of a year', () => ({ exp: broker.now() + 31_536_000 }), 'lifetime_too_long'],
  ])('JA-06, JA-11 is an invalid_grant with %s', async (_title, change, reason) => {
    const pod = await credentialsOf(broker).pod(change(broker.issuer));
    const [asGrant, asSubject] = [judged(await bearer(pod)), judged(await exchange(pod))];
    expect(asGrant).toEqual([400, 'invalid_grant', reason]);
    expect(asSubject).toEqual([400, 'invalid_request', reason]);
    expect((await bearer(await credentialsOf(broker).pod())).status).toBe(200);
  });
});
