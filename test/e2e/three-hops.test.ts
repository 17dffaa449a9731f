// A person, an agent, and services behind each other: each exchanges the token of the hop before, and the last token names everybody in order.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handleOf } from '../../src/parsing/token-handle.ts';
import { TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRET_BEFORE, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { basicEncoded } from '../support/clients.ts';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const AGENT = 'spiffe://prod.example/ns/agents/sa/assistant';
const [ONE, TWO, THREE] = ['https://one.example', 'https://two.example', 'https://three.example'];

const RULES = `
rules:
  - name: assistant-for-staff
    subject: { trust: staff, sub: alice }
    actor: { trust: mesh, sub: ${AGENT} }
    client: litellm
    allow: { one: all }
  - name: one-goes-on
    subject: { trust: self, self: { aud: ${ONE}, sub: "staff:*" } }
    actor: client
    client: one-api
    allow: { two: all }
  - name: two-goes-on
    subject: { trust: self, self: { aud: ${TWO}, sub: "staff:*" } }
    actor: client
    client: two-api
    allow: { three: all }
`;

let broker: ClientBroker;
beforeAll(async () => {
  broker = await startClientBroker({
    rules: RULES,
    config: (yaml) =>
      yaml
        .replace('\ntrust:\n', '\ntrust:\n  self: {}\n')
        .replace(
          'clients:\n',
          `clients:\n  one-api: { secret: "\${kong}", presents: [${ONE}] }\n  two-api: { secret: "\${kong_next}", presents: [${TWO}] }\n`,
        )
        .replace(
          'targets:\n',
          ['one', 'two', 'three'].reduce(
            (text, name) =>
              `${text}  ${name}: { kind: token, audience: https://${name}.example, scopes: { read: {}, write: {} }, defaultScopes: [read] }\n`,
            'targets:\n',
          ),
        ),
  });
}, 30_000);
afterAll(() => broker?.stop());

const exchange = async (form: Record<string, string>, authorization: string) => {
  const answer = await broker.token(
    { grant_type: TOKEN_EXCHANGE, subject_token_type: `${TYPE}access_token`, ...form },
    { authorization },
  );
  return { answer, token: String(answer.body.access_token) };
};

/** What each hop needs: the token of the hop before, as its own registered client. */
async function hops() {
  const first = await exchange(
    {
      subject_token: await broker.staffToken(),
      subject_token_type: `${TYPE}jwt`,
      actor_token: await broker.mesh.signJwt('/ns/agents/sa/assistant', broker.issuer, broker.now()),
      actor_token_type: `${TYPE}jwt`,
      audience: 'one',
    },
    basicEncoded('litellm', SECRETS.litellm),
  );
  const second = await exchange({ subject_token: first.token, audience: 'two' }, ONE_API);
  const third = await exchange({ subject_token: second.token, resource: THREE }, TWO_API);
  return { first, second, third };
}

const ONE_API = basicEncoded('one-api', SECRET_BEFORE);
const TWO_API = basicEncoded('two-api', SECRETS.kong);

describe('three hops', () => {
  it('name everybody in order, the current actor outermost, and where it all began (TX-41, TX-43)', async () => {
    const { first, second, third } = await hops();
    const agent = { iss: 'spiffe://prod.example', sub: AGENT };
    const last = decodeJwt(third.token);
    expect(last).toMatchObject({ sub: 'staff:alice', aud: THREE, client_id: 'two-api', scope: 'read' });
    expect(JSON.stringify(last.act)).toBe(
      JSON.stringify({ iss: broker.issuer, sub: 'two-api', act: { iss: broker.issuer, sub: 'one-api', act: agent } }),
    );
    expect(last.origin).toEqual({ iss: 'https://staff.example', sub: 'alice' });
    expect(last.lineage).toEqual(
      [first, second].map(({ token }) => handleOf(broker.issuer, String(decodeJwt(token).jti))),
    );
    expect(broker.lastRecord()).toMatchObject({
      actors: [{ sub: 'two-api' }, { sub: 'one-api' }, agent],
      lineage: last.lineage,
      origin: last.origin,
    });
  });

  it('never outlive the token of the hop before, nor have more scopes', async () => {
    const { first, second, third } = await hops();
    const ends = [first, second, third].map(({ token }) => Number(decodeJwt(token).exp));
    expect(ends).toEqual([...ends].sort((a, b) => b - a));
    const more = await exchange({ subject_token: first.token, audience: 'two', scope: 'read write' }, ONE_API);
    expect(more.answer.body.error).toBe('invalid_scope');
    expect(broker.lastRecord()).toMatchObject({ reason: 'scope_not_allowed' });
  });

  it('are taken from the client that is registered for their audience, and from no other', async () => {
    const { first } = await hops();
    const other = await exchange({ subject_token: first.token, audience: 'two' }, TWO_API);
    expect(other.answer.body.error).toBe('invalid_client');
    expect(broker.lastRecord()).toMatchObject({ reason: 'client_not_presenter' });
    expect((await exchange({ subject_token: first.token, audience: 'two' }, ONE_API)).answer.status).toBe(200);
  });
});
