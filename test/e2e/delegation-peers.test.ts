// What other systems got wrong about delegation, each by its own thread, against a whole broker: the mistake is made again, and beside it
// stands the same request as it should be.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, JWT_TYPE } from '../support/broker.ts';
import {
  ASSISTANT,
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
  TWO_API,
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

describe('Keycloak', () => {
  it('keycloak#12076, keycloak#38279 and keycloak#50204 an actor token makes act, and sub stays the person (TX-44)', async () => {
    const { said, claims, record } = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    expect(said).toBe('granted');
    expect(claims).toMatchObject({ sub: 'staff:alice', act: agent, client_id: 'litellm', aud: HOPS.one });
    expect(record).toMatchObject({ actors: [agent], origin: { iss: STAFF, sub: 'alice' } });
  });

  it('keycloak#36203 a client that sends an actor token is served', async () =>
    expect((await broker.acted(await broker.staffToken(), await broker.svid(RESEARCHER))).said).toBe('granted'));

  it('keycloak#50690 may_act is enforced, and who acts is named (A-145)', async () => {
    const subject = () => broker.staffToken({ may_act: agent });
    expect((await broker.acted(await subject(), await broker.svid(RESEARCHER))).said).toBe(
      'invalid_request may_act_unmet',
    );
    const { said, claims } = await broker.acted(await subject(), await broker.svid(ASSISTANT));
    expect(said).toBe('granted');
    expect(claims.act).toEqual(agent);
  });

  describe('keycloak#52691 leaving the actor token out never yields a clean token', () => {
    it('of a token that says who may act (A-149, TX-45)', async () => {
      const subject_token = await broker.staffToken({ may_act: agent });
      const ask = { subject_token, audience: 'one' };
      expect((await broker.ask(LITELLM, ask)).said).toBe('invalid_request may_act_unmet');
      // The client that has an impersonating rule is not whom may_act means either.
      expect((await broker.ask(HARD, { ...ask, audience: 'three' })).said).toBe('invalid_request may_act_unmet');
      expect((await broker.ask(LITELLM, { ...ask, ...acting(await broker.svid(ASSISTANT)) })).said).toBe('granted');
    });

    it('of a token that may_act lets the client impersonate by name, yet says that somebody acts', async () => {
      const subject_token = await broker.staffToken({ may_act: { iss: broker.issuer, sub: 'hard' } });
      expect((await broker.ask(HARD, { subject_token, audience: 'three' })).said).toBe('invalid_request no_rule');
      const clean = await broker.ask(HARD, { subject_token: await broker.staffToken(), audience: 'three' });
      expect(clean.said).toBe('granted');
      expect(clean.claims.act).toBeUndefined();
    });

    it('of a token in which somebody acts: it is kept, whatever the rule (TX-43)', async () => {
      const subject_token = await broker.partnerToken({ act: agent });
      expect((await broker.ask(LITELLM, { subject_token, audience: 'one' })).said).toBe('invalid_request no_rule');
      const kept = await broker.ask(HARD, { subject_token, audience: 'three' });
      expect(kept.said).toBe('granted');
      expect(kept.claims.act).toEqual(agent);
    });

    it('of a token of ours in which somebody acts', async () => {
      const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
      expect(first.said).toBe('granted');
      const next = await broker.ask(ONE_API, { subject_token: first.token, audience: 'two' });
      expect(next.claims.act).toEqual({ iss: broker.issuer, sub: 'one-api', act: agent });
    });
  });

  it("keycloak#51000 a token for another audience is nobody's to present (A-148)", async () => {
    const elsewhere = { aud: 'https://other.example' };
    expect((await broker.acted(await broker.staffToken(elsewhere), await broker.svid(ASSISTANT))).said).toBe(
      'invalid_request audience_mismatch',
    );
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    expect((await broker.ask(TWO_API, { subject_token: first.token, audience: 'three' })).said).toBe(
      'invalid_client client_not_presenter',
    );
    expect((await broker.ask(ONE_API, { subject_token: first.token, audience: 'two' })).said).toBe('granted');
  });

  it('keycloak#53029 introspection says who acts, as the token does (TX-49)', async () => {
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    const next = await broker.ask(ONE_API, { subject_token: first.token, audience: 'two' });
    for (const { token, claims } of [first, next]) {
      const told = await broker.introspect(token);
      expect(told).toMatchObject({ active: true, sub: 'staff:alice', client_id: claims.client_id });
      expect(JSON.stringify(told.act)).toBe(JSON.stringify(claims.act));
    }
  });

  it('keycloak#51633 and keycloak#33252 a revoked chain is extended by nobody, and its tokens are dead', async () => {
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    const next = await broker.ask(ONE_API, { subject_token: first.token, audience: 'two' });
    const other = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    const onward = async ({ token }: { readonly token: string }, client = TWO_API, audience = 'three') =>
      (await broker.ask(client, { subject_token: token, audience })).said;
    expect(await onward(next)).toBe('granted');
    expect(await broker.revoke(LITELLM, first.token)).toBe(200);
    expect(await onward(next)).toBe('invalid_request withdrawn');
    expect(await onward(first, ONE_API, 'two')).toBe('invalid_request withdrawn');
    for (const { token } of [first, next]) expect(await broker.introspect(token)).toEqual({ active: false });
    expect(await onward(other, ONE_API, 'two')).toBe('granted');
    expect(await broker.introspect(other.token)).toMatchObject({ active: true });
  });

  it('keycloak#31553 no more scope and no other audience than was asked for and allowed (A-137, A-138)', async () => {
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    expect(first.claims).toMatchObject({ aud: HOPS.one, scope: 'read' });
    const ask = { subject_token: first.token, audience: 'two' };
    expect((await broker.ask(ONE_API, { ...ask, scope: 'read write' })).said).toBe('invalid_scope scope_not_allowed');
    expect((await broker.ask(ONE_API, { ...ask, audience: 'three' })).said).toBe('invalid_target target_not_allowed');
    expect((await broker.ask(ONE_API, { ...ask, audience: 'two', scope: 'read' })).claims).toMatchObject({
      aud: HOPS.two,
      scope: 'read',
    });
  });

  it('CVE-2026-9704 an actor token too large is refused, and the rest is not served without it (A-129, TX-15)', async () => {
    const subject_token = await broker.staffToken();
    for (const [bytes, reason] of [
      [65_537, 'parameter_too_large'],
      [200_000, 'body_too_large'],
    ] as const)
      expect((await broker.acted(subject_token, 'x'.repeat(bytes))).said).toBe(`invalid_request ${reason}`);
    expect((await broker.acted(subject_token, 'x'.repeat(65_536))).said).toBe('invalid_request credential_malformed');
    expect((await broker.acted(subject_token, '')).said).toBe('invalid_request parameter_missing');
    expect((await broker.acted(subject_token, await broker.svid(ASSISTANT))).said).toBe('granted');
  });
});

describe('Athenz', () => {
  it('athenz#3100 and athenz#3383 a person without may_act is delegated by rule, and never impersonated for want of it', async () => {
    const subject_token = await broker.staffToken();
    const { said, claims } = await broker.acted(subject_token, await broker.svid(ASSISTANT));
    expect([said, claims.act]).toEqual(['granted', agent]);
    expect((await broker.ask(LITELLM, { subject_token, audience: 'one' })).said).toBe('invalid_request no_rule');
  });

  it('athenz#3231 a SPIFFE ID goes through every exchange as it was proved', async () => {
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    const next = await broker.ask(ONE_API, {
      subject_token: first.token,
      audience: 'two',
      ...acting(await broker.svid(RESEARCHER)),
    });
    expect(next.claims.act).toEqual({ iss: MESH, sub: RESEARCHER, act: agent });
  });
});

describe('ToolHive', () => {
  it('toolhive#6199 a client authenticates by its JWT-SVID, or by its X.509-SVID, and acts as that', async () => {
    const gateway = { iss: MESH, sub: `${MESH}/ns/mcp/sa/gateway` };
    const ask = { subject_token: await broker.staffToken(), audience: 'two' };
    const byToken = await broker.ask(await broker.bySvid('gateway', '/ns/mcp/sa/gateway'), ask);
    expect([byToken.said, byToken.claims.act]).toEqual(['granted', gateway]);
    const caller = broker.as(await broker.mesh.mintSvid('/ns/mcp/sa/gateway'));
    callers.push(caller);
    const byConnection = await broker.ask({ form: { client_id: 'gateway' } }, ask, caller);
    expect([byConnection.said, byConnection.claims.act]).toEqual(['granted', gateway]);
  });

  it("toolhive#6204 act.sub is the caller's own SPIFFE ID, also where the client is a pattern", async () => {
    const ask = { subject_token: await broker.staffToken(), audience: 'two' };
    for (const path of ['/ns/fleet/one', '/ns/fleet/two']) {
      const { said, claims, record } = await broker.ask(await broker.bySvid('fleet', path), ask);
      expect(said).toBe('granted');
      expect(claims).toMatchObject({ client_id: 'fleet', act: { iss: MESH, sub: `${MESH}${path}` } });
      expect(record.actors).toEqual([{ iss: MESH, sub: `${MESH}${path}` }]);
    }
    expect((await broker.ask(await broker.bySvid('fleet', '/ns/other/one'), ask)).said).toBe(
      'invalid_client client_credential_refused',
    );
  });

  it('toolhive: an act that was there is wrapped, and not overwritten (A-141, TX-43)', async () => {
    const subject = await broker.partnerToken({ act: { iss: 'https://agents.example', sub: 'earlier' } });
    const { claims } = await broker.acted(subject, await broker.svid(ASSISTANT));
    expect(JSON.stringify(claims.act)).toBe(
      JSON.stringify({ ...agent, act: { iss: 'https://agents.example', sub: 'earlier' } }),
    );
  });

  it('toolhive#6331 OB-06 whatever is wrong with subject or actor is invalid_request, with one sentence (TX-30, TX-33)', async () => {
    const person = await broker.staffToken();
    const refusals = [
      await broker.acted(person, await broker.svid(ASSISTANT, { exp: 1 })),
      await broker.acted(person, await broker.svid(`${MESH}/ns/strangers/sa/x`)),
      await broker.acted(await broker.staffToken({ may_act: {} }), await broker.svid(ASSISTANT)),
      await broker.acted(person, person),
    ];
    expect(refusals.map(({ said }) => said)).toEqual([
      'invalid_request expired',
      'invalid_request no_rule',
      'invalid_request claim_invalid',
      'invalid_request actor_is_subject',
    ]);
  });
});

describe('kagent', () => {
  it('kagent#2073 an actor token of a service account is taken for our audience only (A-144)', async () => {
    const person = await broker.staffToken();
    const elsewhere = await broker.acted(person, await broker.pod({ aud: ['https://kubernetes.default.svc'] }));
    expect(elsewhere.said).toBe('invalid_request audience_mismatch');
    const { said, record } = await broker.acted(person, await broker.pod());
    expect(said).toBe('granted');
    expect(record.actor).toMatchObject({ source: 'cluster', name: 'cluster:system:serviceaccount:payments:api' });
  });

  it("kagent#2181 two people behind one agent never get each other's token", async () => {
    const names = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? 'bob' : 'alice'));
    const svid = await broker.svid(ASSISTANT);
    const ended = await Promise.all(
      names.map(async (sub) =>
        broker.token(
          {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token: await broker.staffToken({ sub }),
            subject_token_type: JWT_TYPE,
            ...acting(svid),
            audience: 'one',
          },
          LITELLM.headers,
        ),
      ),
    );
    const subjects = ended.map(({ body }) => {
      const [, payload = ''] = String(body.access_token).split('.');
      return JSON.parse(Buffer.from(payload, 'base64url').toString()).sub;
    });
    expect(subjects).toEqual(names.map((name) => `staff:${name}`));
  });

  it('kagent#1430 a token for one upstream is none for another', async () => {
    const one = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    expect(one.claims.aud).toBe(HOPS.one);
    expect(
      (await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), { audience: 'two' })).said,
    ).toBe('invalid_target target_not_allowed');
    expect(
      (await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), { audience: ['one', 'two'] })).said,
    ).toBe('invalid_target targets_differ');
  });
});

