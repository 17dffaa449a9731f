// Kong's `token_exchange` in the plugins openid-connect and ai-mcp-oauth2. The plugins' source is not public: parameters and ways to
// authenticate are those of their schemas, header fields those of lua-resty-http, which sends them; their order is not known, and a
// Lua table has none, so that what is granted in one order must be granted in every other.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic } from '../../support/clients.ts';
import {
  AGENT,
  bodyOf,
  formEncoded,
  type GatewayScene,
  type RawAnswer,
  requestBytes,
  SECRET,
  sendBytes,
  startGatewayScene,
  TOOLS,
  TYPE,
} from '../../support/gateway.ts';

const HEAD = `POST /token HTTP/1.1
Host: localhost
User-Agent: lua-resty-http/0.17.2 (Lua) ngx_lua/10028
Content-Type: application/x-www-form-urlencoded
Content-Length: <length>`;

const GRANT = 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange';
const SUBJECT = 'subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';
const REQUESTED = 'requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';
const ACTOR = 'actor_token=<actor>&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt';

/** ai-mcp-oauth2 with `client_auth: client_secret_basic`, its default. */
const BASIC = (...parameters: readonly string[]) => `${HEAD}\nAuthorization: <basic>\n\n${parameters.join('&')}`;
/** openid-connect with `client_auth: client_secret_post`, as its documentation shows it. */
const POST = (...parameters: readonly string[]) =>
  `${HEAD}\n\n${[...parameters, 'client_id=kong', 'client_secret=<secret>'].join('&')}`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    actor: await scene.agentToken(),
    basic: basic('kong', SECRET),
    secret: formEncoded(SECRET),
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** What goes upstream, and for how long it is kept: `expires_in`, and an hour where that is missing. */
function reads(answer: RawAnswer) {
  const { access_token: token, expires_in: expiresIn = 3600 } = bodyOf(answer);
  if (answer.status !== 200 || typeof token !== 'string') throw new Error(`Kong would fail: ${answer.text}`);
  return { claims: decodeJwt(token), keptSeconds: Number(expiresIn) };
}

const KONG_ACTS = () => ({
  sub: 'people:alice',
  aud: TOOLS,
  client_id: 'kong',
  act: { iss: scene.issuer, sub: 'kong' },
});

describe('Kong', () => {
  it.each([
    ['in the order of its schema', BASIC(GRANT, REQUESTED, SUBJECT, 'audience=tools', 'scope=call')],
    ['in another order', BASIC('scope=call', SUBJECT, 'audience=tools', GRANT, REQUESTED)],
    ['with resource instead of audience', BASIC(GRANT, `resource=${formEncoded(TOOLS)}`, REQUESTED, SUBJECT)],
  ])('by ai-mcp-oauth2 gets the person’s token with itself as who acts, %s', async (_title, recorded) => {
    const { claims, keptSeconds } = reads(await exchange(recorded));
    expect(claims).toMatchObject({ ...KONG_ACTS(), scope: 'call' });
    // It is not kept longer than it lives.
    expect(keptSeconds).toBe(Number(claims.exp) - Number(claims.iat));
    expect(scene.lastRecord()).toMatchObject({ client: { method: 'client_secret_basic' } });
  });

  it('OA-03 reads its Basic credential raw or form-encoded: which of them Kong writes is not known', async () => {
    const encoded = basic(formEncoded('kong'), formEncoded(SECRET));
    for (const credential of [basic('kong', SECRET), encoded])
      expect(reads(await exchange(BASIC(GRANT, SUBJECT, 'audience=tools'), { basic: credential }))).toBeDefined();
  });

  it('TX-40, TX-41 with actor_token_source: header sends it as actor_token, and the agent acts', async () => {
    for (const recorded of [
      BASIC(GRANT, SUBJECT, ACTOR, 'audience=tools'),
      POST(ACTOR, 'audience=tools', SUBJECT, GRANT),
    ])
      expect(reads(await exchange(recorded)).claims).toMatchObject({
        ...KONG_ACTS(),
        act: { iss: 'spiffe://prod.example', sub: AGENT },
      });
  });

  it('TX-43 whose configuration copies the caller’s own token into the actor’s place is refused: nobody acts for himself', async () => {
    const subject = await scene.personToken();
    const actor = `actor_token=<subject>&actor_token_type=${formEncoded(`${TYPE}access_token`)}`;
    const answer = await exchange(BASIC(GRANT, SUBJECT, actor, 'audience=tools'), { subject });
    expect([answer.status, bodyOf(answer).error]).toEqual([400, 'invalid_request']);
    expect(scene.lastRecord()).toMatchObject({ reason: 'actor_is_subject' });
  });

  it('by openid-connect gets the same, its credentials in the body', async () => {
    const { claims } = reads(await exchange(POST(GRANT, SUBJECT, 'audience=tools')));
    expect(claims).toMatchObject(KONG_ACTS());
    expect(scene.lastRecord()).toMatchObject({ client: { method: 'client_secret_post' } });
  });

  it('without audience and resource gets no token: there is no target for everybody', async () => {
    const answer = await exchange(BASIC(GRANT, SUBJECT, 'scope=call'));
    expect([answer.status, bodyOf(answer).error]).toEqual([400, 'invalid_target']);
    expect(scene.lastRecord()).toMatchObject({ reason: 'target_unknown' });
  });

  it('may validate what it got: discovery of our issuer leads to the keys that signed it', async () => {
    const metadata = (await scene.call({ path: '/.well-known/openid-configuration' })).body;
    expect(metadata).toMatchObject({ issuer: scene.issuer, jwks_uri: `${scene.issuer}/.well-known/jwks.json` });
    const { claims } = reads(await exchange(BASIC(GRANT, SUBJECT, 'audience=tools')));
    expect(claims.iss).toBe(scene.issuer);
  });
});
