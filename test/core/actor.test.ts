// Chains of actors as claims: what is read, what is written, byte for byte, who is the same, and what `may_act` means.

import { describe, expect, it } from 'vitest';
import {
  actOf,
  actorOf,
  chainOf,
  fits,
  isActor,
  isMayAct,
  mayAct,
  namedBeside,
  readActors,
} from '../../src/core/actor.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { ACT_BYTES_MAX, ACTORS_MAX } from '../../src/core/limits-delegation.ts';
import type { Actor, Actors, Principal } from '../../src/core/principal.ts';

const ISSUER = 'https://issuer.example.com';
const actor = (sub: string, others: JsonObject = {}, iss = ISSUER): Actor => ({ iss, sub, others });
const principal = (change: Partial<Principal> = {}): Principal => ({
  source: 'idp',
  kind: 'oidc',
  issuer: ISSUER,
  subject: 'a',
  name: 'idp:a',
  claims: { iss: ISSUER, sub: 'a' },
  ...change,
});
/** A job whose `sub` is whatever its repository made of it. */
const job = (name: string, subject = 'repo:acme/shop'): Principal =>
  principal({ source: 'github', kind: 'github', issuer: 'https://gh.example', subject, name });

describe('a chain of actors', () => {
  it('TX-41 has the current actor outermost, byte for byte as in figure 6 of RFC 8693', () => {
    const figure = `{"sub":"https://service16.example.com","act":{"sub":"https://service77.example.com"}}`;
    const read = readActors(JSON.parse(figure), ISSUER) ?? [];
    expect(read.map(({ sub }) => sub)).toEqual(['https://service16.example.com', 'https://service77.example.com']);
    expect(JSON.stringify(actOf(read))).toBe(
      `{"iss":"${ISSUER}","sub":"https://service16.example.com","act":{"iss":"${ISSUER}","sub":"https://service77.example.com"}}`,
    );
    const wrapped = chainOf(
      principal({ subject: 'https://service16.example.com', name: 'idp:https://service16.example.com' }),
      read.slice(1),
    );
    expect(JSON.stringify(actOf(wrapped))).toBe(JSON.stringify(actOf(read)));
  });

  it('TX-43 is read and written without a member lost or moved before iss and sub', () => {
    const act = {
      sub_profile: 'ai_agent',
      sub: 'b',
      act: { note: { deep: [1, null] }, iss: 'https://x.example', sub: 'a' },
    };
    expect(JSON.stringify(actOf(readActors(act, ISSUER) ?? []))).toBe(
      `{"iss":"${ISSUER}","sub":"b","sub_profile":"ai_agent","act":{"iss":"https://x.example","sub":"a","note":{"deep":[1,null]}}}`,
    );
  });

  it('is none where nobody acts', () => {
    expect(readActors(undefined, ISSUER)).toEqual([]);
    expect(actOf([])).toBeUndefined();
  });

  it.each<readonly [title: string, act: Json]>([
    ['null', null],
    ['a number', 1],
    ['an empty object', {}],
    ['a sub of null', { sub: null }],
    ['an iss of null', { sub: 'a', iss: null }],
    ['an earlier actor of null', { sub: 'a', act: null }],
    ['an earlier actor that is a list', { sub: 'a', act: [{ sub: 'b' }] }],
    ...['exp', 'nbf', 'iat', 'aud', 'jti', 'scope', 'cnf', 'may_act'].map((member): readonly [string, Json] => [
      `TX-40 ${member} inside`,
      { sub: 'a', act: { sub: 'b', [member]: 1 } },
    ]),
  ])('%s is no chain', (_title, act) => expect(readActors(act, ISSUER)).toBeUndefined());

  it('A-147 has at most so many actors, and at most so many bytes', () => {
    const nest = (count: number): JsonObject =>
      count === 1 ? { sub: 'a' } : { sub: `${count}`, act: nest(count - 1) };
    expect(readActors(nest(ACTORS_MAX), ISSUER)).toHaveLength(ACTORS_MAX);
    expect(readActors(nest(ACTORS_MAX + 1), ISSUER)).toBeUndefined();
    const room = ACT_BYTES_MAX - JSON.stringify({ sub: 'a', note: '' }).length;
    expect(readActors({ sub: 'a', note: 'x'.repeat(room) }, ISSUER)).toHaveLength(1);
    expect(readActors({ sub: 'a', note: 'x'.repeat(room + 1) }, ISSUER)).toBeUndefined();
    // Counted as UTF-8, which is what a token holds.
    expect(readActors({ sub: 'a', note: 'é'.repeat(room / 2 + 1) }, ISSUER)).toBeUndefined();
  });

  it('A-147 fits what can be read again, and nothing more', () => {
    const many = (count: number): Actors => Array.from({ length: count }, (_, index) => actor(`${index}`));
    expect([fits([]), fits(many(ACTORS_MAX)), fits(many(ACTORS_MAX + 1))]).toEqual([true, true, false]);
    const room = ACT_BYTES_MAX - JSON.stringify(actOf([actor('a', { note: '' })])).length;
    const chain = (bytes: number) => [actor('a', { note: 'x'.repeat(bytes) })];
    expect([fits(chain(room)), fits(chain(room + 1))]).toEqual([true, false]);
    expect(readActors(actOf(chain(room)), ISSUER)).toEqual(chain(room));
  });
});

