// Prints a credential as a platform would issue it to a workload: `node src/adapters/cli/demo/mint.ts cluster`; `mesh-x509` prints an
// X.509-SVID with its key, in one PEM text as `curl --cert` takes it. Without an argument it only makes what the development
// set-up needs. It stands in for the platforms; the broker knows nothing of it.

import { join } from 'node:path';
import { makeMaterial, mintCertificate, mintToken } from './material.ts';
import {
  type Claims,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  jwtSvid,
  kubernetesProjected,
} from './platforms.ts';

const RECONCILER = 'spiffe://prod.example/ns/payments/sa/reconciler';
const CERTIFICATE = 'mesh-x509';
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
  mesh: { platform: 'mesh', claims: jwtSvid(RECONCILER, AUDIENCE, now) },
};

const directory = join(import.meta.dirname, '../../../../config/dev');
await makeMaterial(directory);
const wanted = process.argv[2];
if (wanted === CERTIFICATE) {
  const { cert, key } = await mintCertificate(directory, RECONCILER);
  process.stdout.write(cert + key);
} else if (wanted !== undefined) {
  const credential = CREDENTIALS[wanted];
  if (credential) process.stdout.write(await mintToken(directory, credential.platform, credential.claims));
  else {
    process.stderr.write(`usage: mint.ts ${[...Object.keys(CREDENTIALS), CERTIFICATE].join(' | ')}\n`);
    process.exitCode = 2;
  }
}
