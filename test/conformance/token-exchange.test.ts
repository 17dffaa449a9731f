// RFC 8693 §2.1: what a request may say, asked of a running broker over real TLS. Answers are in token-exchange-answers.test.ts.
// Each refusal is told apart by status, error and the recorded reason; each has its control beside it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import {
  type Credentials,
  credentialsOf,
  expectRefused,
  granted,
  MCP,
  startSetting,
  TYPE,
  withBadSignature,
} from './setting.ts';

const LEDGER = 'https://api.example/ledger';
let broker: TestBroker;
let credentials: Credentials;
beforeAll(async () => {
  broker = await startSetting();
  credentials = credentialsOf(broker);
});
afterAll(() => broker.stop());

const post = (body: string | Buffer, type = 'application/x-www-form-urlencoded', method = 'POST') =>
  broker.call({ method, path: '/token', headers: { 'content-type': type } }, body);

const formWith = async (more: Readonly<Record<string, string>> = {}): Promise<string> =>
  new URLSearchParams({
    grant_type: TOKEN_EXCHANGE,
    subject_token: await credentials.svid(),
    subject_token_type: `${TYPE}jwt`,
    audience: 'ledger',
    ...more,
  }).toString();

describe('the form', () => {
  it('TX-01 is taken by POST, in UTF-8, and under the whole URN of the grant', async () => {
    granted(await post(await formWith({ note: 'caf\u00e9 \u{1f60a}' })));
    granted(await post(await formWith(), 'application/x-www-form-urlencoded;charset=UTF-8'));
    expectRefused(broker, await post(await formWith({ grant_type: 'token-exchange' })), [
      400,
      'unsupported_grant_type',
      'grant_type_unsupported',
    ]);
    const latin = Buffer.concat([Buffer.from(`${await formWith()}&note=`), Buffer.from([0xe9])]);
    expectRefused(broker, await post(latin), [400, 'invalid_request', 'body_malformed']);
  });

  it('TX-01 is not taken as JSON, and not by GET', async () => {
    const parameters = Object.fromEntries(new URLSearchParams(await formWith()));
    expectRefused(broker, await post(JSON.stringify(parameters), 'application/json'), [
      415,
      'invalid_request',
      'media_type_unsupported',
    ]);
    const got = await broker.call({ method: 'GET', path: '/token' });
    expectRefused(broker, got, [405, 'invalid_request', 'method_not_allowed']);
    expect(got.headers.allow).toBe('POST');
  });

  it.each(['subject_token', 'subject_token_type'])(
    'TX-02 without %s, or with an empty one, is refused, whoever else is named in it',
    async (name) => {
      const svid = await credentials.svid();
      for (const value of [undefined, '']) {
        const answer = await broker.exchange(svid, {
          [name]: value,
          client_id: 'spiffe://prod.example/ns/payments/sa/api',
        });
        expectRefused(broker, answer, [400, 'invalid_request', 'parameter_missing']);
        expect(broker.records().at(-1)).not.toHaveProperty('subject');
      }
      granted(await broker.exchange(svid));
    },
  );

  it('TX-03 with an actor_token or its type alone is refused; with neither it is taken, and with both it is read', async () => {
    const [svid, actor] = [await credentials.svid(), await credentials.login()];
    const type = `${TYPE}jwt`;
    for (const more of [{ actor_token: actor }, { actor_token_type: type }])
      expectRefused(broker, await broker.exchange(svid, more), [400, 'invalid_request', 'parameter_missing']);
    const both = { actor_token: actor, actor_token_type: type };
    // Read, and refused for what it lacks: nobody is authenticated here who could present another's token.
    expectRefused(broker, await broker.exchange(svid, both), [400, 'invalid_client', 'client_required']);
    const broken = { ...both, actor_token: 'x.y.z' };
    expectRefused(broker, await broker.exchange(svid, broken), [400, 'invalid_request', 'credential_malformed']);
    granted(await broker.exchange(svid));
  });

  it.each([
    'grant_type',
    'subject_token',
    'subject_token_type',
    'scope',
    'requested_token_type',
    'client_id',
    'unknown',
  ])('TX-13 refuses a second %s, equal to the first or not', async (name) => {
    const form = await formWith();
    const [value = 'x'] = new URLSearchParams(form).getAll(name);
    const once = new URLSearchParams(form).has(name) ? form : `${form}&${name}=${value}`;
    for (const second of [value, 'y'])
      expectRefused(broker, await post(`${once}&${new URLSearchParams({ [name]: second })}`), [
        400,
        'invalid_request',
        'parameter_repeated',
      ]);
  });

  it('TX-13 may repeat audience and resource, and nothing else does', async () => {
    const same = { audience: ['ledger', 'ledger'], resource: [LEDGER, LEDGER] };
    expect(granted(await broker.exchange(await credentials.svid(), same)).aud).toBe(LEDGER);
  });

  it('TX-14 may say what nobody here understands', async () => {
    granted(await broker.exchange(await credentials.svid(), { foo: 'bar', 'Action.member.1': 'x', login_hint: 'y' }));
  });

  it('TX-15 may carry a token of 64 KiB and not a byte more, and nothing too large is dropped', async () => {
    const large = await credentials.pod({ pad: 'x'.repeat(47_500) });
    expect(large.length).toBeGreaterThan(63_000);
    expect(large.length).toBeLessThanOrEqual(65_536);
    granted(await broker.exchange(large));

    const refusal = [400, 'invalid_request', 'parameter_too_large'] as const;
    expectRefused(broker, await broker.exchange('x'.repeat(65_537)), refusal);
    const svid = await credentials.svid();
    for (const name of ['scope', 'audience', 'resource', 'unknown'])
      expectRefused(broker, await broker.exchange(svid, { [name]: `https://a.example/${'x'.repeat(4_096)}` }), refusal);
    granted(await broker.exchange(svid, { unknown: 'x'.repeat(4_096) }));
    expectRefused(broker, await post(`${await formWith()}&unknown=${'x'.repeat(131_072)}`), [
      413,
      'invalid_request',
      'body_too_large',
    ]);
  });
});

