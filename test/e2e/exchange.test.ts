// The main job over real TLS: every kind of credential in, a token out that a resource server accepts, and a record of each.

import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  gitlabPush,
  jwtSvid,
  kubernetesProjected,
} from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from '../support/broker.ts';

describe('a running broker', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startTestBroker();
  });
  afterAll(() => broker.stop());

  const tokens = {
    kubernetes: () =>
      mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined }),
    github: () => mint(broker, 'github', githubPush(broker.issuer, broker.now())),
    githubImmutable: () => mint(broker, 'github', { ...githubEnvironment(broker.issuer, broker.now()) }),
    gitlab: () => mint(broker, 'gitlab', gitlabPush(broker.issuer, broker.now())),
    spiffe: () =>
      mint(broker, 'mesh', jwtSvid('spiffe://prod.example/ns/payments/sa/api', broker.issuer, broker.now())),
    login: () =>
      mint(broker, 'login', {
        iss: 'https://login.example',
        sub: 'worker-1',
        aud: broker.issuer,
        iat: broker.now(),
        exp: broker.now() + 300,
      }),
  } as const;

  it.each([
    ['kubernetes', 'ledger', 'cluster:system:serviceaccount:payments:api', 'https://api.example/ledger', 'ES256'],
    ['github', 'deploy', 'github:repository_id:74:ref:refs/heads/main', 'https://deploy.example', 'RS256'],
    ['githubImmutable', 'deploy', 'github:repository_id:74:environment:production', 'https://deploy.example', 'RS256'],
    ['gitlab', 'deploy', 'gitlab:project_id:20:ref_path:refs/heads/main', 'https://deploy.example', 'RS256'],
    ['spiffe', 'ledger', 'spiffe://prod.example/ns/payments/sa/api', 'https://api.example/ledger', 'ES256'],
    ['login', 'ledger', 'login:worker-1', 'https://api.example/ledger', 'ES256'],
  ] as const)('exchanges a %s credential for a token for %s', async (kind, audience, subject, aud, algorithm) => {
    const answer = await broker.exchange(await tokens[kind](), { audience });
    expect(answer.status, answer.text).toBe(200);
    const keys = (await broker.call({ path: '/.well-known/jwks.json' })).body as unknown as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(String(answer.body.access_token), createLocalJWKSet(keys), {
      issuer: broker.issuer,
      audience: aud,
      typ: 'at+jwt',
    });
    expect(protectedHeader.alg).toBe(algorithm);
    expect(payload).toMatchObject({ sub: subject, client_id: subject });
    const record = broker.records().find(({ jti }) => jti === payload.jti);
    expect(record).toMatchObject({ outcome: 'granted', target: audience, subject: { name: subject } });
  });

  it('tells a proved caller which condition failed, and the operator the same', async () => {
    const claims = { ...githubPush(broker.issuer, broker.now()), ref: 'refs/heads/dev' };
    const answer = await broker.exchange(await mint(broker, 'github', claims), { audience: 'deploy' });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('invalid_request');
    expect(answer.body.error_description).toMatch(
      /^no rule lets github:repository_id:74:ref:refs\/heads\/dev have deploy; nearest github-deploy \(policies\/rules\.yaml:11\): ref was 'refs\/heads\/dev', must be 'refs\/heads\/main'\. Ask #platform\. [0-9A-Z]{26}$/,
    );
  });

  it('CI: refuses pull_request_target although ids, ref and sub are those of a push to main', async () => {
    const token = await mint(broker, 'github', githubPullRequestTarget(broker.issuer, broker.now()));
    const answer = await broker.exchange(token, { audience: 'deploy' });
    expect(answer.body.error).toBe('invalid_request');
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'claim_forbidden' });
  });

  it('lets a deny win over the rule that allows', async () => {
    const claims = { ...githubPush(broker.issuer, broker.now()), actor: 'mallory' };
    const answer = await broker.exchange(await mint(broker, 'github', claims), { audience: 'deploy' });
    expect(answer.body.error).toBe('invalid_target');
    expect(broker.records().at(-1)).toMatchObject({ reason: 'target_denied', evidence: { rule: 'never-mallory' } });
  });

  it('A-52 spends a GitHub token once, a hundred times at once, and a GitLab token once for each target', async () => {
    const github = await tokens.github();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => broker.exchange(github, { audience: 'deploy' })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const winner = broker
      .records()
      .filter((record) => record.outcome === 'granted')
      .at(-1);
    expect(
      broker
        .records()
        .filter(({ reason }) => reason === 'replayed')
        .every(({ evidence }) => (evidence as { spentBy: string }).spentBy === winner?.decision),
    ).toBe(true);

    const gitlab = await tokens.gitlab();
    expect((await broker.exchange(gitlab, { audience: 'deploy' })).status).toBe(200);
    expect((await broker.exchange(gitlab, { audience: 'deploy' })).status).toBe(400);
    expect((await broker.exchange(gitlab, { audience: 'ledger' })).status).toBe(200);
  });

  it('TX-11 a Kubernetes token may be exchanged again and again', async () => {
    const token = await tokens.kubernetes();
    for (let time = 0; time < 3; time += 1) expect((await broker.exchange(token)).status).toBe(200);
  });

  it('A-170 never logs or records a token, granted or refused', async () => {
    const good = await tokens.spiffe();
    const bad = `${good.slice(0, -8)}AAAAAAAA`;
    const answer = await broker.exchange(good);
    await broker.exchange(bad);
    const said = broker.logged() + JSON.stringify(broker.records());
    for (const secret of [good, bad, String(answer.body.access_token)])
      for (const part of secret.split('.')) expect(said.includes(part)).toBe(false);
    expect(said).toContain('spiffe://prod.example/ns/payments/sa/api'); // the control: proved names are there
  });
});
