// ToolHive's `MCPExternalAuthConfig` of type tokenExchange: the request as its pkg/auth/tokenexchange/exchange.go makes it, recorded from
// Go's own client, and the answer read as it reads it.

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
} from '../../support/gateway.ts';

const head = (...fields: readonly string[]) =>
  [
    'POST /token HTTP/1.1',
    'Host: localhost',
    'User-Agent: Go-http-client/1.1',
    'Content-Length: <length>',
    ...fields,
    'Content-Type: application/x-www-form-urlencoded',
    'Accept-Encoding: gzip',
  ].join('\n');

const BODY =
  'audience=<audience>&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token<scope>&subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A<type>';

const BASIC = `${head('Authorization: <basic>')}\n\n${BODY}`;
/** Without clientId: no authentication at all. */
const NONE = `${head()}\n\n${BODY}`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene();
}, 30_000);
afterAll(() => scene?.stop());

async function exchange(recorded: string, values: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const known = {
    subject: await scene.personToken(),
    basic: basic(formEncoded('toolhive'), formEncoded(SECRET)),
    audience: 'tools',
    scope: '&scope=call',
    type: 'access_token',
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** Go's `int`, and the members that it insists on. Throws what it logs, with its code and its status and without our sentence. */
function reads(answer: RawAnswer): string {
  const body = bodyOf(answer);
  if (answer.status < 200 || answer.status > 299)
    throw new Error(`OAuth error "${body.error}" (status ${answer.status})`);
  for (const member of ['access_token', 'token_type', 'issued_token_type'] as const)
    if (typeof body[member] !== 'string' || body[member] === '') throw new Error(`server returned empty ${member}`);
  if (!Number.isInteger(body.expires_in)) throw new Error('expires_in is no int');
  return String(body.access_token);
}

describe('ToolHive', () => {
  it.each(['access_token', 'jwt'])(
    'OA-03 with subjectTokenType %s gets the person’s token with itself as who acts',
    async (type) => {
      for (const audience of ['tools', formEncoded(TOOLS)])
        expect(decodeJwt(reads(await exchange(BASIC, { type, audience })))).toMatchObject({
          ...{ sub: 'people:alice', aud: TOOLS, client_id: 'toolhive', scope: 'call' },
          act: { iss: scene.issuer, sub: 'toolhive' },
        });
    },
  );

  it('without scopes gets the target’s own', async () => {
    const answer = await exchange(BASIC, { scope: '' });
    expect([bodyOf(answer).scope, decodeJwt(reads(answer)).scope]).toEqual(['call', 'call']);
  });

  it('with subjectTokenType id_token is refused where the source takes no ID tokens', async () => {
    const answer = await exchange(BASIC, { type: 'id_token' });
    expect(() => reads(answer)).toThrow('OAuth error "invalid_request" (status 400)');
    expect(scene.lastRecord()).toMatchObject({ reason: 'token_type_refused' });
  });

  it('TX-12 without a clientId proves nobody, and a person’s token is not taken from nobody', async () => {
    const answer = await exchange(NONE);
    expect(() => reads(answer)).toThrow('OAuth error "invalid_client" (status 400)');
    expect(scene.lastRecord()).toMatchObject({ reason: 'client_required' });
  });

  it('TX-31 that asks for what no rule allows logs the code, and the operator finds the reason by the decision', async () => {
    const answer = await exchange(BASIC, { audience: 'secret' });
    expect(() => reads(answer)).toThrow('OAuth error "invalid_target" (status 400)');
    const { decision } = scene.lastRecord();
    expect(bodyOf(answer).error_description).toContain(String(decision));
  });
});
