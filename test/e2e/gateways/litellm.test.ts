// LiteLLM's `auth_type: oauth2_token_exchange`: requests recorded from litellm 1.110.2 and, for its older releases, from the httpx client
// that they send with; answers read, and refusals told to its user, as its token_exchanger.py and token_exchange_provider.py do.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic } from '../../support/clients.ts';
import {
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

const EXCHANGE =
  'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';

/** Releases before 1.110: client_secret_post only, no Accept but httpx's own. */
const OLDER = `POST /token HTTP/1.1
Host: localhost
Accept: */*
Accept-Encoding: gzip, deflate
Connection: keep-alive
User-Agent: litellm/1.80.0
Content-Length: <length>
Content-Type: application/x-www-form-urlencoded

${EXCHANGE}&client_id=litellm&client_secret=<secret><target>`;

const POST = `POST /token HTTP/1.1
host: localhost
accept-encoding: gzip, deflate
connection: keep-alive
user-agent: litellm/1.110.2
accept: application/json
content-length: <length>
content-type: application/x-www-form-urlencoded

${EXCHANGE}<target>&client_id=litellm&client_secret=<secret>`;

/** `token_endpoint_auth_method: client_secret_basic`. */
const BASIC = `POST /token HTTP/1.1
host: localhost
accept-encoding: gzip, deflate
connection: keep-alive
user-agent: litellm/1.110.2
accept: application/json
authorization: <basic>
content-length: <length>
content-type: application/x-www-form-urlencoded

${EXCHANGE}<target>`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    secret: formEncoded(SECRET),
    basic: basic(formEncoded('litellm'), formEncoded(SECRET)),
    target: '&audience=tools&scope=call',
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

const GATEWAY_FAULTS = [
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_target',
  'invalid_scope',
];
const NO_ACCESS_TOKENS = ['refresh_token', 'id_token', 'saml1', 'saml2'].map((type) => `${TYPE}${type}`);

/** The token and for how long it is kept, or the status that its user gets. */
function reads(
  answer: RawAnswer,
): { readonly token: string; readonly keptSeconds: number } | { readonly userGets: number } {
  if (answer.status >= 400 && answer.status < 500)
    return { userGets: GATEWAY_FAULTS.includes(String(bodyOf(answer).error)) ? 500 : 401 };
  if (answer.status !== 200) return { userGets: 503 };
  const { access_token: token, token_type: type, issued_token_type: issued, expires_in: seconds } = bodyOf(answer);
  if (typeof token !== 'string' || token === '') return { userGets: 503 };
  if (typeof type === 'string' && type.trim().toLowerCase() !== 'bearer') return { userGets: 503 };
  if (NO_ACCESS_TOKENS.includes(String(issued))) return { userGets: 503 };
  const lifetime = typeof seconds === 'number' ? seconds : 3600;
  return { token, keptSeconds: Math.min(Math.max(lifetime - 60, 10), lifetime) };
}

describe('LiteLLM', () => {
  it.each([
    ['client_secret_post', 'an older release', OLDER],
    ['client_secret_post', 'litellm 1.110.2', POST],
    ['client_secret_basic', 'litellm 1.110.2 with token_endpoint_auth_method', BASIC],
  ])(
    'TX-10 by %s, %s, gets the person’s token with itself as who acts, and no type asked for',
    async (method, _title, recorded) => {
      const read = reads(await exchange(recorded));
      if (!('token' in read)) throw new Error('LiteLLM would fail');
      const claims = decodeJwt(read.token);
      expect(claims).toMatchObject({
        ...{ sub: 'people:alice', aud: TOOLS, client_id: 'litellm', scope: 'call' },
        act: { iss: scene.issuer, sub: 'litellm' },
      });
      expect(read.keptSeconds).toBeLessThan(Number(claims.exp) - Number(claims.iat));
      expect(scene.lastRecord()).toMatchObject({ client: { method } });
    },
  );

  it('whose configuration is wrong is told so: its user gets 500, and is not sent to sign in again', async () => {
    const cases: readonly [Readonly<Record<string, string>>, string][] = [
      [{ target: '' }, 'invalid_target'],
      [{ target: '&audience=unheard-of' }, 'invalid_target'],
      [{ target: '&audience=tools&scope=unheard-of' }, 'invalid_scope'],
      [{ secret: 'wrong' }, 'invalid_client'],
    ];
    for (const [values, error] of cases) {
      const answer = await exchange(POST, values);
      expect([bodyOf(answer).error, reads(answer)]).toEqual([error, { userGets: 500 }]);
    }
  });

  it('whose user’s token is refused gets what makes it ask for another: its user gets 401', async () => {
    const expired = await scene.personToken({ iat: scene.now() - 900, exp: scene.now() - 600 });
    const stranger = await scene.personToken({ groups: ['sales'] });
    for (const subject of [expired, stranger]) {
      const answer = await exchange(POST, { subject });
      expect([bodyOf(answer).error, reads(answer)]).toEqual(['invalid_request', { userGets: 401 }]);
    }
    // What an older release shows its user word for word holds no claim and no name.
    const shown = (await exchange(OLDER, { subject: stranger })).text;
    expect(shown).not.toMatch(/alice|sales|finance/);
  });

  it('sends a person to confirm where the scope wants it: its user gets 401, and the answer says how', async () => {
    const answer = await exchange(POST, { target: '&audience=tools&scope=pay' });
    expect(bodyOf(answer)).toMatchObject({
      ...{ error: 'insufficient_user_authentication', acr_values: 'mfa', max_age: 300 },
    });
    expect(reads(answer)).toEqual({ userGets: 401 });
    const confirmed = await scene.personToken({ acr: 'mfa', auth_time: scene.now() - 10 });
    expect(reads(await exchange(POST, { target: '&audience=tools&scope=pay', subject: confirmed }))).toHaveProperty(
      'token',
    );
  });
});