describe('mcp-oauth', () => {
  it("mcp-oauth#453 and mcp-oauth#491 an actor rule never matches another issuer's sub", async () => {
    const person = await broker.staffToken();
    // The rule is about worker-1 of `login`; `apps` has one of the same name.
    const other = await broker.appToken({ sub: 'worker-1' });
    expect((await broker.acted(person, other)).said).toBe('invalid_request no_rule');
    const { said, claims } = await broker.acted(person, await broker.worker());
    expect(said).toBe('granted');
    expect(claims.act).toEqual({ iss: 'https://login.example', sub: 'worker-1' });
  });

  it('giantswarm self-referential act: nobody acts for themselves (TX-50)', async () => {
    const person = await broker.staffToken();
    expect((await broker.acted(person, person)).said).toBe('invalid_request actor_is_subject');
    expect((await broker.acted(person, await broker.staffToken({ jti: 'another' }))).said).toBe(
      'invalid_request actor_is_subject',
    );
    expect((await broker.acted(person, await broker.staffToken({ sub: 'bob' }))).said).toBe('invalid_request no_rule');
    expect((await broker.acted(person, await broker.svid(ASSISTANT))).said).toBe('granted');
  });

  it('muster#831 an own token goes to the next audience by the client of this one alone', async () => {
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    const ask = { subject_token: first.token, audience: 'two' };
    expect((await broker.ask(KONG, ask)).said).toBe('invalid_client client_not_presenter');
    expect((await broker.ask({}, ask)).said).toBe('invalid_client client_required');
    expect((await broker.ask(ONE_API, ask)).said).toBe('granted');
  });
});
