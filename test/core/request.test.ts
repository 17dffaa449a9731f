// The parameters of a token exchange: what is read, and the exact reason where nothing is.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_CLIENT } from '../../src/core/client.ts';
import { CREDENTIAL_BYTES_MAX, PARAMETER_BYTES_MAX, SCOPES_MAX, TARGET_VALUES_MAX } from '../../src/core/limits.ts';
import { type Parameters, readAsk, readTokenRequest } from '../../src/core/request.ts';

type Change = Readonly<Record<string, string | readonly string[] | undefined>>;

const TYPE = 'urn:ietf:params:oauth:token-type:';
const GOOD: Change = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA',
  subject_token_type: `${TYPE}jwt`,
  audience: 'ledger',
};

/** The good parameters, with some replaced, added, or (undefined) left out. */
function parametersWith(change: Change): Parameters {
  const parameters = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries({ ...GOOD, ...change }))
    if (value !== undefined) parameters.set(name, typeof value === 'string' ? [value] : value);
  return parameters;
}

/** The request read, or the refusal. */
function read(change: Change = {}): unknown {
  const result = readTokenRequest(parametersWith(change), CALLER);
  return result.ok ? result.value : result.refusal;
}

const CALLER = { ...NO_CLIENT, proof: undefined };

const TAKEN = {
  actor: undefined,
  proof: undefined,
  subject: { text: GOOD.subject_token, tokenType: GOOD.subject_token_type },
  requestedTokenType: undefined,
  ask: { targets: ['ledger'], scopes: undefined },
  grantType: GOOD.grant_type,
  client: NO_CLIENT,
};

