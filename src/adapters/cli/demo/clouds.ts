// The part of the demo about cloud credentials: a pod and a GitHub job get those of an AWS role by the SDK that they have, with nothing
// changed but where it finds STS. AWS is a stand-in on loopback, so the broker is one that may fetch from there.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import { type Aws, openAws } from './aws.ts';
import { type DemoBroker, startBroker } from './broker.ts';
import { createClient } from './client.ts';
import { equal } from './expected.ts';
import { mintToken, type PlatformName } from './material.ts';
import { type Claims, githubPush, kubernetesProjected } from './platforms.ts';
import { begin, say, show } from './say.ts';

const ROLE = 'arn:aws:iam::111122223333:role/shop';
const POLICY = `
rules:
  - name: payments-in-aws
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [shop-role]
    lifetime: 30m
  - name: shop-in-aws
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [shop-role]
`;

/** Shows both, and the job on a branch that no rule is about. `cluster`: the issuer of the pod's cluster. */
export async function showClouds(cluster: string): Promise<void> {
  const aws = await openAws((issuer) => ({
    arn: ROLE,
    audience: `${issuer}/targets/shop-role`,
    subject: 'target:shop-role',
  }));
  const broker = await startBroker({
    onLoopback: true,
    async prepare(config, folder) {
      writeFileSync(join(folder, 'dev/aws.crt'), aws.ca);
      writeFileSync(join(folder, 'policies/clouds.yaml'), POLICY);
      return config.replace('\npolicies:', `${targetAt(aws.url)}\npolicies:`);
    },
  });
  try {
    const keys = (await createClient(broker).get('/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
    aws.trust({ issuer: broker.issuer, keys });
    await showPod(broker, aws, kubernetesProjected(cluster, broker.issuer, now()));
    await showJob(broker, aws, githubPush(broker.issuer, now()));
    await showBranch(broker, aws, { ...githubPush(broker.issuer, now()), ref: 'refs/heads/dev' });
  } finally {
    await broker.stop();
    aws.close();
  }
}

const now = (): number => Math.floor(Date.now() / 1_000);

const targetAt = (endpoint: string): string => `
  shop-role:
    kind: aws
    role: ${ROLE}
    region: eu-west-1
    session: { sourceIdentity: true, tags: true }
    endpoint: ${endpoint}
    ca: ./dev/aws.crt
`;

async function showPod(broker: DemoBroker, aws: Aws, claims: Claims): Promise<void> {
  begin(
    'A pod gets credentials of an AWS role',
    'The program has the AWS SDK and no word of a broker. The pod has three variables; the SDK asks for an hour, as it always does.',
  );
  await showIdentity(broker, aws, { platform: 'cluster', claims, seconds: 1_800 });
}

async function showJob(broker: DemoBroker, aws: Aws, claims: Claims): Promise<void> {
  begin(
    'A GitHub Actions job gets credentials of the same role',
    'No secret is in the repository. The role trusts one subject of one issuer; who it is for stands in the session.',
  );
  await showIdentity(broker, aws, { platform: 'github', claims, seconds: 3_600 });
}

/** Where a name is as wide as its column. */
const LOGGED: Readonly<Record<string, string>> = { sourceIdentity: 'identity' };

interface Workload {
  readonly platform: PlatformName;
  readonly claims: Claims;
  /** As long as its rule says. */
  readonly seconds: number;
}

async function showIdentity(broker: DemoBroker, aws: Aws, { platform, claims, seconds }: Workload): Promise<void> {
  show('sub', claims.sub);
  const { Arn } = await inWorkload(broker, platform, claims);
  say('  who it is, by the credentials that it has');
  show('Arn', Arn);
  const session = aws.log.at(-1);
  equal(Arn, session?.principal);
  say("  what stands in the cloud's own log");
  for (const [name, value] of Object.entries(session ?? {})) show(LOGGED[name] ?? name, value);
  equal(session?.seconds, seconds);
}

async function showBranch(broker: DemoBroker, aws: Aws, claims: Claims): Promise<void> {
  begin(
    'The job on another branch',
    'No rule is about it: AWS is not asked, and the SDK shows the reason as its own error.',
  );
  const before = aws.log.length;
  const { error } = await inWorkload(broker, 'github', claims);
  show('error', error);
  if (!error?.startsWith('AccessDenied: ') || !error.includes('refs/heads/dev'))
    throw new Error(`expected a reason, got ${error}`);
  equal(aws.log.length, before);
}

interface Said {
  readonly Arn?: string;
  readonly error?: string;
}

/** Runs the program as the platform would: the token in a file, and the SDK's variables. */
async function inWorkload(broker: DemoBroker, platform: PlatformName, claims: Claims): Promise<Said> {
  const file = join(broker.material, `${platform}.token`);
  writeFileSync(file, `${await mintToken(broker.material, platform, claims)}\n`, { mode: 0o600 });
  const variables = {
    AWS_ROLE_ARN: ROLE,
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ENDPOINT_URL_STS: `${broker.issuer}/aws/sts`,
  };
  for (const [name, value] of Object.entries(variables)) say(`  ${name}=${value}`);
  const env = {
    ...process.env,
    ...variables,
    AWS_REGION: 'eu-west-1',
    NODE_EXTRA_CA_CERTS: join(broker.material, 'ca.crt'),
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'aws-workload.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const printed = Buffer.concat(await child.stdout.toArray()).toString();
  return JSON.parse(printed);
}
