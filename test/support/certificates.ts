// Certificates for loopback TLS servers in tests, minted at run time: a root that signs one server certificate. Nothing here
// is kept between runs, and no test key is ever in the repository.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

/** PEM: the root to trust, and a server's certificate and private key. */
export interface MintedCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A server certificate for these DNS names and IP addresses, under a root of its own; valid for an hour unless said otherwise. */
export async function mintServerCertificate(
  names: string[],
  options: { readonly notAfter?: Date } = {},
): Promise<MintedCertificate> {
  const crypto = webcrypto as unknown as Crypto;
  x509.cryptoProvider.set(crypto);
  const rootKeys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const serverKeys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notAfter = options.notAfter ?? new Date(Date.now() + HOUR_MS);
  const times = { notBefore: new Date(notAfter.getTime() - 2 * HOUR_MS), notAfter };

  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test root',
    keys: rootKeys,
    signingAlgorithm: ALGORITHM,
    ...times,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    subject: 'CN=Test server',
    issuer: root.subject,
    publicKey: serverKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    ...times,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey);
  return {
    ca: root.toString('pem'),
    cert: server.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag),
  };
}
