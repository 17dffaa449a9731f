// A target with a parameter, over real TLS: each namespace gets the audience of its own name, however it asks, and no other's.

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from '../support/broker.ts';

const RULES = `
rules:
  - name: own-space
    subject: { trust: cluster, kubernetes: { namespace: <ns>, serviceaccount: api } }
    allow: [space]
`;
const pod = (broker: TestBroker) =>
  mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined });

describe('a target with a parameter', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startTestBroker({
      config: (yaml) =>
        yaml.replace('targets:', 'targets:\n  space: { kind: token, audience: "https://<ns>.spaces.example" }'),
      policies: { 'spaces.yaml': RULES },
    });
  });
  afterAll(() => broker.stop());

  it.each([
    ['its name', { audience: 'space' }],
    ['its address', { audience: 'https://payments.spaces.example' }],
    ['its address as resource', { audience: undefined, resource: 'https://payments.spaces.example' }],
    ['both', { audience: ['space', 'https://payments.spaces.example'] }],
  ])('is issued for the caller by %s', async (_, asked) => {
    const answer = await broker.exchange(await pod(broker), asked);
    expect(answer.status, answer.text).toBe(200);
    const token = decodeJwt(String(answer.body.access_token));
    expect(token.aud).toBe('https://payments.spaces.example');
    expect(broker.records().find(({ jti }) => jti === token.jti)).toMatchObject({
      target: 'space',
      parameters: { ns: 'payments' },
      rule: 'own-space',
    });
  });

  it.each([
    ["another's address", { audience: 'https://search.spaces.example' }],
    ['the address as written', { audience: 'https://<ns>.spaces.example' }],
    ['another spelling', { audience: 'https://payments.spaces.example/' }],
    ["its name and another's address", { audience: ['space', 'https://search.spaces.example'] }],
  ])('A-133 is refused for %s', async (_, asked) => {
    const answer = await broker.exchange(await pod(broker), asked);
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_target']);
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'target_unknown' });
  });
});
