// What AWS STS answers about a presigned request (A-164, A-165, CVE-2020-16250, CVE-2020-16251): whom it may name, what it may say, and
// what becomes of one that is busy, broken or hostile (F-18).

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import {
  AWS_IDENTITIES_AT_ONCE_MAX,
  AWS_IDENTITIES_PER_SECOND_MAX,
  AWS_IDENTITY_BYTES_MAX,
  AWS_IDENTITY_MS,
} from '../../src/core/limits-outside.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE } from '../support/sources.ts';
import { caller, openStsScene, ROLE_ID, type StsScene, signed, WORKER } from '../support/sts-scene.ts';
import { answerOf, type Caller, type StsServer } from '../support/sts-server.ts';

let scene: StsScene;
beforeEach(async () => {
  scene = await openStsScene();
});
afterEach(() => scene[Symbol.asyncDispose]());

describe('who signed', () => {
  it.each<readonly [string, Caller, string]>([
    ['a user', caller('arn:aws:iam::111122223333:user/ann', 'AIDAEXAMPLEEXAMPLE12'), 'claim_invalid arn'],
    ['the root of an account', caller('arn:aws:iam::111122223333:root', '111122223333'), 'claim_invalid arn'],
    [
      'a federated user',
      caller('arn:aws:sts::111122223333:federated-user/ann', '111122223333:ann'),
      'claim_invalid arn',
    ],
    [
      'a role of people',
      caller(
        'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123/ann@example.com',
        `${ROLE_ID}:ann@example.com`,
      ),
      'claim_forbidden role',
    ],
    [
      'a role of another partition',
      caller('arn:aws-cn:sts::111122223333:assumed-role/order-worker/s1', `${ROLE_ID}:s1`),
      'claim_invalid partition',
    ],
    [
      'a role whose answer names another account',
      caller('arn:aws:sts::444455556666:assumed-role/order-worker/s1', `${ROLE_ID}:s1`),
      'review_unavailable the answer contradicts itself',
    ],
    [
      'a role whose answer names another session',
      caller('arn:aws:sts::111122223333:assumed-role/order-worker/s1', `${ROLE_ID}:s2`),
      'review_unavailable the answer contradicts itself',
    ],
    [
      "a role whose id is a user's",
      caller('arn:aws:sts::111122223333:assumed-role/order-worker/s1', 'AIDAEXAMPLEEXAMPLE12:s1'),
      'review_unavailable the answer contradicts itself',
    ],
  ])('A-165 is not %s', async (_title, who, reason) => {
    scene.sts.callers.set(who.accessKeyId, who);
    expect(await scene.verdict(signed({ caller: who }))).toBe(reason);
    scene.sts.callers.set(WORKER.accessKeyId, WORKER);
    expect(await scene.verdict(signed())).toBe('proved');
  });

  it('is of an account that require names', async () => {
    const settings = (account: string) => ({
      require: { account },
      unmetRequirement: (claims: JsonObject) => (claims.account === account ? undefined : 'account'),
    });
    expect(await scene.verdict(signed(), await scene.verifierOf(settings('444455556666')))).toBe(
      'requirement_unmet account',
    );
    expect(await scene.verdict(signed(), await scene.verifierOf(settings('111122223333')))).toBe('proved');
  });

  it('is told from another role of that name by its id', async () => {
    const again = caller(WORKER.identity.Arn, 'AROAEXAMPLEEXAMPLE99:i-0abc');
    const name = async () => {
      const result = await scene.present(signed());
      return result.ok && result.value.name;
    };
    const before = await name();
    scene.sts.callers.set(again.accessKeyId, again);
    expect(await name()).toBe('aws:account:111122223333:role_id:AROAEXAMPLEEXAMPLE99');
    expect(before).toBe(`aws:account:111122223333:role_id:${ROLE_ID}`);
  });

  it('may be assumed by explain, with the same checks and no proof', async () => {
    const verifier = await scene.verifierOf();
    const result = await scene.present(signed(), verifier);
    const claims = result.ok ? result.value.claims : {};
    expect(verifier.assume(claims)).toMatchObject({
      ok: true,
      value: { name: `aws:account:111122223333:role_id:${ROLE_ID}` },
    });
    expect(verifier.assume({ ...claims, role_id: 'AIDAEXAMPLEEXAMPLE12' })).toMatchObject({
      refusal: { reason: 'claim_invalid', claim: 'role_id' },
    });
    expect(createVerifiers([verifier], AUDIENCE).responsible(claims)).toMatchObject({ ok: true });
  });
});

