// Unmodified oauth4webapi and openid-client with DPoP against a whole broker: their own proofs, and their own second attempt where a nonce
// is wanted (RFC 9449 §8). Algorithms are those that both libraries and the metadata have.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { calculateJwkThumbprint, decodeJwt, exportJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DPOP_WINDOW_SECONDS } from '../../src/core/limits-delegation.ts';
import { JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';

const ALGORITHMS = ['ES256', 'RS256', 'PS256'] as const;
const ITSELF = { audience: 'bound' };

let broker: ClientBroker;
const system = getCACertificates('default');
beforeAll(async () => {
  broker = await startClientBroker();
  setDefaultCACertificates([...system, broker.ca]);
});
afterAll(async () => {
  setDefaultCACertificates(system);
  await broker.stop();
});

const boundTo = async ({ publicKey }: oauth.CryptoKeyPair) => ({
  cnf: { jkt: await calculateJwkThumbprint(await exportJWK(publicKey)) },
});
/** How each request since `from` ended, oldest first. */
const ended = (from: number) =>
  broker
    .records()
    .slice(from)
    .map(({ outcome, reason }) => reason ?? outcome);
const wantedOnce = ['dpop_nonce_wanted', 'granted'];

describe('openid-client', () => {
  const configured = () =>
    client.discovery(new URL(broker.issuer), 'litellm', undefined, client.ClientSecretPost(SECRETS.litellm));

  it.each(ALGORITHMS)('DP-06, DP-07 gets a bound token with %s, at its own second attempt', async (algorithm) => {
    const config = await configured();
    const keys = await client.randomDPoPKeyPair(algorithm);
    const DPoP = client.getDPoPHandle(config, keys);
    const from = broker.records().length;
    const tokens = await client.clientCredentialsGrant(config, ITSELF, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    expect(decodeJwt(tokens.access_token)).toMatchObject(await boundTo(keys));
    // It has the nonce now: the next request is one.
    await client.clientCredentialsGrant(config, ITSELF, { DPoP });
    expect(ended(from)).toEqual([...wantedOnce, 'granted']);
  });

  it('DP-09 exchanges a token that is bound to its key', async () => {
    const config = await configured();
    const keys = await client.randomDPoPKeyPair('ES256');
    const DPoP = client.getDPoPHandle(config, keys);
    const bound = await boundTo(keys);
    const exchange = async (options: client.DPoPOptions) =>
      client.genericGrantRequest(
        config,
        TOKEN_EXCHANGE,
        { subject_token: await broker.appToken(bound), subject_token_type: JWT_TYPE, audience: 'mcp' },
        options,
      );
    const tokens = await exchange({ DPoP });
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: 'apps:app-1', ...bound });
    await expect(exchange({})).rejects.toMatchObject({ error: 'invalid_request', status: 400 });
    expect(broker.lastRecord()).toMatchObject({ reason: 'binding_mismatch' });
  });

  it('DP-12 a nonce that has grown old is replaced by the newest, without the caller noticing', async () => {
    const late = await startClientBroker();
    setDefaultCACertificates([...system, late.ca]);
    try {
      const auth = client.ClientSecretPost(SECRETS.litellm);
      // Its clock is ahead, so that its proofs are good both before and after ours moves.
      const ahead = { [client.clockSkew]: DPOP_WINDOW_SECONDS - 5 };
      const config = await client.discovery(new URL(late.issuer), 'litellm', ahead, auth);
      const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
      await client.clientCredentialsGrant(config, ITSELF, { DPoP });
      late.clock.offsetSeconds = 2 * DPOP_WINDOW_SECONDS - 10;
      const tokens = await client.clientCredentialsGrant(config, ITSELF, { DPoP });
      expect(tokens.token_type).toBe('dpop');
      const reasons = late.records().map(({ outcome, reason }) => reason ?? outcome);
      expect(reasons.slice(-2)).toEqual(wantedOnce);
    } finally {
      setDefaultCACertificates([...system, broker.ca]);
      await late.stop();
    }
  });
});

describe('oauth4webapi', () => {
  it.each(ALGORITHMS)('DP-06, DP-07, DP-10 gets a bound token with %s, once it knows the nonce', async (algorithm) => {
    const issuer = new URL(broker.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
    );
    expect(as.dpop_signing_alg_values_supported).toContain(algorithm);
    const self: oauth.Client = { client_id: 'litellm' };
    const keys = await oauth.generateKeyPair(algorithm);
    const DPoP = oauth.DPoP(self, keys);
    const ask = async () => {
      const auth = oauth.ClientSecretPost(SECRETS.litellm);
      const response = await oauth.clientCredentialsGrantRequest(as, self, auth, ITSELF, { DPoP });
      return oauth.processClientCredentialsResponse(as, self, response);
    };
    const from = broker.records().length;
    const refusal = await ask().catch((error: unknown) => error);
    expect(oauth.isDPoPNonceError(refusal)).toBe(true);
    const tokens = await ask();
    expect(tokens.token_type).toBe('dpop');
    expect(decodeJwt(tokens.access_token)).toMatchObject(await boundTo(keys));
    expect(ended(from)).toEqual(wantedOnce);
  });

  it('DP-02 with EdDSA is refused: it is not among the algorithms', async () => {
    const issuer = new URL(broker.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
    );
    const self: oauth.Client = { client_id: 'litellm' };
    const DPoP = oauth.DPoP(self, await oauth.generateKeyPair('Ed25519'));
    const auth = oauth.ClientSecretPost(SECRETS.litellm);
    const response = await oauth.clientCredentialsGrantRequest(as, self, auth, ITSELF, { DPoP });
    await expect(oauth.processClientCredentialsResponse(as, self, response)).rejects.toMatchObject({
      error: 'invalid_dpop_proof',
    });
    expect(broker.lastRecord()).toMatchObject({ evidence: { problem: 'algorithm' } });
  });
});
