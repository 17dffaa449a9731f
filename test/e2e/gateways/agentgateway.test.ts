// agentgateway's `backendAuth.oauthTokenExchange`: the request as its transport.rs writes it (header fields, their order, the order and
// encoding of parameters), and the answer read as it reads it.

import { randomUUID } from 'node:crypto';
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
content-type: application/x-www-form-urlencoded
accept: application/json`;
const TAIL = `host: localhost
content-length: <length>

`;
const SUBJECT =
  'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';
const ASSERTION =
  '&client_id=signer&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=<assertion>';

/** clientSecretBasic, the default. */
const BASIC = `${HEAD}\nauthorization: <basic>\n${TAIL}`;
/** clientSecretPost and privateKeyJwt, which stand in the body. */
const PLAIN = `${HEAD}\n${TAIL}`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

/** Sends it, as agentgateway with this subject token in its inbound request. */
async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    basic: basic(formEncoded('agentgateway'), formEncoded(SECRET)),
    secret: formEncoded(SECRET),
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** transport.rs: the token it goes on with, or the status that its user gets. A 4xx of ours but 401 and 403 is the user's own. */
function reads(answer: RawAnswer, requested?: string): { readonly token: string } | { readonly userGets: number } {
  if (answer.status < 200 || answer.status > 299) {
    const ofTheUser = answer.status >= 400 && answer.status < 500 && ![401, 403].includes(answer.status);
    return { userGets: ofTheUser ? 400 : 500 };
  }
  const { access_token: token, token_type: tokenType, issued_token_type: issued } = bodyOf(answer);
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== 'bearer') return { userGets: 500 };
  if (requested !== undefined && issued !== undefined && issued !== requested) return { userGets: 500 };
  return typeof token === 'string' && token !== '' ? { token } : { userGets: 500 };
}

function tokenOf(answer: RawAnswer, requested?: string) {
  const read = reads(answer, requested);
  if ('userGets' in read) throw new Error(`agentgateway would fail: ${answer.status} ${answer.text}`);
  return decodeJwt(read.token);
}

const gatewayActs = (id = 'agentgateway') => ({
  sub: 'people:alice',
  aud: TOOLS,
  client_id: id,
  act: { iss: scene.issuer, sub: id },
});

describe('agentgateway', () => {
  it('MC-03, MC-04, MC-05, OA-03 by clientSecretBasic, form-encoded, gets the person’s token with itself as who acts', async () => {
    const answer = await exchange(`${BASIC}${SUBJECT}&audience=tools&scope=call`);
    expect(tokenOf(answer)).toMatchObject({ ...gatewayActs(), scope: 'call' });
    // Its cache keeps a token for `expires_in`, and for 300 seconds where there is none.
    expect(bodyOf(answer).expires_in).toBe(300);
  });

  it('by clientSecretPost gets the same', async () => {
    const answer = await exchange(`${PLAIN}${SUBJECT}&audience=tools&client_id=agentgateway&client_secret=<secret>`);
    expect(tokenOf(answer)).toMatchObject(gatewayActs());
    expect(scene.lastRecord()).toMatchObject({ client: { method: 'client_secret_post' } });
  });

  it('JA-02, JA-04 by privateKeyJwt, with its client_id beside, gets the same, and each assertion counts once', async () => {
    const now = scene.now();
    const assertion = await scene.signer.sign({
      ...{ iss: 'signer', sub: 'signer', aud: scene.issuer },
      ...{ jti: randomUUID(), iat: now, exp: now + 300 },
    });
    const recorded = `${PLAIN}${SUBJECT}&audience=tools${ASSERTION}`;
    expect(tokenOf(await exchange(recorded, { assertion }))).toMatchObject(gatewayActs('signer'));
    expect(reads(await exchange(recorded, { assertion }))).toEqual({ userGets: 400 });
    expect(scene.lastRecord()).toMatchObject({ reason: 'replayed' });
  });

  it('JA-05 by privateKeyJwt with a certificate is taken with x5t#S256, and not with x5c, which would bring its own key', async () => {
    const now = scene.now();
    const sent = async (header: Record<string, unknown>) => {
      const claims = { iss: 'signer', sub: 'signer', aud: scene.issuer, jti: randomUUID(), iat: now, exp: now + 300 };
      return exchange(`${PLAIN}${SUBJECT}&audience=tools${ASSERTION}`, {
        assertion: await scene.signer.sign(claims, header),
      });
    };
    expect(tokenOf(await sent({ 'x5t#S256': 'fuHv1XqJpT6bN2cYd0sLrWkEgZmViAoQ9yUxSjHtB7M' }))).toBeDefined();
    expect(reads(await sent({ x5c: ['MIIB'] }))).toEqual({ userGets: 400 });
    expect(scene.lastRecord()).toMatchObject({ reason: 'header_refused', evidence: { member: 'x5c' } });
  });

  it('by clientSecretPost without a secret, which it takes for a public client, is refused', async () => {
    const answer = await exchange(`${PLAIN}${SUBJECT}&audience=tools&client_id=agentgateway`);
    expect([bodyOf(answer).error, reads(answer)]).toEqual(['invalid_client', { userGets: 400 }]);
    expect(scene.lastRecord()).toMatchObject({ evidence: { problem: 'credential_missing' } });
  });

  it('TX-06, RI-04 may name one target several times, as audience and as resource', async () => {
    const repeated = `&audience=tools&audience=${formEncoded(TOOLS)}&scope=call&resource=${formEncoded(TOOLS)}`;
    expect(tokenOf(await exchange(`${BASIC}${SUBJECT}${repeated}`))).toMatchObject(gatewayActs());
    const two = await exchange(`${BASIC}${SUBJECT}&audience=tools&resource=https%3A%2F%2Fapi.example%2Fledger`);
    expect([bodyOf(two).error, reads(two)]).toEqual(['invalid_target', { userGets: 400 }]);
    expect(scene.lastRecord()).toMatchObject({ outcome: 'refused', reason: 'targets_differ' });
  });

  it('TX-40, TX-41 with an actorToken gets a token in which the agent acts', async () => {
    const actor = '&actor_token=<actor>&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt';
    const answer = await exchange(`${BASIC}${SUBJECT}${actor}&audience=tools`, { actor: await scene.agentToken() });
    expect(tokenOf(answer)).toMatchObject({
      ...gatewayActs(),
      act: { iss: 'spiffe://prod.example', sub: AGENT },
    });
    // Its default actor type is access_token, which an SVID is not.
    const asAccess = '&actor_token=<actor>&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';
    const refused = await exchange(`${BASIC}${SUBJECT}${asAccess}&audience=tools`, { actor: await scene.agentToken() });
    expect(reads(refused)).toEqual({ userGets: 400 });
    expect(scene.lastRecord()).toMatchObject({ reason: 'token_type_refused' });
  });

  it.each(['access_token', 'jwt'])('TX-10 that sets requestedTokenType %s gets what it compares', async (type) => {
    const requested = `${TYPE}${type}`;
    const answer = await exchange(`${BASIC}${SUBJECT}&requested_token_type=${formEncoded(requested)}&audience=tools`);
    expect(bodyOf(answer).issued_token_type).toBe(requested);
    expect(tokenOf(answer, requested)).toMatchObject(gatewayActs());
  });

  it('JA-01, JA-06 with the grant jwtBearer presents a person’s JWT as its assertion', async () => {
    const grant = 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=<subject>';
    const recorded = `${BASIC}${grant}&audience=tools&scope=call&resource=${formEncoded(TOOLS)}`;
    const jwt = await scene.personToken({}, { typ: 'JWT' });
    expect(tokenOf(await exchange(recorded, { subject: jwt }))).toMatchObject(gatewayActs());
    // An access token is no assertion, whoever presents it.
    const refused = await exchange(recorded);
    expect([bodyOf(refused).error, reads(refused)]).toEqual(['invalid_grant', { userGets: 400 }]);
  });

  it('takes an inbound token whose issuer writes no typ, where the source says so', async () => {
    for (const header of [{ typ: 'JWT' }, {}]) {
      const answer = await exchange(`${BASIC}${SUBJECT}&audience=tools`, {
        subject: await scene.personToken({}, header),
      });
      expect(tokenOf(answer)).toMatchObject(gatewayActs());
    }
    const idToken = await scene.personToken({ at_hash: 'x' }, { typ: 'JWT' });
    expect(reads(await exchange(`${BASIC}${SUBJECT}&audience=tools`, { subject: idToken }))).toEqual({ userGets: 400 });
    expect(scene.lastRecord()).toMatchObject({ reason: 'claim_unsupported', evidence: { claim: 'at_hash' } });
  });

  it('OA-07 whose secret is wrong is told so by a challenge, and its user of a failure behind the gateway', async () => {
    const wrong = basic('agentgateway', 'wrong');
    const answer = await exchange(`${BASIC}${SUBJECT}&audience=tools`, { basic: wrong });
    expect([answer.status, answer.headers['www-authenticate'], reads(answer)]).toEqual([
      401,
      'Basic realm="exchequer"',
      { userGets: 500 },
    ]);
  });
});
