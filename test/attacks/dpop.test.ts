// Attacks on what holds a token to a key, over the wire against a whole broker: each beside a request that passes. The
// problem of each refused proof stands in its record; its caller is told the same of all of them.
// One proof for two brokers with one issuer and one store is in test/e2e/fleet.test.ts.

import { createHash, createHmac, randomUUID, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_TOKEN_TYPE } from '../../src/core/request.ts';
import { type Attack, createAttack, createPace } from '../support/attack.ts';
import { JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { CLIENT_RULES, type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { publicOf } from '../support/dpop.ts';
import { createDpopClient, type DpopClient } from '../support/dpop-client.ts';
import { b64, createForge, type Json } from '../support/forge.ts';

/** Our own tokens, exchanged again by a client that is registered for their audience. */
const AGAIN = `${CLIENT_RULES}
  - name: ledger-again
    subject: { trust: self, self: { aud: "https://api.example/ledger", sub: "login:worker-1" } }
    actor: client
    client: relay
    allow: [secret]
`;

let broker: ClientBroker;
let attack: Attack;
let client: DpopClient;
let thief: DpopClient;
const pace = createPace();
beforeAll(async () => {
  broker = await startClientBroker({
    rules: AGAIN,
    config: (yaml) =>
      yaml
        .replace('\ntrust:\n', '\ntrust:\n  self: {}\n')
        .replace(
          'clients:\n',
          `clients:\n  relay: { secret: "\${litellm}", presents: ["https://api.example/ledger"] }\n`,
        ),
  });
  attack = createAttack(broker);
  client = createDpopClient(broker, broker);
  thief = createDpopClient(broker, broker);
  for (const one of [client, thief]) await one.ask(await worker());
});
afterAll(() => broker.stop());

const worker = async (claims: object = {}) => ({
  grant_type: TOKEN_EXCHANGE,
  subject_token: await broker.workerToken({ ...claims }),
  subject_token_type: JWT_TYPE,
  audience: 'ledger',
});
/** How a request with this proof ended: the problem on record where the proof was refused. */
async function proved(proof: string | readonly string[], headers: Record<string, string> = {}): Promise<string> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const dpop = typeof proof === 'string' ? proof : [...proof];
  const options = { method: 'POST', path: '/token', servername: 'localhost', headers: { ...type, dpop, ...headers } };
  const body = new URLSearchParams(await worker()).toString();
  const ended = await attack.judged(
    broker.call(options, body),
    [proof].flat().filter((text) => text.length > 16),
  );
  const { evidence } = broker.lastRecord() as { evidence?: { problem?: string } };
  return ended.endsWith('dpop_proof_refused') ? `${ended} ${evidence?.problem}` : ended;
}
const refused = (problem: string) => `400 invalid_dpop_proof dpop_proof_refused ${problem}`;
const REPLAYED = '400 invalid_dpop_proof dpop_proof_replayed';
const WANTED = '400 use_dpop_nonce dpop_nonce_wanted';
const MISMATCH = '400 invalid_request binding_mismatch';

const jwk = (more: Json): Json => ({ jwk: { ...publicOf(client.key), ...more } });
const token = (claims: string | Json, header: Json | string, signed?: (input: string) => Uint8Array) =>
  client.key.token(claims, header, signed);
const good = (): Json => ({
  jti: randomUUID(),
  htm: 'POST',
  htu: `${broker.issuer}/token`,
  iat: broker.now(),
  nonce: client.nonce(),
});
const head = (more: Json = {}): Json => ({ kid: undefined, typ: 'dpop+jwt', jwk: publicOf(client.key), ...more });

describe('a proof that is none', () => {
  it.each<[string, () => string | readonly string[], string]>([
    ['A-151 no JWT', () => 'proof', 'malformed'],
    ['A-151 an empty header', () => '', 'malformed'],
    ['A-151 two headers', () => [client.proof(), client.proof()], 'repeated'],
    ['A-151 two proofs in one header', () => `${client.proof()}, ${client.proof()}`, 'repeated'],
    ['A-151 a proof that is too large', () => client.proof({ pad: 'a'.repeat(8_192) }), 'too_large'],
    ['A-151 no typ', () => client.proof({}, { typ: undefined }), 'typ'],
    ['A-151 the typ of an access token', () => client.proof({}, { typ: 'at+jwt' }), 'typ'],
    ['A-151 the typ in other case', () => client.proof({}, { typ: 'DPoP+jwt' }), 'typ'],
    ['A-151 alg none, without a signature', () => `${b64({ ...head(), alg: 'none' })}.${b64(good())}.`, 'malformed'],
    ['A-151 alg none, with one', () => client.proof({}, { alg: 'none' }), 'algorithm'],
    ['A-151 alg None', () => client.proof({}, { alg: 'None' }), 'algorithm'],
    [
      'A-151 a MAC under the public key',
      () =>
        token(good(), head({ alg: 'HS256' }), (input) =>
          createHmac('sha256', JSON.stringify(publicOf(client.key)))
            .update(input)
            .digest(),
        ),
      'algorithm',
    ],
    ['A-151 EdDSA', () => client.proof({}, { alg: 'EdDSA' }), 'algorithm'],
    ['A-151 no key', () => client.proof({}, { jwk: undefined }), 'key'],
    [
      'A-151 a private key',
      () => client.proof({}, jwk({ d: client.key.privateKey.export({ format: 'jwk' }).d })),
      'key',
    ],
    ['A-157 a shared key', () => client.proof({}, { jwk: { kty: 'oct', k: b64('0'.repeat(32)) } }), 'key'],
    ['A-151 a key off its curve', () => client.proof({}, jwk({ y: b64(Buffer.alloc(32, 7)) })), 'key'],
    ["A-151 another's key", () => client.proof({}, { jwk: publicOf(thief.key) }), 'signature'],
    ['A-151 a signature of zeros', () => token(good(), head(), () => Buffer.alloc(64)), 'signature'],
    ['A-151 keys elsewhere (jku)', () => client.proof({}, { jku: `${broker.issuer}/keys` }), 'header'],
    ['A-151 a certificate (x5c)', () => client.proof({}, { x5c: ['MIIB'] }), 'header'],
    ['A-151 crit', () => client.proof({}, { crit: ['exp'] }), 'header'],
    ['A-151 another method', () => client.proof({ htm: 'GET' }), 'htm'],
    ['A-151 the method in other case', () => client.proof({ htm: 'post' }), 'htm'],
    ['A-151 another address', () => client.proof({ htu: 'https://rs.example/token' }), 'htu'],
    ['A-151 another endpoint', () => client.proof({ htu: `${broker.issuer}/introspect` }), 'htu'],
    ['A-151 the address with a final slash', () => client.proof({ htu: `${broker.issuer}/token/` }), 'htu'],
    ['A-151 an hour old', () => client.proof({ iat: broker.now() - 3_600 }), 'time'],
    ['A-151 an hour early', () => client.proof({ iat: broker.now() + 3_600 }), 'time'],
    ['A-151 no iat', () => client.proof({ iat: undefined }), 'claims'],
    ['A-151 no jti', () => client.proof({ jti: undefined }), 'claims'],
    ['A-151 no htu', () => client.proof({ htu: undefined }), 'claims'],
    ['A-151 names in other case', () => client.proof({ htm: undefined, HTM: 'POST' }), 'claims'],
    [
      'A-151 a claim twice',
      () => token(JSON.stringify(good()).replace('{', '{"htm":"GET",'), JSON.stringify({ alg: 'ES256', ...head() })),
      'malformed',
    ],
  ])('%s', async (_title, make, problem) => {
    expect(await proved(make())).toBe(refused(problem));
    expect(await proved(client.proof({ ath: 'of-some-token' }))).toBe('200');
  });

  it('A-151 a proof is taken once, and a jti of another key is another', async () => {
    const jti = randomUUID();
    expect(await proved(client.proof({ jti }))).toBe('200');
    expect(await proved(client.proof({ jti }))).toBe(REPLAYED);
    expect(await proved(thief.proof({ jti }))).toBe('200');
  });

  it('A-157 an RSA key of 16,384 bits is refused for its size alone', async () => {
    const n = b64(Buffer.alloc(2_048, 0xff));
    const rsa = createForge('RS256', 'rsa');
    const proof = (material: Json) => rsa.token(good(), head({ alg: 'RS256', jwk: { ...publicOf(rsa), ...material } }));
    expect(await proved(proof({ n }))).toBe(refused('too_large'));
    expect(await proved(proof({ n: n.slice(0, 1_366) }))).toBe(refused('key'));
    expect(await proved(proof({}))).toBe('200');
  });
});

describe('the address of a proof', () => {
  it.each([
    ['Host', { host: 'rs.example' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'rs.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' }],
    ['Forwarded', { forwarded: 'host=rs.example;proto=https' }],
    ['X-Original-URL', { 'x-original-url': '/rs', 'x-rewrite-url': '/rs' }],
  ])('A-152 is never what %s says', async (_name, headers) => {
    for (const htu of ['https://rs.example/token', 'https://rs.example/rs', `${broker.issuer}/rs`])
      expect(await proved(client.proof({ htu }), headers)).toBe(refused('htu'));
    expect(await proved(client.proof(), headers)).toBe('200');
  });
});

describe('a nonce', () => {
  it.each([
    ['made up', () => randomUUID()],
    ['of a resource server', () => 'eyJ7S_zG.eyJH0-Z.HX4w-7v'],
    ['of the form of ours', () => b64(Buffer.alloc(24, 1))],
    ['with another slot', () => client.nonce()?.replace(/^(.{9})./, '$1B')],
    ['with padding', () => `${client.nonce()}=`],
    ['twice', () => `${client.nonce()}${client.nonce()}`],
    ['left out', () => undefined],
  ])('A-153 %s is none', async (_what, make) => {
    const nonce = make();
    expect(nonce).not.toBe(client.nonce());
    expect(await proved(client.proof({ nonce }))).toBe(WANTED);
    expect(await proved(client.proof())).toBe('200');
  });

  it('A-153 of another broker is none', async () => {
    const elsewhere = await startClientBroker();
    try {
      const there = createDpopClient(elsewhere, elsewhere);
      await there.send(await worker());
      expect(there.nonce()).toEqual(expect.any(String));
      expect(await proved(client.proof({ nonce: there.nonce() }))).toBe(WANTED);
    } finally {
      await elsewhere.stop();
    }
  });

  it('A-153 may serve for many proofs while it is fresh: it says when they were made, and jti which is which', async () => {
    for (const _ of [1, 2, 3]) expect(await proved(client.proof())).toBe('200');
  });
});

describe('a proof for several requests', () => {
  it('A-154 that are sent at once is taken for one of them', async () => {
    const [proof, form] = [client.proof(), await worker()];
    await pace();
    const answers = await Promise.all(Array.from({ length: 16 }, () => broker.token(form, { dpop: proof })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.error))).toEqual(new Set([undefined, 'invalid_dpop_proof']));
  });
});

