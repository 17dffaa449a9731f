// Rules about targets of clouds: lifetimes that a cloud gives, scopes without a choice, and audiences that open roles.

import { describe, expect, it } from 'vitest';
import { policyOf, problemsOf, target } from '../../support/policy.ts';

const JOB = 'name: r, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';
const said = (rule: string, targets: Parameters<typeof problemsOf>[1] = { targets: CLOUD }) =>
  problemsOf(`rules: [{ ${JOB}, ${rule} }]`, targets).map((one) => one.replace(/^\S+ /, ''));
const cloud = (floorSeconds: number) => ({
  kind: 'aws',
  lifetimeSecondsMax: 3_600,
  cloud: { floorSeconds, outlive: true },
});
const CLOUD = [target('role', cloud(900)), target('assertion', cloud(0)), target('deploy')];

describe('a rule about a target of a cloud', () => {
  it('CA-05 does not load with a lifetime that its cloud does not give', () => {
    const problem = (floor: string) => [
      `rules[0].lifetime is under the floor of role: its cloud gives ${floor} seconds at least`,
    ];
    expect(said('allow: [role], lifetime: 14m')).toEqual(problem('900'));
    expect(said('allow: [deploy, role], lifetime: 14m')).toEqual(problem('900'));
    expect(said('allow: [role], lifetime: 15m')).toEqual([]);
    expect(said('allow: [role]')).toEqual([]);
    expect(said('allow: [assertion, deploy], lifetime: 1m')).toEqual([]);
  });

  it('names it alone where all of its scopes are what it gives without being asked for any', () => {
    const scoped = (defaultScopes: readonly string[]) => ({
      targets: [target('bucket', { scopes: ['a', 'b'], defaultScopes })],
    });
    expect(said('allow: [bucket]', scoped(['b', 'a']))).toEqual([]);
    expect(said('allow: [bucket]', scoped(['a']))).toEqual([
      'rules[0].allow[0] bucket has scopes: write { bucket: all } or { bucket: [...] }',
    ]);
    const [rule] = policyOf(`rules: [{ ${JOB}, allow: [bucket] }]`, scoped(['a', 'b'])).rules;
    expect(rule?.effect === 'allow' && rule.allow).toEqual([{ target: 'bucket', scopes: 'all' }]);
  });

  it('CX-02 makes of no other target an address that its assertions are signed for', () => {
    const role = target('role', {
      ...cloud(900),
      address: 'arn:aws:iam::111122223333:role/r',
      signedFor: 'https://sts.example/targets/role',
    });
    const targets = [role, target('space', { address: 'https://sts.example/<path>' })];
    expect(said('allow: [space], with: { path: targets/role }', { targets })).toEqual([
      'rules[0].allow makes https://sts.example/targets/role of space, which is signed for role',
    ]);
    expect(said('allow: [space], with: { path: targets/roles }', { targets })).toEqual([]);
  });
});
