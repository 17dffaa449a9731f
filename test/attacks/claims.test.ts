// Attacks on claims: issuer, audience, time, replay, subject, sent over TLS to one broker whose keys the attacker
// has. Each differs in one claim from the control.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { openTrap, refused, startProblems } from '../support/attack.ts';
import { CLUSTER_ISSUER, mint, POLICIES } from '../support/broker.ts';
import type { Json } from '../support/forge.ts';
import { type Arena, LOGIN_ISSUER, startArena } from './arena.ts';

const TYPED_RULE = `
rules:
  - name: typed
    subject:
      trust: login
      sub: typed
      claims: { count: 1, flag: true, text: "1", nested: { key: x }, list: { has: x }, azp: agent }
    allow: { ledger: all }
`;

let arena: Arena;
beforeAll(async () => {
  arena = await startArena([], { policies: { 'typed.yaml': TYPED_RULE } });
});
afterAll(() => arena.stop());

type Change = readonly [title: string, change: () => Json, reason: string];

const login = (change: Json) => arena.exchange(arena.ec.token(arena.claims(change)));
const once = (change: Json) => arena.exchange(arena.once.token(arena.onceClaims(change)));
const now = () => arena.broker.now();
const ours = () => arena.broker.issuer;

const ISSUERS: readonly Change[] = [
  ['A-34 an unknown issuer', () => ({ iss: 'https://unknown.example' }), 'issuer_unknown'],
  ['A-35 a slash at the end', () => ({ iss: `${LOGIN_ISSUER}/` }), 'issuer_unknown'],
  ['A-35 another case', () => ({ iss: 'https://Login.example' }), 'issuer_unknown'],
  ['A-35 the default port', () => ({ iss: `${LOGIN_ISSUER}:443` }), 'issuer_unknown'],
  ['A-35 http', () => ({ iss: 'http://login.example' }), 'issuer_unknown'],
  ['A-35 an encoded slash', () => ({ iss: `${LOGIN_ISSUER}%2F` }), 'issuer_unknown'],
  ['A-35 dots', () => ({ iss: `${LOGIN_ISSUER}/..` }), 'issuer_unknown'],
  ['A-35 user information', () => ({ iss: 'https://login.example@evil.example' }), 'issuer_unknown'],
  ['A-35 a fragment', () => ({ iss: `${LOGIN_ISSUER}#` }), 'issuer_unknown'],
  ['A-35 a query', () => ({ iss: `${LOGIN_ISSUER}?` }), 'issuer_unknown'],
  ['A-35 a dot behind the host', () => ({ iss: `${LOGIN_ISSUER}.` }), 'issuer_unknown'],
  ['A-35 a letter of another script', () => ({ iss: 'https://lоgin.example' }), 'issuer_unknown'],
  ['A-35 a space', () => ({ iss: `${LOGIN_ISSUER} ` }), 'issuer_unknown'],
  ['A-36 an array', () => ({ iss: [LOGIN_ISSUER] }), 'claim_invalid'],
  ['A-36 an object', () => ({ iss: { [LOGIN_ISSUER]: true } }), 'claim_invalid'],
  ['A-36 a number', () => ({ iss: 1 }), 'claim_invalid'],
  ['A-36 nothing', () => ({ iss: undefined }), 'claim_missing'],
  ['A-10 an issuer that has the same kid', () => ({ iss: 'https://once.example', jti: 'a' }), 'signature_invalid'],
  ['A-140 our own issuer', () => ({ iss: ours() }), 'issuer_unknown'],
];

const AUDIENCES: readonly Change[] = [
  ['A-42 none', () => ({ aud: undefined }), 'claim_missing'],
  ['A-42 null', () => ({ aud: null }), 'claim_invalid'],
  ['A-42 a number', () => ({ aud: 1 }), 'claim_invalid'],
  ['A-42 an empty array', () => ({ aud: [] }), 'audience_mismatch'],
  ['A-42 an empty text', () => ({ aud: '' }), 'audience_mismatch'],
  ['A-42 one that begins like ours', () => ({ aud: `${ours()}2` }), 'audience_mismatch'],
  ['A-42 one that ours begins with', () => ({ aud: ours().slice(0, -1) }), 'audience_mismatch'],
  ['A-42 another case', () => ({ aud: ours().toUpperCase() }), 'audience_mismatch'],
  ['A-42 a slash at the end', () => ({ aud: `${ours()}/` }), 'audience_mismatch'],
  ['A-42 two in one text', () => ({ aud: `${ours()} x` }), 'audience_mismatch'],
  ['A-42 an array in an array', () => ({ aud: [[ours()]] }), 'claim_invalid'],
  ['A-42 an object', () => ({ aud: { 0: ours() } }), 'claim_invalid'],
  ['A-43 ours and another', () => ({ aud: [ours(), 'https://evil.example'] }), 'audience_mismatch'],
  ['A-44 what the platform puts there by itself', () => ({ aud: 'https://github.com/octo-org' }), 'audience_mismatch'],
  ['A-45 another broker', () => ({ aud: 'https://sts.other.example' }), 'audience_mismatch'],
  ['A-45 the token endpoint', () => ({ aud: `${ours()}/token` }), 'audience_mismatch'],
  ['A-45 the target', () => ({ aud: 'https://api.example/ledger' }), 'audience_mismatch'],
];

