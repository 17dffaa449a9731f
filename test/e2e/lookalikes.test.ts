// Tokens that look like another's at a running broker, by rules as an operator writes them: what somebody with fewer rights on a platform
// can make it sign is not taken for what the rule means.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { PLATFORM_CLAIMS } from '../support/platform-deck.ts';

const TRUST = `
  buildkite: { kind: buildkite, jwks: { file: ./github.json }, require: { organization_id: f892efa9-103e-4d28-97a1-3b8616a0994d } }
  circleci: { kind: circleci, issuer: https://oidc.circleci.com/org/7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01, jwks: { file: ./github.json } }
  codeberg: { kind: forgejo, issuer: https://codeberg.org/api/actions, jwks: { file: ./github.json }, require: { repository_owner_id: 123456 } }
`;
const RULES = `
rules:
  - name: branch
    subject: { trust: buildkite, buildkite: { pipeline_id: 0184990a-4782-42b5-afc1-16715b10b100, build_branch: main, build_source: webhook } }
    allow: [deploy]
  - name: tag
    subject: { trust: buildkite, buildkite: { pipeline_id: 0184990a-4782-42b5-afc1-16715b10b100, build_tag: v1, build_source: webhook } }
    allow: [deploy]
  - name: project
    subject:
      trust: circleci
      circleci:
        org-id: 7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01
        project-id: 2b3c4d5e-6f70-4811-9223-34455667788a
        vcs-origin: github.com/organization-123/repo-1
        vcs-ref: refs/heads/main
    allow: [deploy]
  - name: repository
    subject: { trust: codeberg, forgejo: { repository_id: 456789, ref: refs/heads/main } }
    allow: [deploy]
`;

const RERUN = 'oidc.circleci.com/ssh-rerun';

describe('a token that looks like another', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startTestBroker({
      config: (yaml) => yaml.replace('trust:\n', `trust:${TRUST}`),
      policies: { 'rules.yaml': RULES },
    });
  });
  afterAll(() => broker.stop());

  const ask = async (name: string, change: object = {}) => {
    const times = { iat: broker.now(), nbf: broker.now(), exp: broker.now() + 300, jti: crypto.randomUUID() };
    const claims = { ...PLATFORM_CLAIMS[name], aud: broker.issuer, ...times, ...change };
    const answer = await broker.exchange(await broker.keys.github.sign(claims), { audience: 'deploy' });
    const { rule, reason, evidence } = broker.records().at(-1) ?? {};
    return { status: answer.status, rule, reason, evidence };
  };

  it('is refused beside one that is what it looks like', async () => {
    expect(await ask('buildkite-default')).toMatchObject({ status: 200, rule: 'branch' });
    expect(await ask('buildkite-default', { build_tag: null })).toMatchObject({ status: 200, rule: 'branch' });
    expect(await ask('circleci-v2')).toMatchObject({ status: 200, rule: 'project' });
    expect(await ask('circleci-v2', { [RERUN]: undefined })).toMatchObject({ status: 200, rule: 'project' });
    expect(await ask('forgejo-push')).toMatchObject({ status: 200, rule: 'repository' });
  });

  it('is a Buildkite tag of the name of a branch, which Buildkite writes as its branch too', async () => {
    const named = (tag: string) => ask('buildkite-default', { build_branch: tag, build_tag: tag });
    expect(await named('main')).toMatchObject({ status: 400, reason: 'no_rule' });
    expect(broker.records().at(-1)?.subject).toMatchObject({ name: expect.stringMatching(/:build_tag:main$/) });
    expect(await named('v1')).toMatchObject({ status: 200, rule: 'tag' });
  });

  it.each(['true', 1, null, [true], {}])('is a CircleCI job whose shell is written as %j', async (rerun) => {
    expect(await ask('circleci-v2', { [RERUN]: rerun })).toMatchObject({
      status: 400,
      reason: 'claim_invalid',
      evidence: { claim: 'ssh-rerun' },
    });
  });

  it.each(['pull_request_comment', 'issue_comment'])(
    'is a Forgejo run that a comment starts: %s',
    async (event_name) => {
      expect(await ask('forgejo-push', { event_name })).toMatchObject({ status: 400, reason: 'claim_forbidden' });
    },
  );
});
