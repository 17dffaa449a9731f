// What `setup` prints is what tokens say: a cloud that is configured with it and with nothing else takes them from the running broker, and
// refuses them as soon as one byte of it is another.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { optionOf, wordsOf } from '../../support/applied.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, startCloudBroker } from '../../support/cloud-broker.ts';
import type { RoleTrust } from '../../support/fake-aws-trust.ts';
import { runProgram } from '../../support/program.ts';

const TAGGED = 'arn:aws:iam::111122223333:role/teams/gha-api';

const POLICIES = {
  'rules.yaml': `
rules:
  - name: api
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    with: { team: api }
    allow: [teams]
    lifetime: 2h
`,
};

describe('what setup prints', () => {
  let clouds: CloudBroker;
  beforeAll(async () => {
    clouds = await startCloudBroker({
      policies: POLICIES,
      targets: ({ aws }) => `
  teams:
    kind: aws
    role: arn:aws:iam::111122223333:role/teams/gha-<team>
    region: eu-west-1
    lifetime: 2h
    session: { tags: true, sourceIdentity: true }
    ${aws.replace(', ', '\n    ')}
`,
    });
  });
  afterAll(() => clouds[Symbol.asyncDispose]());

  const printed = async (...words: readonly string[]) => {
    const said = await runProgram(['setup', ...words, '--config', join(clouds.broker.folder, 'exchequer.yaml')]);
    // A broker in a test has a port, which no cloud would take; everything else is as it should be.
    expect(said.err[0]).toBe(`AWS takes no issuer with a port: ${clouds.broker.issuer}`);
    return said.out;
  };
  const exchange = async () => {
    const { broker } = clouds;
    const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
    const token = await mint(broker, 'cluster', claims, { typ: undefined });
    const { status } = await broker.exchange(token, { audience: 'teams' });
    return { status, evidence: broker.records().at(-1)?.evidence };
  };

  describe('for AWS', () => {
    let trust: RoleTrust;
    beforeAll(async () => {
      const { aws, broker } = clouds;
      const [provider = [], role = []] = wordsOf(await printed('aws', 'teams', '--format', 'cli'), ['aws']);
      const [document = ''] = optionOf(role, '--assume-role-policy-document');
      const { Statement } = JSON.parse(document);
      const key = optionOf(provider, '--url').join().replace('https://', '');
      const { [`${key}:aud`]: audience, [`${key}:sub`]: subject } = Statement[0].Condition.StringEquals;
      expect(optionOf(provider, '--url')).toEqual([broker.issuer]);
      expect(optionOf(provider, '--client-id-list')).toEqual([audience]);
      expect(`${optionOf(role, '--path')}${optionOf(role, '--role-name')}`).toBe('/teams/gha-api');
      trust = {
        audience,
        subject,
        tags: Statement[0].Action.includes('sts:TagSession'),
        sourceIdentity: Statement[0].Action.includes('sts:SetSourceIdentity'),
        secondsMax: Number(optionOf(role, '--max-session-duration')),
      };
      aws.roles.set(TAGGED, trust);
    });

    it('CA-03 CA-06 CA-07 lets the broker assume the role', async () => {
      clouds.aws.roles.set(TAGGED, trust);
      expect((await exchange()).status).toBe(200);
      expect(clouds.aws.sessions.at(-1)).toMatchObject({
        subject: trust.subject,
        audience: trust.audience,
        seconds: 7200,
      });
    });

    it.each([
      ['another audience', 'AccessDenied', (one: RoleTrust) => ({ ...one, audience: otherByte(one.audience) })],
      ['another subject', 'AccessDenied', (one: RoleTrust) => ({ ...one, subject: otherByte(one.subject) })],
      ['no sts:TagSession', 'AccessDenied', (one: RoleTrust) => ({ ...one, tags: false })],
      ['no sts:SetSourceIdentity', 'AccessDenied', (one: RoleTrust) => ({ ...one, sourceIdentity: false })],
      ['a shorter session', 'ValidationError', (one: RoleTrust) => ({ ...one, secondsMax: 7199 })],
    ])('is refused with %s: %s', async (_, problem, change) => {
      clouds.aws.roles.set(TAGGED, change(trust));
      clouds.later();
      expect(await exchange()).toMatchObject({ status: 400, evidence: { cloud: 'aws', problem } });
    });
  });
});

/** The last byte is another. */
const otherByte = (text = ''): string => `${text.slice(0, -1)}${text.endsWith('x') ? 'y' : 'x'}`;
