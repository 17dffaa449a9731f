// Prints a credential as a platform would issue it to a workload, or a login to a person: `node src/adapters/cli/demo/mint.ts cluster`; with
// other claims where they are said, `mint.ts github ref=refs/heads/dev`. `mesh-x509` and `gateway-x509` print an X.509-SVID with its key, in
// one PEM text as `curl --cert` takes it. Without an argument it only makes what the development set-up needs. It stands in for the
// platforms; the broker knows nothing of it. AUDIENCE and MATERIAL are for a broker elsewhere than `make run`'s.

import { join } from 'node:path';
import { changedClaims } from './claims.ts';
import { makeMaterial, mintCertificate, mintToken, type PlatformName } from './material.ts';
import {
  type Claims,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  jwtSvid,
  kubernetesProjected,
  personToken,
} from './platforms.ts';

const RECONCILER = 'spiffe://prod.example/ns/payments/sa/reconciler';
const ASSISTANT = 'spiffe://prod.example/ns/agents/sa/assistant';
const AUDIENCE = process.env.AUDIENCE ?? 'https://localhost:8443';
const now = Math.floor(Date.now() / 1000);

const CERTIFICATES: Record<string, string> = {
  'mesh-x509': RECONCILER,
  'gateway-x509': 'spiffe://prod.example/ns/mcp/sa/gateway',
};

const TOKENS: Record<string, { readonly platform: PlatformName; readonly claims: Claims }> = {
  github: { platform: 'github', claims: githubPush(AUDIENCE, now) },
  'github-environment': { platform: 'github', claims: githubEnvironment(AUDIENCE, now) },
  'github-pull-request-target': { platform: 'github', claims: githubPullRequestTarget(AUDIENCE, now) },
  cluster: {
    platform: 'cluster',
    claims: kubernetesProjected('https://kubernetes.default.svc.cluster.local', AUDIENCE, now),
  },
  mesh: { platform: 'mesh', claims: jwtSvid(RECONCILER, AUDIENCE, now) },
  agent: { platform: 'mesh', claims: jwtSvid(ASSISTANT, AUDIENCE, now) },
  person: { platform: 'people', claims: personToken(now) },
};

const directory = process.env.MATERIAL ?? join(import.meta.dirname, '../../../../config/dev');
await makeMaterial(directory);
const [wanted = '', ...words] = process.argv.slice(2);
const certified = words.length === 0 ? CERTIFICATES[wanted] : undefined;
const token = TOKENS[wanted];
const claims = token && changedClaims(token.claims, words);
if (certified !== undefined) {
  const { cert, key } = await mintCertificate(directory, certified);
  process.stdout.write(cert + key);
} else if (token && claims) {
  process.stdout.write(await mintToken(directory, token.platform, claims));
} else if (wanted !== '') {
  const [certificates, tokens] = [CERTIFICATES, TOKENS].map((those) => Object.keys(those).join(' | '));
  process.stderr.write(`usage: mint.ts ${certificates} | (${tokens}) [claim=value ...]\n`);
  process.exitCode = 2;
}
