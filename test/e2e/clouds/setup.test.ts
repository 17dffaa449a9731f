// What `setup` prints is what tokens say: a cloud that is configured with it and with nothing else takes them from the running broker, and
// refuses them as soon as one byte of it is another.

import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { optionOf, wordsOf } from '../../support/applied.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, LAKE_ACCOUNT, startCloudBroker, TENANT, VAULT_CLIENT } from '../../support/cloud-broker.ts';
import type { RoleTrust } from '../../support/fake-aws-trust.ts';
import type { FederatedCredential } from '../../support/fake-entra.ts';
import type { Claims, ProviderTrust, ServiceAccount } from '../../support/fake-google-trust.ts';
import { PROVIDER } from '../../support/google-requests.ts';
import { runProgram } from '../../support/program.ts';

const ROLE = 'arn:aws:iam::111122223333:role/teams/gha-api';

const POLICIES = {
  'rules.yaml': `
rules:
  - name: api
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    with: { team: api }
    allow: { teams: all, lake: all, vault: all }
    lifetime: 2h
`,
};

describe('what setup prints', () => {
  let clouds: CloudBroker;
  beforeAll(async () => {
    clouds = await startCloudBroker({
      policies: POLICIES,
      targets: ({ aws, google, entra }) => `
  teams:
    kind: aws
    role: arn:aws:iam::111122223333:role/teams/gha-<team>
    region: eu-west-1
    lifetime: 2h
    session: { tags: true, sourceIdentity: true }
    ${aws.replace(', ', '\n    ')}
  lake: { kind: gcp, provider: "${PROVIDER}", serviceAccount: ${LAKE_ACCOUNT}, ${google} }
  vault: { kind: azure, tenant: ${TENANT}, clientId: ${VAULT_CLIENT}, resource: "https://vault.azure.net", ${entra} }
`,
    });
  });
  afterAll(() => clouds[Symbol.asyncDispose]());
  // Nothing is given once more that a cloud gave before.
  beforeEach(() => clouds.later());

  /** The words of the commands that are printed. */
  const printed = async (tool: string, ...words: readonly string[]) => {
    const config = ['--config', join(clouds.broker.folder, 'exchequer.yaml')];
    const { out } = await runProgram(['setup', ...words, '--format', 'cli', ...config]);
    return wordsOf(out, [tool]);
  };
  const exchange = async (audience: string) => {
    const { broker } = clouds;
    const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
    const token = await mint(broker, 'cluster', claims, { typ: undefined });
    const { status } = await broker.exchange(token, { audience });
    return { status, problem: evidenceOf(broker.records().at(-1)).problem };
  };

  describe('for AWS', () => {
    let trust: RoleTrust;
    beforeAll(async () => {
      const [provider = [], role = []] = await printed('aws', 'aws', 'teams');
      const [document = ''] = optionOf(role, '--assume-role-policy-document');
      const { Statement } = JSON.parse(document);
      const key = optionOf(provider, '--url').join().replace('https://', '');
      const { [`${key}:aud`]: audience, [`${key}:sub`]: subject } = Statement[0].Condition.StringEquals;
      expect(optionOf(provider, '--url')).toEqual([clouds.broker.issuer]);
      expect(optionOf(provider, '--client-id-list')).toEqual([audience]);
      expect(ROLE.endsWith(`${optionOf(role, '--path')}${optionOf(role, '--role-name')}`)).toBe(true);
      trust = {
        audience,
        subject,
        tags: Statement[0].Action.includes('sts:TagSession'),
        sourceIdentity: Statement[0].Action.includes('sts:SetSourceIdentity'),
        secondsMax: Number(optionOf(role, '--max-session-duration')),
      };
    });

    it('CA-03 CA-06 CA-07 lets the broker assume the role', async () => {
      clouds.aws.roles.set(ROLE, trust);
      expect(await exchange('teams')).toEqual({ status: 200, problem: undefined });
      const { subject, audience } = trust;
      expect(clouds.aws.sessions.at(-1)).toMatchObject({ subject, audience, seconds: 7200 });
    });

    it.each([
      ['another audience', 'AccessDenied', (one: RoleTrust) => ({ ...one, audience: otherByte(one.audience) })],
      ['another subject', 'AccessDenied', (one: RoleTrust) => ({ ...one, subject: otherByte(one.subject) })],
      ['no sts:TagSession', 'AccessDenied', (one: RoleTrust) => ({ ...one, tags: false })],
      ['no sts:SetSourceIdentity', 'AccessDenied', (one: RoleTrust) => ({ ...one, sourceIdentity: false })],
      ['a shorter session', 'ValidationError', (one: RoleTrust) => ({ ...one, secondsMax: 7199 })],
    ])('is refused with %s: %s', async (_, problem, change) => {
      clouds.aws.roles.set(ROLE, change(trust));
      expect(await exchange('teams')).toEqual({ status: 400, problem });
    });
  });

  describe('for Google Cloud', () => {
    let trust: Required<ProviderTrust>;
    let account: Required<Pick<ServiceAccount, 'members'>>;
    let member = '';
    beforeAll(async () => {
      const [, provider = [], binding = []] = await printed('gcloud', 'gcp', 'lake');
      const mapping = new Map(
        optionOf(provider, '--attribute-mapping')
          .join()
          .split(',')
          .map((pair): readonly [string, string] => [
            pair.slice(0, pair.indexOf('=')),
            pair.slice(pair.indexOf('=') + 1),
          ]),
      );
      const mapped = (attribute: string) => (assertion: Claims) =>
        String(assertion[(mapping.get(attribute) ?? '').replace('assertion.', '')]);
      trust = {
        issuer: optionOf(provider, '--issuer-uri').join(),
        audiences: optionOf(provider, '--allowed-audiences').join().split(','),
        condition: conditionOf(optionOf(provider, '--attribute-condition').join()),
        subject: mapped('google.subject'),
      };
      [member = ''] = optionOf(binding, '--member');
      account = accountFor(member, mapped('attribute.target'));
      expect(binding.at(-1)).toBe(LAKE_ACCOUNT);
      expect(optionOf(binding, '--role')).toEqual(['roles/iam.workloadIdentityUser']);
    });

    it('CG-02 CG-04 lets the broker take on the service account', async () => {
      clouds.google.providers.set(PROVIDER, trust);
      clouds.google.accounts.set(LAKE_ACCOUNT, account);
      expect(await exchange('lake')).toEqual({ status: 200, problem: undefined });
      expect(clouds.google.tokens.at(-1)?.principal).toBe(LAKE_ACCOUNT);
    });

    it.each<[string, string, () => void]>([
      [
        'another audience',
        'invalid_grant',
        () => clouds.google.providers.set(PROVIDER, { ...trust, audiences: trust.audiences.map(otherByte) }),
      ],
      [
        'another issuer',
        'invalid_grant',
        () => clouds.google.providers.set(PROVIDER, { ...trust, issuer: otherByte(trust.issuer) }),
      ],
      [
        'another condition',
        'unauthorized_client',
        () =>
          clouds.google.providers.set(PROVIDER, {
            ...trust,
            condition: conditionOf("assertion.target in ['target:lakx']"),
          }),
      ],
      [
        'another member',
        'PERMISSION_DENIED',
        () =>
          clouds.google.accounts.set(
            LAKE_ACCOUNT,
            accountFor(otherByte(member), ({ target }) => String(target)),
          ),
      ],
    ])('is refused with %s: %s', async (_, problem, change) => {
      clouds.google.providers.set(PROVIDER, trust);
      clouds.google.accounts.set(LAKE_ACCOUNT, account);
      change();
      expect(await exchange('lake')).toEqual({ status: 400, problem });
    });
  });

  describe('for Azure', () => {
    let credential: FederatedCredential;
    const trusting = (one: FederatedCredential) =>
      clouds.entra.applications.set(VAULT_CLIENT, { tenant: TENANT, credentials: [one] });
    beforeAll(async () => {
      const [command = []] = await printed('az', 'azure', 'vault');
      const { issuer, subject, audiences } = JSON.parse(optionOf(command, '--parameters').join());
      expect(optionOf(command, '--id')).toEqual([VAULT_CLIENT]);
      credential = { issuer, subject, audience: audiences[0] };
    });

    it('CZ-02 lets the broker have a token of the application', async () => {
      trusting(credential);
      expect(await exchange('vault')).toEqual({ status: 200, problem: undefined });
      expect(clouds.entra.tokens.at(-1)).toMatchObject({ clientId: VAULT_CLIENT, subject: credential.subject });
    });

    it.each([
      ['issuer', 400, 'AADSTS700211'],
      // What a credential says after it was changed, too: asked again for a while (CZ-04).
      ['subject', 503, 'AADSTS700213'],
      ['audience', 400, 'AADSTS700212'],
    ] as const)('CZ-02 is refused with another %s: %i %s', async (what, status, problem) => {
      trusting({ ...credential, [what]: otherByte(credential[what]) });
      expect(await exchange('vault')).toEqual({ status, problem });
    });
  });
});

