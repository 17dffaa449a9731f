// What a folder's files may speak of, what a source reaches at most, and rules that are to be retired: the ways in which operators hand
// rules to teams, and take wide ones back.

import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import {
  CLIENTS,
  compileTexts,
  documentOf,
  githubJob,
  policyOf,
  question,
  SOURCES,
  TARGETS,
} from '../../support/policy.ts';

const SHOP = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';
const rule = (members: string) => `rules: [{ name: r, ${members} }]`;

describe('a folder with trust and reach', () => {
  const problems = (text: string, ...scopes: readonly { trust?: readonly string[]; reach?: readonly string[] }[]) => {
    const compiled = compilePolicy({
      documents: [documentOf(text, 'team/a.yaml')],
      scopes: new Map([['team/a.yaml', scopes]]),
      sources: SOURCES,
      targets: TARGETS,
      clients: CLIENTS,
    });
    return compiled.ok ? [] : compiled.problems.map(({ path, message }) => `${path} ${message}`);
  };
  const TEAM = { trust: ['github'], reach: ['deploy'] };

  it('lets its files speak of its own sources and targets, and of no other', () => {
    expect(problems(rule(`${SHOP}, allow: [deploy]`), TEAM)).toEqual([]);
    expect(problems(rule(`${SHOP}, allow: { ledger: [read] }`), TEAM)).toEqual([
      'rules[0].allow.ledger this folder reaches deploy only, and not ledger',
    ]);
    const pod = 'subject: { trust: [github, eks], kubernetes: { namespace: a, serviceaccount: b } }';
    expect(problems(rule(`${pod}, allow: [deploy]`), TEAM)[0]).toBe(
      'rules[0].subject.trust this folder speaks of github only, and not of eks',
    );
  });

  it('lets no deny reach beyond it: another team would be cut off', () => {
    expect(problems(rule('subject: { trust: github, claims: { actor: x } }, deny: [deploy]'), TEAM)).toEqual([]);
    expect(problems(rule('subject: { trust: github, claims: { actor: x } }, deny: all'), TEAM)).toEqual([
      'rules[0].deny is beyond what this folder reaches: name its targets',
    ]);
    expect(problems(rule('subject: { trust: github, claims: { actor: x } }, deny: [vault]'), TEAM)).toEqual([
      'rules[0].deny[0] this folder reaches deploy only, and not vault',
    ]);
  });

  it('narrows a deny that names no source to its own sources', () => {
    const compiled = compilePolicy({
      documents: [documentOf(rule('anyone: { claims: { actor: x } }, deny: [deploy]'), 'team/a.yaml')],
      scopes: new Map([['team/a.yaml', [TEAM]]]),
      sources: SOURCES,
      targets: TARGETS,
      clients: CLIENTS,
    });
    expect(compiled.ok && compiled.policy.rules[0]?.matches.map(({ source }) => source)).toEqual(['github']);
  });

  it('inside another counts with it: both hold', () => {
    expect(problems(rule(`${SHOP}, allow: [deploy]`), TEAM, { reach: ['vault'] })).toEqual([
      'rules[0].allow[0] this folder reaches vault only, and not deploy',
    ]);
  });
});

describe('the reach of a source', () => {
  const sources = SOURCES.map((one) => (one.name === 'github' ? { ...one, reach: ['deploy'] } : one));
  it('is the most that its principals can get, whatever a rule says', () => {
    expect(compileTexts([rule(`${SHOP}, allow: [deploy]`)], { sources }).ok).toBe(true);
    const beyond = compileTexts([rule(`${SHOP}, allow: { ledger: [read], deploy: all }`)], { sources });
    expect(beyond.ok ? [] : beyond.problems.map(({ message }) => message)).toEqual([
      'github reaches deploy only (its reach), and not ledger',
    ]);
  });
});

describe('a rule that is to be retired', () => {
  const WIDE = `{ name: wide, mode: retire, lifetime: 5m, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/* } }, allow: [deploy] }`;
  const NARROW = `{ name: narrow, lifetime: 1m, ${SHOP}, allow: [deploy] }`;
  const decide = (rules: readonly string[], ref: string) =>
    createPolicy(policyOf(`rules: [${rules.join(', ')}]`)).decide(question(githubJob({ ref }), 'deploy'));

  it('still grants where no other rule does, and says what would come to be', () => {
    expect(decide([WIDE, NARROW], 'refs/heads/dev')).toMatchObject({
      granted: true,
      grant: { rule: { name: 'wide' } },
      would: [{ rule: 'wide', would: 'refuse', nearest: 'narrow' }],
    });
    expect(decide([WIDE], 'refs/heads/dev')).toMatchObject({
      granted: true,
      would: [{ rule: 'wide', would: 'refuse' }],
    });
  });

  it('is not asked where another rule grants, though its lifetime is longer', () => {
    expect(decide([WIDE, NARROW], 'refs/heads/main')).toMatchObject({
      granted: true,
      grant: { rule: { name: 'narrow' }, lifetimeSeconds: 60 },
      would: [],
    });
  });

  it('can be no deny', () => {
    const compiled = compileTexts([rule('mode: retire, subject: { trust: github, claims: { actor: x } }, deny: all')]);
    expect(compiled.ok ? [] : compiled.problems.map(({ message }) => message)).toEqual([
      'retire is for allow rules: a deny is enforced or previewed',
    ]);
  });
});
