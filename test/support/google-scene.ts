// A broker in the test's process whose targets are of Google Cloud, which stands on loopback: what application default credentials of every
// kind are tried through, from a file of credentials to a request that needs the token.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, type TestBroker } from './broker.ts';
import { LAKE_ACCOUNT, type Places, startCloudBroker } from './cloud-broker.ts';
import type { FakeGoogle } from './fake-google.ts';
import { CLOUD_PLATFORM, GCLOUD_SCOPES, PROVIDER } from './google-requests.ts';

export interface GoogleScene extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly google: FakeGoogle;
  /** The authorities of the broker and of Google, in a file. */
  readonly trusted: string;
  /** Writes a file, and gives its path. */
  file(name: string, text: string): string;
  /** A token of a pod, as its file has it. */
  pod(): Promise<string>;
  /** Asks an API of Google's by google-auth-library, with these credentials in a file. */
  ask(
    credentials: object,
    options?: { readonly scopes?: readonly string[]; readonly env?: Record<string, string> },
  ): Promise<Asked>;
  /** Asks it with a token. */
  bearer(token: string): Promise<Whose>;
}

/** As whom the API was asked, and who took that on. */
export interface Whose {
  readonly who: string;
  readonly behind?: string;
}

export interface Asked {
  readonly status?: number;
  readonly data?: Whose;
  readonly error?: string;
}

/** Who somebody is to Google without a service account. */
export const principalOf = (subject: string): string =>
  `principal:${PROVIDER.replace(/\/providers\/.*/, '')}/subject/${subject}`;

/** `lake` is a service account, `pool` is whoever asks. */
function targets({ google }: Places): string {
  const scopes = [CLOUD_PLATFORM, ...GCLOUD_SCOPES.filter((scope) => scope !== CLOUD_PLATFORM)];
  const common = [
    `kind: gcp, provider: "${PROVIDER}", lifetime: 1h, ${google}`,
    `scopes: { ${scopes.map((scope) => `"${scope}": {}`).join(', ')} }`,
    `defaultScopes: ["${CLOUD_PLATFORM}"]`,
  ].join(', ');
  return `  lake: { ${common}, serviceAccount: ${LAKE_ACCOUNT} }\n  pool: { ${common} }`;
}

const RULES = {
  'google.yaml': `
rules:
  - name: payments-lake
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all, pool: all }
    lifetime: 1h
  - name: github-lake
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { lake: ["${CLOUD_PLATFORM}"] }
    lifetime: 1h
`,
};

const BUCKETS = '/storage/v1/b';

export async function startGoogleScene(): Promise<GoogleScene> {
  const clouds = await startCloudBroker({ targets, policies: RULES });
  const { broker, google, authorities } = clouds;
  const file = (name: string, text: string) => {
    const path = join(broker.folder, name);
    writeFileSync(path, text, { mode: 0o700 });
    return path;
  };
  const trusted = file('trusted.pem', authorities);
  return {
    broker,
    google,
    trusted,
    file,
    pod: () =>
      mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined }),
    async ask(credentials, { scopes = [CLOUD_PLATFORM], env = {} } = {}) {
      const adc = join(import.meta.dirname, 'google-adc.ts');
      const line = [adc, `https://localhost:${google.port}${BUCKETS}`, ...scopes];
      const { stdout } = await promisify(execFile)(process.execPath, line, {
        env: {
          PATH: process.env.PATH,
          GOOGLE_APPLICATION_CREDENTIALS: file('adc.json', JSON.stringify(credentials)),
          GOOGLE_CLOUD_PROJECT: 'example-data',
          NODE_EXTRA_CA_CERTS: trusted,
          ...env,
        },
      });
      const asked: { readonly data?: Whose } & Asked = JSON.parse(stdout);
      return asked.data ? { ...asked, data: whose(asked.data) } : asked;
    },
    async bearer(token) {
      const headers = { authorization: `Bearer ${token}` };
      const got = await broker.call({ port: google.port, path: BUCKETS, headers, ca: google.ca, agent: false });
      const answer: Whose = JSON.parse(got.text);
      return whose(answer);
    },
    [Symbol.asyncDispose]: () => clouds[Symbol.asyncDispose](),
  };
}

const whose = ({ who, behind }: Whose): Whose => ({ who, ...(behind === undefined ? {} : { behind }) });

/** An `external_account` file that asks the broker. */
export const externalAccount = (broker: TestBroker, source: object, more: object = {}) => ({
  type: 'external_account',
  audience: PROVIDER,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${broker.issuer}/gcp/token/lake`,
  token_info_url: `${broker.issuer}/gcp/introspect`,
  credential_source: source,
  ...more,
});

/** The broker's own, for others on loopback whose clients are told of its authority. */
export const certificateOf = ({ folder, ca }: TestBroker): ServerCertificate => ({
  ca,
  cert: readFileSync(join(folder, 'tls.crt'), 'utf8'),
  key: readFileSync(join(folder, 'tls.key'), 'utf8'),
});