const TIMES: readonly Change[] = [
  ['A-47 no exp', () => ({ exp: undefined }), 'claim_missing'],
  ['A-48 an exp that is a text', () => ({ exp: String(now() + 300) }), 'claim_invalid'],
  ['A-48 an exp below zero', () => ({ exp: -1 }), 'claim_invalid'],
  ['A-48 an exp of zero', () => ({ exp: 0 }), 'expired'],
  ['A-48 an exp of 1e15', () => ({ exp: 1e15 }), 'claim_invalid'],
  ['A-48 an exp of 1e308', () => ({ exp: 1e308 }), 'credential_malformed'],
  ['A-48 an exp of null', () => ({ exp: null }), 'claim_invalid'],
  ['A-48 an exp in an array', () => ({ exp: [now() + 300] }), 'claim_invalid'],
  ['A-49 expired', () => ({ exp: now() - LEEWAY_SECONDS - 1 }), 'expired'],
  ['A-49 not valid yet', () => ({ nbf: now() + LEEWAY_SECONDS + 10 }), 'not_yet_valid'],
  ['A-49 issued in the future', () => ({ iat: now() + LEEWAY_SECONDS + 10 }), 'not_yet_valid'],
  ['A-49 issued next year', () => ({ iat: now() + 31_536_000, exp: now() + 31_536_300 }), 'not_yet_valid'],
  ['A-50 valid for ten years', () => ({ exp: now() + 315_360_000 }), 'lifetime_too_long'],
  [
    'A-50 valid for ten years, issued at no time',
    () => ({ iat: undefined, exp: now() + 315_360_000 }),
    'lifetime_too_long',
  ],
];

const SUBJECTS: readonly Change[] = [
  ['A-56 none', () => ({ sub: undefined }), 'claim_missing'],
  ['A-56 empty', () => ({ sub: '' }), 'claim_invalid'],
  ['A-56 a number', () => ({ sub: 1 }), 'claim_invalid'],
  ['A-56 an array', () => ({ sub: ['worker-1'] }), 'claim_invalid'],
  ['A-56 2,049 bytes', () => ({ sub: 'a'.repeat(2_049) }), 'claim_invalid'],
  ['A-56 a control character', () => ({ sub: 'worker-1\u0007' }), 'claim_invalid'],
  ['A-56 a line separator', () => ({ sub: 'worker-1\u2028' }), 'claim_invalid'],
  ['A-56 a space at the end', () => ({ sub: 'worker-1 ' }), 'no_rule'],
  ['A-56 a twin of another script', () => ({ sub: 'wоrker-1' }), 'no_rule'],
  ['A-56 an invisible character', () => ({ sub: 'worker-1\u200b' }), 'no_rule'],
  ["A-56 SPIFFE's own form", () => ({ sub: 'SPIFFE://prod.example/ns/payments/sa/api' }), 'subject_reserved'],
  [
    "A-99 a SPIFFE ID under a plain issuer's key",
    () => ({ sub: 'spiffe://prod.example/ns/payments/sa/api' }),
    'key_unknown',
  ],
];

