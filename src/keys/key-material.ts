// The material of one signing key: made, read back from PKCS #8, judged, and used. Private keys stay in node:crypto's handles
// and leave only as PEM for the key file. ES256 and RS256 (RFC 7518 §3.3, §3.4), kid by RFC 7638.
// node:crypto signs faster than jose (ES256, same core); RSA signs in libuv's threads, so that the loop never waits for it.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { JsonObject } from '../core/json.ts';
import { RSA_BITS_MAX, RSA_BITS_MIN } from '../core/limits-outside.ts';
import type { SigningAlgorithm } from '../core/ports.ts';

export interface KeyMaterial {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** As it stands in the JWK Set: public members only. */
  readonly publicJwk: JsonObject;
  /** PKCS #8, for the key file alone. */
  privatePem(): string;
  /** The signature as JWS wants it (ES256: r and s, not DER). */
  sign(input: Uint8Array): Promise<Buffer>;
}

const generate = promisify(generateKeyPair);

/**
 * Makes a key. RSA has 2,048 bits: what the clouds' own issuers use, good for a key that lives a month, and signing with
 * 3,072 bits takes three times as long.
 */
export async function createKeyMaterial(algorithm: SigningAlgorithm): Promise<KeyMaterial> {
  for (;;) {
    const { privateKey } =
      algorithm === 'ES256'
        ? await generate('ec', { namedCurve: 'P-256' })
        : await generate('rsa', { modulusLength: RSA_BITS_MIN, publicExponent: 65_537 });
    const made = keyMaterial(algorithm, privateKey);
    // A `kid` that began with a hyphen would read as an option in `keys revoke KID`.
    if (!made.kid.startsWith('-')) return made;
  }
}

/** Reads PKCS #8 PEM and judges it. Throws, without a byte of it, where it is no strong key of this algorithm. */
export function readKeyMaterial(algorithm: SigningAlgorithm, pem: string, probe: Uint8Array): KeyMaterial {
  const privateKey = readPrivateKey(pem);
  const weakness = weaknessOf(algorithm, privateKey);
  if (weakness !== undefined) throw new Error(weakness);
  const material = keyMaterial(algorithm, privateKey);

  const publicKey = createPublicKey(privateKey);
  if (!verify('sha256', probe, publicKey, sign('sha256', probe, privateKey)))
    throw new Error('its private and public halves do not fit');
  return material;
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', type: 'pkcs8' });
  } catch {
    throw new Error('holds no private key that can be read');
  }
}

function weaknessOf(algorithm: SigningAlgorithm, key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (algorithm === 'ES256')
    return type === 'ec' && details.namedCurve === 'prime256v1' ? undefined : 'its key is not on the curve P-256';
  if (type !== 'rsa') return 'its key is not RSA';
  const bits = details.modulusLength ?? 0;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
    return `its key has ${bits} bits, must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX}`;
  return details.publicExponent === 65_537n ? undefined : 'its public exponent is not 65537';
}

function keyMaterial(algorithm: SigningAlgorithm, privateKey: KeyObject): KeyMaterial {
  const members = publicMembers(algorithm, privateKey);
  const kid = createHash('sha256').update(JSON.stringify(members)).digest('base64url');
  const signingKey = algorithm === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey;
  return Object.freeze({
    kid,
    algorithm,
    publicJwk: Object.freeze({ ...members, kid, use: 'sig', alg: algorithm }),
    privatePem: () => privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    // A P-256 signature takes as long as handing it to a thread would; an RSA one takes twenty times that.
    sign: (input: Uint8Array) =>
      algorithm === 'ES256'
        ? Promise.resolve(sign('sha256', input, signingKey))
        : new Promise<Buffer>((resolve, reject) => {
            sign('sha256', input, signingKey, (error, signature) => (error ? reject(error) : resolve(signature)));
          }),
  });
}

/** Named one by one, never copied whole, and in the order that RFC 7638 §3.2 hashes them. */
function publicMembers(algorithm: SigningAlgorithm, privateKey: KeyObject): Readonly<Record<string, string>> {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const { crv, e, kty, n, x, y } = jwk;
  if (algorithm === 'ES256' && crv && kty && x && y) return { crv, kty, x, y };
  if (algorithm === 'RS256' && e && kty && n) return { e, kty, n };
  throw new Error(`no public key for ${algorithm}`);
}
