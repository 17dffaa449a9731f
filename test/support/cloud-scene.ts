// A broker with roles in two accounts of a fake AWS, pods and jobs that ask for them, and what it told of it.

import { randomUUID } from 'node:crypto';
import { Agent } from 'node:https';
import { githubPush, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import type { TestBrokerOptions } from './broker.ts';
import { type Answer, CLUSTER_ISSUER, formOf, JWT_TYPE, mint, type TestBroker, TOKEN_EXCHANGE } from './broker.ts';
import { type CloudBroker, startCloudBroker } from './cloud-broker.ts';

export const ACCOUNT = '111122223333';
export const OTHER_ACCOUNT = '444455556666';

const POLICIES = {
  'clouds.yaml': `
rules:
  - name: pods
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: "*" } }
    allow: [api, batch]
    lifetime: 1h
  - name: jobs
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [api]
    lifetime: 1h
`,
};

export interface CloudScene extends CloudBroker {
  /** The token of one pod of a service account, new each time. */
  pod(serviceAccount?: string): Promise<string>;
  job(): Promise<string>;
  /** Opens so many connections, which `ask` uses: of pods that start at once, each has its own. */
  connect(count: number): Promise<void>;
  /** Asks for the role `api` in one account, or `batch` in the other. */
  ask(token: string, target?: 'api' | 'batch'): Promise<Answer>;
  metric(line: string): Promise<number>;
  /** The last record. */
  record(): Record<string, unknown>;
}

export async function openCloudScene(options: TestBrokerOptions = {}): Promise<CloudScene> {
  const clouds = await startCloudBroker({
    policies: POLICIES,
    targets: ({ aws }) =>
      [
        ['api', ACCOUNT],
        ['batch', OTHER_ACCOUNT],
      ]
        .map(
          ([name, account]) =>
            `  ${name}: { kind: aws, role: "arn:aws:iam::${account}:role/${name}", region: eu-west-1, ${aws} }`,
        )
        .join('\n'),
    ...options,
  });
  return { ...clouds, ...sceneOf(clouds.broker) };
}

/** What asks a broker, and what it tells. */
export function sceneOf(broker: TestBroker): Omit<CloudScene, keyof CloudBroker> {
  // As many connections as there are callers: pods do not wait for each other.
  const agent = new Agent({ keepAlive: true, ca: broker.ca, maxFreeSockets: 1_024 });
  return {
    pod(serviceAccount = 'api') {
      const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
      const pod = randomUUID();
      const kubernetes = {
        namespace: 'payments',
        node: { name: 'node-1.example', uid: 'uid-of-node-1' },
        pod: { name: `${serviceAccount}-${pod.slice(0, 8)}`, uid: pod },
        serviceaccount: { name: serviceAccount, uid: `uid-of-${serviceAccount}` },
      };
      const sub = `system:serviceaccount:payments:${serviceAccount}`;
      return mint(broker, 'cluster', { ...claims, sub, 'kubernetes.io': kubernetes }, { typ: undefined });
    },
    job: () => mint(broker, 'github', githubPush(broker.issuer, broker.now())),
    async connect(count) {
      await Promise.all(Array.from({ length: count }, () => broker.call({ path: '/.well-known/jwks.json', agent })));
    },
    ask: (token, target = 'api') =>
      broker.call(
        { method: 'POST', path: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded' }, agent },
        formOf({
          grant_type: TOKEN_EXCHANGE,
          subject_token_type: JWT_TYPE,
          subject_token: token,
          audience: target,
        }),
      ),
    async metric(line) {
      const text = await (await fetch(`http://127.0.0.1:${broker.observePort}/metrics`)).text();
      const found = text.split('\n').find((one) => one.startsWith(`${line} `));
      return found === undefined ? 0 : Number(found.slice(line.length + 1));
    },
    record: () => broker.records().at(-1) ?? {},
  };
}
