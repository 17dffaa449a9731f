// Names in the alphabets of clouds: every name fits, and no two become one.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_NAME } from '../../src/issuers/aws-session.ts';
import { actorName, encodeName, partiesName, targetSubject } from '../../src/issuers/cloud-names.ts';

const actor = (sub: string, iss = 'https://idp.example') => ({ iss, sub, others: {} });

/** Short and long, with the characters that escapes are made of, and halves of surrogate pairs. */
const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 90 }),
  fc.string({
    unit: fc.constantFrom('=', '-', '3', 'A', 'a', ':', '+', '/', ',', '%', '|', '\ud800', '\udc00', 'ä'),
    maxLength: 90,
  }),
  fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 60, maxLength: 70 }),
);

describe('a name in a cloud', () => {
  it('A-159 CA-05 fits, whatever it was', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(encodeName(name, SESSION_NAME)).toMatch(/^[\w+=,.@-]{2,64}$/);
      }),
    );
  });

  it('A-159 is nobody else’s', () => {
    fc.assert(
      fc.property(names, names, (one, other) => {
        expect(encodeName(one, SESSION_NAME) === encodeName(other, SESSION_NAME)).toBe(one === other);
      }),
      { numRuns: 2_000 },
    );
  });

  it('A-159 is nobody else’s where another name looks like an escape, or like a cut one', () => {
    const long = 'github:repository_id:74:'.padEnd(80, 'x');
    const encoded = encodeName(long, SESSION_NAME);
    const all = [
      'a:b',
      'a+b',
      'a=2Bb',
      'a=3Ab',
      'a=3ab',
      '=',
      '=3D',
      'x',
      '=78',
      '',
      '=-',
      long,
      encoded,
      `${long}y`,
      '\ud800',
      '\ud801',
    ];
    expect(new Set(all.map((name) => encodeName(name, SESSION_NAME))).size).toBe(all.length);
  });

  it('A-159 keeps apart two that begin with the same 64 characters', () => {
    const head = 'cluster:system:serviceaccount:payments:'.padEnd(64, 'a');
    const [one, two] = [encodeName(`${head}b`, SESSION_NAME), encodeName(`${head}c`, SESSION_NAME)];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^cluster\+system\+serviceaccount\+[^=]*=-[\w.-]{22}$/);
    expect(one.length).toBeLessThanOrEqual(64);
  });

  it('A-159 reads well, and what stands for another character is escaped itself', () => {
    expect(encodeName('a:b/c', SESSION_NAME)).toBe('a+b,c');
    expect(encodeName('a+b,c', SESSION_NAME)).toBe('a=2Bb=2Cc');
  });

  it('stays as it is where it can', () => {
    expect(encodeName('GitHubActions_x.y@-', SESSION_NAME)).toBe('GitHubActions_x.y@-');
    expect(encodeName('x', SESSION_NAME)).toBe('=78');
  });
});

describe('two parties in one name', () => {
  it('A-159 are told apart by a character that is in neither', () => {
    const [job, person] = [actor('x', 'https://a.example'), actor('a|b')];
    expect(partiesName('staff:alice', [])).toBe('staff:alice');
    expect(partiesName('staff:alice', [actor('spiffe://prod.example/a', 'spiffe://prod.example')])).toBe(
      'staff:alice|spiffe://prod.example/a',
    );
    expect(partiesName('staff:alice', [job, person])).toBe('staff:alice|https://a.example#x');
    expect(actorName(person)).toBe('https://idp.example#a%7Cb');
    expect(actorName(actor('a%7Cb'))).toBe('https://idp.example#a%257Cb');
    expect(actorName({ ...job, others: { sub_id: { format: 'opaque', id: 'github:repository_id:74' } } })).toBe(
      'github:repository_id:74',
    );
  });

  it('A-159 are never another two', () => {
    const sub = fc.string({ unit: fc.constantFrom('a', '|', '%', '7', 'C', '#') });
    const subject = fc.string({ unit: fc.constantFrom('a', '%', '7', 'C', '#') });
    fc.assert(
      fc.property(subject, sub, subject, sub, (subject1, sub1, subject2, sub2) => {
        const [one, two] = [partiesName(subject1, [actor(sub1)]), partiesName(subject2, [actor(sub2)])];
        expect(one === two).toBe(subject1 === subject2 && sub1 === sub2);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the subject of an assertion', () => {
  it('is the target and its parameters in the order of their names; no value looks like two', () => {
    const values = { account: '111122223333', repo: 'a:b%' };
    expect(targetSubject('payments', [], {})).toBe('target:payments');
    expect(targetSubject('deploy', ['account', 'repo'], values)).toBe('target:deploy:111122223333:a%3Ab%25');
    expect(targetSubject('deploy', ['a', 'b'], { a: 'x:y', b: 'z' })).not.toBe(
      targetSubject('deploy', ['a', 'b'], { a: 'x', b: 'y:z' }),
    );
  });
});
