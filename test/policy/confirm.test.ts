// What a person must have confirmed (RFC 9470): by rules, targets and scopes, from `acr` and `auth_time` of a person's token alone, and what is
// asked of the person where only that is missing.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import {
  ALL_SOURCES,
  clientNamed,
  delegated,
  githubJob,
  NOW,
  ownToken,
  person,
  policyOf,
  question,
  TARGETS,
  target,
} from '../support/policy.ts';

const GATEWAY = clientNamed('gateway');
const RULE = 'subject: { trust: people, sub: alice }, actor: client, client: gateway';
const LEDGER = target('ledger', {
  scopes: ['read', 'write', 'pay'],
  defaultScopes: ['read'],
  lifetimeSecondsMax: 3600,
  scopeConfirms: {
    write: { acr: ['mfa', 'hwk'], maxAgeSeconds: 600 },
    pay: { acr: ['hwk'], maxAgeSeconds: 60 },
  },
});

const policyWith = (rules: readonly string[], require = {}) =>
  createPolicy(
    policyOf(`rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`, {
      sources: ALL_SOURCES,
      targets: [{ ...LEDGER, require }, ...TARGETS.filter(({ name }) => name !== 'ledger')],
    }),
  );
const rule = (more = '', name = 'r') => `name: ${name}, ${RULE}, allow: { ledger: all }${more}`;

function asked(policy: ReturnType<typeof policyWith>, claims: JsonObject, scopes?: readonly string[]) {
  const decision = policy.decide(question(person(claims), 'ledger', { client: GATEWAY, ...(scopes && { scopes }) }));
  return decision.granted ? decision.grant.rule.name : decision.refusal;
}

const ago = (seconds: number): JsonObject => ({ auth_time: NOW - seconds });
const wanted = (acrValues: readonly string[], maxAgeSeconds: number | undefined) => ({
  reason: 'confirmation_wanted',
  acrValues,
  maxAgeSeconds,
});

describe('a rule with confirm', () => {
  const policy = policyWith([rule(', confirm: { acr: [mfa, hwk], maxAge: 10m }')]);

  it('grants whom confirmed, strongly and lately enough', () => {
    expect(asked(policy, { acr: 'mfa', ...ago(600) })).toBe('r');
    expect(asked(policy, { acr: 'hwk', ...ago(0) })).toBe('r');
  });

  it.each<readonly [string, JsonObject, object]>([
    [
      'too long ago',
      { acr: 'mfa', ...ago(601) },
      { what: 'auth_time', presented: '"601 s ago"', expected: 'at most 600 s ago' },
    ],
    ['too weakly', { acr: 'pwd', ...ago(5) }, { what: 'acr', presented: '"pwd"', expected: '"mfa" or "hwk"' }],
    ['by nothing that is said', ago(5), { what: 'acr', presented: undefined }],
    ['by a list', { acr: ['mfa'], ...ago(5) }, { what: 'acr', presented: undefined }],
    ['in another case', { acr: 'MFA', ...ago(5) }, { what: 'acr', presented: '"MFA"' }],
    [
      'without a time',
      { acr: 'mfa' },
      { what: 'auth_time', presented: undefined, expected: 'there: it says when the person logged in' },
    ],
    ['at a time that is text', { acr: 'mfa', auth_time: String(NOW) }, { what: 'auth_time', presented: undefined }],
    ['at a time that is none', { acr: 'mfa', auth_time: NOW - 0.5 }, { what: 'auth_time', presented: undefined }],
    [
      'in the future',
      { acr: 'mfa', auth_time: NOW + LEEWAY_SECONDS + 1 },
      { what: 'auth_time', expected: 'in the past' },
    ],
  ])('refuses whom confirmed %s, with what is wanted of him and no more', (_, claims, nearest) => {
    expect(asked(policy, claims)).toEqual({
      ...wanted(['mfa', 'hwk'], 600),
      nearest: expect.objectContaining({ rule: 'r', part: 'confirm', ...nearest }),
    });
    expect(asked(policy, { acr: 'mfa', auth_time: NOW + LEEWAY_SECONDS })).toBe('r');
  });

  it('says so only where nothing else is missing', () => {
    const claims = { acr: 'pwd' };
    expect(asked(policy, { ...claims, sub: 'bob' })).toEqual({ reason: 'no_rule' });
    expect(
      asked(policyWith([rule(', confirm: { maxAge: 1m }').replace(': all', ': [read]')]), claims, ['write']),
    ).toMatchObject({
      reason: 'scope_not_allowed',
    });
    const other = policy.decide(question(person(claims), 'ledger', { client: clientNamed('batch') }));
    expect(other).toMatchObject({ refusal: { reason: 'no_rule', nearest: { part: 'client' } } });
    const denied = policyWith([
      rule(', confirm: { maxAge: 1m }'),
      'name: d, subject: { trust: people, claims: { department: x } }, deny: all',
    ]);
    expect(asked(denied, { department: 'x' })).toEqual({ reason: 'target_denied', rule: 'd' });
  });

  it('is not asked where another rule grants without', () => {
    expect(asked(policyWith([rule(', confirm: { maxAge: 1m }', 'a'), rule('', 'b')]), {})).toBe('b');
  });
});

