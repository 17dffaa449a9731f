// Authlib's OAuth2Session and OAuth2Client: requests recorded from Authlib 1.9.10 on requests 2.34.2 and on httpx 0.28.1. Its Basic is raw,
// and a body that it is given is rebuilt as a dictionary, so that of a repeated parameter only the last is sent.

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

const BODY =
  '<audience>grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt<more>&scope=call';

const REQUESTS = `POST /token HTTP/1.1
Host: localhost
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: application/json
Connection: keep-alive
Content-Type: application/x-www-form-urlencoded;charset=UTF-8
Content-Length: <length>
Authorization: <basic>

${BODY}`;

const HTTPX = `POST /token HTTP/1.1
Host: localhost
Accept-Encoding: gzip, deflate
Connection: keep-alive
User-Agent: python-httpx/0.28.1
Accept: application/json
Content-Type: application/x-www-form-urlencoded;charset=UTF-8
Content-Length: <length>
Authorization: <basic>

${BODY}`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    basic: basic('authlib', SECRET),
    audience: '',
    more: '&audience=tools',
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** parse_response_token: the token, or the text of the OAuthError; a 5xx hides its body. */
function reads(answer: RawAnswer): string {
  if (answer.status >= 500) throw new Error(`HTTPError: ${answer.status}`);
  const { access_token: token, error, error_description: description } = bodyOf(answer);
  if (typeof error === 'string') throw new Error(`${error}: ${description}`);
  return String(token);
}

const AUTHLIB_ACTS = () => ({
  ...{ sub: 'people:alice', aud: TOOLS, client_id: 'authlib', scope: 'call' },
  act: { iss: scene.issuer, sub: 'authlib' },
});

describe.each([
  ['requests', REQUESTS],
  ['httpx', HTTPX],
])('Authlib on %s', (_name, recorded) => {
  it('OA-03 by Basic, raw, gets the person’s token with itself as who acts', async () => {
    expect(decodeJwt(reads(await exchange(recorded)))).toMatchObject(AUTHLIB_ACTS());
  });

  it('TX-40, TX-41 with an actor token gets a token in which the agent acts', async () => {
    const actor = `&actor_token=${await scene.agentToken()}&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt`;
    const token = reads(await exchange(recorded, { more: `&audience=tools${actor}` }));
    expect(decodeJwt(token)).toMatchObject({ ...AUTHLIB_ACTS(), act: { sub: AGENT } });
  });

  it('asked for two audiences sends the last, first of all, and gets a token for that one or none', async () => {
    const token = reads(await exchange(recorded, { audience: `audience=${formEncoded(TOOLS)}&`, more: '' }));
    expect(decodeJwt(token)).toMatchObject(AUTHLIB_ACTS());
    const other = await exchange(recorded, { audience: 'audience=secret&', more: '' });
    expect(() => reads(other)).toThrow(/^invalid_target: the target is unknown or not allowed; decision [0-9A-Z]{26}$/);
  });

  it('shows its user the code and the sentence of a refusal, of a wrong secret too', async () => {
    const wrong = await exchange(recorded, { basic: basic('authlib', 'wrong') });
    expect(wrong.status).toBe(401);
    expect(() => reads(wrong)).toThrow(/^invalid_client: client authentication failed/);
  });
});
