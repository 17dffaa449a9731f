// A broker in the test's process whose targets are roles in clouds that run on loopback.

import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';
import { type FakeAws, openFakeAws } from './fake-aws.ts';
import { type FakeEntra, openFakeEntra } from './fake-entra.ts';
import { type FakeGoogle, openFakeGoogle } from './fake-google.ts';
import { PROVIDER } from './google-requests.ts';

export interface CloudBroker extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly aws: FakeAws;
  readonly google: FakeGoogle;
  readonly entra: FakeEntra;
  /** PEM: the authorities of the broker and of every cloud, for clients that are told of one file. */
  readonly authorities: string;
  /** Moves the clock so far that nothing is given once more that a cloud gave: the next question reaches the cloud. */
  later(): void;
}

export const ROLE = 'arn:aws:iam::111122223333:role/payments-api';
export const LAKE_ACCOUNT = 'lake@example-data.iam.gserviceaccount.com';
export const TENANT = '11111111-2222-4333-8444-555555555555';
export const VAULT_CLIENT = '66666666-7777-4888-8999-aaaaaaaaaaaa';

/** Where the clouds are, as options of targets. */
export interface Places {
  readonly aws: string;
  readonly google: string;
  readonly entra: string;
}

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

/** Beside those, where the targets are the ones below. */
const MORE_RULES = {
  'google-and-azure.yaml': `
rules:
  - name: payments-google-and-azure
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all, vault: all, vault-assertion: all }
  - name: github-google-and-azure
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { lake: all, vault: all }
`,
};

const targetsAt = ({ aws, google, entra }: Places): string => `
  payments-aws: { kind: aws, role: "${ROLE}", region: eu-west-1, ${aws} }
  lake: { kind: gcp, provider: "${PROVIDER}", serviceAccount: ${LAKE_ACCOUNT}, ${google} }
  vault: { kind: azure, tenant: ${TENANT}, clientId: ${VAULT_CLIENT}, resource: "https://vault.azure.net", ${entra} }
  vault-assertion: { kind: azure, tenant: ${TENANT}, clientId: 77777777-7777-4888-8999-aaaaaaaaaaaa, deliver: assertion }
`;

/** `targets`: YAML below `targets:`, in place of one for each cloud. */
export async function startCloudBroker(
  options: TestBrokerOptions & {
    readonly targets?: (places: Places) => string;
  } = {},
): Promise<CloudBroker> {
  let started: TestBroker | undefined;
  const running = () => {
    if (!started) throw new Error('the broker is not started yet');
    return started;
  };
  const world = { issuers: () => [{ issuer: running().issuer, ca: running().ca }], now: () => running().now() };
  const [aws, google, entra] = [await openFakeAws(world), await openFakeGoogle(world), await openFakeEntra(world)];
  const at = ({ port }: { readonly port: number }) => `https://localhost:${port}`;
  const { targets = targetsAt } = options;
  const written = targets({
    aws: `endpoint: ${at(aws)}, ca: ./aws-ca.crt`,
    google: `endpoints: { sts: ${at(google)}, iamcredentials: ${at(google)} }, ca: ./google-ca.crt`,
    entra: `endpoint: ${at(entra)}, ca: ./entra-ca.crt`,
  });
  const broker = await startTestBroker({
    policies: options.targets ? RULES : { ...RULES, ...MORE_RULES },
    ...options,
    files: { 'aws-ca.crt': aws.ca, 'google-ca.crt': google.ca, 'entra-ca.crt': entra.ca, ...options.files },
    world: { permitLoopback: true, ...options.world },
    config: (yaml) => {
      const placed = yaml.replace('policies:', `${written}\npolicies:`);
      return options.config ? options.config(placed) : placed;
    },
  });
  started = broker;
  return {
    broker,
    aws,
    google,
    entra,
    authorities: [broker, google, entra].map(({ ca }) => ca).join('\n'),
    later() {
      broker.clock.offsetSeconds += 43_200;
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      for (const cloud of [aws, google, entra]) await cloud[Symbol.asyncDispose]();
    },
  };
}
