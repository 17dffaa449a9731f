// `make demo`: a real broker, real TLS, credentials in the shapes that platforms issue; four exchanges and three refusals, an MCP gateway that
// acts for a person, three services behind each other, a rotation of a root under a living connection, and a private cluster, each with
// what was presented, what came back, and why. Ends with exit code 1 if anything came out otherwise.

import type { JSONWebKeySet } from 'jose';
import { type DemoBroker, startBroker } from './broker.ts';
import { type Answer, type Client, createClient } from './client.ts';
import { showClouds } from './clouds.ts';
import { showGateway } from './delegation.ts';
import { granted, refused, verified } from './expected.ts';
import { mintToken } from './material.ts';
import { showRotation } from './mutual-tls.ts';
import {
  type Claims,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
  jwtSvid,
  kubernetesProjected,
} from './platforms.ts';
import { showPrivateCluster } from './private-cluster.ts';
import { begin, explain, part, say, show } from './say.ts';
import { showThreeHops } from './three-hops.ts';

const CLUSTER = 'https://kubernetes.default.svc.cluster.local';
const RECONCILER = 'spiffe://prod.example/ns/payments/sa/reconciler';

interface Scene {
  readonly title: string;
  readonly why: string;
  readonly platform: 'github' | 'cluster' | 'mesh';
  readonly claims: Claims;
  /** The claims worth showing. */
  readonly shown: readonly string[];
  readonly audience: string;
  readonly scope?: string;
}

function exchanges(issuer: string, now: number): readonly Scene[] {
  return [
    {
      title: 'A pod reads the ledger',
      why: "Kubernetes mounted this token into the pod; the cluster's public keys are in a file, so nobody has to reach it.",
      platform: 'cluster',
      claims: kubernetesProjected(CLUSTER, issuer, now),
      shown: ['iss', 'sub', 'aud'],
      audience: 'ledger',
      scope: 'postings:read',
    },
    {
      title: 'A GitHub Actions job deploys, with the sub of an older repository',
      why: 'The rule pins repository_id and ref. `sub` is recorded and decides nothing.',
      platform: 'github',
      claims: githubPush(issuer, now),
      shown: ['sub', 'repository_id', 'ref', 'event_name'],
      audience: 'deploy',
    },
    {
      title: 'The same job after GitHub changed its sub to the immutable form',
      why: 'Other text, same ids: the same rule grants it, and nobody had to touch it.',
      platform: 'github',
      claims: { ...githubEnvironment(issuer, now), environment: 'production', ref: 'refs/heads/main' },
      shown: ['sub', 'repository_id', 'ref', 'environment'],
      audience: 'https://deploy.example',
    },
    {
      title: 'A workload with a JWT-SVID posts to the ledger',
      why: 'The keys are those of the trust domain in its SPIFFE ID. `audience` may name the target or its address.',
      platform: 'mesh',
      claims: jwtSvid(RECONCILER, issuer, now),
      shown: ['sub', 'aud'],
      audience: 'https://api.example/ledger',
      scope: 'postings:read postings:write',
    },
  ];
}

function refusals(issuer: string, now: number): readonly (Scene & { readonly error: string })[] {
  return [
    {
      title: 'A push to another branch',
      why: 'The caller is proved and one rule is about it, so it is told what did not match.',
      platform: 'github',
      claims: { ...githubPush(issuer, now), ref: 'refs/heads/dev', sub: 'repo:octo-org/octo-repo:ref:refs/heads/dev' },
      shown: ['sub', 'ref'],
      audience: 'deploy',
      error: 'invalid_request',
    },
    {
      title: "pull_request_target: an outsider's pull request in the repository's name",
      why: 'Same ids, same ref, same sub as a push to main. The event gives it away, before any rule is asked; the caller learns nothing.',
      platform: 'github',
      claims: githubPullRequestTarget(issuer, now),
      shown: ['sub', 'repository_id', 'ref', 'event_name', 'actor'],
      audience: 'deploy',
      error: 'invalid_request',
    },
    {
      title: 'A pod asks for more than its rule allows',
      why: 'Scopes are refused, never silently cut down.',
      platform: 'cluster',
      claims: kubernetesProjected(CLUSTER, issuer, now),
      shown: ['sub'],
      audience: 'ledger',
      scope: 'postings:read postings:write',
      error: 'invalid_scope',
    },
  ];
}

async function present(broker: DemoBroker, client: Client, scene: Scene): Promise<Answer> {
  const token = await mintToken(broker.material, scene.platform, scene.claims);
  begin(scene.title, scene.why);
  say('  presents a credential that says');
  for (const claim of scene.shown) show(claim, scene.claims[claim]);
  say(
    `  and asks for ${scene.audience}${scene.scope ? ` with scope "${scene.scope}"` : ''}:  POST ${broker.issuer}/token`,
  );
  return client.post('/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: token,
    audience: scene.audience,
    ...(scene.scope === undefined ? {} : { scope: scene.scope }),
  });
}

async function showExchange(broker: DemoBroker, client: Client, keys: JSONWebKeySet, scene: Scene): Promise<void> {
  const answer = await present(broker, client, scene);
  const claims = await verified(granted(answer), broker.issuer, keys);
  say(`  200: a token, verified with the keys at ${broker.issuer}/.well-known/jwks.json`);
  for (const claim of ['sub', 'aud', 'scope', 'client_id', 'origin'])
    if (claims[claim] !== undefined) show(claim, claims[claim]);
  show('expires_in', answer.body.expires_in);
}

async function showRefusal(
  broker: DemoBroker,
  client: Client,
  scene: Scene & { readonly error: string },
): Promise<void> {
  explain(broker, refused(await present(broker, client, scene), scene.error));
}

say(
  'Exchequer: a broker starts on localhost with throw-away keys, a GitHub, a cluster, a SPIFFE trust domain and a login to trust.',
);
const broker = await startBroker();
try {
  const client = createClient(broker);
  const keys = (await client.get('/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
  const now = Math.floor(Date.now() / 1000);
  part('Exchanges');
  for (const scene of exchanges(broker.issuer, now)) await showExchange(broker, client, keys, scene);
  part('Refusals');
  for (const scene of refusals(broker.issuer, now)) await showRefusal(broker, client, scene);
  part('An MCP gateway: a person, an agent, and an MCP server');
  await showGateway(broker, keys);
  part('Three hops behind each other');
  await showThreeHops(broker, keys);
  part('An X.509-SVID over mutual TLS, and a rotation of its root');
  await showRotation(broker, RECONCILER);
} finally {
  await broker.stop();
}
part('Credentials of a cloud');
await showClouds(CLUSTER);
part('A private cluster');
say(
  '\nAnother broker starts, composed in the demo: `exchequer serve` never fetches from loopback, where this cluster listens.',
);
await showPrivateCluster(CLUSTER);
say(
  `\nThe brokers have stopped. Their configuration is config/exchequer.yaml and config/policies; \`make run\` starts it to try by hand.`,
);
