// Credentials in the exact shapes that platforms issue, signed with keys made on the spot: what the demo presents, and the tests.
// The claim sets are the platforms' documented samples with example values.

import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export type Claims = Record<string, unknown>;

/** A platform's signing key, and the public half as the platform publishes it. */
export interface PlatformKey {
  readonly alg: string;
  readonly kid: string;
  readonly jwk: JWK;
  /** A signed JWT of these claims; `header` adds to or replaces header members, undefined removes one. */
  sign(claims: Claims, header?: Record<string, unknown>): Promise<string>;
}

/** Makes a key for an algorithm, published with this `use`. */
export async function createPlatformKey(alg: string, use: 'sig' | 'jwt-svid' = 'sig'): Promise<PlatformKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    alg,
    kid,
    jwk: { ...jwk, kid, use, ...(use === 'sig' ? { alg } : {}) },
    sign(claims, header = {}) {
      const merged = Object.entries({ alg, kid, typ: 'JWT', ...header }).filter(([, value]) => value !== undefined);
      return new SignJWT(claims).setProtectedHeader({ alg, ...Object.fromEntries(merged) }).sign(privateKey);
    },
  };
}

/** GitHub Actions: a push to main. `sub` has the form of repositories created before 2026-07-15. */
export const githubPush = (audience: string, now: number): Claims => ({
  jti: randomUUID(),
  sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  aud: audience,
  ref: 'refs/heads/main',
  sha: '76719c2658b5c4423810d655a4624af1b38b7091',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  repository_owner_id: '65',
  run_id: '16412345678',
  run_number: '10',
  run_attempt: '1',
  repository_visibility: 'private',
  repository_id: '74',
  actor_id: '12',
  actor: 'octocat',
  workflow: 'Release',
  head_ref: '',
  base_ref: '',
  event_name: 'push',
  ref_protected: 'true',
  ref_type: 'branch',
  workflow_ref: 'octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main',
  workflow_sha: '76719c2658b5c4423810d655a4624af1b38b7091',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main',
  job_workflow_sha: '76719c2658b5c4423810d655a4624af1b38b7091',
  runner_environment: 'github-hosted',
  check_run_id: '45912345678',
  iss: 'https://token.actions.githubusercontent.com',
  nbf: now - 600,
  exp: now + 300,
  iat: now,
});

/** GitHub Actions: a job in the environment `production`; `sub` has the immutable form of newer repositories. */
export const githubEnvironment = (audience: string, now: number): Claims => ({
  ...githubPush(audience, now),
  sub: 'repo:octo-org@65/octo-repo@74:environment:production',
  environment: 'production',
  environment_node_id: 'EN_kwDOABCDEF4Abcde',
  event_name: 'workflow_dispatch',
  enterprise: 'octo-ent',
  enterprise_id: '1234',
  repository_visibility: 'internal',
});

/** GitHub Actions: `pull_request_target`, which an outsider can start and which looks like a push to main otherwise. */
export const githubPullRequestTarget = (audience: string, now: number): Claims => ({
  ...githubPush(audience, now),
  event_name: 'pull_request_target',
  actor: 'mallory',
  actor_id: '99999',
  head_ref: 'main',
  base_ref: 'main',
});

/** GitLab CI/CD: a push to a protected branch. */
export const gitlabPush = (audience: string, now: number): Claims => ({
  namespace_id: '72',
  namespace_path: 'my-group',
  project_id: '20',
  project_path: 'my-group/my-project',
  user_id: '39035',
  user_login: 'octocat',
  user_email: 'octocat@example.com',
  user_access_level: 'maintainer',
  job_project_id: '20',
  job_project_path: 'my-group/my-project',
  job_namespace_id: '72',
  job_namespace_path: 'my-group',
  pipeline_id: '2069090987',
  pipeline_source: 'push',
  job_id: '11530106120',
  ref: 'main',
  ref_type: 'branch',
  ref_path: 'refs/heads/main',
  ref_protected: 'true',
  environment: 'production',
  environment_protected: 'true',
  deployment_tier: 'production',
  environment_action: 'start',
  groups_direct: ['my-group'],
  runner_id: 12270840,
  runner_environment: 'gitlab-hosted',
  sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
  project_visibility: 'public',
  ci_config_ref_uri: 'gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main',
  ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
  jti: randomUUID(),
  iss: 'https://gitlab.com',
  iat: now,
  nbf: now - 5,
  exp: now + 3600,
  sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
  aud: audience,
});

/** Kubernetes: a projected service account token of a running pod. */
export const kubernetesProjected = (issuer: string, audience: string, now: number): Claims => ({
  aud: [audience],
  exp: now + 3607,
  iat: now,
  iss: issuer,
  jti: randomUUID(),
  'kubernetes.io': {
    namespace: 'payments',
    node: { name: 'node-1.example', uid: '9d1a2b3c-0000-4000-8000-0123456789ab' },
    pod: { name: 'api-5d9c7b6f4-abcde', uid: '49ad3572-b3dd-43a6-8d77-5858d3660275' },
    serviceaccount: { name: 'api', uid: 'f5720c1d-e152-4356-a897-11b07aff165d' },
  },
  nbf: now,
  sub: 'system:serviceaccount:payments:api',
});

/** SPIFFE: a JWT-SVID as SPIRE issues it. */
export const jwtSvid = (id: string, audience: string, now: number): Claims => ({
  aud: [audience],
  exp: now + 300,
  iat: now,
  sub: id,
});

/** A person who logged in with a password an hour ago, at a plain OpenID Connect issuer: an access token (RFC 9068) for the gateway. */
export const personToken = (now: number): Claims => ({
  iss: 'https://login.example',
  sub: 'alice',
  aud: 'https://mcp.example',
  client_id: 'chat',
  jti: randomUUID(),
  groups: ['finance', 'staff'],
  auth_time: now - 3600,
  acr: 'password',
  iat: now,
  exp: now + 900,
});
