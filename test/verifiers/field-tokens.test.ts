// Tokens as platforms issue them in the field, where they differ from the samples of their documentation: older versions, longer
// jobs, claims that are empty or absent. Each is taken; beside it stands what is still refused.

import { describe, expect, it } from 'vitest';
import {
  type Claims,
  createPlatformKey,
  githubEnvironment,
  githubPush,
  kubernetesProjected,
} from '../../src/adapters/cli/demo/platforms.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { kubernetes } from '../../src/verifiers/kubernetes.ts';
import { oidc } from '../../src/verifiers/oidc.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE, NOW, partsOf, SOURCES, type SourceUnderTest, settingsOf, verdict } from '../support/sources.ts';

const HOUR = 3_600;
const sourceOf = async (kind: string, more = {}) => (await SOURCES[kind]?.(more)) as SourceUnderTest;

async function nameOf(source: SourceUnderTest, claims: Claims): Promise<string> {
  const text = await source.key.sign(claims);
  const result = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
  return result.ok ? result.value.name : result.refusal.reason;
}

const without = (claims: Claims, ...names: readonly string[]): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)));

describe('GitHub Actions in the field', () => {
  // `ref` was required, so a deployment of a commit, whose `ref` is empty, was refused although its environment names it.
  it('a deployment of a commit has an empty ref, and is named by its environment', async () => {
    const source = await sourceOf('github');
    for (const claims of [
      { ...githubEnvironment(AUDIENCE, NOW), ref: '', event_name: 'deployment' },
      without(githubEnvironment(AUDIENCE, NOW), 'ref'),
    ])
      expect(await nameOf(source, claims)).toBe('github:repository_id:74:environment:production');
    expect(await nameOf(source, { ...githubPush(AUDIENCE, NOW), ref: '' })).toBe('claim_missing');
    expect(await nameOf(source, { ...githubPush(AUDIENCE, NOW), ref: 5 })).toBe('claim_missing');
  });

  it.each(['repo:octo-org/octo-repo:environment:production', 'repository_owner_id:65', 'repo_property_tier:prod'])(
    'a customised sub of %s changes no name',
    async (sub) => {
      const claims = { ...githubPush(AUDIENCE, NOW), sub };
      expect(await nameOf(await sourceOf('github'), claims)).toBe('github:repository_id:74:ref:refs/heads/main');
    },
  );
});

describe('GitLab CI/CD in the field', () => {
  // The bound was an hour, which is only the default: a token lives as long as its job's `timeout`.
  it('a token lives as long as its job may: three hours on hosted runners, a day on others, never a month', async () => {
    const source = await sourceOf('gitlab');
    for (const hours of [1, 3, 24]) {
      const claims = { ...source.claims(), exp: NOW + hours * HOUR };
      expect(await nameOf(source, claims), `${hours} hours`).toBe('gitlab:project_id:20:ref_path:refs/heads/main');
    }
    expect(await nameOf(source, { ...source.claims(), exp: NOW + 720 * HOUR })).toBe('lifetime_too_long');
    const narrow = await sourceOf('gitlab', { maxAgeSeconds: 600 });
    const old = { ...narrow.claims(), iat: NOW - 700, nbf: NOW - 705, exp: NOW + HOUR };
    expect(await nameOf(narrow, old)).toBe('too_old');
  });

  it('an instance before 18.4 lacks the claims of the job’s project, and an outsider’s job most others', async () => {
    const source = await sourceOf('gitlab');
    const late = ['job_project_id', 'job_project_path', 'job_namespace_id', 'job_namespace_path', 'groups_direct'];
    const rare = [
      'environment',
      'environment_protected',
      'deployment_tier',
      'environment_action',
      'runner_environment',
    ];
    const claims = { ...without(source.claims(), ...late, ...rare), ci_config_ref_uri: null, ci_config_sha: null };
    expect(await nameOf(source, claims)).toBe('gitlab:project_id:20:ref_path:refs/heads/main');
  });

  it('an instance before 16.0 lacks ref_path and is refused: without it a branch and a tag are one name', async () => {
    const source = await sourceOf('gitlab');
    expect(await nameOf(source, without(source.claims(), 'ref_path'))).toBe('claim_missing');
  });
});