describe('readTokenRequest', () => {
  it('reads a token exchange (TX-01), and asks for no type where it says nothing (TX-10)', () => {
    expect(read()).toEqual(TAKEN);
  });

  it.each(['grant_type', 'subject_token', 'subject_token_type'])(
    'refuses a request without %s (TX-02, A-128)',
    (name) => {
      expect(read({ [name]: undefined })).toEqual({ reason: 'parameter_missing', parameter: name });
    },
  );

  it('never falls back to anything where the subject token is missing, whatever else is there (TX-02, A-129)', () => {
    const rest = {
      subject_token: undefined,
      client_id: 'me',
      client_secret: 's',
      scope: 'a',
      resource: 'https://a.example',
    };
    expect(read(rest)).toEqual({ reason: 'parameter_missing', parameter: 'subject_token' });
    expect(read({ ...rest, assertion: 'a.b.c' })).toEqual({ reason: 'parameter_unsupported', parameter: 'assertion' });
  });

  it('makes the client the subject where the grant says so, and then takes no subject token (A-129)', () => {
    const none = { subject_token: undefined, subject_token_type: undefined };
    const asked = { grant_type: 'client_credentials', ...none, client_id: 'me', client_secret: 's' };
    const client = { ...NO_CLIENT, id: 'me', secret: 's' };
    expect(read(asked)).toEqual({ ...TAKEN, grantType: 'client_credentials', subject: undefined, client });
    for (const parameter of ['subject_token', 'subject_token_type', 'assertion'])
      expect(read({ ...asked, [parameter]: 'x' })).toEqual({ reason: 'parameter_unsupported', parameter });
  });

  it('JA-01 takes exactly one assertion as the subject of the jwt-bearer grant', () => {
    const none = { subject_token: undefined, subject_token_type: undefined };
    const asked = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', ...none, assertion: 'a.b.c' };
    const subject = { text: 'a.b.c', tokenType: asked.grant_type };
    expect(read(asked)).toEqual({ ...TAKEN, grantType: asked.grant_type, subject });
    expect(read({ ...asked, assertion: undefined })).toEqual({ reason: 'parameter_missing', parameter: 'assertion' });
    expect(read({ ...asked, assertion: ['a.b.c', 'a.b.d'] })).toEqual({
      reason: 'parameter_repeated',
      parameter: 'assertion',
    });
    expect(read({ ...asked, subject_token: 'x' })).toEqual({
      reason: 'parameter_unsupported',
      parameter: 'subject_token',
    });
  });

  it.each([
    'token-exchange',
    'password',
    'refresh_token',
    'client_credentials ',
    'urn:ietf:params:oauth:grant-type:token-exchange ',
    'URN:ietf:params:oauth:grant-type:token-exchange',
  ])('does not offer the grant type %j (TX-01)', (grantType) => {
    expect(read({ grant_type: grantType })).toEqual({ reason: 'grant_type_unsupported' });
  });

  it.each([['authorization_details'], ['request_context'], ['request_details'], ['requested_actor'], ['req_cnf']])(
    'refuses %s, whose meaning is not built, instead of ignoring it (TX-03)',
    (name) => {
      expect(read({ [name]: 'x' })).toEqual({ reason: 'parameter_unsupported', parameter: name });
    },
  );

  it('takes an actor token with its type, both or neither (TX-03, A-143)', () => {
    const actor = { actor_token: 'a.b.c', actor_token_type: `${TYPE}jwt` };
    expect(read(actor)).toEqual({ ...TAKEN, actor: { text: 'a.b.c', tokenType: `${TYPE}jwt` } });
    expect(read({ actor_token: 'a.b.c' })).toEqual({ reason: 'parameter_missing', parameter: 'actor_token_type' });
    expect(read({ actor_token_type: `${TYPE}jwt` })).toEqual({ reason: 'parameter_missing', parameter: 'actor_token' });
    expect(read({ ...actor, actor_token_type: `${TYPE}saml2` })).toEqual({
      reason: 'token_type_unsupported',
      parameter: 'actor_token_type',
    });
  });

  it('ignores parameters that mean nothing here, in any script (TX-14)', () => {
    expect(read({ foo: 'bar', device_name: 'café \u{1f60a}', __proto__: 'x', 'Action.member.1': 'y' })).toEqual(TAKEN);
  });

  it.each(['jwt', 'id_token', 'access_token'])(
    'takes a subject token as %s, and passes the type on (TX-04)',
    (type) => {
      expect(read({ subject_token_type: TYPE + type })).toMatchObject({ subject: { tokenType: TYPE + type } });
    },
  );

  it.each(['jwt', `${TYPE}saml2`, `${TYPE}refresh_token`, `${TYPE}JWT`, `${TYPE}jwt `, 'constructor', '__proto__'])(
    'refuses the subject token type %j (A-133)',
    (type) => {
      const refusal = { reason: 'token_type_unsupported', parameter: 'subject_token_type' };
      expect(read({ subject_token_type: type })).toEqual(refusal);
    },
  );

  it('issues the type that was asked for, or refuses: never another in its place (TX-10)', () => {
    expect(read({ requested_token_type: `${TYPE}jwt` })).toMatchObject({ requestedTokenType: `${TYPE}jwt` });
    expect(read({ requested_token_type: `${TYPE}access_token` })).toEqual({
      ...TAKEN,
      requestedTokenType: `${TYPE}access_token`,
    });
    for (const type of [`${TYPE}saml2`, `${TYPE}id_token`, `${TYPE}refresh_token`, 'jwt', 'urn:example:other'])
      expect(read({ requested_token_type: type })).toEqual({
        reason: 'token_type_unsupported',
        parameter: 'requested_token_type',
      });
  });

  it.each(['grant_type', 'subject_token', 'subject_token_type', 'scope', 'requested_token_type', 'client_id', 'foo'])(
    'refuses a second %s, equal or not (TX-13, A-128)',
    (name) => {
      const refusal = { reason: 'parameter_repeated', parameter: name };
      expect(read({ [name]: ['x', 'y'] })).toEqual(refusal);
      expect(read({ [name]: ['x', 'x'] })).toEqual(refusal);
    },
  );

  it('takes a credential of 64 KiB whole, and refuses a larger one, never cutting or dropping it (TX-15, A-129)', () => {
    const longest = 'a'.repeat(CREDENTIAL_BYTES_MAX);
    expect(read({ subject_token: longest })).toMatchObject({ subject: { text: longest } });
    expect(read({ subject_token: `${longest}a` })).toEqual({
      reason: 'parameter_too_large',
      parameter: 'subject_token',
      bytesMax: CREDENTIAL_BYTES_MAX,
    });
  });

  it('measures every other parameter in bytes, not in characters (TX-15)', () => {
    const refusal = (parameter: string) => ({
      reason: 'parameter_too_large',
      parameter,
      bytesMax: PARAMETER_BYTES_MAX,
    });
    expect(read({ foo: 'a'.repeat(PARAMETER_BYTES_MAX) })).toEqual(TAKEN);
    expect(read({ foo: 'a'.repeat(PARAMETER_BYTES_MAX + 1) })).toEqual(refusal('foo'));
    expect(read({ foo: '\u20ac'.repeat(PARAMETER_BYTES_MAX / 3 - 1) })).toEqual(TAKEN);
    expect(read({ foo: '\u20ac'.repeat(PARAMETER_BYTES_MAX / 3 + 1) })).toEqual(refusal('foo'));
    expect(read({ audience: ['a', 'a'.repeat(PARAMETER_BYTES_MAX + 1)] })).toEqual(refusal('audience'));
    expect(read({ scope: 'a '.repeat(5_000) })).toEqual(refusal('scope'));
    expect(read({ resource: `https://a.example/${'x'.repeat(PARAMETER_BYTES_MAX)}` })).toEqual(refusal('resource'));
  });

  it.each([' ', 'a b', 'a.b.c\n', '\ta.b.c', 'a\u0000', 'a.b.\u00e9', '\ufeffa.b.c', '\u212a', 'a\u007f'])(
    'refuses a credential that is blank or unreadable before anybody reads it (A-129): %j',
    (text) => {
      expect(read({ subject_token: text })).toEqual({ reason: 'parameter_malformed', parameter: 'subject_token' });
    },
  );

  it.each(['audience', 'client_id'])('refuses a %s that records and headers could show as another', (name) => {
    for (const text of ['led\u200bger', 'ledg\u0435r', 'a\nb', 'a\u0000', '\u202eregdel', '\u212a'])
      expect(read({ [name]: text })).toEqual({ reason: 'parameter_malformed', parameter: name });
    expect(read({ client_id: 'spiffe://td/a b~' })).toEqual({
      ...TAKEN,
      client: { ...NO_CLIENT, id: 'spiffe://td/a b~' },
    });
  });

  it('says the same about a request in whatever order its parameters came', () => {
    const names = fc.shuffledSubarray([...parametersWith({}).keys()], { minLength: Object.keys(GOOD).length });
    fc.assert(
      fc.property(names, (order) => {
        const all = parametersWith({});
        const result = readTokenRequest(new Map(order.map((name) => [name, all.get(name) ?? []])), CALLER);
        expect(result.ok && result.value).toEqual(TAKEN);
      }),
    );
  });

  it('never throws, and never grants a form what the request does not say', () => {
    const known = ['grant_type', 'subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'];
    const texts = fc.constantFrom(...Object.values(GOOD).map(String), 'x', `${TYPE}jwt`, 'a b', '\u{1f60a}');
    const values = fc.array(fc.oneof(texts, fc.string({ minLength: 1 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...known), values), (given) => {
        const result = readTokenRequest(new Map(Object.entries(given)), CALLER);
        if (!result.ok) return;
        expect(given.subject_token).toEqual([result.value.subject?.text]);
        expect(result.value.ask.targets).toEqual(given.audience ?? []);
      }),
    );
  });
});

