// What a target of kind `aws` may say: what AWS would refuse at run time, or understand otherwise than it reads, does not load.

import { describe, expect, it } from 'vitest';
import { awsOptions } from '../../src/issuers/aws-options.ts';

const ROLE = 'arn:aws:iam::111122223333:role/payments-api';
const POLICY = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };

/** Each problem as `path: message`. */
function problems(options: Record<string, unknown>): readonly string[] {
  const read = awsOptions.safeParse({ role: ROLE, region: 'eu-west-1', ...options });
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('the options of a target of kind aws', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a role and a region', {}],
    ['a role in a path', { role: 'arn:aws:iam::111122223333:role/a/b/c' }],
    ['parameters', { role: 'arn:aws:iam::<account>:role/teams/<team>/gha-<repo>' }],
    ['the endpoint without a region', { region: 'aws-global' }],
    ['China', { role: 'arn:aws-cn:iam::111122223333:role/r', region: 'cn-north-1' }],
    ['GovCloud', { role: 'arn:aws-us-gov:iam::111122223333:role/r', region: 'us-gov-west-1' }],
    [
      'claims as tags, nested too',
      { session: { carry: ['actor', { 'kubernetes.io': ['namespace', { pod: 'name' }] }] } },
    ],
    ['the broker’s own tags', { session: { tags: true, carry: ['run_id'], transitive: true } }],
    ['session policies', { policy: POLICY, policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] }],
    ['fifteen minutes, and twelve hours', { lifetime: '15m', require: { lifetimeMax: '12h' } }],
  ])('take %s', (_, options) => {
    expect(problems(options)).toEqual([]);
  });

  const noRole = 'role: must be the ARN of one role, without wildcards, such as arn:aws:iam::111122223333:role/deploy';
  it.each<[string, string]>([
    ['any role', 'arn:aws:iam::111122223333:role/*'],
    ['any account', 'arn:aws:iam::*:role/deploy'],
    ['any character', 'arn:aws:iam::111122223333:role/deplo?'],
    ['a user', 'arn:aws:iam::111122223333:user/deploy'],
    ['an assumed role', 'arn:aws:sts::111122223333:assumed-role/deploy/x'],
    ['an account of eleven digits', 'arn:aws:iam::11112222333:role/deploy'],
    ['a parameter for the partition', 'arn:<partition>:iam::111122223333:role/deploy'],
    ['an empty segment', 'arn:aws:iam::111122223333:role//deploy'],
    ['no name', 'arn:aws:iam::111122223333:role/team/'],
    ['half a parameter', 'arn:aws:iam::111122223333:role/<team'],
  ])('A-160 take no ARN of %s', (_, role) => {
    expect(problems({ role })).toEqual([noRole]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'a name of 65 characters',
      { role: `arn:aws:iam::111122223333:role/${'r'.repeat(65)}` },
      'role: the name of a role has at most 64 characters',
    ],
    [
      'a region of China for a role elsewhere',
      { region: 'cn-north-1' },
      'region: is of the partition aws-cn, and the role is of aws',
    ],
    [
      'a role in China by way of elsewhere',
      { role: 'arn:aws-cn:iam::111122223333:role/r' },
      'region: is of the partition aws, and the role is of aws-cn',
    ],
    [
      'a role in GovCloud by the global endpoint',
      { role: 'arn:aws-us-gov:iam::111122223333:role/r', region: 'aws-global' },
      'region: is of the partition aws, and the role is of aws-us-gov',
    ],
    ['fourteen minutes', { lifetime: '14m' }, "lifetime: is under the cloud's floor: it gives 900 seconds at least"],
    [
      'a rule for all of ten minutes',
      { require: { lifetimeMax: '10m' } },
      "require.lifetimeMax: is under the cloud's floor: it gives 900 seconds at least",
    ],
    ['thirteen hours', { lifetime: '13h' }, 'lifetime: must be at most 43200 seconds'],
    [
      'a claim by a name of the broker’s own',
      { session: { tags: true, carry: ['Actor'] } },
      "session: the tag Actor is the broker's own where `tags` is written",
    ],
    ['a claim twice but for case', { session: { carry: ['run_id', 'RUN_ID'] } }, 'session: two tags are called RUN_ID'],
    ['a nested claim like another', { session: { carry: ['a/b', { a: 'b' }] } }, 'session: two tags are called a/b'],
    ['a tag of AWS’s own', { session: { carry: ['AWS:x'] } }, 'session: "AWS:x" is no key of a session tag'],
    ['a key that no tag has', { session: { carry: ['a b#'] } }, 'session: "a b#" is no key of a session tag'],
    [
      'a key of 129 characters',
      { session: { carry: ['k'.repeat(129)] } },
      `session: "${'k'.repeat(129)}" is no key of a session tag`,
    ],
    [
      '51 tags',
      { session: { tags: true, carry: Array.from({ length: 48 }, (_, index) => `c${index}`) } },
      'session: a session has at most 50 tags',
    ],
    [
      'transitive tags, and none',
      { session: { transitive: true } },
      'session: `transitive` is about tags, and there are none',
    ],
    [
      'a policy without a statement',
      { policy: { Version: '2012-10-17' } },
      'policy: must be a policy, with a `Statement`',
    ],
    [
      'a policy that is too long',
      { policy: { ...POLICY, Id: 'x'.repeat(2_000) } },
      'policy: has 2096 characters as JSON, and AWS takes at most 2048',
    ],
    [
      'a policy with a character beyond ISO 8859-1',
      { policy: { ...POLICY, Id: '日' } },
      'policy: has characters beyond ISO 8859-1, which AWS does not take',
    ],
    [
      'an ARN that is no policy’s',
      { policyArns: [ROLE] },
      'policyArns.0: must be the ARN of a managed policy, such as arn:aws:iam::aws:policy/ReadOnlyAccess',
    ],
    [
      'a policy with an assertion',
      { deliver: 'assertion', policy: POLICY },
      'policy: cannot be kept where `deliver: assertion` is written',
    ],
    [
      'a session name with an assertion',
      { deliver: 'assertion', session: { name: 'x' } },
      'session.name: cannot be kept where `deliver: assertion` is written',
    ],
  ])('CA-05 CA-06 A-163 take no %s', (_, options, problem) => {
    expect(problems(options)).toEqual([problem]);
  });
});
