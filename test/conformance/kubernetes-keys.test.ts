// Where a cluster's keys come from, rows KB-09 and KB-13: elsewhere than `iss` says, over TLS, by a broker that is running. Its clock is
// the test's own, so that windows pass without waiting.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { KEYS_COOLDOWN_SECONDS } from '../../src/core/limits-outside.ts';
import { refused } from '../support/attack.ts';
import { CLUSTER_ISSUER } from '../support/broker.ts';
import { createForge, setOf } from '../support/forge.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';
import { type Proving, startProving } from './proving.ts';

const FIRST = createForge('RS256', 'first');
const ROTATED = createForge('RS256', 'rotated');
const PATHS = { keys: '/openid/v1/jwks', discovery: '/.well-known/openid-configuration' } as const;

/** What an API server says about itself (Kubernetes 1.21 and later): no token endpoint, no authorization endpoint. */
const discovery = (issuer: string) => ({
  issuer,
  jwks_uri: `${issuer}${PATHS.keys}`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
});

const running: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

/** An API server that publishes what `published` holds at the time. */
async function apiServer(published: { text: string }): Promise<TlsServer> {
  const server = await openTlsServer(({ url, headers }, response) => {
    if (url === PATHS.keys) response.end(published.text);
    else if (url === PATHS.discovery) response.end(JSON.stringify(discovery(`https://${headers.host}`)));
    else response.writeHead(403).end();
  });
  running.push(() => server[Symbol.asyncDispose]());
  return server;
}

async function brokerOver(line: string, ca: string, elapsed = { extraMs: 0 }): Promise<Proving> {
  const frozen = performance.now();
  const clock = { nowSeconds: () => Date.now() / 1_000, elapsedMs: () => frozen + elapsed.extraMs };
  const proving = await startProving([line], {
    files: { 'api-server.crt': ca },
    world: { permitLoopback: true, clock },
  });
  running.push(() => proving.stop());
  return proving;
}

const token = ({ broker }: Proving, issuer: string, forge = FIRST, header = {}): string =>
  forge.token(kubernetesProjected(issuer, broker.issuer, broker.now()), header);

describe('keys of a cluster', () => {
  it('KB-09 are fetched where the operator says, and iss is compared with what the operator wrote', async () => {
    const server = await apiServer({ text: setOf(FIRST.jwk) });
    const issuer = 'https://kubernetes.default.svc';
    const url = `https://localhost:${server.port}${PATHS.keys}`;
    const proving = await brokerOver(
      `remote: { kind: kubernetes, issuer: "${issuer}", jwks: { url: "${url}", ca: ./api-server.crt } }`,
      server.ca,
    );
    expect(await proving.prove(token(proving, issuer))).toBe('remote:system:serviceaccount:payments:api');
    expect(new Set(server.seen.map(({ url: path }) => path))).toEqual(new Set([PATHS.keys]));
    // Where the keys are is not who issued: the server's own address is nobody's issuer here.
    expect(await proving.prove(token(proving, `https://localhost:${server.port}`))).toBe(refused('issuer_unknown'));
    // The other cluster has its keys in a file, and neither cluster's keys serve the other.
    expect(await proving.prove(token(proving, CLUSTER_ISSUER))).toBe(refused('key_unknown'));
    for (const { headers } of server.seen) expect(headers.authorization).toBeUndefined();
  });

  it("KB-09 are found by an API server's own discovery document, which is no whole OpenID document", async () => {
    const server = await apiServer({ text: setOf(FIRST.jwk) });
    const usual = getCACertificates('default');
    setDefaultCACertificates([...usual, server.ca]);
    running.push(async () => setDefaultCACertificates(usual));
    const issuer = `https://localhost:${server.port}`;
    const proving = await brokerOver(`remote: { kind: kubernetes, issuer: "${issuer}" }`, server.ca);
    expect(await proving.prove(token(proving, issuer))).toBe('remote:system:serviceaccount:payments:api');
    expect(server.seen.map(({ url }) => url)).toEqual([PATHS.discovery, PATHS.keys]);
  });

  it('KB-13 in a file are never fetched, whatever kid a token has', async () => {
    const server = await apiServer({ text: setOf(FIRST.jwk) });
    const proving = await brokerOver(
      'pinned: { kind: kubernetes, issuer: "https://pinned.example", jwks: { file: ./cluster.json } }',
      server.ca,
    );
    const tokens = Array.from({ length: 100 }, (_, index) =>
      token(proving, 'https://pinned.example', FIRST, { kid: `unknown-${index}` }),
    );
    expect(await proving.tally(tokens)).toEqual({ key_unknown: 100 });
    expect(server.seen).toHaveLength(0);
  });

  it('KB-13 behind a URL are fetched once more for a thousand unknown kids, in each window', async () => {
    const published = { text: setOf(FIRST.jwk) };
    const server = await apiServer(published);
    const issuer = 'https://cluster.example';
    const elapsed = { extraMs: 0 };
    const url = `https://localhost:${server.port}${PATHS.keys}`;
    const proving = await brokerOver(
      `remote: { kind: kubernetes, issuer: "${issuer}", jwks: { url: "${url}", ca: ./api-server.crt } }`,
      server.ca,
      elapsed,
    );
    const flood = (window: number) =>
      Array.from({ length: 1_000 }, (_, index) =>
        token(proving, issuer, ROTATED, { kid: `unknown-${window}-${index}` }),
      );
    expect(await proving.prove(token(proving, issuer))).toMatch(/^remote:/);
    expect(server.seen).toHaveLength(1);

    // Within the window of the first fetch: none at all.
    expect(await proving.tally(flood(0))).toEqual({ key_unknown: 1_000 });
    expect(server.seen).toHaveLength(1);

    // A window later, while the cluster has rotated: one fetch for all, and the new key works at once, the old one still.
    elapsed.extraMs += (KEYS_COOLDOWN_SECONDS + 1) * 1_000;
    published.text = setOf(FIRST.jwk, ROTATED.jwk);
    expect(await proving.tally(flood(1))).toEqual({ key_unknown: 1_000 });
    expect(server.seen).toHaveLength(2);
    expect(await proving.prove(token(proving, issuer, ROTATED))).toMatch(/^remote:/);
    expect(await proving.prove(token(proving, issuer))).toMatch(/^remote:/);

    // The origin fails: the next window's fetch brings nothing, and the keys that are known still serve.
    elapsed.extraMs += (KEYS_COOLDOWN_SECONDS + 1) * 1_000;
    published.text = '<!doctype html>';
    const answer = await proving.broker.exchange(token(proving, issuer, ROTATED, { kid: 'unknown' }));
    expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(server.seen).toHaveLength(3);
    expect(await proving.prove(token(proving, issuer, ROTATED))).toMatch(/^remote:/);
    expect(server.seen).toHaveLength(3);
  }, 60_000);
});
