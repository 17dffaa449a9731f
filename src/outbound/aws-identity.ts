// The identity that AWS gives to where this runs, as a signed GetCallerIdentity request that nobody has sent: for `token`, which hands it
// to a broker (docs/platforms/aws-caller-identity.md). Credentials are found, and the request is signed, by AWS's own libraries,
// in their own order: environment, web identity, ECS and EKS, instance. It never sends the request, and prints nothing of it.

import { AWS_PRESIGNED_SECONDS } from '../core/limits-outside.ts';
import { STS_REGION, stsEndpoint } from '../parsing/sts-endpoint.ts';

/** Whom a signature is for stands in this header, which is signed: no other broker can use it. */
const AUDIENCE_HEADER = 'x-exchequer-audience';

export type AwsIdentity =
  | { readonly ok: true; readonly url: string }
  | { readonly ok: false; readonly problem: string };

/** A presigned URL for one audience, signed now, in seconds since the epoch. Never rejects. */
export async function presignCallerIdentity(
  audience: string,
  region: string,
  nowSeconds: number,
): Promise<AwsIdentity> {
  // A region becomes a part of the host.
  if (!STS_REGION.test(region)) return { ok: false, problem: 'AWS_REGION names no region' };
  try {
    // Loaded here: nothing else needs them, and they take longer to load than the rest of the program.
    const [{ SignatureV4 }, { Hash }, { defaultProvider }] = await Promise.all([
      import('@smithy/signature-v4'),
      import('@smithy/hash-node'),
      import('@aws-sdk/credential-provider-node'),
    ]);
    const { host: hostname, region: signed } = stsEndpoint(region);
    const signer = new SignatureV4({
      service: 'sts',
      region: signed,
      credentials: defaultProvider(),
      sha256: Hash.bind(null, 'sha256'),
      applyChecksum: false,
    });
    const request = await signer.presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname,
        path: '/',
        headers: { host: hostname, [AUDIENCE_HEADER]: audience },
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      },
      { expiresIn: AWS_PRESIGNED_SECONDS, signingDate: new Date(nowSeconds * 1_000) },
    );
    const query = Object.entries(request.query ?? {})
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
      .join('&');
    return { ok: true, url: `https://${hostname}/?${query}` };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.name : 'no credentials' };
  }
}
