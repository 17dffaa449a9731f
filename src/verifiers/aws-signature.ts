// Whether a secret of AWS made a request's signature (Signature Version 4): by making it again with AWS's own signer, over exactly the headers
// that the request says are signed and over the body as it came in. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

import { timingSafeEqual } from 'node:crypto';
import type { SignedBy } from '../core/caller-identity.ts';
import type { SignedRequest } from '../core/caller-identity-request.ts';

/** `method` and `service` are what a request to STS has; its query is empty. */
export const signedBy: SignedBy = async (request, secretAccessKey) => {
  const made = SIGNATURE.exec(await authorizationOf(request, secretAccessKey))?.[1] ?? '';
  const [ours, theirs] = [Buffer.from(made), Buffer.from(request.signature)];
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
};

const SIGNATURE = /Signature=([0-9a-f]{64})$/;

async function authorizationOf(signed: SignedRequest, secretAccessKey: string): Promise<string> {
  // Loaded where it is needed: most brokers never are asked.
  const [{ SignatureV4 }, { Hash }] = await Promise.all([import('@smithy/signature-v4'), import('@smithy/hash-node')]);
  const { accessKeyId, sessionToken, region, headers, path, body } = signed;
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    sha256: Hash.bind(null, 'sha256'),
    applyChecksum: false,
  });
  const request = { method: 'POST', protocol: 'https:', hostname: headers.host ?? '', path, query: {}, headers, body };
  const again = await signer.sign(request, {
    signingDate: new Date(signed.signedAtSeconds * 1_000),
    // Without it the signer leaves out headers that it never signs itself, though the signature covers them.
    signableHeaders: new Set(Object.keys(headers)),
  });
  return again.headers.authorization ?? '';
}
