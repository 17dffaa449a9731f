// Prints a credential as a platform would issue it to a workload: `node src/adapters/cli/demo/mint.ts cluster`. Without an argument it
// only makes what the development set-up needs. It stands in for the platforms; the broker knows nothing of it.

import { join } from 'node:path';
import { makeMaterial, mintToken } from './material.ts';
import {
  type Claims,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  jwtSvid,
  kubernetesProjected,
} from './platforms.ts';

const AUDIENCE = process.env.AUDIENCE ?? 'https://localhost:8443';
const now = Math.floor(Date.now() / 1000);

const CREDENTIALS: Record<string, { readonly platform: 'github' | 'cluster' | 'mesh'; readonly claims: Claims }> = {
  github: { platform: 'github', claims: githubPush(AUDIENCE, now) },
  'github-environment': { platform: 'github', claims: githubEnvironment(AUDIENCE, now) },
  'github-pull-request-target': { platform: 'github', claims: githubPullRequestTarget(AUDIENCE, now) },
  cluster: {
    platform: 'cluster',
    claims: kubernetesProjected('https://kubernetes.default.svc.cluster.local', AUDIENCE, now),
  },
  mesh: { platform: 'mesh', claims: jwtSvid('spiffe://prod.example/ns/payments/sa/reconciler', AUDIENCE, now) },
};

const directory = join(import.meta.dirname, '../../../../config/dev');
await makeMaterial(directory);
const wanted = process.argv[2];
if (wanted !== undefined) {
  const credential = CREDENTIALS[wanted];
  if (credential) process.stdout.write(await mintToken(directory, credential.platform, credential.claims));
  else {
    process.stderr.write(`usage: mint.ts ${Object.keys(CREDENTIALS).join(' | ')}\n`);
    process.exitCode = 2;
  }
}
