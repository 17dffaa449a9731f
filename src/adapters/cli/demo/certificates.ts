// A throw-away certificate authority and a server certificate from it, for the development set-up, the demo and the tests.
// The authority's key is dropped as soon as it has signed.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const LIFETIME_MS = 30 * DAY_MS;
const IP_ADDRESS = /^[0-9.]+$|:/;

/** PEM texts: the authority's certificate, the server's, and the server's private key. */
export interface ServerCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate for these host names and addresses, valid for a month from now, by an authority of this name. */
export async function mintServerCertificate(
  names: readonly string[],
  {
    notAfter = new Date(Date.now() + LIFETIME_MS),
    authorityName = 'Throw-away authority',
  }: { readonly notAfter?: Date; readonly authorityName?: string } = {},
): Promise<ServerCertificate> {
  const validity = { notBefore: new Date(notAfter.getTime() - LIFETIME_MS - DAY_MS), notAfter };
  const authorityKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    name: `CN=${authorityName}`,
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const server = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: '02',
    subject: 'CN=Throw-away server',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: IP_ADDRESS.test(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
  return { ca: authority.toString('pem'), cert: server.toString('pem'), key };
}
