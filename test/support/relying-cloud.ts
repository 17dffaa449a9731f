// What a cloud knows of an issuer that it was told to trust: its address, and what stands there in public. No key, no file and no memory
// of the broker's is used.

import { request } from 'node:https';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';

export interface TrustedIssuer {
  /** Byte for byte. */
  readonly issuer: string;
  /** PEM: in place of the certificate authorities that a cloud trusts. */
  readonly ca: string;
}

/** It did not answer, or not in time. */
export class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable';
}

/** It answered, and not with what a cloud needs. */
export class IssuerUnfit extends Error {
  override readonly name = 'IssuerUnfit';
}

/** A cloud waits no longer (CA-01). */
const ISSUER_MS = 5_000;

/** Its keys, by way of its discovery document (CA-01, CG-03). */
export async function publishedKeys({ issuer, ca }: TrustedIssuer): Promise<ReturnType<typeof createLocalJWKSet>> {
  const { issuer: said, jwks_uri: place } = await published(`${issuer}/.well-known/openid-configuration`, ca);
  if (said !== issuer) throw new IssuerUnfit('the discovery document is of another issuer');
  if (typeof place !== 'string' || !place.startsWith('https://')) throw new IssuerUnfit('no jwks_uri');
  return createLocalJWKSet(keySet(await published(place, ca)));
}

/** A JWK Set with public keys alone. */
function keySet(found: Readonly<Record<string, unknown>>): JSONWebKeySet {
  const { keys } = found;
  if (!Array.isArray(keys) || keys.length === 0) throw new IssuerUnfit('no keys');
  if (keys.some((key: object) => 'd' in key)) throw new IssuerUnfit('a private key');
  return { keys };
}

function published(url: string, ca: string): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false, timeout: ISSUER_MS }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('error', () => reject(new IssuerUnreachable('cut off')));
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new IssuerUnreachable(`status ${answer.statusCode}`));
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new IssuerUnfit('no JSON'));
        }
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => reject(new IssuerUnreachable('no connection')));
    asked.end();
  });
}
