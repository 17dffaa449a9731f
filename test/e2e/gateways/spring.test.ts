// Spring Security's RestClientTokenExchangeTokenResponseClient: requests recorded from spring-security-oauth2-client 6.5.5 on Java's own
// HTTP client, and answers read as its converters do.

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
} from '../../support/gateway.ts';

const HEAD = `POST /token HTTP/1.1
Content-Length: <length>
Host: localhost
User-Agent: Java-http-client/17.0.15
Accept: application/json
Authorization: <basic>
Content-Type: application/x-www-form-urlencoded

grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&scope=<scope>&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token`;
const AUDIENCE = '&audience=tools';

/** The subject is a `Jwt`, as a resource server of Spring's has it; and so is the actor, where there is a resolver of one. */
const JWT = `${HEAD}&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt`;
const ACTOR = '&actor_token=<actor>&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt';
/** The subject is an `OAuth2AccessToken`. */
const ACCESS_TOKEN = `${HEAD}&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    actor: await scene.agentToken(),
    basic: basic(formEncoded('spring'), formEncoded(SECRET)),
    scope: 'call',
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** The token, or the text of the OAuth2AuthorizationException. `token_type` is Bearer or DPoP, or there is no token at all. */
function reads(answer: RawAnswer): string {
  const body = bodyOf(answer);
  if (answer.status === 400) throw new Error(`[${body.error}] ${body.error_description}`);
  if (answer.status !== 200)
    throw new Error(
      '[invalid_token_response] An error occurred while attempting to retrieve the OAuth 2.0 Access Token Response',
    );
  if (!['bearer', 'dpop'].includes(String(body.token_type).toLowerCase())) throw new Error('tokenType cannot be null');
  return String(body.access_token);
}

const SPRING_ACTS = () => ({
  ...{ sub: 'people:alice', aud: TOOLS, client_id: 'spring', scope: 'call' },
  act: { iss: scene.issuer, sub: 'spring' },
});

describe('Spring Security', () => {
  it('TX-04 sends a JWT access token as `jwt`, and gets the person’s token with itself as who acts', async () => {
    expect(decodeJwt(reads(await exchange(JWT + AUDIENCE)))).toMatchObject(SPRING_ACTS());
    const untyped = await scene.personToken({}, { typ: 'JWT' });
    expect(decodeJwt(reads(await exchange(JWT + AUDIENCE, { subject: untyped })))).toMatchObject(SPRING_ACTS());
  });

  it('sends what it takes for opaque as access_token, and gets the same', async () => {
    expect(decodeJwt(reads(await exchange(ACCESS_TOKEN + AUDIENCE)))).toMatchObject(SPRING_ACTS());
  });

  it('TX-40, TX-41 with an actor’s JWT gets a token in which the agent acts', async () => {
    const token = reads(await exchange(JWT + ACTOR + AUDIENCE));
    expect(decodeJwt(token)).toMatchObject({ ...SPRING_ACTS(), act: { iss: 'spiffe://prod.example', sub: AGENT } });
  });

  it('as it comes, without a parametersConverter, says no audience, and shows its user why it got nothing', async () => {
    const answer = await exchange(JWT);
    expect(() => reads(answer)).toThrow(
      /^\[invalid_target\] the target is unknown or not allowed; decision [0-9A-Z]{26}$/,
    );
    expect(scene.lastRecord()).toMatchObject({ reason: 'target_unknown' });
  });

  it('whose user must confirm hears it as the code of the exception', async () => {
    const answer = await exchange(JWT + AUDIENCE, { scope: 'pay' });
    expect(() => reads(answer)).toThrow(/^\[insufficient_user_authentication\]/);
  });

  it('OA-07 whose secret is wrong gets 401, which it does not read further', async () => {
    const answer = await exchange(JWT + AUDIENCE, { basic: basic('spring', 'wrong') });
    expect(answer.status).toBe(401);
    expect(() => reads(answer)).toThrow('[invalid_token_response]');
    expect(scene.lastRecord()).toMatchObject({ evidence: { problem: 'secret_wrong' } });
  });
});
