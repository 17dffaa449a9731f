// A throw-away authority of one SPIFFE trust domain: its root, and the X.509-SVIDs that it issues, as a SPIRE server would.
// Its key stays in the folder of the development set-up.

import 'reflect-metadata';
import { createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  X509Certificate as Issuer,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
const ROOT_MS = 30 * 24 * HOUR_MS;

/** A certificate and its private key, in PEM. */
export interface Credential {
  readonly cert: string;
  readonly key: string;
}

/** A new root of this trust domain. */
export async function mintRoot(trustDomain: string): Promise<Credential> {
  const keys = await makeKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validFor(ROOT_MS),
    serialNumber: serial(),
    name: `O=${trustDomain}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  return { cert: `${root.toString('pem')}\n`, key: await privatePem(keys) };
}

/** An X.509-SVID of this SPIFFE ID, for an hour. */
export async function mintSvid(root: Credential, id: string): Promise<Credential> {
  const keys = await makeKeys();
  const signingKey = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(root.key), ALGORITHM, false, [
    'sign',
  ]);
  const svid = await X509CertificateGenerator.create({
    ...validFor(HOUR_MS),
    serialNumber: serial(),
    subject: 'C=US, O=SPIRE',
    issuer: new Issuer(root.cert).subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: id }]),
    ],
  });
  return { cert: `${svid.toString('pem')}\n`, key: await privatePem(keys) };
}

/** A root as an entry of a SPIFFE bundle. */
export function bundleEntry({ cert }: Pick<Credential, 'cert'>): object {
  const jwk = createPublicKey(cert).export({ format: 'jwk' });
  return { ...jwk, use: 'x509-svid', x5c: [new X509Certificate(cert).raw.toString('base64')] };
}

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

const serial = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)).fill(1, 0, 1)).toString('hex');

const validFor = (ms: number) => ({ notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + ms) });

async function privatePem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), PemConverter.PrivateKeyTag)}\n`;
}