describe('the subject token', () => {
  const refusal = (reason: string) => [400, 'invalid_request', reason] as const;

  it('TX-04 is validated as the type it is sent as: an SVID is no ID token, a pod has no access token', async () => {
    const [svid, pod] = [await credentials.svid(), await credentials.pod()];
    for (const type of ['id_token', 'access_token']) {
      const sent = { subject_token_type: TYPE + type };
      expectRefused(broker, await broker.exchange(svid, sent), refusal('token_type_refused'));
      expectRefused(broker, await broker.exchange(pod, sent), refusal('token_type_refused'));
    }
    for (const type of ['saml2', 'refresh_token', 'JWT'])
      expectRefused(
        broker,
        await broker.exchange(svid, { subject_token_type: TYPE + type }),
        refusal('token_type_unsupported'),
      );
    granted(await broker.exchange(svid));
    granted(await broker.exchange(pod));
  });

  it('TX-04 is validated whole, whatever type it is sent as', async () => {
    const sent = { subject_token_type: `${TYPE}id_token` };
    const good = await credentials.login();
    expectRefused(broker, await broker.exchange(withBadSignature(good), sent), refusal('signature_invalid'));
    const expired = await credentials.login({ iat: broker.now() - 600, exp: broker.now() - 60 });
    expectRefused(broker, await broker.exchange(expired, sent), refusal('expired'));
    granted(await broker.exchange(good, sent));
  });

  it('TX-11 stays what it was: exchanged again it gives another token, with a lifetime of its own', async () => {
    const pod = await credentials.pod();
    const [first, second] = [granted(await broker.exchange(pod)), granted(await broker.exchange(pod))];
    expect(second.jti).not.toBe(first.jti);
    for (const { iat, exp } of [first, second]) expect(Number(exp) - Number(iat)).toBe(300);
  });

  it('TX-11 is spent only where its platform makes it for one use: a CI job exchanges its token once', async () => {
    const job = await credentials.github();
    granted(await broker.exchange(job, { audience: 'deploy' }));
    expectRefused(broker, await broker.exchange(job, { audience: 'deploy' }), refusal('replayed'));
  });

  it('TX-12 may be presented without client authentication only by a workload that it speaks of', async () => {
    const refused = [400, 'invalid_client', 'client_required'] as const;
    expectRefused(broker, await broker.exchange(await credentials.person()), refused);
    expectRefused(broker, await broker.exchange(await credentials.agency()), refused);
    const named = { client_id: 'somebody' };
    expectRefused(broker, await broker.exchange(await credentials.person(), named), refused);
    const claims = granted(await broker.exchange(await credentials.login(), named));
    expect([claims.client_id, claims.sub]).toEqual(['login:worker-1', 'login:worker-1']);
  });
});