/** The last byte is another. */
const otherByte = (text = ''): string => `${text.slice(0, -1)}${text.endsWith('x') ? 'y' : 'x'}`;

const evidenceOf = (record: Record<string, unknown> | undefined): Readonly<Record<string, unknown>> => ({
  ...(typeof record?.evidence === 'object' ? record.evidence : {}),
});

/** The only condition that is printed, as Google evaluates it: `assertion.target in [...]`. */
function conditionOf(text: string): (assertion: Claims) => boolean {
  const [, list = ''] = /^assertion\.target in \[(.*)\]$/.exec(text) ?? [];
  const values = [...list.matchAll(/'((?:[^'\\]|\\.)*)'/g)].map(([, value = '']) => value.replaceAll(/\\(.)/g, '$1'));
  expect(values.length).toBeGreaterThan(0);
  return ({ target }) => values.includes(String(target));
}

/** Who comes through the pool with this value of `attribute.target`. */
function accountFor(member: string, attribute: (assertion: Claims) => string) {
  const [, pool = '', value = ''] =
    /^principalSet:\/\/iam\.googleapis\.com\/(.*)\/attribute\.target\/(.*)$/.exec(member) ?? [];
  return {
    members: (principal: string, assertion: Claims) =>
      principal.startsWith(`principal://iam.googleapis.com/${pool}/subject/`) && attribute(assertion) === value,
  };
}