describe('a proved principal as an actor', () => {
  it('TX-40 has iss and sub as proved, and nothing of its token', () =>
    expect(actorOf(principal({ claims: { iss: ISSUER, sub: 'a', exp: 1, scope: 'x', aud: 'y' } }))).toEqual(
      actor('a'),
    ));

  it.each<readonly [title: string, one: Principal, beside: string | undefined]>([
    ['a person', principal(), undefined],
    ['a sub that is percent-encoded in the name', principal({ subject: 'a b%', name: 'idp:a%20b%25' }), undefined],
    [
      'a workload of a mesh',
      principal({ source: 'mesh', kind: 'spiffe', subject: 'spiffe://d/a', name: 'spiffe://d/a' }),
      undefined,
    ],
    [
      'somebody whom we issued a token about',
      principal({ source: 'self', kind: 'self', subject: 'idp:a', name: 'idp:a' }),
      undefined,
    ],
    ['a registered client', principal({ source: 'clients', kind: 'client', name: 'clients:a' }), undefined],
    ['a job', job('github:repository_id:74:ref:x'), 'github:repository_id:74:ref:x'],
    ['a job whose sub is its name', job('github:repository_id:74', 'repository_id:74'), undefined],
    [
      'a job whose sub only looks like its name',
      job('github:project:1:ref:a%3Ab', 'project:1:ref:a:b'),
      'github:project:1:ref:a%3Ab',
    ],
  ])('%s', (_title, one, beside) => expect(namedBeside(actorOf(one))).toBe(beside));

  it('a name stands there in the form opaque only', () => {
    expect(namedBeside(actor('a', { sub_id: { format: 'opaque', id: 'x' } }))).toBe('x');
    for (const id of [
      { format: 'email', id: 'x' },
      { id: 'x' },
      { format: 'opaque', id: 1 },
      'x',
      null,
      ['opaque', 'x'],
    ])
      expect(namedBeside(actor('a', { sub_id: id }))).toBeUndefined();
  });
});

describe('who acts now', () => {
  const [production, preview] = [
    job('github:repository_id:74:environment:production'),
    job('github:repository_id:74:ref:dev'),
  ];

  it('is the one who acts already where issuer, sub and name are the same', () => {
    expect(isActor(actor('a'), principal())).toBe(true);
    expect(isActor(actor('a', { sub_profile: 'ai_agent' }), principal())).toBe(true);
    expect(isActor(actor('a', {}, 'https://other.example'), principal())).toBe(false);
    expect(isActor(actor('b'), principal())).toBe(false);
    expect(isActor(actorOf(production), production)).toBe(true);
    // Two jobs of one repository whose `sub` was made to be the repository alone.
    expect(isActor(actorOf(preview), production)).toBe(false);
    expect(isActor({ ...actorOf(production), others: {} }, production)).toBe(false);
  });

  it('TX-43 wraps whoever acted before, and leaves a chain whose head it is', () => {
    const earlier = [actorOf(production), actor('first')];
    expect(chainOf(production, earlier)).toBe(earlier);
    expect(chainOf(undefined, earlier)).toBe(earlier);
    expect(chainOf(preview, earlier)).toEqual([actorOf(preview), ...earlier]);
    expect(chainOf(principal(), [])).toEqual([actor('a')]);
  });
});

describe('may_act', () => {
  it.each<readonly [claim: Json | undefined, obeyed: boolean]>([
    [{ sub: 'a' }, true],
    [{ iss: ISSUER, sub: 'a', x: [1] }, true],
    [{}, false],
    [{ iss: ISSUER }, false],
    [{ sub: ['a'] }, false],
    [{ sub: 'a', iss: null }, false],
    [[{ sub: 'a' }], false],
    ['a', false],
    [null, false],
    [undefined, false],
  ])('A-145 %j can be obeyed: %j', (claim, obeyed) => expect(isMayAct(claim)).toBe(obeyed));

  it.each<readonly [title: string, claim: JsonObject, met: boolean]>([
    ['iss and sub', { iss: ISSUER, sub: 'a' }, true],
    ['sub alone, of the same issuer', { sub: 'a' }, true],
    ['another sub', { sub: 'b' }, false],
    ['another issuer', { iss: 'https://other.example', sub: 'a' }, false],
    ['a member that the actor has alike', { sub: 'a', team: ['x', 'y'] }, true],
    ['a member that the actor has otherwise', { sub: 'a', team: ['y', 'x'] }, false],
    ['a member that the actor has not', { sub: 'a', role: 'x' }, false],
    ['a member that every object has', { sub: 'a', toString: {} }, false],
  ])('TX-45 %s', (_title, claim, met) =>
    expect(mayAct(claim, principal({ claims: { iss: ISSUER, sub: 'a', team: ['x', 'y'] } }), ISSUER)).toBe(met),
  );

  it('TX-45 without iss it means the issuer of the token, and nobody of another', () =>
    expect(mayAct({ sub: 'a' }, principal(), 'https://subject.example')).toBe(false));
});
