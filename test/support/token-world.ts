// The issuer of a target of kind `gcp` or `azure` by itself: its signer's key is published on loopback, and the stand-in for the cloud judges by
// that alone.

import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { AskCloud, CloudAttempt } from '../../src/core/cloud-ports.ts';
import type { IssueOrder, Issuer, Signer } from '../../src/core/ports.ts';
import { refuse } from '../../src/core/refusal.ts';
import { azureTarget } from '../../src/issuers/azure.ts';
import { gcpTarget } from '../../src/issuers/gcp.ts';
import type { IssuerParts } from '../../src/issuers/kind.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { parametersIn } from '../../src/parsing/template.ts';
import { orderFor } from '../contract/issuer.ts';
import { type FakeEntra, openFakeEntra } from './fake-entra.ts';
import { type FakeGoogle, openFakeGoogle } from './fake-google.ts';
import { CLOUD_PLATFORM, PROVIDER } from './google-requests.ts';
import type { TrustedIssuer } from './relying-cloud.ts';
import { openTlsServer } from './tls-server.ts';

export const LAKE = 'lake@example-data.iam.gserviceaccount.com';
export const TENANT = '11111111-2222-4333-8444-555555555555';
export const CLIENT_ID = '66666666-7777-4888-8999-aaaaaaaaaaaa';
export const VAULT = 'https://vault.azure.net';

/** An issuer with keys that it publishes, each under its algorithm as `kid`. */
export interface PublishedIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly trusted: () => readonly TrustedIssuer[];
  sign(claims: object, alg?: string): Promise<string>;
}

export async function openIssuer(algorithms: readonly string[] = ['RS256']): Promise<PublishedIssuer> {
  const keys = new Map(
    await Promise.all(
      algorithms.map(async (alg) => {
        const { privateKey, publicKey } = await generateKeyPair(alg);
        return [alg, { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, use: 'sig', alg } }] as const;
      }),
    ),
  );
  const server = await openTlsServer(({ url }, response) => {
    const jwks = { keys: [...keys.values()].map(({ jwk }) => jwk) };
    response.end(JSON.stringify(url === '/jwks' ? jwks : { issuer, jwks_uri: `${issuer}/jwks` }));
  });
  const issuer = `https://localhost:${server.port}`;
  return {
    issuer,
    trusted: () => [{ issuer, ca: server.ca }],
    sign(claims: JWTPayload, alg = 'RS256') {
      const key = keys.get(alg)?.privateKey;
      if (!key) throw new Error(alg);
      return new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid: alg }).sign(key);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export interface TokenWorld<Fake> extends AsyncDisposable {
  readonly fake: Fake;
  readonly issuer: string;
  /** What each attempt came to, in order. */
  readonly attempts: CloudAttempt<unknown>[];
  /** What accounts the cloud was asked for. */
  readonly accounts: string[];
  /** What is remembered of tokens. */
  readonly secrets: Map<string, string>;
  /** Attempts at each question. */
  attemptsMax: number;
  /** The issuer of the target `payments`; what is not written is as it is by default. */
  issuerOf(options?: Readonly<Record<string, unknown>>, place?: { readonly issuer: string }): Issuer;
  /** Issues, and says how it ended: `granted`, or the reason and the problem. */
  ended(order: IssueOrder, options?: Readonly<Record<string, unknown>>): Promise<string>;
}

export const openGoogleWorld = (): Promise<TokenWorld<FakeGoogle>> =>
  openWorld(openFakeGoogle, (parts, port, options) => {
    const at = `https://localhost:${port}`;
    const written = { provider: PROVIDER, serviceAccount: LAKE, endpoints: { sts: at, iamcredentials: at } };
    const chosen = gcpTarget.options.parse({ ...written, ca: '/cloud.crt', ...options });
    return gcpTarget.create({ ...parts, parameters: parametersOf(chosen) }, chosen);
  });

export const openEntraWorld = (): Promise<TokenWorld<FakeEntra>> =>
  openWorld(openFakeEntra, (parts, port, options) => {
    const written = { tenant: TENANT, clientId: CLIENT_ID, resource: VAULT, endpoint: `https://localhost:${port}` };
    const chosen = azureTarget.options.parse({ ...written, ca: '/cloud.crt', ...options });
    return azureTarget.create(parts, chosen);
  });

const parametersOf = (chosen: object): readonly string[] => [...new Set(parametersIn(JSON.stringify(chosen)))].sort();

async function openWorld<Fake extends AsyncDisposable & { readonly ca: string; readonly port: number }>(
  openFake: (options: { readonly issuers: () => readonly TrustedIssuer[] }) => Promise<Fake>,
  make: (parts: IssuerParts, port: number, options: Readonly<Record<string, unknown>>) => Issuer,
): Promise<TokenWorld<Fake>> {
  const published = await openIssuer();
  const { issuer } = published;
  const fake = await openFake({ issuers: published.trusted });
  const outbound = createOutbound({ permitLoopback: true });
  const signer: Signer = { sign: (alg, _typ, claims) => published.sign(claims, alg) };
  const ask: AskCloud = async ({ cloud, account, target }, attempt) => {
    world.accounts.push(account);
    let made = await attempt(1_000);
    world.attempts.push(made);
    for (let count = 1; count < world.attemptsMax && !made.ok && made.again !== 'never'; count += 1) {
      made = await attempt(1_000);
      world.attempts.push(made);
    }
    return made.ok ? made : refuse({ reason: 'cloud_refused', cloud, target, problem: made.problem });
  };

  const secrets = new Map<string, string>();
  const kept = {
    get: async (key: string) => secrets.get(key),
    set: async (key: string, secret: string) => void secrets.set(key, secret),
  };
  const clouds = { ask, outbound, secrets: kept, files: new Map([['/cloud.crt', fake.ca]]) };
  const issuerOf: TokenWorld<Fake>['issuerOf'] = (options = {}, place = { issuer }) =>
    make({ ...place, signer, target: 'payments', parameters: [], clouds }, fake.port, options);
  const world: TokenWorld<Fake> = {
    fake,
    issuer,
    attempts: [],
    accounts: [],
    secrets,
    attemptsMax: 1,
    issuerOf,
    async ended(order, options) {
      const issued = await issuerOf(options).issue(order);
      if (issued.ok) return 'granted';
      const { refusal } = issued;
      return 'problem' in refusal ? `${refusal.reason} ${refusal.problem}` : refusal.reason;
    },
    async [Symbol.asyncDispose]() {
      outbound.close();
      await fake[Symbol.asyncDispose]();
      await published[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** An order from now, for an hour unless said. */
export const orderFrom = (change: Parameters<typeof orderFor>[0] = {}, seconds = 3_600): IssueOrder => {
  const issuedAt = Math.floor(Date.now() / 1_000);
  return orderFor({
    target: 'payments',
    scopes: [CLOUD_PLATFORM],
    issuedAt,
    expiresAt: issuedAt + seconds,
    ...change,
  });
};
