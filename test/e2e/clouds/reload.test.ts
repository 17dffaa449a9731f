// A reload while a cloud is asked: what the new configuration would not ask for does not leave, whoever asked before it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker, TENANT, VAULT_CLIENT } from '../../support/cloud-broker.ts';

const READ = '{ Version: "2012-10-17", Statement: [{ Effect: Allow, Action: "s3:Get*", Resource: "*" }] }';
const RULES = {
  'clouds.yaml': `
rules:
  - name: pods
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [wide, tagged, lasting, vault, lake, same]
`,
};

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker({
    policies: RULES,
    targets: ({ aws, google, entra }) => `
  wide: { kind: aws, role: "${ROLE}-wide", region: eu-west-1, ${aws} }
  tagged: { kind: aws, role: "${ROLE}-tagged", region: eu-west-1, session: { tags: true }, ${aws} }
  lasting: { kind: aws, role: "${ROLE}-lasting", region: eu-west-1, ${aws} }
  same: { kind: aws, role: "${ROLE}-same", region: eu-west-1, ${aws} }
  lake: { kind: gcp, provider: "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/providers/first", serviceAccount: lake@example-data.iam.gserviceaccount.com, ${google} }
  vault: { kind: azure, tenant: ${TENANT}, clientId: ${VAULT_CLIENT}, resource: "https://vault.azure.net", ${entra} }
`,
  });
  clouds.aws.roles.set(`${ROLE}-tagged`, { tags: true });
});
afterAll(() => clouds[Symbol.asyncDispose]());

const CLOUDS = { wide: 'aws', tagged: 'aws', lasting: 'aws', same: 'aws', lake: 'google', vault: 'entra' } as const;

/** Time for a question to reach the cloud, or for a reload to be swapped in; a cloud has two seconds. */
const passes = () => new Promise((later) => setTimeout(later, 400));

/** Asks, and reloads with something else written in exchequer.yaml while the cloud thinks; how that ended. */
async function reloaded(target: keyof typeof CLOUDS, written: string, instead: string): Promise<unknown> {
  const { broker } = clouds;
  const cloud = clouds[CLOUDS[target]];
  const { promise, resolve } = Promise.withResolvers<void>();
  cloud.held = promise;
  const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
  const token = await mint(broker, 'cluster', { ...claims, exp: broker.now() + 1_200 }, { typ: undefined });
  const answer = broker.exchange(token, { audience: target });
  await passes();
  const file = join(broker.folder, 'exchequer.yaml');
  const before = readFileSync(file, 'utf8');
  expect(before).toContain(written);
  broker.write('exchequer.yaml', before.replace(written, instead));
  const reload = broker.broker.reload();
  await passes();
  cloud.held = undefined;
  resolve();
  const { status } = await answer;
  expect(await reload).toMatchObject({ ok: true });
  return status === 200 ? 'granted' : broker.records().findLast((record) => 'reason' in record)?.reason;
}

describe('a reload while a cloud is asked', () => {
  // Once only the role and the pins were compared with what would be asked for today.
  it.each([
    ['narrowed to a session policy', 'wide', '-wide"', `-wide", policy: ${READ}`],
    ['to have no session tags', 'tagged', 'session: { tags: true }', 'session: { sourceIdentity: true }'],
    ['for another resource', 'vault', 'https://vault.azure.net', 'https://storage.azure.com'],
    ['through another provider', 'lake', 'providers/first', 'providers/second'],
  ] as const)('A-161 lets nothing leave that is now %s', async (_title, target, written, instead) => {
    expect(await reloaded(target, written, instead)).toBe('no_rule');
  });

  // Once nobody asked again whether it may outlive what it was made from.
  it('A-162 lets nothing leave that outlives what it was made from, where that is no longer permitted', async () => {
    expect(await reloaded('lasting', '-lasting"', '-lasting", outlive: false')).toBe('no_rule');
  });

  it('lets everything leave that would be the same', async () => {
    expect(await reloaded('same', '-same"', '-same", lifetime: 2h')).toBe('granted');
  });
});
