// What `audit breaks` counts: what would be taken away or given, what would stay, what never happened, and what is no longer so.

import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/policy/decide.ts';
import { createBreaks } from '../../../src/policy/recorded/breaks.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { githubJob, NOW, policyOf } from '../../support/policy.ts';
import { type Asking, lineOf } from '../../support/recorded.ts';

const rule = (name: string, mode: string, ref: string, effect = 'allow: [deploy]'): string =>
  `  - { name: ${name}, mode: ${mode}, subject: { trust: github, github: { repository_id: 74, ref: ${ref} } }, ${effect} }\n`;

const RULES = [
  'rules:\n',
  rule('main', 'enforce', 'refs/heads/main'),
  rule('old', 'retire', 'refs/heads/old'),
  rule('idle', 'retire', 'refs/heads/idle'),
  rule('dev', 'preview', 'refs/heads/dev'),
  rule('again', 'preview', 'refs/heads/main'),
  rule('no-main', 'preview', 'refs/heads/main', 'deny: [deploy]'),
  rule('no-dev', 'preview', 'refs/heads/dev', 'deny: [deploy]'),
].join('');

const ask = (ref: string, time: number, sub = 's'): Asking => ({
  subject: githubJob({ ref, sub }),
  targets: ['deploy'],
  time,
});

function tally(rules: string, now: string | undefined, ...asked: readonly Asking[]) {
  const policy = createPolicy(policyOf(rules));
  const breaks = createBreaks(now === undefined ? undefined : policyOf(now));
  for (const [index, one] of asked.entries()) {
    const recorded = readRecorded(JSON.parse(lineOf(policy, one, `d${index}`)));
    if (recorded.is === 'decided') breaks.take(recorded.request);
  }
  return breaks.finish();
}

const at = (time: number): string => new Date(time * 1000).toISOString();

describe('audit breaks', () => {
  it('counts no dry run: nobody lost anything by asking', () => {
    const asked = ask('refs/heads/main', NOW);
    expect(tally(RULES, RULES, { ...asked, dryRun: true })).toMatchObject({ requests: 0, rules: [], breaks: false });
    expect(tally(RULES, RULES, asked)).toMatchObject({ requests: 1, breaks: true });
  });

  it('counts by rule what would be taken away or given, by whom and between when', () => {
    const { rules, breaks, requests } = tally(
      RULES,
      RULES,
      ask('refs/heads/main', NOW, 'a'),
      ask('refs/heads/main', NOW + 60, 'b'),
      ask('refs/heads/main', NOW + 30, 'a'),
      ask('refs/heads/old', NOW),
      ask('refs/heads/dev', NOW),
    );
    expect({ breaks, requests }).toEqual({ breaks: true, requests: 5 });
    expect(rules.map(({ rule, would, count, unchanged, now }) => [rule, would, count, unchanged, now])).toEqual([
      ['no-main', 'deny', 3, 0, 'preview'],
      ['dev', 'allow', 1, 0, 'preview'],
      ['old', 'refuse', 1, 0, 'retire'],
      ['again', 'allow', 0, 3, 'preview'],
      ['no-dev', 'deny', 0, 1, 'preview'],
    ]);
    expect(rules[0]).toMatchObject({
      subjects: 2,
      subjectsMore: false,
      names: ['github:a', 'github:b'],
      sources: ['github'],
      first: at(NOW),
      last: at(NOW + 60),
      decision: 'd1',
    });
    expect(rules[2]).toMatchObject({ nearest: 'main', decision: 'd3' });
  });

  it('names rules that no request met, where the configuration is at hand', () => {
    const asked = ask('refs/heads/dev', NOW);
    expect(tally(RULES, RULES, asked).silent.map(({ rule, mode }) => [rule, mode])).toEqual([
      ['again', 'preview'],
      ['idle', 'retire'],
      ['no-main', 'preview'],
      ['old', 'retire'],
    ]);
    expect(tally(RULES, undefined, asked)).toMatchObject({
      silent: [],
      rules: [{ now: undefined }, { now: undefined }],
    });
  });

  it('does not count what only opens, or what is done already, as a break', () => {
    expect(tally(RULES, RULES, ask('refs/heads/dev', NOW)).breaks).toBe(false);
    const done = RULES.replace('mode: retire', 'mode: enforce');
    expect(tally(RULES, done, ask('refs/heads/old', NOW))).toMatchObject({
      breaks: false,
      rules: [{ rule: 'old', count: 1, now: 'enforce' }],
    });
    expect(
      tally(RULES, rule('x', 'enforce', 'refs/x').replace(/^/, 'rules:\n'), ask('refs/heads/old', NOW)),
    ).toMatchObject({ breaks: false, rules: [{ now: 'gone' }] });
    expect(tally(RULES, undefined, ask('refs/heads/old', NOW)).breaks).toBe(true);
  });
});