describe('a token that is bound', () => {
  it('A-155 to a certificate is not taken from the holder of a DPoP key, nor the reverse', async () => {
    const svid = await broker.mesh.mintSvid('/ns/payments/sa/api');
    const caller = broker.as(svid);
    const print = createHash('sha256').update(new X509Certificate(svid.cert).raw).digest('base64url');
    try {
      const form = await worker({ cnf: { 'x5t#S256': print } });
      expect(await attack.judged(thief.send(form))).toBe(MISMATCH);
      expect(await attack.judged(caller.token(form))).toBe('200');
      const bound = await worker({ cnf: { jkt: client.jkt } });
      expect(await attack.judged(caller.token(bound))).toBe(MISMATCH);
      expect(await attack.judged(client.send(bound))).toBe('200');
    } finally {
      caller.close();
    }
  });

  it('A-156 stays bound through every exchange of it, to the same key', async () => {
    const first = await client.send(await worker());
    const form = {
      grant_type: TOKEN_EXCHANGE,
      subject_token: String(first.body.access_token),
      subject_token_type: ACCESS_TOKEN_TYPE,
      audience: 'secret',
      client_id: 'relay',
      client_secret: SECRETS.litellm,
    };
    expect(await attack.judged(broker.token(form))).toBe(MISMATCH);
    expect(await attack.judged(thief.send(form))).toBe(MISMATCH);
    const again = await client.send(form);
    expect(again.body).toMatchObject({ token_type: 'DPoP' });
    const claims = JSON.parse(Buffer.from(String(again.body.access_token).split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ sub: 'login:worker-1', cnf: { jkt: client.jkt } });
  });

  it('A-156 is no bearer token for who has its proof but not its key', async () => {
    // A proof that was seen on its way: it is spent, and a new one cannot be made.
    const [bound, proof] = [await worker({ cnf: { jkt: client.jkt } }), client.proof()];
    expect(await attack.judged(client.send(bound, proof))).toBe('200');
    expect(await attack.judged(thief.send(bound, proof))).toBe(REPLAYED);
    expect(await attack.judged(thief.send(bound, thief.proof({}, { jwk: publicOf(client.key) })))).toBe(
      '400 invalid_dpop_proof dpop_proof_refused',
    );
  });
});
