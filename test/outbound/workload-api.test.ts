// The client of the Workload API against a real gRPC server on a Unix socket: what it holds of what the agent says (SA-02, SA-03,
// SA-05), message by message. What ends streams is in workload-api-faults.test.ts.

import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { connected, DOMAIN, JWKS, NOW, PARTNER, until } from './workload-api-harness.ts';

describe('the state of a Workload API', () => {
  it('is what its streams said, asked for with the metadata that no forged request has (SA-02)', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    const identity = api.identity();
    expect(identity?.spiffeId).toBe(`spiffe://${DOMAIN}/broker`);
    expect(identity?.expiresAtSeconds).toBe(NOW + 3_600);
    expect(new X509Certificate(identity?.tls.certificate ?? '').subjectAltName).toBe(`URI:spiffe://${DOMAIN}/broker`);
    expect(identity?.tls.key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect([...(api.x509Bundles()?.keys() ?? [])].sort()).toEqual([DOMAIN, PARTNER]);
    expect(api.x509Bundles()?.get(DOMAIN)).toEqual([new Uint8Array(authority.der)]);
    expect(api.jwtBundles()?.get(PARTNER)).toBe(JWKS);
    expect(api.status()).toEqual({ state: 'connected', updatedAtSeconds: NOW, failures: 0, lastProblem: undefined });
    expect(server.bare).toEqual([]);
  });

  it('is found again after the agent was away and its socket was made anew (F-17)', async () => {
    await using setting = await connected();
    const { api, server } = setting;
    server.stop();
    await until(() => api.status().state === 'down');
    expect(api.identity()?.spiffeId).toBe(`spiffe://${DOMAIN}/broker`);
    await server.start();
    expect(await until(() => api.status().state === 'connected')).toBeLessThan(2_000);
  });
});
