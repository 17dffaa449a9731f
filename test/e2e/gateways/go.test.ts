// Go's golang.org/x/oauth2 `clientcredentials` with a grant type of its own: requests recorded from v0.38.0. Left to find out how to
// authenticate, it sends by Basic first and, after any error at all, the same again with its credentials in the body.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic } from '../../support/clients.ts';
import {
  AGENT,
  bodyOf,
  formEncoded,
  type GatewayScene,
  type RawAnswer,
  RULES,
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

const GRANT = 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&scope=call';
const SUBJECT = 'subject_token=<subject>&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt';

/** url.Values are sorted by name. */
const FIRST = `${head('Authorization: <basic>')}\n\n<actor>audience=<audience>&${GRANT}&${SUBJECT}`;
const SECOND = `${head()}\n\n<actor>audience=<audience>&client_id=go&client_secret=<secret>&${GRANT}&${SUBJECT}`;

const VISITORS = `${RULES}
  - name: visitors-through-go
    subject: { trust: visitors, sub: alice }
    actor: client
    client: go
    allow: { tools: [call] }
`;

let scene: GatewayScene;
beforeAll(async () => {
  scene = await startGatewayScene({ policies: { 'gateways.yaml': VISITORS } });
}, 30_000);
afterAll(() => scene?.stop());

async function send(recorded: string, values: Readonly<Record<string, string>>): Promise<RawAnswer> {
  const known = {
    ...{ actor: '', audience: 'tools' },
    basic: basic(formEncoded('go'), formEncoded(SECRET)),
    secret: formEncoded(SECRET),
  };
  return sendBytes(scene, requestBytes(recorded, { ...known, ...values }));
}

/** internal/token.go: what one answer is to it. `text/plain` and forms it reads as a form; an `error` is one at any status. */
function reads(answer: RawAnswer): { readonly token: string } | { readonly error: string } {
  const [mediaType] = (answer.headers['content-type'] ?? '').split(';');
  if (mediaType === 'application/x-www-form-urlencoded' || mediaType === 'text/plain')
    return { error: 'read as a form' };
  const { access_token: token, error, error_description: description, expires_in: expiresIn } = bodyOf(answer);
  if (answer.status < 200 || answer.status > 299 || typeof error === 'string')
    return { error: `oauth2: "${error}" "${description}"` };
  if (typeof token !== 'string' || token === '') return { error: 'oauth2: server response missing access_token' };
  return Number.isInteger(expiresIn) ? { token } : { error: 'expires_in is no number' };
}

/** Both attempts, as AuthStyleAutoDetect makes them. */
async function autoDetect(values: Readonly<Record<string, string>>) {
  const answers = [await send(FIRST, values)];
  if (answers[0] && 'error' in reads(answers[0])) answers.push(await send(SECOND, values));
  return { answers, last: reads(answers.at(-1) ?? { status: 0, headers: {}, text: '{}' }) };
}

describe('Go x/oauth2', () => {
  it('OA-03 by Basic, escaped, gets the person’s token at the first attempt, with itself as who acts', async () => {
    const { answers, last } = await autoDetect({ subject: await scene.personToken() });
    expect(answers).toHaveLength(1);
    expect(decodeJwt('token' in last ? last.token : '')).toMatchObject({
      ...{ sub: 'people:alice', aud: TOOLS, client_id: 'go', scope: 'call' },
      act: { iss: scene.issuer, sub: 'go' },
    });
  });

  it('with AuthStyleInParams gets the same from the body', async () => {
    const read = reads(await send(SECOND, { subject: await scene.personToken() }));
    expect(decodeJwt('token' in read ? read.token : '')).toMatchObject({ client_id: 'go', act: { sub: 'go' } });
    expect(scene.lastRecord()).toMatchObject({ client: { method: 'client_secret_post' } });
  });

  it('TX-40, TX-41 with actor_token among its EndpointParams gets a token in which the agent acts', async () => {
    const token = `actor_token=${await scene.agentToken()}`;
    const actor = `${token}&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&`;
    const { last } = await autoDetect({ actor, subject: await scene.personToken() });
    expect(decodeJwt('token' in last ? last.token : '')).toMatchObject({ act: { sub: AGENT } });
  });

  it('denied by policy is denied twice alike, each with its own decision, and shows its user the second', async () => {
    const before = scene.records().length;
    const { answers, last } = await autoDetect({ audience: 'secret', subject: await scene.personToken() });
    expect(answers.map(({ status, headers }) => [status, headers['www-authenticate']])).toEqual([
      [400, undefined],
      [400, undefined],
    ]);
    const written = scene.records().slice(before);
    expect(written.map(({ reason }) => reason)).toEqual(['target_not_allowed', 'target_not_allowed']);
    const [first, second] = written.map(({ decision }) => String(decision));
    expect(first).not.toBe(second);
    expect(last).toEqual({
      error: `oauth2: "invalid_target" "the target is unknown or not allowed; decision ${second}"`,
    });
  });

  it('OA-07 whose secret is wrong gets a challenge for the first attempt only', async () => {
    const values = { basic: basic('go', 'wrong'), secret: 'wrong', subject: await scene.personToken() };
    const { answers } = await autoDetect(values);
    expect(answers.map(({ status, headers }) => [status, headers['www-authenticate']])).toEqual([
      [401, 'Basic realm="exchequer"'],
      [400, undefined],
    ]);
  });

  it('TX-11 a token that is good for one exchange is not spent by the two denials, and then once', async () => {
    const subject = await scene.visitorToken();
    expect((await autoDetect({ audience: 'secret', subject })).answers).toHaveLength(2);
    expect((await autoDetect({ subject })).last).toHaveProperty('token');

    const again = await autoDetect({ subject });
    expect(again.answers.map(({ status }) => status)).toEqual([400, 400]);
    const [granted, ...refused] = scene.records().slice(-3);
    expect(granted).toMatchObject({ outcome: 'granted' });
    // Both name the exchange that spent it: neither attempt has spent anything itself.
    for (const record of refused)
      expect(record).toMatchObject({ reason: 'replayed', evidence: { spentBy: granted?.decision } });
  });
});
