// A broker in the test's process whose targets are roles in clouds that run on loopback.

import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';
import { type FakeAws, openFakeAws } from './fake-aws.ts';

export interface CloudBroker extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly aws: FakeAws;
  /** Moves the clock so far that nothing is given once more that a cloud gave: the next question reaches the cloud. */
  later(): void;
}

export const ROLE = 'arn:aws:iam::111122223333:role/payments-api';

const RULES = {
  'clouds.yaml': `
rules:
  - name: payments-aws
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [payments-aws]
    lifetime: 30m
  - name: github-aws
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [payments-aws]
`,
};

/** `targets`: YAML below `targets:`, in place of the one role. */
export async function startCloudBroker(
  options: Omit<TestBrokerOptions, 'config'> & {
    readonly targets?: (place: { readonly aws: string }) => string;
  } = {},
): Promise<CloudBroker> {
  let started: TestBroker | undefined;
  const running = () => {
    if (!started) throw new Error('the broker is not started yet');
    return started;
  };
  const aws = await openFakeAws({
    issuers: () => [{ issuer: running().issuer, ca: running().ca }],
    now: () => running().now(),
  });
  const places = { aws: `endpoint: https://localhost:${aws.port}, ca: ./aws-ca.crt` };
  const targets =
    options.targets ??
    (({ aws: place }) => `  payments-aws: { kind: aws, role: "${ROLE}", region: eu-west-1, ${place} }`);
  const broker = await startTestBroker({
    policies: RULES,
    ...options,
    files: { 'aws-ca.crt': aws.ca, ...options.files },
    world: { permitLoopback: true, ...options.world },
    config: (yaml) => yaml.replace('policies:', `${targets(places)}\npolicies:`),
  });
  started = broker;
  return {
    broker,
    aws,
    later() {
      broker.clock.offsetSeconds += 43_200;
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await aws[Symbol.asyncDispose]();
    },
  };
}