describe('readAsk', () => {
  const ask = (change: Change): unknown => {
    const result = readAsk(parametersWith({ audience: undefined, ...change }));
    return result.ok ? result.value : result.refusal;
  };

  it('asks for every audience and every resource, in the order sent (TX-05, TX-06, A-135)', () => {
    expect(ask({ audience: ['a', 'b'], resource: ['https://c.example', 'urn:d:e'] })).toEqual({
      targets: ['a', 'b', 'https://c.example', 'urn:d:e'],
      scopes: undefined,
    });
    expect(ask({})).toEqual({ targets: [], scopes: undefined });
  });

  it.each([
    'https://a.example/p?q=1',
    'https://a.example',
    'HTTPS://A.Example:443/',
    'https://[2001:db8::1]:8443/x',
    'urn:example:ledger',
    'spiffe://td/x',
    'api://11111111-2222-3333-4444-555555555555',
    'https://a.example/%7Ex',
  ])('takes %s for a resource, spelled as it is (TX-05, RI-01)', (resource) => {
    expect(ask({ resource })).toEqual({ targets: [resource], scopes: undefined });
  });

  it.each([
    '/api',
    'foo',
    'foo/bar',
    '//a.example',
    'https://a.example/#x',
    'https://a.example#',
    'a b:c',
    '1a:b',
    ':x',
    'https:',
    'https://a.example/x y',
    'https://a.example/\n',
    ' https://a.example',
    'https://a.example\\x',
    'https://b\u00fccher.example',
    'https://a.example/<x>',
    'https://a.example/{x}',
    'https://a.example/%zz',
    'https://a.example/%',
  ])('refuses a resource that is not an absolute URI, or has a fragment (TX-05, RI-01, A-136): %j', (resource) => {
    expect(ask({ resource })).toEqual({ reason: 'resource_malformed' });
    expect(ask({ resource: ['https://a.example', resource] })).toEqual({ reason: 'resource_malformed' });
  });

  it('takes only so many targets, and names the parameter that was repeated (TX-07)', () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `urn:x:${index}`);
    expect(ask({ audience: many(TARGET_VALUES_MAX) })).toHaveProperty('targets');
    expect(ask({ audience: many(TARGET_VALUES_MAX + 1) })).toEqual({
      reason: 'parameter_repeated',
      parameter: 'audience',
    });
    expect(ask({ resource: many(TARGET_VALUES_MAX + 1) })).toEqual({
      reason: 'parameter_repeated',
      parameter: 'resource',
    });
    expect(ask({ audience: 'a', resource: many(TARGET_VALUES_MAX) })).toEqual({
      reason: 'parameter_repeated',
      parameter: 'resource',
    });
  });

  it('reads scopes by case, each once, in the order sent (TX-09, A-137)', () => {
    expect(ask({ scope: 'postings:read Read read postings:read' })).toEqual({
      targets: [],
      scopes: ['postings:read', 'Read', 'read'],
    });
    expect(ask({ scope: '! # ~ [ ]' })).toHaveProperty('scopes', ['!', '#', '~', '[', ']']);
  });

  it.each(['a  b', ' a', 'a ', ' ', 'a"b', 'a\\b', 'a\tb', 'a\nb', 'a\u0000', 'a\u00a0b', '\u00e9', 'a\u007f'])(
    'refuses a scope outside the grammar (TX-09, A-137): %j',
    (scope) => {
      expect(ask({ scope })).toEqual({ reason: 'scope_malformed' });
    },
  );

  it('takes only so many scopes', () => {
    const scopes = (count: number): string => Array.from({ length: count }, (_, index) => `s${index}`).join(' ');
    expect(ask({ scope: scopes(SCOPES_MAX) })).toHaveProperty('scopes.length', SCOPES_MAX);
    expect(ask({ scope: scopes(SCOPES_MAX + 1) })).toEqual({ reason: 'scope_malformed' });
  });
});
