// Whoever has a role beside the subject, against a whole broker: actor tokens that prove nothing, that were used up, or that end early;
// clients that are the subject, that share a person's token, that act by a certificate; our own tokens as actor tokens.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE } from '../../src/core/request.ts';
import { type Caller, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { SECRETS } from '../support/client-broker.ts';
import {
  ASSISTANT,
  type Authenticated,
  type DelegationBroker,
  HARD,
  HOPS,
  KONG,
  LITELLM,
  MESH,
  ONE_API,
  RESEARCHER,
  STAFF,
  startDelegationBroker,
} from '../support/delegation-broker.ts';

let broker: DelegationBroker;
const callers: Caller[] = [];
beforeAll(async () => {
  broker = await startDelegationBroker();
}, 30_000);
afterAll(async () => {
  for (const caller of callers) caller.close();
  await broker?.stop();
});

const agent = { iss: MESH, sub: ASSISTANT };
const acting = (token: string) => ({ actor_token: token, actor_token_type: JWT_TYPE });

describe('an actor token', () => {
  it.each<readonly [title: string, form: Record<string, string | readonly string[] | undefined>, said: string]>([
    ['A-143 TX-03 without its type', { actor_token_type: undefined }, 'parameter_missing'],
    ['A-143 TX-03 an empty type', { actor_token_type: '' }, 'parameter_missing'],
    ['A-143 TX-03 a type without a token', { actor_token: undefined }, 'parameter_missing'],
    ['TX-13 twice', { actor_token: ['x.y.z', 'x.y.z'] }, 'parameter_repeated'],
    ['TX-13 its type twice', { actor_token_type: [JWT_TYPE, JWT_TYPE] }, 'parameter_repeated'],
    ['A-144 no token at all', { actor_token: 'agent' }, 'credential_malformed'],
    [
      'A-133 of a type that nobody knows',
      { actor_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      'token_type_unsupported',
    ],
    [
      'OB-07 that is a refresh token',
      { actor_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'token_type_unsupported',
    ],
    ['TX-04 a JWT-SVID as an ID token', { actor_token_type: ID_TOKEN_TYPE }, 'token_type_refused'],
    ['TX-04 a JWT-SVID as an access token', { actor_token_type: ACCESS_TOKEN_TYPE }, 'token_type_refused'],
  ])('%s is refused', async (_title, form, reason) =>
    expect((await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), form)).said).toBe(
      `invalid_request ${reason}`,
    ),
  );

  it.each<readonly [title: string, actor: () => Promise<string>, reason: string]>([
    ['for another audience', () => broker.svid(ASSISTANT, { aud: ['https://other.example'] }), 'audience_mismatch'],
    [
      'for two audiences',
      () => broker.svid(ASSISTANT, { aud: [broker.issuer, 'https://other.example'] }),
      'audience_mismatch',
    ],
    ['that has expired', () => broker.svid(ASSISTANT, { exp: broker.now() - 31 }), 'expired'],
    ['that is not valid yet', () => broker.svid(ASSISTANT, { nbf: broker.now() + 60 }), 'not_yet_valid'],
    [
      'of another trust domain',
      () => broker.edge.signJwt('/ns/agents/sa/assistant', broker.issuer, broker.now()),
      'issuer_unknown',
    ],
    [
      'by another key',
      async () =>
        `${(await broker.svid(ASSISTANT)).split('.').slice(0, 2).join('.')}.${(await broker.svid(RESEARCHER)).split('.')[2]}`,
      'signature_invalid',
    ],
    [
      'unsigned',
      async () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await broker.svid(ASSISTANT)).split('.')[1]}.`,
      'credential_malformed',
    ],
  ])('A-144 TX-04 %s is refused, and not left aside', async (_title, actor, reason) => {
    const person = await broker.staffToken();
    expect((await broker.acted(person, await actor())).said).toBe(`invalid_request ${reason}`);
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'actor' });
    // Nor does it become impersonation for the client that may impersonate.
    const ask = { subject_token: person, audience: 'three', ...acting(await actor()) };
    expect((await broker.ask(HARD, ask)).said).toBe(`invalid_request ${reason}`);
  });

  it('the control: the same request with a good one', async () =>
    expect((await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT))).said).toBe('granted'));

  it('is refused by a rule that names nobody who acts, or the client (A-149)', async () => {
    const subject_token = await broker.staffToken();
    const more = acting(await broker.svid(ASSISTANT));
    expect((await broker.ask(HARD, { subject_token, audience: 'three', ...more })).said).toBe(
      'invalid_request no_rule',
    );
    const kong = await broker.ask(KONG, { subject_token, audience: 'two', ...more });
    expect(kong.said).toBe('invalid_target target_not_allowed');
    const alone = await broker.ask(KONG, { subject_token, audience: 'two' });
    expect([alone.said, alone.claims.act]).toEqual(['granted', { iss: broker.issuer, sub: 'kong' }]);
  });

  it('is presented by a client that authenticates, and by nobody else (A-148)', async () => {
    const ask = { subject_token: await broker.build(), audience: 'one', ...acting(await broker.svid(ASSISTANT)) };
    expect((await broker.ask({}, ask)).said).toBe('invalid_client client_required');
    expect((await broker.ask(LITELLM, ask)).said).toBe('granted');
  });

  it('OB-07 of a person is taken from a client that is registered for its audience', async () => {
    const ask = async (client: Authenticated) =>
      (
        await broker.ask(client, {
          subject_token: await broker.build(),
          audience: 'one',
          ...acting(await broker.staffToken()),
        })
      ).said;
    expect(await ask({ form: { client_id: 'elsewhere', client_secret: SECRETS.kong } })).toBe(
      'invalid_client client_not_presenter',
    );
    expect(await ask(LITELLM)).toBe('invalid_request no_rule');
  });

  it('bounds the lifetime of what is issued, as the subject does', async () => {
    const person = await broker.staffToken();
    const soon = broker.now() + 20;
    const { said, claims } = await broker.acted(person, await broker.svid(ASSISTANT, { exp: soon }));
    expect([said, claims.exp]).toEqual(['granted', soon]);
    expect((await broker.acted(await broker.staffToken({ exp: soon }), await broker.svid(ASSISTANT))).claims.exp).toBe(
      soon,
    );
    expect((await broker.acted(person, await broker.svid(ASSISTANT, { exp: broker.now() - 5 }))).said).toBe(
      'invalid_request expired',
    );
  });
});

describe('a credential that is good for one target', () => {
  it('acts once, and the name of the job stands beside its sub', async () => {
    const job = await broker.job();
    const { said, claims, record } = await broker.acted(await broker.staffToken(), job);
    expect(said).toBe('granted');
    const name = 'github:repository_id:74:ref:refs/heads/main';
    expect(claims.act).toEqual({
      iss: 'https://token.actions.githubusercontent.com',
      sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      sub_id: { format: 'opaque', id: name },
    });
    expect(record.actors).toMatchObject([{ name }]);
    expect((await broker.acted(await broker.staffToken(), job)).said).toBe('invalid_request replayed');
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'actor', source: 'github' });
  });

  it('is not used up by a refusal', async () => {
    const job = await broker.job();
    const person = await broker.staffToken();
    expect((await broker.acted(person, job, { audience: 'secret' })).said).toBe('invalid_target target_not_allowed');
    expect((await broker.acted(person, job, { scope: 'admin' })).said).toBe('invalid_scope scope_not_allowed');
    expect((await broker.acted(await broker.staffToken({ may_act: agent }), job)).said).toBe(
      'invalid_request may_act_unmet',
    );
    expect((await broker.acted(person, job)).said).toBe('granted');
  });

  it("is given back where the actor's turns out to be used up", async () => {
    const [build, used] = [await broker.build(), await broker.job()];
    expect((await broker.acted(await broker.staffToken(), used)).said).toBe('granted');
    expect((await broker.acted(build, used)).said).toBe('invalid_request replayed');
    expect((await broker.acted(build, await broker.job())).said).toBe('granted');
    const fresh = await broker.job();
    expect((await broker.acted(build, fresh)).said).toBe('invalid_request replayed');
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'subject', source: 'gitlab' });
    expect((await broker.acted(await broker.build(), fresh)).said).toBe('granted');
  });

  it('is used up by one of many at once', async () => {
    const job = await broker.job();
    const person = await broker.staffToken();
    const form = { grant_type: TOKEN_EXCHANGE, subject_token: person, subject_token_type: JWT_TYPE, audience: 'one' };
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => broker.token({ ...form, ...acting(job) }, LITELLM.headers)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

describe('our own tokens as actor tokens', () => {
  const own = async () => {
    const { token, said } = await broker.ask({}, { subject_token: await broker.pod(), audience: 'one' });
    expect(said).toBe('granted');
    return token;
  };
  const ask = async (client: Authenticated, actor: string) =>
    broker.ask(client, { subject_token: await broker.staffToken(), audience: 'two', ...acting(actor) });

  it('name whom they are about, and stand in the lineage', async () => {
    const { said, claims } = await ask(ONE_API, await own());
    expect(said).toBe('granted');
    expect(claims.act).toEqual({ iss: broker.issuer, sub: 'cluster:system:serviceaccount:payments:api' });
    expect(claims.lineage).toHaveLength(2);
    expect(claims.origin).toEqual({ iss: STAFF, sub: 'alice' });
  });

  it('are taken from the client that is registered for their audience (A-148)', async () =>
    expect((await ask(KONG, await own())).said).toBe('invalid_client client_not_presenter'));

  it('act for nobody where somebody acts in them', async () => {
    const delegated = await broker.acted(await broker.staffToken({ sub: 'bob' }), await broker.svid(ASSISTANT));
    expect((await ask(ONE_API, delegated.token)).said).toBe('invalid_request claim_unsupported');
  });

  it('act for nobody whom they are about (TX-50)', async () => {
    const first = await broker.ask(HARD, { subject_token: await broker.staffToken(), audience: 'one' });
    expect(first.said).toBe('granted');
    // A person, and a token of ours about that person.
    expect((await ask(ONE_API, first.token)).said).toBe('invalid_request actor_is_subject');
  });
});

describe('clients', () => {
  it("two may present one person's token, and each is named by itself", async () => {
    const subject_token = await broker.staffToken();
    const bySigner = await broker.ask(await broker.byKey(), { subject_token, audience: 'two' });
    const byKong = await broker.ask(KONG, { subject_token, audience: 'two' });
    expect([bySigner.claims.act, byKong.claims.act]).toEqual([
      { iss: broker.issuer, sub: 'signer' },
      { iss: broker.issuer, sub: 'kong' },
    ]);
    expect((await broker.ask(LITELLM, { subject_token, audience: 'two' })).said).toBe('invalid_request no_rule');
  });

  it('TX-48 client_id is who authenticated, whoever acts', async () => {
    const { claims } = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), {
      client_id: 'litellm',
    });
    expect(claims).toMatchObject({ client_id: 'litellm', act: agent });
    expect(
      (await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), { client_id: 'kong' })).said,
    ).toBe('invalid_client client_credential_refused');
  });

  it('that act by a certificate bound the lifetime by it', async () => {
    const ends = new Date(Math.floor(Date.now() / 1000 + 60) * 1000);
    const connect = async (notAfter?: Date) => {
      const uris = ['https://edge.example/client'];
      const caller = broker.as(await broker.edge.mintSvid('/x', { uris, ...(notAfter ? { notAfter } : {}) }));
      callers.push(caller);
      return broker.ask(
        { form: { client_id: 'edge' } },
        { subject_token: await broker.staffToken(), audience: 'two' },
        caller,
      );
    };
    const { said, claims } = await connect(ends);
    expect([said, claims.act, claims.exp]).toEqual([
      'granted',
      { iss: broker.issuer, sub: 'edge' },
      ends.getTime() / 1000,
    ]);
    expect(Number((await connect()).claims.exp)).toBeGreaterThan(Number(claims.exp));
  });

  it('that act by a JWT-SVID bound the lifetime by it', async () => {
    const client = await broker.bySvid('gateway', '/ns/mcp/sa/gateway');
    const soon = broker.now() + 25;
    const form = { ...client.form, client_assertion: await broker.svid(`${MESH}/ns/mcp/sa/gateway`, { exp: soon }) };
    const { claims } = await broker.ask({ form }, { subject_token: await broker.staffToken(), audience: 'two' });
    expect(claims.exp).toBe(soon);
  });

  it('that are the agent itself need no naming in the rule, and others are no such agent', async () => {
    const path = '/ns/fleet/one';
    const ask = {
      subject_token: await broker.staffToken(),
      audience: 'one',
      ...acting(await broker.svid(`${MESH}${path}`)),
    };
    const itself = await broker.ask(await broker.bySvid('fleet', path), ask);
    expect([itself.said, itself.claims.act]).toEqual(['granted', { iss: MESH, sub: `${MESH}${path}` }]);
    // Another workload of the same registration holds the token of this one.
    expect((await broker.ask(await broker.bySvid('fleet', '/ns/fleet/two'), ask)).said).toBe('invalid_request no_rule');
  });

  it('A-148 an assertion that is spent does not act again', async () => {
    const jti = randomUUID();
    const assertion = await broker.assertion('signer', { jti });
    const client = { form: { ...(await broker.byKey()).form, client_assertion: assertion } };
    const ask = { subject_token: await broker.staffToken(), audience: 'two' };
    expect((await broker.ask(client, ask)).said).toBe('granted');
    expect((await broker.ask(client, ask)).said).toBe('invalid_client replayed');
  });
});

describe('the record of three hops', () => {
  it('names everybody, where it began, and every token on the way', async () => {
    const first = await broker.acted(await broker.staffToken({ jti: randomUUID() }), await broker.svid(ASSISTANT));
    const second = await broker.ask(ONE_API, {
      subject_token: first.token,
      audience: 'one',
      ...acting(await broker.svid(RESEARCHER)),
    });
    const third = await broker.ask(ONE_API, { subject_token: second.token, audience: 'two' });
    expect(third.said).toBe('granted');
    expect(third.record).toMatchObject({
      actors: [{ iss: broker.issuer, sub: 'one-api' }, { iss: MESH, sub: RESEARCHER }, agent],
      origin: { iss: STAFF, sub: 'alice' },
      subject: { source: 'self', name: 'staff:alice' },
      client: { id: 'one-api' },
      target: 'two',
    });
    expect(third.claims.aud).toBe(HOPS.two);
    const lineage = third.record.lineage;
    expect(lineage).toHaveLength(3);
    expect(lineage).toEqual(third.claims.lineage);
    expect(lineage).toEqual([...[second.record.lineage].flat(), expect.any(String)]);
    expect(second.record.lineage).toEqual([...[first.record.lineage].flat(), expect.any(String)]);
  });
});
