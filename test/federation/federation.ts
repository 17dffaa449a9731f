// A broker that trusts three SPIFFE trust domains on loopback, each with its bundle from another origin: a file, a bundle endpoint
// that an SVID of its own proves (`https_spiffe`), and the stream of a Workload API. What an origin says is changed here, and
// nothing else tells the broker of it.

import { setTimeout } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { KEYS_COOLDOWN_SECONDS } from '../../src/core/limits-outside.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from '../support/spiffe-authority.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';
import { openWorkloadApiServer, type WorkloadApiServer } from '../support/workload-api-server.ts';

export const DOMAINS = ['filed', 'fetched', 'streamed'] as const;
export type Domain = (typeof DOMAINS)[number];

/** Every workload here has this path; its trust domain tells it from the others. */
export const PATH = '/ns/payments/sa/api';
export const trustDomainOf = (domain: Domain): string => `${domain}.example`;
export const idOf = (domain: Domain): string => `spiffe://${trustDomainOf(domain)}${PATH}`;
const ENDPOINT_PATH = '/bundle';

/** What an origin says of its trust domain. */
export interface Bundle {
  /** SPIFFE JSON. */
  readonly json: string;
  readonly ders: readonly Uint8Array[];
  readonly jwks: string;
}

/** A bundle that lets nobody prove anything. */
export const emptyBundle = (authority: SpiffeAuthority): Bundle => ({
  json: authority.bundleJson({ keys: [] }),
  ders: [],
  jwks: '{"keys":[]}',
});

export const bundleOf = (authority: SpiffeAuthority): Bundle => ({
  json: authority.bundleJson(),
  ders: authority.rootDers(),
  jwks: authority.jwks(),
});

export interface Federation extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly authorities: Readonly<Record<Domain, SpiffeAuthority>>;
  /** Lets the origin of a domain say this, and resolves when the broker has been told by that origin's own means. */
  publish(domain: Domain, bundle: Bundle): Promise<void>;
  /** Lets the endpoint serve this and no more: the broker has to ask. */
  serve(bundle: Bundle): void;
  /** Writes the bundle file and no more: the broker has to see it. */
  write(bundle: Bundle): void;
  /**
   * Gives the endpoint's bundle to the broker by hand, and reloads: an endpoint of its own trust domain whose bundle was empty can prove
   * itself by nothing that it serves.
   */
  bootstrap(): Promise<void>;
  /** Has the endpoint fetched once more; tells whether the fetch was good. */
  fetchAgain(): Promise<boolean>;
  /** Lets the endpoint present a new SVID of the domain's newest root. */
  renewEndpoint(): Promise<void>;
  /** Trusts these domains and no other, by a reload; a bundle that is new to the broker begins with a new bootstrap. */
  trust(domains: readonly Domain[]): Promise<void>;
  readonly endpoint: TlsServer;
  readonly agent: WorkloadApiServer;
}

const RULES = (domains: readonly Domain[]): string =>
  `rules:\n${domains
    .map(
      (domain) =>
        `  - { name: ${domain}-ledger, subject: { trust: ${domain}, sub: "${idOf(domain)}" }, allow: { ledger: all } }\n`,
    )
    .join('')}`;
const NOBODY = 'rules: [{ name: nobody, subject: { trust: login, sub: nobody }, allow: { ledger: all } }]\n';

export type Authorities = Readonly<Record<Domain, SpiffeAuthority>>;

export async function openAuthorities(): Promise<Authorities> {
  const [filed, fetched, streamed] = await Promise.all(
    DOMAINS.map((domain) => openSpiffeAuthority(trustDomainOf(domain))),
  );
  if (!filed || !fetched || !streamed) throw new Error('three authorities were opened');
  return { filed, fetched, streamed };
}

export interface FederationOptions {
  /** Those that the broker trusts at first. */
  readonly domains?: readonly Domain[];
  /** Keeps no record: a disk that is slow to take one refuses tokens, and under load that is not what is looked at. */
  readonly unrecorded?: boolean;
}

