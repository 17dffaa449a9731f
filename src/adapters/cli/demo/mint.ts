// Prints a credential as a platform would issue it to a workload: `node src/adapters/cli/demo/mint.ts cluster`; with other claims where
// they are said, `mint.ts github ref=refs/heads/dev`. `mesh-x509` prints an X.509-SVID with its key, in one PEM text as `curl --cert`
// takes it. Without an argument it only makes what the development set-up needs. It stands in for the platforms; the broker knows
// nothing of it.

import { join } from 'node:path';
import { changedClaims } from './claims.ts';
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
const [wanted, ...words] = process.argv.slice(2);
if (wanted === CERTIFICATE && words.length === 0) {
  const { cert, key } = await mintCertificate(directory, RECONCILER);
  process.stdout.write(cert + key);
} else if (wanted !== undefined) {
  const credential = CREDENTIALS[wanted];
  const claims = credential && changedClaims(credential.claims, words);
  if (claims) process.stdout.write(await mintToken(directory, credential.platform, claims));
  else {
    const names = Object.keys(CREDENTIALS).join(' | ');
    process.stderr.write(`usage: mint.ts ${CERTIFICATE} | (${names}) [claim=value ...]\n`);
    process.exitCode = 2;
  }
}
