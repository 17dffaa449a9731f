// The requests of clients that cannot run here, in the shapes in which they send them, against a whole broker; and the answers that each
// of them can read. Gateways have tests of their own, in gateways/.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { basic, basicEncoded } from '../support/clients.ts';

interface Sent {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `granted`, or the error of the answer. */
  readonly expect: string;
  readonly status?: number;
  readonly client?: string;
  readonly method?: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly problem?: string;
}

const VECTORS: { readonly requests: readonly Sent[] } = JSON.parse(
  readFileSync(new URL('../vectors/client-requests.json', import.meta.url), 'utf8'),
);
const GRANTED = VECTORS.requests.filter((one) => one.expect === 'granted');
const REFUSED = VECTORS.requests.filter((one) => one.expect !== 'granted');

let broker: ClientBroker;
beforeAll(async () => {
  broker = await startClientBroker();
});
afterAll(() => broker.stop());

type Holder = keyof typeof SECRETS;
const isHolder = (id: string): id is Holder => Object.hasOwn(SECRETS, id);
function secretOf(id: string): string {
  if (!isHolder(id)) throw new Error(`the vector names no secret: ${id}`);
  return SECRETS[id];
}

/** What stands for `<...>`. */
async function filling(what: string): Promise<string> {
  const [kind = '', id = ''] = what.split(' ');
  const now = broker.now();
  const sign = (lifetime: number) =>
    broker.clientKeys.signer.sign({
      ...{ iss: 'signer', sub: 'signer', aud: broker.issuer },
      ...{ iat: now, exp: now + lifetime, jti: randomUUID() },
    });
  switch (kind) {
    case 'basic':
      return basic(id, secretOf(id));
    case 'basic-encoded':
      return basicEncoded(id, secretOf(id));
    case 'secret':
      return secretOf(id);
    case 'jwt':
      return broker.appToken({ jti: randomUUID() });
    case 'access_token':
      return broker.appToken({ jti: randomUUID() }, { typ: 'at+jwt' });
    case 'assertion':
      return sign(120);
    default:
      throw new Error(`the vector asks for something unknown: ${what}`);
  }
}

async function filled(text: string, encode: (value: string) => string): Promise<string> {
  const [first = '', ...rest] = text.split('<');
  let out = first;
  for (const part of rest) {
    const [what = '', after = ''] = part.split('>');
    out += encode(await filling(what)) + after;
  }
  return out;
}

async function send({ headers, body }: Sent) {
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) sent[name] = await filled(value, String);
  return broker.call({ method: 'POST', path: '/token', headers: sent }, await filled(body, encodeURIComponent));
}

describe('the request of', () => {
  it.each(GRANTED.map((one) => [one.name, one] as const))('%s is granted, and answered in full', async (_name, one) => {
    const answer = await send(one);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toMatchObject({
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      expires_in: expect.any(Number),
    });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(decodeJwt(String(answer.body.access_token))).toMatchObject({
      client_id: one.client,
      sub: one.subject ?? 'apps:app-1',
    });
    expect(broker.lastRecord()).toMatchObject({ client: { id: one.client, method: one.method } });
  });

  it.each(REFUSED.map((one) => [one.name, one] as const))('%s is refused as it can read', async (_name, one) => {
    const answer = await send(one);
    expect([answer.status, answer.body.error]).toEqual([one.status, one.expect]);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['www-authenticate']).toBe(one.status === 401 ? 'Basic realm="exchequer"' : undefined);
    const { reason, evidence } = broker.lastRecord();
    expect(reason).toBe(one.reason ?? 'client_credential_refused');
    if (one.problem) expect(evidence).toMatchObject({ problem: one.problem });
  });

  it('every client of the vectors is one that is granted, and one that is refused has its twin', () => {
    const of = (vectors: readonly Sent[]) => new Set(vectors.map(({ name }) => name.split(',')[0]));
    expect([...of(REFUSED)].filter((name) => !of(GRANTED).has(name) && name !== 'gcloud')).toEqual([]);
    expect(of(GRANTED).size).toBe(3);
  });

  it('no record and no log holds a secret, an assertion or a token', () => {
    const written = JSON.stringify(broker.records()) + broker.logged();
    expect(written).toContain('"method":"client_secret_basic"');
    for (const [id, secret] of Object.entries(SECRETS)) {
      expect(written).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(written).not.toContain(basic(id, secret).slice(6));
      expect(written).not.toContain(basicEncoded(id, secret).slice(6));
    }
    expect(written).not.toMatch(/eyJ[\w-]{10}/);
  });
});
