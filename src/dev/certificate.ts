// The certificate that `exchequer dev` shows on localhost, by an authority that exists for it alone and whose key is dropped as soon
// as it has signed. It proves nothing to anybody who was not given the authority's certificate. `serve` never loads the library.

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const LIFETIME_MS = 30 * DAY_MS;

/** PEM texts: the authority's certificate, the server's, and the server's private key. */
export interface LocalCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for `localhost` and 127.0.0.1, valid from a day ago for a month. */
export async function mintLocalCertificate(nowSeconds: number): Promise<LocalCertificate> {
  // The generator's decorators need it, loaded first.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const { KeyUsageFlags: usage } = x509;
  const makeKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const nowMs = nowSeconds * 1_000;
  const common = {
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
  };
  const authorityKeys = await makeKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: '01',
    name: 'CN=exchequer dev: throw-away authority',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(usage.keyCertSign, true),
    ],
  });
  const keys = await makeKeys();
  const server = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: '02',
    subject: 'CN=exchequer dev',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(usage.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return Object.freeze({
    ca: `${authority.toString('pem')}\n`,
    certificate: `${server.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag)}\n`,
  });
}
