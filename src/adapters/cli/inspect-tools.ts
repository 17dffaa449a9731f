// What `spiffe inspect` is asked, and what it works with: the broker's own readers and verifier, and the world. The contract of each
// tool is that it never throws, and that what it says of a problem is words of ours.

import type { CredentialRefusal, UnavailableRefusal } from '../../core/refusal.ts';
import type { UnprovedJws } from '../../parsing/jws.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { Purpose } from '../../x509/path.ts';
import type { AgentSeen } from './inspect-agent.ts';
import type { BundleRead, BundleSeen } from './inspect-bundle.ts';

export interface InspectFlags {
  readonly bundle?: string;
  readonly trustDomain?: string;
  readonly audience?: string;
  readonly purpose?: Purpose;
  readonly profile?: 'https_web' | 'https_spiffe';
  readonly endpointId?: string;
  readonly bootstrap?: string;
  readonly ca?: string;
  readonly json?: true;
}

export type TextRead = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/** How an endpoint proves itself: by name, or by an X.509-SVID under these authorities. */
export type EndpointProof =
  | { readonly ca: string | undefined }
  | { readonly endpointId: string; readonly authorities: readonly Certificate[] };

/** `presented`: the certificates of an endpoint that is proved by SPIFFE ID; empty otherwise. */
export type EndpointFetched = { readonly presented: readonly Uint8Array[] } & (
  | { readonly got: 'text'; readonly text: string }
  /** The endpoint is there, and is not what it must be. */
  | { readonly got: 'bad'; readonly problem: string }
  | { readonly got: 'nothing'; readonly problem: string }
);

export interface InspectTools {
  nowSeconds(): number;
  /** A file in UTF-8; standard input for `-`. */
  readText(path: string, bytesMax: number): Promise<TextRead>;
  readBundle(text: string, trustDomain: string): Promise<BundleRead>;
  /** Why the broker would refuse a JWT-SVID; undefined where it would not. */
  judgeJwt(
    jws: UnprovedJws,
    by: { readonly trustDomain: string; readonly audience: string; readonly bundle: BundleSeen },
  ): Promise<CredentialRefusal | UnavailableRefusal | undefined>;
  fetchBundle(url: string, proof: EndpointProof): Promise<EndpointFetched>;
  agent(socket: string): Promise<AgentSeen | { readonly problem: string }>;
}