describe('a target that wants an actor', () => {
  const nobody =
    'name: n, subject: { trust: people, sub: alice }, impersonate: true, accept: { impersonation: on purpose }, client: gateway, allow: { ledger: all }';
  const policy = policyWith([rule(', confirm: { acr: [mfa] }'), nobody], { actor: true });

  // A rule that names nobody grants nothing of it, and yet hid what the other one lacked: nobody was ever sent to confirm.
  it('asks for what its other rules lack', () => {
    expect(asked(policy, { acr: 'mfa', ...ago(5) })).toBe('r');
    expect(asked(policy, { acr: 'pwd', ...ago(5) })).toMatchObject(wanted(['mfa'], undefined));
    expect(asked(policy, { acr: 'pwd', ...ago(5) }, ['admin'])).toMatchObject({ reason: 'scope_not_allowed' });
    for (const others of [[], [`name: d, ${RULE}, allow: [deploy]`]])
      expect(asked(policyWith([nobody, ...others], { actor: true }), ago(5))).toMatchObject({ requirement: 'actor' });
  });
});

describe('scopes and targets with confirm', () => {
  const policy = policyWith([rule()]);

  it('ask for it where they are asked for, and not otherwise', () => {
    expect(asked(policy, {})).toBe('r');
    expect(asked(policy, {}, ['read'])).toBe('r');
    expect(asked(policy, {}, ['read', 'write'])).toMatchObject(wanted(['mfa', 'hwk'], 600));
    expect(asked(policy, { acr: 'mfa', ...ago(60) }, ['write'])).toBe('r');
  });

  it('want what satisfies all of them: the contexts that they share, and the shortest age', () => {
    expect(asked(policy, { acr: 'mfa', ...ago(60) }, ['write', 'pay'])).toMatchObject(wanted(['hwk'], 60));
    expect(asked(policy, { acr: 'hwk', ...ago(61) }, ['write', 'pay'])).toMatchObject(wanted(['hwk'], 60));
    expect(asked(policy, { acr: 'hwk', ...ago(60) }, ['write', 'pay'])).toBe('r');
    const all = policyWith([rule(', confirm: { maxAge: 30s }')], { confirm: { acr: ['mfa'], maxAgeSeconds: 900 } });
    expect(asked(all, { acr: 'mfa', ...ago(31) })).toMatchObject(wanted(['mfa'], 30));
    expect(asked(all, { acr: 'pwd', ...ago(30) })).toMatchObject(wanted(['mfa'], 30));
    expect(asked(all, { acr: 'mfa', ...ago(30) })).toBe('r');
  });

  it('that no context satisfies together send nobody to confirm in vain', () => {
    const never = policyWith([rule(', confirm: { acr: [mfa] }')]);
    expect(asked(never, { acr: 'mfa', ...ago(1) }, ['pay'])).toMatchObject({
      reason: 'scope_not_allowed',
      nearest: { part: 'confirm', what: 'acr', expected: '"hwk"' },
    });
  });

  it('without an age, or without a context, want the other alone', () => {
    expect(asked(policyWith([rule(', confirm: { acr: [mfa] }')]), {})).toMatchObject(wanted(['mfa'], undefined));
    expect(asked(policyWith([rule(', confirm: { maxAge: 5m }')]), {})).toMatchObject(wanted([], 300));
    expect(asked(policyWith([rule(', confirm: { acr: [mfa] }')]), { acr: 'mfa', auth_time: 1 })).toBe('r');
  });
});

describe('who confirms', () => {
  it('is no workload, whatever its token says', () => {
    const job = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, client: gateway';
    const text = `rules:\n  - { name: r, ${job}, allow: { ledger: all }, confirm: { acr: [mfa] }, accept: { never-confirmed: "a test" } }\n`;
    const policy = createPolicy(policyOf(text, { sources: ALL_SOURCES }));
    const claims = { acr: 'mfa', auth_time: NOW };
    const ask = (subject = githubJob(claims)) => policy.decide(question(subject, 'ledger', { client: GATEWAY }));
    expect(ask()).toMatchObject({ refusal: wanted(['mfa'], undefined) });
    const own = createPolicy(
      policyOf(text.replace(', confirm: { acr: [mfa] }, accept: { never-confirmed: "a test" }', '')),
    );
    expect(own.decide(question(githubJob(claims), 'ledger', { client: GATEWAY })).granted).toBe(true);
  });

  it('is the person for whom the agent acts, in good standing or not', () => {
    const policy = policyWith([rule(', confirm: { maxAge: 5m }')]);
    const actor = person({ sub: 'bob', acr: 'mfa', auth_time: NOW });
    const ask = (claims: JsonObject) =>
      policy.decide(question(person(claims), 'ledger', { client: GATEWAY, delegation: delegated(undefined, [actor]) }));
    expect(ask({})).toMatchObject({ refusal: wanted([], 300) });
    expect(ask(ago(300))).toMatchObject({ granted: true });
  });

  it('has confirmed in our own tokens too, by the time that they carry on', () => {
    const hop =
      'name: hop, subject: { trust: self, self: { aud: "https://a.example", sub: "people:*" } }, actor: client, client: gateway, allow: { ledger: all }, confirm: { acr: [mfa], maxAge: 5m }';
    const policy = createPolicy(policyOf(`rules:\n  - { ${hop} }\n`, { sources: ALL_SOURCES }));
    const ask = (claims: JsonObject) =>
      policy.decide(question(ownToken('https://a.example', 'people:alice', claims), 'ledger', { client: GATEWAY }));
    expect(ask({ acr: 'mfa', ...ago(300) })).toMatchObject({ granted: true });
    expect(ask({ acr: 'mfa', ...ago(301) })).toMatchObject({ refusal: wanted(['mfa'], 300) });
    expect(ask({})).toMatchObject({ refusal: wanted(['mfa'], 300) });
  });
});