describe('Kubernetes in the field', () => {
  it.each([
    ['EKS', 'https://oidc.eks.eu-west-1.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB', 86_400],
    [
      'AKS, with the slash that is part of its issuer',
      'https://westeurope.oic.prod-aks.azure.com/00000000-0000-4000-8000-000000000001/00000000-0000-4000-8000-000000000002/',
      HOUR,
    ],
    ['GKE', 'https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/prod', HOUR],
    ['k3s and kubeadm', 'https://kubernetes.default.svc.cluster.local', HOUR],
    ['OpenShift', 'https://kubernetes.default.svc', HOUR],
  ])('a token of %s is taken for as long as its webhook asks', async (_title, issuer, seconds) => {
    const key = await createPlatformKey('RS256');
    const options = { issuer, otherIssuers: [], privateNetwork: false };
    const verifier = kubernetes.create(settingsOf('cloud'), options, await partsOf(key));
    const verifiers = createVerifiers([verifier], AUDIENCE);
    const present = async (claims: Claims) => {
      const text = await key.sign(claims, { typ: undefined });
      const result = await verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, 'subject', NOW);
      return result.ok ? result.value.name : result.refusal.reason;
    };
    const claims: Claims = { ...kubernetesProjected(issuer, AUDIENCE, NOW), exp: NOW + seconds };
    expect(await present(claims)).toBe('cloud:system:serviceaccount:payments:api');
    // Before 1.29 there is neither `jti` nor a node.
    const { node: _node, ...bound } = claims['kubernetes.io'] as Claims;
    expect(await present({ ...without(claims, 'jti'), 'kubernetes.io': bound })).toMatch(/^cloud:/);
    const twin = issuer.endsWith('/') ? issuer.slice(0, -1) : `${issuer}/`;
    expect(await present({ ...claims, iss: twin })).toBe('issuer_unknown');
  });

  // Both pairs have the `sub` system:serviceaccount:a:b:c. No API server writes either, but nothing else kept their names apart.
  it('A-65 no colon in a namespace or a service account can move the border between the two', async () => {
    const source = await sourceOf('kubernetes');
    for (const [namespace, name] of [
      ['a:b', 'c'],
      ['a', 'b:c'],
    ]) {
      const own = { namespace, serviceaccount: { name, uid: 'u' }, pod: { name: 'p', uid: 'v' } };
      const claims = { ...source.claims(), sub: `system:serviceaccount:${namespace}:${name}`, 'kubernetes.io': own };
      expect(await nameOf(source, claims)).toBe('claim_invalid');
    }
  });
});

describe('OpenID providers in the field', () => {
  const access = async (more: { readonly accessTokenTyp?: 'optional' } = {}): Promise<SourceUnderTest> => {
    const source = await sourceOf('oidc');
    const options = {
      issuer: 'https://login.example/',
      subjects: 'workloads' as const,
      tokens: ['access_token' as const],
      pins: [],
      presenter: 'self' as const,
      privateNetwork: false,
      ...more,
    };
    const verifier = oidc.create(settingsOf('login'), options, await partsOf(source.key));
    return { ...source, verifier, verifiers: createVerifiers([verifier], AUDIENCE), tokenType: ACCESS_TOKEN_TYPE };
  };

  // Gateways send every inbound token as access_token, and most providers write no `at+jwt`: all of theirs were refused.
  it('A-22 an access token without a typ of its own is taken where the source says so, and an ID token is not', async () => {
    const [strict, lenient] = [await access(), await access({ accessTokenTyp: 'optional' })];
    for (const typ of ['JWT', undefined]) {
      const token = await lenient.key.sign(lenient.claims(), { typ });
      expect(await verdict(lenient, token)).toBe('proved');
      expect(await verdict(strict, await strict.key.sign(strict.claims(), { typ }))).toBe('typ_refused');
    }
    for (const hash of ['at_hash', 'c_hash', 's_hash']) {
      const idToken = await lenient.key.sign({ ...lenient.claims(), [hash]: 'x' }, { typ: 'JWT' });
      expect(await verdict(lenient, idToken)).toBe('claim_unsupported');
    }
    const logout = await lenient.key.sign(lenient.claims(), { typ: 'logout+jwt' });
    expect(await verdict(lenient, logout)).toBe('typ_refused');
  });

  // Only the first two were known, so a provider that follows the example of RFC 9068 §3 to the letter was refused.
  it.each(['at+jwt', 'application/at+jwt', 'at+JWT', 'application/at+JWT'])(
    'A-22 %s is an access token',
    async (typ) => {
      const [tokens, others] = [await access(), await sourceOf('oidc')];
      expect(await verdict(tokens, await tokens.key.sign(tokens.claims(), { typ }))).toBe('proved');
      expect(await verdict(others, await others.key.sign(others.claims(), { typ }))).toBe('typ_refused');
    },
  );

  it.each(['AT+JWT', 'at+Jwt', 'JWT', undefined])('A-22 %s is none', async (typ) => {
    const source = await access();
    expect(await verdict(source, await source.key.sign(source.claims(), { typ }))).toBe('typ_refused');
  });

  // The bound was exactly a day.
  it('a managed identity has a token for a day, issued five minutes ago', async () => {
    const source = await sourceOf('oidc');
    const claims = (seconds: number) => ({ ...source.claims(), iat: NOW - 300, nbf: NOW - 300, exp: NOW + seconds });
    expect(await nameOf(source, claims(24 * HOUR))).toBe('login:worker-1');
    expect(await nameOf(source, claims(25 * HOUR))).toBe('lifetime_too_long');
  });
});
