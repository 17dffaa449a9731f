// Lines of a trail, read back: what policy decided, what it did not, what is no record; and what is known of a claim that was cut, only
// named, or not there.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderCoalesced } from '../../../src/audit/coalesce.ts';
import { isJsonObject, type Json } from '../../../src/core/json.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { recordedKnowledge } from '../../../src/policy/recorded/recorded-claims.ts';
import { githubJob, NOW, policyOf } from '../../support/policy.ts';
import { type Asking, lineOf } from '../../support/recorded.ts';

const POLICY = createPolicy(
  policyOf(`rules:
  - { name: main, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [deploy] }
  - { name: dev, mode: preview, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/dev } }, allow: [deploy] }`),
);
const ASKING: Asking = { subject: githubJob(), targets: ['deploy'], mtls: 'thumb' };

const lineFor = (change: Partial<Asking> = {}): Record<string, Json> =>
  JSON.parse(lineOf(POLICY, { ...ASKING, ...change }));
const requestOf = (line: Json) => {
  const recorded = readRecorded(line);
  if (recorded.is !== 'decided') throw new Error(recorded.is);
  return recorded.request;
};

describe('a line of a trail', () => {
  it('is read back as the request that policy decided', () => {
    const { claims, ...request } = requestOf(lineFor());
    expect(request).toEqual({
      decision: 'd1',
      time: NOW,
      subject: {
        source: 'github',
        iss: 'https://token.actions.githubusercontent.com',
        sub: 'repo:acme/shop:ref:refs/heads/main',
        name: 'github:repo:acme/shop:ref:refs/heads/main',
      },
      client: undefined,
      asked: { targets: ['deploy'], scopes: undefined },
      mtls: 'thumb',
      dpop: undefined,
      was: {
        granted: true,
        target: 'deploy',
        parameters: {},
        scopes: [],
        rule: 'main',
        issued: { exp: NOW + 300, boundTo: undefined },
      },
      dryRun: false,
      would: [],
    });
    expect(claims.known).toMatchObject({ repository_id: '74', actor: 'octocat' });
  });

  it('keeps why policy refused, and what previews would have done', () => {
    const { was, would } = requestOf(lineFor({ subject: githubJob({ ref: 'refs/heads/dev' }) }));
    expect({ was, would }).toEqual({
      was: { granted: false, reason: 'no_rule' },
      would: [{ rule: 'dev', would: 'allow', nearest: undefined }],
    });
  });

  it.each<readonly [string, Json, object]>([
    [
      'a refusal after policy',
      lineFor({ refusedAfter: { reason: 'replayed', role: 'subject', source: 'github', spentBy: 'd0' } }),
      { is: 'undecided', time: NOW, count: 1 },
    ],
    ['a fault', { ...lineFor(), outcome: 'failed', reason: 'fault' }, { is: 'undecided', time: NOW, count: 1 }],
    [
      'a refusal before policy',
      { ...lineFor(), outcome: 'refused', reason: 'requirement_unmet' },
      { is: 'undecided', time: NOW, count: 1 },
    ],
    [
      'many refusals in one record',
      JSON.parse(
        JSON.stringify(
          renderCoalesced({ peer: 'p', since: NOW, until: NOW, count: 3, reasons: { expired: 3 }, transport: 'oauth' }),
        ),
      ),
      { is: 'undecided', time: NOW, count: 3 },
    ],
    ['what the broker did', { event: 'start', time: 'x' }, { is: 'event' }],
    ['an outcome that there is not', { ...lineFor(), outcome: 'allowed' }, { is: 'unreadable' }],
    ['a time that is none', { ...lineFor(), time: 'yesterday' }, { is: 'unreadable' }],
    ['no subject where policy decided', { ...lineFor(), subject: 'me' }, { is: 'unreadable' }],
    ['a client that is half one', { ...lineFor(), client: { id: 'gateway' } }, { is: 'unreadable' }],
    ['a list', [], { is: 'unreadable' }],
    ['an object of somebody else', { msg: 'hello' }, { is: 'unreadable' }],
  ])('is told apart: %s', (_, line, expected) => {
    expect(readRecorded(line)).toEqual(expected);
  });

  it('does not know what was asked where the record gave that up', () => {
    const { asked: _, ...line } = lineFor();
    expect(requestOf({ ...line, leftOut: ['asked'] }).asked).toBeUndefined();
    expect(requestOf({ ...line, asked: { targets: [{ sha256: 'ab' }] } }).asked).toEqual({
      targets: [{ sha256: 'ab' }],
      scopes: undefined,
    });
  });
});

describe('what is known of a recorded claim', () => {
  const long = 'x'.repeat(300);
  const sha256 = createHash('sha256').update(long).digest('hex');
  const subject = githubJob({ workflow_ref: long, team: 'red', deep: { er: 'red', est: {} }, 'a/b': 1 });
  const knows = (path: readonly string[], change: Record<string, Json> = {}) =>
    recordedKnowledge(requestOf({ ...lineFor({ subject }), ...change }).claims)(path);

  it.each<readonly [string, readonly string[], object]>([
    ['recorded', ['actor'], { is: 'known', value: 'octocat' }],
    ['below one that is recorded', ['actor', 'id'], { is: 'mistyped' }],
    ['cut', ['workflow_ref'], { is: 'cut', of: 'text', sha256 }],
    ['below one that is cut', ['workflow_ref', 'x'], { is: 'mistyped' }],
    ['named only', ['team'], { is: 'unknown' }],
    ['named only, nested', ['deep', 'er'], { is: 'unknown' }],
    ['above one that is named', ['deep'], { is: 'unknown' }],
    ['below one that is named', ['team', 'x'], { is: 'unknown' }],
    ['named in a way that reads as two paths', ['a', 'b'], { is: 'unknown' }],
    ['not there', ['colour'], { is: 'absent' }],
    ['a name that objects inherit', ['constructor'], { is: 'absent' }],
  ])('%s', (_, path, expected) => {
    expect(knows(path)).toEqual(expected);
  });

  it.each(['claims', 'otherClaims', 'claims: 3'])('nothing is absent where the record left out %s', (leftOut) => {
    expect(knows(['colour'], { leftOut: [leftOut] })).toEqual({ is: 'unknown' });
    expect(knows(['colour'], { leftOut: ['trace'] })).toEqual({ is: 'absent' });
  });

  it('cannot be made to reach a prototype', () => {
    const claims = [{ path: ['__proto__', 'polluted'], value: true }];
    const read = requestOf({ ...lineFor(), claims }).claims;
    expect(recordedKnowledge(read)(['__proto__', 'polluted'])).toEqual({ is: 'known', value: true });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(isJsonObject(read.known)).toBe(true);
  });
});
