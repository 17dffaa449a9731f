// A throw-away authority of one trust domain: X.509-SVIDs with their keys in the forms of the Workload API, and its own certificate.
// Nothing of it is bad by itself; tests make the bad ones.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** As `X509SVID` of workloadapi.proto. */
export interface MintedSvid {
  readonly spiffe_id: string;
  readonly x509_svid: Buffer;
  readonly x509_svid_key: Buffer;
  readonly bundle: Buffer;
}

export interface Authority {
  readonly trustDomain: string;
  /** The authority's certificate in DER. */
  readonly der: Buffer;
  /** An X.509-SVID, valid until then. */
  mint(path: string, expiresAtSeconds: number): Promise<MintedSvid>;
}

export async function createAuthority(trustDomain: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `O=${trustDomain}`,
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2049-01-01'),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  const der = Buffer.from(certificate.rawData);

  async function mint(path: string, expiresAtSeconds: number): Promise<MintedSvid> {
    const leafKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const spiffeId = `spiffe://${trustDomain}${path}`;
    const leaf = await X509CertificateGenerator.create({
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
      subject: 'O=workload',
      issuer: certificate.subject,
      notBefore: new Date('2020-01-01'),
      notAfter: new Date(expiresAtSeconds * 1000),
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId }], true),
      ],
    });
    return {
      spiffe_id: spiffeId,
      x509_svid: Buffer.from(leaf.rawData),
      x509_svid_key: Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey)),
      bundle: der,
    };
  }

  return Object.freeze({ trustDomain, der, mint });
}
