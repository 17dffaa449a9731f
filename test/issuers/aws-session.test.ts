// Who stands in CloudTrail and how, what a session is narrowed to, and what is refused before AWS is asked.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { IssueOrder } from '../../src/core/ports.ts';
import { awsOptions } from '../../src/issuers/aws-options.ts';
import { tagsOf } from '../../src/issuers/aws-tags.ts';
import { type AwsWorld, hourFrom, openAwsWorld, ROLE } from '../support/aws-world.ts';

const POLICY = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };
const AGENT = { iss: 'spiffe://prod.example', sub: 'spiffe://prod.example/ns/agents/sa/assistant', others: {} };

let world: AwsWorld;
beforeAll(async () => {
  world = await openAwsWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => world.aws.roles.clear());

const permit = () => world.aws.roles.set(ROLE, { tags: true, sourceIdentity: true });

/** The order with a subject of this name and these claims. */
function about(name: string, claims: JsonObject = {}, change: Parameters<typeof hourFrom>[0] = {}): IssueOrder {
  const order = hourFrom(change);
  return { ...order, grant: { ...order.grant, subject: { ...order.grant.subject, name, claims } } };
}

describe('who stands in CloudTrail', () => {
  it('CA-06 CA-07 is the subject and who acts: as session name, as tags and as source identity', async () => {
    permit();
    const session = { tags: true, sourceIdentity: true, transitive: true };
    const order = about('staff:alice', {}, { actors: [AGENT] });
    expect(await world.ended(order, { session })).toBe('granted');
    expect(world.session()).toMatchObject({
      name: 'staff+alice=7Cspiffe+,,prod.example,ns,agents,sa,assistant',
      sourceIdentity: 'staff+alice',
      tags: { subject: 'staff:alice', actor: 'spiffe://prod.example/ns/agents/sa/assistant', decision: order.id },
      transitive: ['subject', 'actor', 'decision'],
    });
  });

  it('is the subject alone where nobody acts, and nothing that a role must permit unless the target says so', async () => {
    expect(await world.ended(about('staff:alice'))).toBe('granted');
    expect(world.session()).toMatchObject({
      name: 'staff+alice',
      sourceIdentity: undefined,
      tags: {},
      transitive: [],
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['CA-06 tags', { tags: true }],
    ['CA-06 carried claims', { carry: ['run_id'] }],
    ['CA-07 a source identity', { sourceIdentity: true }],
  ])('cannot have %s where the role does not permit them', async (_, session) => {
    expect(await world.ended(about('staff:alice', { run_id: '7' }), { session })).toBe('cloud_refused AccessDenied');
    permit();
    expect(await world.ended(about('staff:alice', { run_id: '7' }), { session })).toBe('granted');
  });

  it('A-159 is named by the operator with parameters, in the alphabet of AWS', async () => {
    const options = { role: 'arn:aws:iam::111122223333:role/gha-<repo>', session: { name: 'deploy/<repo>' } };
    expect(await world.ended(about('github:x', {}, { parameters: { repo: 'shop' } }), options)).toBe('granted');
    expect(world.session()).toMatchObject({ name: 'deploy,shop', subject: 'target:payments:shop' });
    expect(world.session().arn).toBe('arn:aws:sts::111122223333:assumed-role/gha-shop/deploy,shop');
  });

  it('A-159 has a name of two characters at least', async () => {
    const options = { role: 'arn:aws:iam::111122223333:role/gha-<repo>', session: { name: '<repo>' } };
    expect(await world.ended(about('github:x', {}, { parameters: { repo: 'x' } }), options)).toBe('granted');
    expect(world.session().name).toBe('=78');
  });
});

describe('claims as session tags', () => {
  const claims = {
    run_id: 7,
    protected: true,
    actor: 'mona lisa/ä#',
    groups: ['a:b', 'c', 3],
    empty: [],
    colon: ':a:',
    'kubernetes.io': { namespace: 'payments', pod: { name: 'api-1', uid: 'u' } },
    list: Array.from({ length: 90 }, () => 'abc'),
    mixed: ['a', { b: 1 }],
    nothing: null,
  };
  const carried = (...carry: unknown[]) => {
    const { session } = awsOptions.parse({ role: ROLE, region: 'eu-west-1', session: { carry } });
    const tags = tagsOf(about('x', claims), { session });
    const found = tags?.['https://aws.amazon.com/tags'];
    return tags && found && JSON.parse(JSON.stringify(found)).principal_tags;
  };

  it('CA-06 are texts of one value each; what is not there is no tag', () => {
    expect(carried('run_id', 'protected', 'actor', 'absent')).toEqual({
      run_id: ['7'],
      protected: ['true'],
      actor: ['mona lisa/ä=23'],
    });
    expect(carried('absent')).toBeUndefined();
  });

  it('are lists between colons, which no scalar looks like', () => {
    expect(carried('groups', 'empty', 'colon')).toEqual({ groups: [':a=3Ab:c:3:'], empty: [':'], colon: ['=3Aa:'] });
  });

  it('are nested as claims are', () => {
    expect(carried({ 'kubernetes.io': ['namespace', { pod: ['name', 'uid'] }] })).toEqual({
      'kubernetes.io/namespace': ['payments'],
      'kubernetes.io/pod/name': ['api-1'],
      'kubernetes.io/pod/uid': ['u'],
    });
  });

  it.each(['list', 'mixed', 'nothing', 'kubernetes.io'])(
    'are refused where they are nothing that a tag can say: %s',
    async (claim) => {
      permit();
      expect(await world.ended(about('x', claims), { session: { carry: [claim] } })).toBe('cloud_refused tag_unfit');
      expect(await world.ended(about('x', claims), { session: { carry: ['run_id'] } })).toBe('granted');
    },
  );

  it('A-159 CA-06 fit, and no two values are one', () => {
    const scalar = fc.string({
      unit: fc.constantFrom(':', '=', '3', 'A', 'ä', '😀', ' ', '\n', 'x'.repeat(60)),
      maxLength: 8,
    });
    const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 4 }));
    const { session } = awsOptions.parse({ role: ROLE, region: 'eu-west-1', session: { carry: ['c'] } });
    const tag = (c: string | string[]) => JSON.stringify(tagsOf(about('x', { c }), { session }));
    fc.assert(
      fc.property(value, value, (one, two) => {
        const [made, other] = [tag(one), tag(two)];
        if (made === undefined || other === undefined) return;
        expect(made === other).toBe(JSON.stringify(one) === JSON.stringify(two));
        const [, text = ''] = /"c":\["(.*?)"\]/.exec(made) ?? [];
        expect(text).toMatch(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what a session is narrowed to', () => {
  const bucket = (resource: string) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::${resource}` }],
  });

  it('A-163 is what the target says, with parameters inside the texts', async () => {
    const options = {
      role: 'arn:aws:iam::111122223333:role/<team>',
      policy: bucket('<team>/*'),
      policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
    };
    expect(await world.ended(hourFrom({ parameters: { team: 'pay' } }), options)).toBe('granted');
    expect(JSON.parse(world.session().policy ?? '')).toEqual(bucket('pay/*'));
    expect(world.session().policyArns).toEqual(['arn:aws:iam::aws:policy/ReadOnlyAccess']);
  });

  it('A-163 is what the caller says, where the target says nothing', async () => {
    const session = { policy: JSON.stringify(POLICY), policyArns: ['arn:aws:iam::111122223333:policy/p'] };
    expect(await world.ended(hourFrom({ session }))).toBe('granted');
    expect(world.session()).toMatchObject({ ...session });
  });

  it.each<[string, Parameters<typeof hourFrom>[0], Record<string, unknown>, string]>([
    [
      'a policy of the caller’s that is too long',
      { session: { policy: JSON.stringify({ ...POLICY, Id: 'x'.repeat(2_000) }), policyArns: [] } },
      {},
      'policy_too_long',
    ],
    [
      'eleven managed policies',
      {
        session: {
          policy: undefined,
          policyArns: Array.from({ length: 11 }, (_, i) => `arn:aws:iam::aws:policy/p${i}`),
        },
      },
      {},
      'policy_arns_too_many',
    ],
    [
      'a policy that a parameter makes too long',
      { parameters: { team: 'x'.repeat(60) } },
      { policy: { ...bucket('<team>'), Id: '<team>'.repeat(40) } },
      'policy_too_long',
    ],
    [
      'a wildcard out of a parameter',
      { parameters: { team: 'a', b: '*' } },
      { policy: bucket('<b>') },
      'policy_parameter_unfit',
    ],
    [
      'a variable out of a parameter',
      { parameters: { team: 'a', b: '$' } },
      { policy: bucket('<team>-<b>') },
      'policy_parameter_unfit',
    ],
    [
      'a question mark in a policy’s ARN',
      { parameters: { team: 'a', b: '?' } },
      { policyArns: ['arn:aws:iam::111122223333:policy/<b>'] },
      'policy_parameter_unfit',
    ],
    [
      'a character that AWS does not take out of a parameter',
      { parameters: { team: 'a', b: '日' } },
      { policy: bucket('<b>') },
      'policy_parameter_unfit',
    ],
    [
      'an empty parameter in a policy',
      { parameters: { team: 'a', b: '' } },
      { policy: bucket('<b>*') },
      'policy_parameter_unfit',
    ],
  ])('A-163 A-160 is never left out, nor widened: %s', async (_, change, options, problem) => {
    const before = world.aws.asked.length;
    const role = 'arn:aws:iam::111122223333:role/<team>';
    expect(await world.ended(hourFrom({ parameters: { team: 'a' }, ...change }), { role, ...options })).toBe(
      `cloud_refused ${problem}`,
    );
    expect(world.aws.asked.length).toBe(before);
  });

  it('A-163 fails with the whole call where AWS takes no such policy', async () => {
    const session = { policy: '{"Statement":[{"Effect":"Maybe"}]}', policyArns: [] };
    const before = world.aws.sessions.length;
    expect(await world.ended(hourFrom({ session }))).toBe('cloud_refused MalformedPolicyDocument');
    expect(world.aws.sessions.length).toBe(before);
  });
});

describe('a role with parameters', () => {
  const options = { role: 'arn:aws:iam::<account>:role/team/gha-<repo>' };
  const made = (parameters: Record<string, string>) => world.ended(hourFrom({ parameters }), options);

  it('A-160 is the one ARN that they make', async () => {
    expect(await made({ account: '111122223333', repo: 'shop' })).toBe('granted');
    expect(world.aws.asked.at(-1)?.get('RoleArn')).toBe('arn:aws:iam::111122223333:role/team/gha-shop');
    expect(world.session().subject).toBe('target:payments:111122223333:shop');
  });

  it.each<[string, Record<string, string>, string]>([
    ['a wildcard', { account: '111122223333', repo: '*' }, 'role_unfit'],
    ['another path', { account: '111122223333', repo: 'x/admin' }, 'role_unfit'],
    ['another kind of thing', { account: '111122223333:user/x', repo: 'a' }, 'role_unfit'],
    ['an account of eleven digits', { account: '11112222333', repo: 'a' }, 'role_unfit'],
    ['a name that is too long', { account: '111122223333', repo: 'x'.repeat(61) }, 'role_unfit'],
    ['nothing', { account: '111122223333', repo: '' }, 'role_unfit'],
  ])('A-160 is refused with %s', async (_, parameters, problem) => {
    const before = world.aws.asked.length;
    expect(await made(parameters)).toBe(`cloud_refused ${problem}`);
    expect(world.aws.asked.length).toBe(before);
  });

  it('CA-04 is refused where the subject of the assertion would be longer than AWS takes, and not thrown', async () => {
    const role = 'arn:aws:iam::111122223333:role/r';
    const long = { parameters: { a: ':'.repeat(100) } };
    expect(await world.ended(hourFrom(long), { role, session: { name: 'n-<a>' } })).toBe(
      'cloud_refused subject_too_long',
    );
    expect(
      await world.ended(hourFrom({ parameters: { a: 'x'.repeat(239) } }), { role, session: { name: 'n-<a>' } }),
    ).toBe('granted');
    expect(world.session().subject).toHaveLength(255);
    const issuer = world.issuerOf({ role, session: { name: 'n-<a>' } });
    expect(issuer.terms(hourFrom(long))).toMatchObject({ ok: false, refusal: { problem: 'subject_too_long' } });
    expect(issuer.terms(hourFrom())).toMatchObject({ ok: true });
  });

  it('CA-03 is refused where the audience would be longer than AWS takes', async () => {
    const role = 'arn:aws:iam::111122223333:role/r';
    const audience = `https://sts.example/<a>/${'x'.repeat(200)}`;
    expect(await world.ended(hourFrom({ parameters: { a: 'y'.repeat(60) } }), { role, audience })).toBe(
      'cloud_refused audience_unfit',
    );
  });
});