const BINDINGS: readonly Change[] = [
  ['A-62 cnf.jkt that is no thumbprint', () => ({ cnf: { jkt: 'x' } }), 'claim_invalid'],
  ['A-62 a token bound to a key that nobody proves', () => ({ cnf: { jkt: 'x'.repeat(43) } }), 'binding_mismatch'],
  ['A-62 a key in cnf', () => ({ cnf: { jwk: {} } }), 'claim_unsupported'],
  ['A-62 cnf.x5t#S256 that is no thumbprint', () => ({ cnf: { 'x5t#S256': 'x' } }), 'claim_invalid'],
  ['A-62 a bound token without its certificate', () => ({ cnf: { 'x5t#S256': 'x'.repeat(43) } }), 'binding_mismatch'],
  ['A-62 an empty cnf', () => ({ cnf: {} }), 'claim_unsupported'],
  ['A-141 an act of its own making', () => ({ act: { sub: 'worker-2' } }), 'no_rule'],
  ['A-141 an act that is no chain', () => ({ act: ['worker-2'] }), 'claim_invalid'],
  ['A-145 an empty may_act', () => ({ may_act: {} }), 'claim_invalid'],
  ['A-145 a may_act that is a text', () => ({ may_act: 'worker-2' }), 'claim_invalid'],
  ['A-145 a may_act, and nobody acts', () => ({ may_act: { sub: 'worker-2' } }), 'may_act_unmet'],
  ['A-146 act and may_act', () => ({ act: { sub: 'a' }, may_act: { sub: 'a' } }), 'claim_unsupported'],
  ['A-147 a thousand actors', () => ({ act: actors(1_000) }), 'credential_malformed'],
];
const actors = (count: number): Json => (count === 0 ? {} : { sub: 'a', act: actors(count - 1) });

describe.each([
  ['issuer', ISSUERS],
  ['audience', AUDIENCES],
  ['time', TIMES],
  ['subject', SUBJECTS],
  ['binding and delegation', BINDINGS],
])('attacks on the %s', (_group, attacks) => {
  it.each(attacks)('%s', async (_title, change, reason) => {
    expect(await login({})).toBe('200'); // the control, beside each: the broker still grants
    expect(await login(change())).toBe(refused(reason));
  });
});

describe('age and replay', () => {
  it.each<Change>([
    ['A-50 older than the source takes', () => ({ iat: now() - 700 }), 'too_old'],
    ['A-50 of no known age', () => ({ iat: undefined }), 'claim_missing'],
    ['A-53 no jti', () => ({ jti: undefined }), 'claim_missing'],
    ['A-53 an empty jti', () => ({ jti: '' }), 'claim_invalid'],
    ['A-53 a numeric jti', () => ({ jti: 1 }), 'claim_invalid'],
    ['A-53 a jti of 257 bytes', () => ({ jti: 'j'.repeat(257) }), 'claim_invalid'],
  ])('%s', async (_title, change, reason) => {
    expect(await once({})).toBe('200');
    expect(await once(change())).toBe(refused(reason));
  });

  it('A-49 both ends have the leeway, and what is issued still does not outlive it', async () => {
    expect(await login({ nbf: now() + LEEWAY_SECONDS - 10, iat: now() + LEEWAY_SECONDS - 10 })).toBe('200');
    expect(await login({ exp: now() - LEEWAY_SECONDS + 10 })).toBe(refused('expired'));
  });

  it('A-51 what is issued never outlives what was presented', async () => {
    const answer = await arena.broker.exchange(arena.ec.token(arena.claims({ exp: now() + 60 })));
    expect(answer.body.expires_in).toBeLessThanOrEqual(60);
    expect(Number(answer.body.expires_in)).toBeGreaterThan(0);
  });

  it('A-52, A-54 a spent jti is spent for its issuer alone, whatever else the token says', async () => {
    const jti = `j-${now()}`;
    expect(await once({ jti })).toBe('200');
    expect(await once({ jti, exp: now() + 299 })).toBe(refused('replayed'));
    expect(await once({ jti: `${jti}x` })).toBe('200');
    const github = await mint(arena.broker, 'github', { ...githubPush(ours(), now()), jti });
    expect(await arena.exchange(github, { audience: 'deploy' })).toBe('200');
  });

  it('A-52 a token spent before a refusal of policy is not spent by it', async () => {
    const token = arena.once.token(arena.onceClaims());
    expect(await arena.exchange(token, { audience: 'secret' })).toMatch(/ target_not_allowed$/);
    expect(await arena.exchange(token)).toBe('200');
    expect(await arena.exchange(token)).toBe(refused('replayed'));
  });
});