export async function openFederation(
  authorities: Authorities,
  { domains = DOMAINS, unrecorded = false }: FederationOptions = {},
): Promise<Federation> {
  let aheadMs = 0;
  let served = bundleOf(authorities.fetched).json;
  const { fetched } = authorities;
  const endpoint = await openTlsServer((_request, response) => response.end(served), {
    certificate: { ...(await fetched.mintSvid(ENDPOINT_PATH)), ca: '' },
  });
  const agent = await openWorkloadApiServer();
  tell(agent, bundleOf(authorities.streamed));
  const origins: Readonly<Record<Domain, string>> = {
    filed: 'bundle: { file: ./filed.json }',
    fetched: `bundle: { url: "${endpoint.url}", profile: https_spiffe, endpointId: "${fetched.id(ENDPOINT_PATH)}", bootstrap: ./bootstrap.json }`,
    streamed: `workloadApi: "${agent.socket}"`,
  };
  let plain = '';
  const configured = (trusted: readonly Domain[]): string =>
    plain.replace(
      'targets:\n',
      `${trusted.map((domain) => `  ${domain}: { kind: spiffe, trustDomain: ${trustDomainOf(domain)}, ${origins[domain]} }\n`).join('')}targets:\n`,
    );
  const broker = await startTestBroker({
    config(yaml) {
      plain = unrecorded ? yaml.replace('to: ./audit.jsonl, sync: false', 'to: stdout') : yaml;
      return configured(domains);
    },
    files: { 'filed.json': bundleOf(authorities.filed).json, 'bootstrap.json': bundleOf(fetched).json },
    policies: { 'federation.yaml': RULES(domains), 'nobody.yaml': NOBODY },
    world: {
      clock: { nowSeconds: () => Date.now() / 1_000, elapsedMs: () => performance.now() + aheadMs },
      permitLoopback: true,
      ...(unrecorded && { stdout: { write: (_bytes: unknown, done: () => void) => done() } }),
    },
  });

  async function reload(): Promise<void> {
    const result = await broker.broker.reload();
    expect(result.problems).toEqual([]);
  }

  /** A token whose kid nobody knows has the bundle fetched, once the cooldown is over: no test waits for the refresh. */
  async function fetchAgain(): Promise<boolean> {
    aheadMs += KEYS_COOLDOWN_SECONDS * 1_000;
    const stranger = await fetched.signJwt(PATH, broker.issuer, broker.now(), {}, { kid: crypto.randomUUID() });
    const { status } = await broker.exchange(stranger);
    expect([400, 503]).toContain(status);
    return status === 400;
  }

  const publishing: Readonly<Record<Domain, (bundle: Bundle) => Promise<unknown>>> = {
    filed(bundle) {
      broker.write('filed.json', bundle.json);
      return reload();
    },
    fetched(bundle) {
      served = bundle.json;
      return fetchAgain();
    },
    async streamed(bundle) {
      tell(agent, bundle);
      await setTimeout(0);
    },
  };

  /** Never the same text twice, so that the broker begins with it. */
  const writeBootstrap = (): void =>
    broker.write('bootstrap.json', fetched.bundleJson({ written: crypto.randomUUID() }));

  return {
    broker,
    async bootstrap() {
      served = bundleOf(fetched).json;
      writeBootstrap();
      await reload();
    },
    serve({ json }) {
      served = json;
    },
    write: ({ json }) => broker.write('filed.json', json),
    authorities,
    endpoint,
    agent,
    fetchAgain,
    async publish(domain, bundle) {
      await publishing[domain](bundle);
    },
    async renewEndpoint() {
      const { cert, key } = await fetched.mintSvid(ENDPOINT_PATH);
      endpoint.server.setSecureContext({ cert, key });
    },
    async trust(trusted) {
      broker.write(
        'policies/federation.yaml',
        trusted.length > 0
          ? RULES(trusted)
          : 'rules: [{ name: no, subject: { trust: login, sub: no }, allow: { ledger: all } }]',
      );
      writeBootstrap();
      broker.write('exchequer.yaml', configured(trusted));
      await reload();
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await endpoint[Symbol.asyncDispose]();
      await agent[Symbol.asyncDispose]();
    },
  };
}

/** A message is the whole state: who is not in it has been taken back. */
function tell(agent: WorkloadApiServer, { ders, jwks }: Bundle): void {
  const trustDomain = trustDomainOf('streamed');
  agent.set('FetchX509Bundles', { message: { bundles: { [trustDomain]: Buffer.concat(ders) } } });
  agent.set('FetchJWTBundles', { message: { bundles: { [trustDomain]: Buffer.from(jwks) } } });
}

/** Until the broker grants each of these domains: its origins are asked in the background. */
export async function trusting(
  { broker, authorities }: Federation,
  domains: readonly Domain[] = DOMAINS,
): Promise<void> {
  for (const domain of domains) {
    const caller = broker.as(await authorities[domain].mintSvid(PATH));
    const token = await authorities[domain].signJwt(PATH, broker.issuer, broker.now());
    await vi.waitFor(
      async () => {
        expect((await caller.token(asItself(domain))).status).toBe(200);
        expect((await broker.exchange(token)).status).toBe(200);
      },
      { timeout: 10_000, interval: 20 },
    );
    caller.close();
  }
}

/** What a workload asks with: a token for itself. */
export const asItself = (domain: Domain) => ({
  grant_type: 'client_credentials',
  client_id: idOf(domain),
  audience: 'ledger',
});
