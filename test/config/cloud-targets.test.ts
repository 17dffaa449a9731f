// Targets of clouds beside each other and beside token targets: what is signed for one opens no other (CX-02), and clouds learn of our next
// key before it signs (CX-03).

import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/compose-kinds.ts';
import { loadConfig } from '../../src/config/load.ts';
import { BASE, FILES, filesOf, problems } from './folder.ts';

const ISSUER = 'https://sts.acme.example';
const role = (name: string, more = '') =>
  `{ kind: aws, role: "arn:aws:iam::111122223333:role/${name}", region: eu-west-1${more} }`;
const token = (audience: string) => `{ kind: token, audience: "${audience}" }`;
const accepted = ', audience: sts.amazonaws.com, accept: { shared-audience: "roles pin sub" }';

/** Every problem of a configuration with these targets, without its place. */
function said(targets: Readonly<Record<string, string>>, change: (text: string) => string = (text) => text) {
  const written = Object.entries(targets).map(([name, options]) => `  ${name}: ${options}\n`);
  const text = change(BASE.replace('policies:', `${written.join('')}policies:`));
  const files = filesOf({ ...FILES, '/etc/x/exchequer.yaml': text });
  const loaded = loadConfig({ path: '/etc/x/exchequer.yaml', env: {}, kinds: KINDS, files });
  return problems(loaded).map((one) => one.replace(/^\S+ /, ''));
}

describe('two targets', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['two roles, each with an audience of its own', { a: role('a'), b: role('b') }],
    ['two roles that both accept an audience of everybody’s', { a: role('a', accepted), b: role('b', accepted) }],
    ['a token target with another target’s name in its audience', { a: role('a'), b: token(`${ISSUER}/targets/c`) }],
  ])('CX-02 may be %s', (_, targets) => {
    expect(said(targets)).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'a token target and a role',
      { a: role('a'), b: token(`${ISSUER}/targets/a`) },
      'targets.b: is signed for the audience of `a`: one would open the other',
    ],
    [
      'a role and a token target before it',
      { b: token('https://x.example'), a: role('a', ', audience: "https://x.example"') },
      'targets.a: is signed for the audience of `b`: one would open the other',
    ],
    [
      'two roles',
      { a: role('a'), b: role('b', `, audience: "${ISSUER}/targets/a"`) },
      'targets.b: is signed for the audience of `a`: one would open the other',
    ],
    [
      'two roles of which one accepts it',
      { a: role('a', accepted), b: role('b', ', audience: sts.amazonaws.com') },
      'targets.b: is signed for the audience of `a`: one would open the other',
    ],
    [
      'a token target whose parameter can be a target’s name',
      { a: role('a'), b: token(`${ISSUER}/targets/<team>`) },
      'targets.b: is signed for the audience of `a`: one would open the other',
    ],
    [
      'two parameters',
      { a: role('<team>', ', audience: "https://x.example/<team>"'), b: token('https://x.example/b-<other>') },
      'targets.b: is signed for the audience of `a`: one would open the other',
    ],
  ])('CX-02 have no audience in common: %s', (_, targets, problem) => {
    expect(said(targets)).toEqual([problem]);
  });
});

describe('a target of a cloud', () => {
  it('CX-02 is not signed for ourselves', () => {
    expect(said({ a: role('a', `, audience: "${ISSUER}"`) })).toEqual([
      'targets.a: has our own issuer as its audience',
    ]);
  });

  it('A-160 does not load with a wildcard in its role', () => {
    expect(said({ a: role('*') })).toEqual([
      'targets.a.role: must be the ARN of one role, without wildcards, such as arn:aws:iam::111122223333:role/deploy',
    ]);
  });

  it('CX-03 wants the next key published for a day', () => {
    const ahead = (hours: number) => (text: string) =>
      text.replace('keys: { directory: /keys }', `keys: { directory: /keys, publishAhead: ${hours}h }`);
    expect(said({ a: role('a') }, ahead(24))).toEqual([]);
    expect(said({ a: role('a') }, ahead(23))).toEqual([
      'keys.publishAhead: must be 24 hours at least: `a` is of a cloud, and clouds keep our keys for a day',
    ]);
    expect(said({ a: token('https://x.example') }, ahead(23))).toEqual([]);
  });
});
