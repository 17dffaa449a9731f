// The cache before every cloud: what one gave is given again by the same words, and an assertion that leaves itself never is.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CloudBroker, startCloudBroker } from '../../support/cloud-broker.ts';
import { sceneOf } from '../../support/cloud-scene.ts';

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker();
});
afterAll(() => clouds[Symbol.asyncDispose]());

it.each([
  ['payments-aws', true],
  ['lake', true],
  ['vault', true],
  ['vault-assertion', false],
])('A-161 gives the second of two pods of %s what the first got: %s', async (target, kept) => {
  const { broker } = clouds;
  const { pod } = sceneOf(broker);
  const answers = [];
  for (let round = 0; round < 2; round += 1) {
    const answer = await broker.exchange(await pod(), { audience: target });
    expect(answer.status, answer.text).toBe(200);
    answers.push({ answer, record: broker.records().at(-1) ?? {} });
  }
  const [first, second] = answers;
  expect(second?.record.madeFor).toBe(kept ? first?.record.decision : undefined);
  expect(second?.answer.body.access_token === first?.answer.body.access_token).toBe(kept);
  if (kept) expect(second?.record).toMatchObject({ session: first?.record.session, exp: first?.record.exp });
});
