// Attacks on the token exchange itself: parameters, types, targets, scopes, delegation and clients, sent over TLS.
// What is not built is refused, never ignored: a parameter that would narrow or bind what is issued cannot be left out unseen.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREDENTIAL_BYTES_MAX } from '../../src/core/limits.ts';
import { refused } from '../support/attack.ts';
import { formOf, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type Arena, LOGIN_ISSUER, startArena } from './arena.ts';

const URN = 'urn:ietf:params:oauth:token-type';

let arena: Arena;
beforeAll(async () => {
  arena = await startArena();
});
afterAll(() => arena.stop());

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;
const token = () => arena.ec.token(arena.claims());
const exchange = (more: Form) => arena.exchange(token(), more);
/** A whole form as text, before and behind which an attack may write. */
const form = (more: Record<string, string> = {}) =>
  formOf({
    grant_type: TOKEN_EXCHANGE,
    subject_token_type: JWT_TYPE,
    subject_token: token(),
    audience: 'ledger',
    ...more,
  });
const post = (body: string | Buffer, headers: Record<string, string> = {}, path = '/token') =>
  arena.judged(
    arena.broker.call(
      { method: 'POST', path, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } },
      body,
    ),
  );

describe('parameters', () => {
  it('the control: a form with what it needs is granted, unknown parameters and all', async () => {
    expect(await exchange({})).toBe('200');
    expect(await post(form())).toBe('200');
    expect(await exchange({ unheard_of: 'x', client_id: 'nobody' })).toBe('200');
  });

  it.each<readonly [string, Form, string]>([
    ['A-128 no grant_type', { grant_type: undefined }, 'parameter_missing'],
    ['A-128 an empty grant_type', { grant_type: '' }, 'parameter_missing'],
    ['A-128 grant_type twice', { grant_type: [TOKEN_EXCHANGE, TOKEN_EXCHANGE] }, 'parameter_repeated'],
    ['A-128 grant_type once empty', { grant_type: ['', TOKEN_EXCHANGE] }, 'parameter_repeated'],
    ['A-128 no subject_token', { subject_token: undefined }, 'parameter_missing'],
    ['A-129 an empty subject_token', { subject_token: '' }, 'parameter_missing'],
    ['A-129 a blank subject_token', { subject_token: ' ' }, 'parameter_malformed'],
    [
      'A-129 a subject_token of one byte too many',
      { subject_token: 'a'.repeat(CREDENTIAL_BYTES_MAX + 1) },
      'parameter_too_large',
    ],
    ['A-129 a subject_token of 4,001 bytes that is none', { subject_token: 'a'.repeat(4_001) }, 'credential_malformed'],
    ['A-128 subject_token twice', { subject_token: ['a.b.c', 'a.b.d'] }, 'parameter_repeated'],
    ['A-128 no subject_token_type', { subject_token_type: undefined }, 'parameter_missing'],
    ['A-128 subject_token_type twice', { subject_token_type: [JWT_TYPE, JWT_TYPE] }, 'parameter_repeated'],
    ['A-133 an unknown subject_token_type', { subject_token_type: `${URN}:saml2` }, 'token_type_unsupported'],
    ['A-133 a subject_token_type in another case', { subject_token_type: `${URN}:JWT` }, 'token_type_unsupported'],
    ['A-133 a subject_token_type without its URN', { subject_token_type: 'jwt' }, 'token_type_unsupported'],
    [
      'A-133 an unknown requested_token_type',
      { requested_token_type: `${URN}:refresh_token` },
      'token_type_unsupported',
    ],
    ['A-133 an ID token asked for', { requested_token_type: `${URN}:id_token` }, 'token_type_unsupported'],
    ['A-137 scope twice', { scope: ['postings:read', 'postings:read'] }, 'parameter_repeated'],
    ['A-139 a parameter too large', { client_id: 'c'.repeat(5_000) }, 'parameter_too_large'],
  ])('%s', async (_title, change, reason) => {
    expect(await exchange(change)).toBe(refused(reason));
  });

  it.each<readonly [string, () => string | Buffer, string]>([
    ['A-130 brackets of an array', () => form().replace('subject_token=', 'subject_token[]='), 'body_malformed'],
    ['A-130 encoded brackets', () => `${form()}&subject_token%5Bx%5D=y`, 'body_malformed'],
    ['A-130 a NUL', () => `${form()}&scope=a%00`, 'parameter_malformed'],
    ['A-130 half an escape', () => `${form()}&x=%zz`, 'body_malformed'],
    ['A-130 an escape cut short', () => `${form()}&x=%4`, 'body_malformed'],
    ['A-130 an overlong encoding', () => `${form()}&x=%c0%af`, 'body_malformed'],
    ['A-130 bytes that are no UTF-8', () => Buffer.from(`${form()}&x=\xff`, 'latin1'), 'body_malformed'],
    ['A-130 UTF-16', () => Buffer.from(form(), 'utf16le'), 'body_malformed'],
    ['A-130 a byte order mark', () => `\ufeff${form()}`, 'body_malformed'],
    ['A-130 a repeated name in another spelling', () => `${form()}&%67rant_type=x`, 'parameter_repeated'],
    ['A-175 sixty-five parameters', () => `${form()}&${'a&'.repeat(65)}`, 'body_malformed'],
    ['A-175 sixty thousand separators', () => `${form()}${'&'.repeat(60_000)}`, 'body_malformed'],
    ['A-128 nothing', () => '', 'parameter_missing'],
    ['A-130 semicolons for separators', () => form().replaceAll('&', ';'), 'grant_type_unsupported'],
    ['A-132 JSON under the name of a form', () => JSON.stringify({ grant_type: TOKEN_EXCHANGE }), 'body_malformed'],
  ])('%s', async (_title, body, reason) => {
    const verdict = await post(body());
    expect(verdict).toBe(
      reason === 'grant_type_unsupported' ? `400 unsupported_grant_type ${reason}` : refused(reason),
    );
  });

  it('A-130 __proto__ is one more unknown parameter, and no other object has it afterwards', async () => {
    expect(await post(`${form()}&__proto__=1&constructor=2`)).toBe('200');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('A-130 nothing is taken from the address', async () => {
    expect(await post(form(), {}, '/token?audience=secret')).toBe(refused('query_forbidden'));
    expect(await post('', {}, `/token?${form()}`)).toBe(refused('query_forbidden'));
    expect(await post(form(), {}, '/token?')).toBe(refused('query_forbidden'));
  });

  it.each([
    'text/plain',
    'application/json',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; charset=utf-7',
    'application/x-www-form-urlencoded; charset=utf-8; charset=utf-7',
    'application/x-www-form-urlencoded; charset=utf-8; boundary=x',
    'application/x-www-form-urlencoded; charset="utf-8',
    'application/x-www-form-urlencoded;',
    'application/x-www-form-urlencoded\t',
    'application/x-www-form-urlencoded\tfoo',
    'application/x-www-form-urlencoded, text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencodedx',
    '',
  ])('A-131 a body that is %j is not read', async (type) => {
    const verdict = await post(form(), { 'content-type': type });
    // A trailing tab is white space around the value, which no receiver of HTTP sees.
    expect(verdict).toBe(type.endsWith('\t') ? '200' : '415 invalid_request media_type_unsupported');
  });

  it.each([
    'application/x-www-form-urlencoded;charset=UTF-8',
    'APPLICATION/X-WWW-FORM-URLENCODED',
    'application/x-www-form-urlencoded; charset="utf-8"',
  ])('A-131 the control: %j is a form', async (type) =>
    expect(await post(form(), { 'content-type': type })).toBe('200'),
  );
});

describe('targets and scopes', () => {
  it.each<readonly [string, Form, string]>([
    ['A-135 an unknown target', { audience: 'nowhere' }, 'invalid_target target_unknown'],
    ['A-135 a target of others', { audience: 'secret' }, 'invalid_target target_not_allowed'],
    ['A-135 ours and one of others', { audience: ['ledger', 'secret'] }, 'invalid_target targets_differ'],
    ['A-135 ours and an unknown one', { audience: ['ledger', 'nowhere'] }, 'invalid_target target_unknown'],
    ['A-135 one of others as resource', { resource: 'https://secret.example' }, 'invalid_target targets_differ'],
    ['A-135 none', { audience: undefined }, 'invalid_target target_unknown'],
    [
      'A-136 a fragment',
      { audience: undefined, resource: 'https://api.example/ledger#x' },
      'invalid_target resource_malformed',
    ],
    ['A-136 a relative one', { audience: undefined, resource: '/ledger' }, 'invalid_target resource_malformed'],
    [
      'A-136 a path in another case',
      { audience: undefined, resource: 'https://api.example/LEDGER' },
      'invalid_target target_unknown',
    ],
    [
      'A-136 another port',
      { audience: undefined, resource: 'https://api.example:8443/ledger' },
      'invalid_target target_unknown',
    ],
    [
      'A-136 user information',
      { audience: undefined, resource: 'https://x@api.example/ledger' },
      'invalid_target target_unknown',
    ],
    [
      'A-136 a slash at the end',
      { audience: undefined, resource: 'https://api.example/ledger/' },
      'invalid_target target_unknown',
    ],
    ['A-140 our own issuer', { audience: 'SELF' }, 'invalid_target target_unknown'],
    ['A-137 an unknown scope', { scope: 'admin' }, 'invalid_scope scope_not_allowed'],
    ['A-137 one allowed and one not', { scope: 'postings:read admin' }, 'invalid_scope scope_not_allowed'],
    ['A-137 a control character', { scope: 'postings:read\u0007' }, 'invalid_scope scope_malformed'],
    ['A-137 two spaces', { scope: 'postings:read  postings:write' }, 'invalid_scope scope_malformed'],
    ['A-137 a space at the end', { scope: 'postings:read ' }, 'invalid_scope scope_malformed'],
    ['A-137 a tab', { scope: 'postings:read\tadmin' }, 'invalid_scope scope_malformed'],
    ['A-137 sixty-five scopes', { scope: Array(65).fill('a').join(' ') }, 'invalid_scope scope_malformed'],
    ['A-137 10 kB', { scope: 'a'.repeat(10_000) }, 'invalid_request parameter_too_large'],
  ])('%s', async (_title, change, expected) => {
    const audience = change.audience === 'SELF' ? arena.broker.issuer : change.audience;
    const more = 'audience' in change ? { ...change, audience } : change;
    expect(await exchange(more)).toBe(`400 ${expected}`);
  });

  it('A-135 nothing is issued for the one that is allowed, and it alone is granted', async () => {
    expect(await exchange({ audience: ['ledger', 'https://api.example/ledger'] })).toBe('200');
    expect(await exchange({ resource: 'https://api.example/ledger' })).toBe('200');
  });

  it('A-136 a spelling that means the same resource (RI-04) is issued the audience as it was configured', async () => {
    const resource = 'HTTPS://API.example:443/ledger';
    const { body } = await arena.broker.exchange(token(), { audience: undefined, resource });
    const claims = JSON.parse(Buffer.from(String(body.access_token).split('.')[1] ?? '', 'base64url').toString());
    expect(claims.aud).toBe('https://api.example/ledger');
  });

  it('A-134, A-137, A-138 a grant says its type, lifetime and scopes, and its token bears the audience of the target', async () => {
    const { status, body } = await arena.broker.exchange(token(), { scope: 'postings:write postings:write' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issued_token_type: `${URN}:access_token`,
      token_type: 'Bearer',
      scope: 'postings:write',
    });
    expect(Number.isInteger(body.expires_in)).toBe(true);
    const claims = JSON.parse(Buffer.from(String(body.access_token).split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ aud: 'https://api.example/ledger', scope: 'postings:write' });
    for (const lost of ['act', 'may_act', 'cnf']) expect(claims).not.toHaveProperty(lost);
  });

  it('A-139, A-140 what was issued cannot be exchanged again, as itself or under another type', async () => {
    const { body } = await arena.broker.exchange(token());
    for (const type of ['access_token', 'jwt', 'id_token'])
      expect(await arena.exchange(String(body.access_token), { subject_token_type: `${URN}:${type}` })).toBe(
        refused('issuer_unknown'),
      );
  });
});

describe("delegation by whoever is nobody's client", () => {
  const actor = () => arena.mesh.token(arena.svid());

  it.each<readonly [string, () => Form, string]>([
    ['A-143 an actor_token without its type', () => ({ actor_token: actor() }), refused('parameter_missing')],
    [
      'A-143 an actor_token_type without its token',
      () => ({ actor_token_type: JWT_TYPE }),
      refused('parameter_missing'),
    ],
    [
      'A-148 an actor_token without a client',
      () => ({ actor_token: actor(), actor_token_type: JWT_TYPE }),
      '400 invalid_client client_required',
    ],
    [
      'A-144 an actor_token that proves nothing',
      () => ({ actor_token: 'a.b.c', actor_token_type: JWT_TYPE }),
      refused('credential_malformed'),
    ],
    [
      'A-144 the subject_token as actor_token',
      () => ({ actor_token: token(), actor_token_type: JWT_TYPE }),
      '400 invalid_client client_required',
    ],
    ['A-149 authorization_details', () => ({ authorization_details: '[]' }), refused('parameter_unsupported')],
    ['A-149 requested_actor', () => ({ requested_actor: 'spiffe://prod.example/a' }), refused('parameter_unsupported')],
  ])('%s', async (_title, more, said) => {
    expect(await exchange({})).toBe('200');
    expect(await exchange(more())).toBe(said);
  });

  it('A-141, A-142 an act parameter adds no actor, and an act claim is refused where no rule says who acts', async () => {
    const { body } = await arena.broker.exchange(token(), { act: '{"sub":"worker-2"}' });
    const claims = Buffer.from(String(body.access_token).split('.')[1] ?? '', 'base64url').toString();
    expect(claims).not.toContain('worker-2');
    for (const act of [null, {}])
      expect(await arena.exchange(arena.ec.token(arena.claims({ act })))).toBe(refused('claim_invalid'));
    const act = { sub: 'a', act: { sub: 'b' } };
    expect(await arena.exchange(arena.ec.token(arena.claims({ act })))).toBe(refused('no_rule'));
  });

  it('A-148 a token for another client makes nobody that client', async () => {
    const { body } = await arena.broker.exchange(
      arena.ec.token(arena.claims({ azp: 'ledger-api', client_id: 'ledger-api' })),
      {
        client_id: 'ledger-api',
      },
    );
    const claims = JSON.parse(Buffer.from(String(body.access_token).split('.')[1] ?? '', 'base64url').toString());
    expect(claims.client_id).toBe('login:worker-1');
  });
});

describe('client authentication that fails is refused, whatever else proves the subject', () => {
  const assertion = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };

  it.each<readonly [string, Form, Record<string, string>, string]>([
    ['A-150 Basic', {}, { authorization: 'Basic Y2xpZW50OnNlY3JldA==' }, '401 invalid_client'],
    ['A-150 Bearer', {}, { authorization: 'Bearer x' }, '401 invalid_client'],
    ['A-150 an empty header', {}, { authorization: '' }, '401 invalid_client'],
    ['A-150 a secret', { client_id: 'a', client_secret: 's' }, {}, '400 invalid_client'],
    ['A-150 two methods', { client_secret: 's' }, { authorization: 'Basic eDp5' }, '401 invalid_client'],
    ['A-46 an assertion that is none', { ...assertion, client_assertion: 'a.b.c' }, {}, '400 invalid_client'],
    ['A-46 the type of an assertion alone', assertion, {}, '400 invalid_client'],
  ])('%s', async (_title, more, headers, expected) => {
    const sent = {
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: JWT_TYPE,
      subject_token: token(),
      audience: 'ledger',
    };
    const merged = Object.entries({ ...sent, ...more }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const answer = arena.broker.token(Object.fromEntries(merged), headers);
    const reason = 'client_assertion' in more ? 'credential_malformed' : 'client_credential_refused';
    expect(await arena.judged(answer)).toBe(`${expected} ${reason}`);
    expect((await answer).headers['www-authenticate'] !== undefined).toBe(expected.startsWith('401'));
  });

  it.each([
    ['refresh_token', '400 unsupported_grant_type grant_type_unsupported'],
    ['password', '400 unsupported_grant_type grant_type_unsupported'],
    ['authorization_code', '400 unsupported_grant_type grant_type_unsupported'],
    ['client_credentials', refused('parameter_unsupported')],
    ['urn:ietf:params:oauth:grant-type:jwt-bearer', refused('parameter_unsupported')],
  ])('A-129 the grant %s never takes the place of a token that is missing or refused', async (grant_type, expected) => {
    for (const subject_token of [undefined, 'a.b.c'])
      expect(await exchange({ grant_type, subject_token })).toBe(expected);
    // Neither does the client, where nobody proved to be one.
    const none = { grant_type, subject_token: undefined, subject_token_type: undefined };
    expect(await exchange({ ...none, client_id: 'login:worker-1' })).toMatch(/^400 (?!.*200)/);
  });

  it('A-62 a DPoP proof that proves nothing is refused, never left out', async () => {
    const sent = {
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: JWT_TYPE,
      subject_token: token(),
      audience: 'ledger',
    };
    expect(await arena.judged(arena.broker.token(sent, { dpop: 'a.b.c' }))).toBe(
      '400 invalid_dpop_proof dpop_proof_refused',
    );
    expect(await arena.judged(arena.broker.token(sent))).toBe('200');
  });

  it(`A-45 a subject of ${LOGIN_ISSUER} whose source wants a client gets nothing without one`, async () => {
    const people = await startArena([], {
      config: (yaml) =>
        yaml.replace('presenter: self, tokens: [jwt, id_token', 'presenter: client, tokens: [jwt, id_token'),
    });
    expect(await people.exchange(people.ec.token(people.claims()))).toBe('400 invalid_client client_required');
    expect(await people.exchange(people.once.token(people.onceClaims()))).toBe('200');
    await people.stop();
  });
});
