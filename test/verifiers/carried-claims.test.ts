// What a verifier reads of a token beside whom it is about: chains, who may act, scopes that are a ceiling, how a person was authenticated, and
// where one of our own tokens comes from. And what it refuses, by the role in which the token stands.

import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { LINEAGE_MAX } from '../../src/core/limits-delegation.ts';
import type { Role } from '../../src/core/principal.ts';
import { type CarriedTerms, carriedBy, carriedProblem } from '../../src/verifiers/carried-claims.ts';

const ISSUER = 'https://idp.example';
const terms = (change: Partial<CarriedTerms> = {}): CarriedTerms => ({
  issuer: ISSUER,
  delegates: true,
  people: false,
  scopesAreCeiling: false,
  own: false,
  ...change,
});
const OWN = { people: true, scopesAreCeiling: true, own: true } as const;
const own: JsonObject = { client_id: 'gateway', origin: { iss: ISSUER, sub: 'alice' } };

const ACT = { iss: 'https://agents.example', sub: 'agent' };
const NAMED = { ...ACT, sub_id: { format: 'opaque', id: 'github:repository_id:74' } };

type Wrong = readonly [title: string, claims: JsonObject, claim: string, reason: string, change: Partial<CarriedTerms>];

describe('what is wrong', () => {
  it.each<Wrong>([
    ['A-147 act that is no chain', { act: { sub: 1 } }, 'act', 'claim_invalid', {}],
    ['act of null', { act: null }, 'act', 'claim_invalid', {}],
    ['may_act of null', { may_act: null }, 'may_act', 'claim_invalid', {}],
    ['A-145 may_act that means nobody', { may_act: {} }, 'may_act', 'claim_invalid', {}],
    ['A-146 act and may_act', { act: ACT, may_act: ACT }, 'may_act', 'claim_unsupported', {}],
    ['a name beside an actor in a token that is not ours', { act: NAMED }, 'act', 'claim_invalid', {}],
    ['a name beside an earlier actor', { act: { ...ACT, act: NAMED } }, 'act', 'claim_invalid', {}],
    [
      'TX-47 scopes as a list where they are a ceiling',
      { scope: ['read'] },
      'scope',
      'claim_invalid',
      { scopesAreCeiling: true },
    ],
    ['a lineage that is no list', { ...own, lineage: 'x' }, 'lineage', 'claim_invalid', OWN],
    ['a lineage of other things than texts', { ...own, lineage: ['x', 1] }, 'lineage', 'claim_invalid', OWN],
    [
      'a lineage too long',
      { ...own, lineage: Array.from({ length: LINEAGE_MAX + 1 }, String) },
      'lineage',
      'claim_invalid',
      OWN,
    ],
  ])('%s', (_title, claims, claim, reason, change) =>
    expect(carriedProblem(claims, 'subject', terms(change))).toEqual({ reason, claim }),
  );

  it.each<readonly [claim: string, role: Role]>([
    ['act', 'actor'],
    ['may_act', 'actor'],
    ['act', 'client'],
    ['may_act', 'client'],
  ])('A-141 A-148 %s in a token of the %s, whatever it holds', (claim, role) => {
    for (const value of [ACT, null, 'x'])
      expect(carriedProblem({ [claim]: value }, role, terms())).toEqual({ reason: 'claim_unsupported', claim });
    expect(carriedProblem({ [claim]: ACT }, 'subject', terms())).toBeUndefined();
  });

  it.each(['act', 'may_act'])('TX-43 TX-45 %s in a token of a platform that delegates nothing', (claim) => {
    const refused = { reason: 'claim_unsupported', claim };
    expect(carriedProblem({ [claim]: ACT }, 'subject', terms({ delegates: false }))).toEqual(refused);
    expect(carriedProblem({}, 'subject', terms({ delegates: false }))).toBeUndefined();
  });

  it('is nothing where nothing is said, where it is right, or where it means nothing', () => {
    for (const claims of [{}, { act: ACT }, { may_act: ACT }, { scope: ['read'] }, { lineage: 5 }, { auth_time: 'x' }])
      expect(carriedProblem(claims, 'subject', terms())).toBeUndefined();
    const ours = { ...own, act: NAMED, scope: 'read', lineage: Array.from({ length: LINEAGE_MAX }, String) };
    expect(carriedProblem(ours, 'subject', terms(OWN))).toBeUndefined();
    const other = { act: { ...ACT, sub_id: { format: 'email', email: 'a@x.example' } } };
    expect(carriedProblem(other, 'subject', terms())).toBeUndefined();
  });
});

describe('what is carried', () => {
  it('is nothing where the token says nothing of it', () =>
    expect(carriedBy({ sub: 'a', scope: 'read', auth_time: 1 }, terms())).toBeUndefined());

  it('TX-41 is the chain, the current actor first, each with its issuer', () =>
    expect(
      carriedBy({ act: { sub: 'b', act: { sub: 'a', iss: 'https://x.example', note: 1 } } }, terms())?.actors,
    ).toEqual([
      { iss: ISSUER, sub: 'b', others: {} },
      { iss: 'https://x.example', sub: 'a', others: { note: 1 } },
    ]));

  it('TX-45 is may_act as it stands', () => expect(carriedBy({ may_act: ACT }, terms())?.mayAct).toEqual(ACT));

  it.each<readonly [scope: Json | undefined, scopesMax: readonly string[]]>([
    ['read write', ['read', 'write']],
    ['read  write ', ['read', 'write']],
    ['', []],
    [undefined, []],
  ])('A-137 scopes are a ceiling where the source says so: %j', (scope, scopesMax) => {
    const claims = { act: ACT, ...(scope === undefined ? {} : { scope }) };
    expect(carriedBy(claims, terms({ scopesAreCeiling: true }))?.scopesMax).toEqual(scopesMax);
    expect(carriedBy(claims, terms())?.scopesMax).toBeUndefined();
  });

  it.each<readonly [claims: JsonObject, authentication: object | undefined]>([
    [
      { auth_time: 5, acr: 'mfa' },
      { authTime: 5, acr: 'mfa' },
    ],
    [{ auth_time: 5 }, { authTime: 5, acr: undefined }],
    [
      { auth_time: 5, acr: ['mfa'] },
      { authTime: 5, acr: undefined },
    ],
    [{ acr: 'mfa' }, undefined],
    [{ auth_time: '5' }, undefined],
    [{ auth_time: 5.5 }, undefined],
  ])('how a person was authenticated: %j', (claims, authentication) => {
    expect(carriedBy({ ...claims, act: ACT }, terms({ people: true }))?.authentication).toEqual(authentication);
    expect(carriedBy({ ...claims, act: ACT }, terms())?.authentication).toBeUndefined();
  });

  it('of ours: what it was made of, where it began, and who asked', () => {
    expect(carriedBy({ ...own, lineage: ['x', 'y'] }, terms(OWN))?.own).toEqual({
      lineage: ['x', 'y'],
      origin: { iss: ISSUER, sub: 'alice' },
      clientId: 'gateway',
    });
    expect(carriedBy({ ...own, act: ACT }, terms(OWN))?.own?.lineage).toEqual([]);
    expect(carriedBy({ ...own, act: ACT, lineage: ['x'] }, terms())?.own).toBeUndefined();
  });
});