describe('what is asked for', () => {
  const asking = async (ask: Readonly<Record<string, string | readonly string[] | undefined>>) =>
    broker.exchange(await credentials.svid(), { audience: undefined, ...ask });

  it.each(['/api', 'foo', '//a.example', `${MCP}/#x`, `${MCP}#`, 'https://a b', ' https://a.example'])(
    'TX-05 refuses %j as a resource, alone and beside a good one',
    async (resource) => {
      const refused = [400, 'invalid_target', 'resource_malformed'] as const;
      expectRefused(broker, await asking({ resource }), refused);
      expectRefused(broker, await asking({ resource: [MCP, resource] }), refused);
    },
  );

  it('TX-05 takes an absolute URI, with a query too, and reads several as a list in which none wins', async () => {
    expect(granted(await asking({ resource: 'https://api.example/p?q=1' })).aud).toBe('https://api.example/p?q=1');
    expect(granted(await asking({ resource: [MCP, `${MCP}/`] })).aud).toBe(MCP);
    for (const resource of [
      [MCP, `${MCP}/mcp`],
      [`${MCP}/mcp`, MCP],
    ])
      expectRefused(broker, await asking({ resource }), [400, 'invalid_target', 'targets_differ']);
  });

  it('TX-06 asks policy for every audience and every resource', async () => {
    const same = { audience: ['ledger', LEDGER], resource: LEDGER };
    expect(granted(await asking(same)).aud).toBe(LEDGER);
    const differ = [400, 'invalid_target', 'targets_differ'] as const;
    expectRefused(broker, await asking({ audience: ['ledger', 'secret'] }), differ);
    expectRefused(broker, await asking({ audience: 'ledger', resource: 'https://secret.example' }), differ);
    expectRefused(broker, await asking({ audience: ['ledger', 'nowhere'] }), [400, 'invalid_target', 'target_unknown']);
  });

  it('TX-07 is granted whole or refused: no scope is cut, no target dropped, none added', async () => {
    const pod = await credentials.pod();
    const refused = [400, 'invalid_scope', 'scope_not_allowed'] as const;
    expectRefused(broker, await broker.exchange(pod, { scope: 'postings:write' }), refused);
    expectRefused(broker, await broker.exchange(pod, { scope: 'postings:read postings:write' }), refused);
    const answer = await broker.exchange(pod, { scope: 'postings:read' });
    expect(granted(answer)).toMatchObject({ aud: LEDGER, scope: 'postings:read' });

    const eight = Array.from({ length: 8 }, () => 'ledger');
    granted(await asking({ audience: eight }));
    expectRefused(broker, await asking({ audience: [...eight, 'ledger'] }), [
      400,
      'invalid_request',
      'parameter_repeated',
    ]);
  });

  it('TX-08 is one target for each token, also where one rule allows both', async () => {
    const job = await credentials.gitlab();
    const both = { audience: ['deploy', 'ledger'] };
    expectRefused(broker, await broker.exchange(job, both), [400, 'invalid_target', 'targets_differ']);
    for (const audience of ['deploy', 'ledger']) granted(await broker.exchange(job, { audience }));
  });

  it.each(['postings:read  postings:write', ' postings:read', 'postings:read ', 'a"b', 'a\\b', 'a\tb', '\u00e9'])(
    'TX-09 refuses %j as scopes',
    async (scope) => {
      expectRefused(broker, await asking({ audience: 'ledger', scope }), [400, 'invalid_scope', 'scope_malformed']);
    },
  );

  it('TX-09 takes scopes with one space between them, and tells Read from read', async () => {
    const both = await asking({ audience: 'ledger', scope: 'postings:write postings:read' });
    expect(String(granted(both).scope).split(' ').sort()).toEqual(['postings:read', 'postings:write']);
    expectRefused(broker, await asking({ audience: 'ledger', scope: 'Postings:read' }), [
      400,
      'invalid_scope',
      'scope_not_allowed',
    ]);
  });

  it.each(['saml2', 'saml1', 'id_token', 'refresh_token', 'txn_token', 'JWT'])(
    'TX-10 never gives another type for %s',
    async (type) => {
      expectRefused(broker, await asking({ audience: 'ledger', requested_token_type: TYPE + type }), [
        400,
        'invalid_request',
        'token_type_unsupported',
      ]);
    },
  );

  it('TX-10 gives the type that was asked for, and an access token where none was', async () => {
    const types = ['jwt', 'access_token'].map((type) => TYPE + type);
    for (const type of types) {
      const answer = await asking({ audience: 'ledger', requested_token_type: type });
      expect([answer.status, answer.body.issued_token_type]).toEqual([200, type]);
    }
    expect((await asking({ audience: 'ledger' })).body.issued_token_type).toBe(`${TYPE}access_token`);
  });
});