describe('claims that a rule names', () => {
  const TYPED: Json = {
    sub: 'typed',
    count: 1,
    flag: true,
    text: '1',
    nested: { key: 'x' },
    list: ['x'],
    azp: 'agent',
  };

  it.each<readonly [string, Json]>([
    ['A-57 "1" for 1', { count: '1' }],
    ['A-57 "true" for true', { flag: 'true' }],
    ['A-57 1 for true', { flag: 1 }],
    ['A-57 1 for "1"', { text: 1 }],
    ['A-57 ["1"] for "1"', { text: ['1'] }],
    ['A-57 a text for a list', { list: 'x' }],
    ['A-57 a list in a list', { list: [['x']] }],
    ['A-58 "nested.key" for nested.key', { nested: undefined, 'nested.key': 'x' }],
    ['A-58 "nested/key" for nested.key', { nested: undefined, 'nested/key': 'x' }],
    ['A-61 another azp', { azp: 'other' }],
    ['A-61 no azp', { azp: undefined }],
    ['A-29 a member that every object inherits', { nested: undefined, toString: 'x' }],
  ])('%s does not match', async (_title, change) => {
    expect(await login(TYPED)).toBe('200');
    expect(await login({ ...TYPED, ...change })).toBe(refused('no_rule'));
  });

  it('A-57 1.0 is 1, as JSON says', async () => {
    const text = JSON.stringify(arena.claims(TYPED)).replace('"count":1', '"count":1.0');
    expect(await arena.exchange(arena.ec.token(text))).toBe('200');
  });

  it('A-126 an integer beyond 2^53 is refused, never rounded', async () => {
    const text = JSON.stringify(arena.claims(TYPED)).replace('"count":1', '"count":9007199254740993');
    expect(await arena.exchange(arena.ec.token(text))).toBe(refused('credential_malformed'));
  });

  it('A-39, A-59 no address in a token is ever asked: neither iss nor _claim_sources', async () => {
    const trap = await openTrap();
    const sources = { _claim_names: { groups: 's' }, _claim_sources: { s: { endpoint: trap.url } } };
    expect(await login(sources)).toBe('200');
    expect(await login({ iss: trap.url })).toBe(refused('issuer_unknown'));
    expect(trap.connections()).toBe(0);
    trap.close();
  });

  it('A-60 a rule that pins email alone does not load', async () => {
    const people = (claims: string) => ({
      config: (yaml: string) =>
        yaml.replace(
          'targets:\n',
          '  people: { kind: oidc, issuer: https://people.example, subjects: people, tokens: [jwt], pins: [email], jwks: { file: ./login.json } }\ntargets:\n',
        ),
      policies: {
        ...POLICIES,
        'people.yaml': `rules:\n  - { name: p, subject: { trust: people, claims: ${claims} }, allow: { ledger: all } }\n`,
      },
    });
    expect(await startProblems(people('{ email: a@example.org }'))).toContain(
      'pins email without email_verified: true',
    );
    expect(await startProblems(people('{ email: a@example.org, email_verified: true }'))).not.toContain(
      'email_verified',
    );
  });
});

describe('service accounts of Kubernetes', () => {
  const projected = (change: Json = {}) => ({
    ...kubernetesProjected(CLUSTER_ISSUER, ours(), now()),
    ...change,
  });
  const bound = (change: Json) => ({ 'kubernetes.io': { ...(projected()['kubernetes.io'] as Json), ...change } });
  const exchange = async (claims: Json) => arena.exchange(await mint(arena.broker, 'cluster', claims));
  const legacy = {
    'kubernetes.io/serviceaccount/namespace': 'payments',
    'kubernetes.io/serviceaccount/service-account.name': 'api',
  };

  it.each<Change>([
    [
      'A-64 a legacy token without exp',
      () => ({ ...legacy, exp: undefined, 'kubernetes.io': undefined, aud: undefined }),
      'claim_missing',
    ],
    ['A-64 a legacy token with everything else', () => ({ ...legacy, 'kubernetes.io': undefined }), 'claim_missing'],
    ['A-64 an aud of the API server', () => ({ aud: [CLUSTER_ISSUER] }), 'audience_mismatch'],
    ['A-64 another cluster', () => ({ iss: 'https://kubernetes.default.svc' }), 'issuer_unknown'],
    ['A-65 a fifth part', () => ({ sub: 'system:serviceaccount:payments:api:x' }), 'claim_invalid'],
    ['A-65 no namespace', () => ({ sub: 'system:serviceaccount::api' }), 'claim_invalid'],
    ['A-65 no name', () => ({ sub: 'system:serviceaccount:payments' }), 'claim_invalid'],
    ['A-66 a namespace other than in sub', () => bound({ namespace: 'other' }), 'claim_invalid'],
    ['A-66 a name other than in sub', () => bound({ serviceaccount: { name: 'other', uid: 'x' } }), 'claim_invalid'],
    ['A-66 bound to nothing', () => bound({ pod: undefined, node: undefined }), 'claim_missing'],
  ])('%s', async (_title, change, reason) => {
    expect(await exchange(projected())).toBe('200');
    expect(await exchange(JSON.parse(JSON.stringify(projected(change()))))).toBe(refused(reason));
  });
});