describe('an STS', () => {
  const UNAVAILABLE: readonly (readonly [string, StsServer['failing'], string])[] = [
    ['is down', 503, 'status (503)'],
    ['fails', 500, 'status (500)'],
    ['has too much to do', 429, 'status (429)'],
    [
      'throttles, with status 400',
      { status: 400, text: '{"Error":{"Code":"Throttling","Message":"Rate exceeded"}}' },
      'status (400)',
    ],
    ['throttles, with status 403', { status: 403, text: '{"Error":{"Code":"ThrottlingException"}}' }, 'status (403)'],
    ['says 400 and nothing else', 400, 'status (400)'],
    ['says 404', { status: 404, text: '{"Error":{"Code":"UnknownOperation"}}' }, 'status (404)'],
    [
      'answers in XML',
      { status: 200, text: '<GetCallerIdentityResponse/>' },
      'the answer is no acceptable JSON object',
    ],
    ['answers nothing', 200, 'the answer is no acceptable JSON object'],
    [
      'answers something else',
      { status: 200, text: '{"GetCallerIdentityResponse":{}}' },
      'the answer is no GetCallerIdentity response',
    ],
    [
      'answers with a number',
      { status: 200, text: answerOf({ ...WORKER.identity, Account: 111122223333 }) },
      'the answer is no GetCallerIdentity response',
    ],
    [
      'CVE-2020-16250 answers twice',
      { status: 200, text: answerOf(WORKER.identity).replace('"Account":', '"Account":"444455556666","Account":') },
      'the answer is no acceptable JSON object',
    ],
    [
      'answers at length',
      { status: 200, text: ' '.repeat(AWS_IDENTITY_BYTES_MAX + 1) },
      `too_large (more than ${AWS_IDENTITY_BYTES_MAX} bytes)`,
    ],
  ];

  it.each(UNAVAILABLE)(
    'A-164 that %s is one that could not be asked: to be tried again, and nothing is said of the caller',
    async (_title, failing, problem) => {
      scene.sts.failing = failing;
      const result = await scene.present(signed());
      expect(!result.ok && result.refusal).toEqual({
        reason: 'review_unavailable',
        source: 'aws',
        problem,
        retryAfterSeconds: 1,
      });
      scene.sts.failing = undefined;
      expect(await scene.verdict(signed())).toBe('proved');
    },
  );

  it('A-165 that sends us elsewhere is not followed, not even to itself', async () => {
    for (const location of ['https://evil.example/', `https://localhost:${scene.sts.port}/?again`]) {
      scene.sts.failing = { status: 302, text: '', location };
      expect(await scene.verdict(signed())).toBe('review_unavailable redirect (of a request with credentials)');
    }
    expect(scene.sts.seen).toHaveLength(2);
  });

  it.each(['SignatureDoesNotMatch', 'InvalidClientTokenId', 'ExpiredTokenException'])(
    'that says %s does not know the caller',
    async (code) => {
      scene.sts.failing = { status: 403, text: JSON.stringify({ Error: { Code: code } }) };
      expect(await scene.verdict(signed())).toBe('review_refused not_authenticated');
      scene.sts.failing = { status: 400, text: JSON.stringify({ Error: { Code: code } }) };
      expect(await scene.verdict(signed())).toBe('review_refused not_authenticated');
    },
  );

  it('F-18 that does not answer costs its deadline, and so many callers at once', { timeout: 15_000 }, async () => {
    scene.sts.failing = 'silent';
    const verifier = await scene.verifierOf();
    const waiting = Array.from({ length: AWS_IDENTITIES_AT_ONCE_MAX }, () => scene.verdict(signed(), verifier));
    expect(await scene.verdict(signed(), verifier)).toBe('review_unavailable more requests than may be asked about');
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set([`review_unavailable timeout (no answer within ${AWS_IDENTITY_MS} ms)`]),
    );
    scene.sts.failing = undefined;
    scene.elapsed.ms += 1_000;
    expect(await scene.verdict(signed(), verifier)).toBe('proved');
  });

  it('F-18 is asked so often in a second and no oftener', async () => {
    const verifier = await scene.verifierOf();
    for (let count = 0; count < AWS_IDENTITIES_PER_SECOND_MAX; count += 1) await scene.verdict(signed(), verifier);
    expect(await scene.verdict(signed(), verifier)).toBe('review_unavailable more requests than may be asked about');
    scene.elapsed.ms += 20;
    expect(await scene.verdict(signed(), verifier)).toBe('proved');
    expect(scene.sts.seen).toHaveLength(AWS_IDENTITIES_PER_SECOND_MAX + 1);
  });

  it.each([
    ['aws-global', 'sts.amazonaws.com', 'us-east-1', 'aws'],
    ['us-east-1', 'sts.us-east-1.amazonaws.com', 'us-east-1', 'aws'],
    ['cn-north-1', 'sts.cn-north-1.amazonaws.com.cn', 'cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com', 'us-gov-west-1', 'aws-us-gov'],
  ])('of %s is %s, of its own partition', async (name, host, region, partition) => {
    const there = await scene.open(host, region);
    const who = caller(`arn:${partition}:sts::111122223333:assumed-role/r/s1`, `${ROLE_ID}:s1`);
    there.callers.set(who.accessKeyId, who);
    const verifier = await scene.verifierOf({}, ['eu-west-1', name], there);
    expect(await scene.verdict(signed({ caller: who, host, region }), verifier)).toBe('proved');
    await there[Symbol.asyncDispose]();
  });
});
