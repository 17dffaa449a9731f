// What stages need of the outside: other parties' keys and bundles, the one way outward, and the SPIFFE Workload API. Each interface is
// implemented in one folder and handed over by the composition root; its comment is the contract, as in ports.ts.

/**
 * Where the keys of a source come from. Sources with equal origins share one cache. `ca` and `file` are absolute paths of files that
 * configuration has read; a `tokenFile` is read anew for every request, because whoever mounts it renews it.
 */
export type KeyOrigin =
  /** `base` is where the discovery document is fetched from, where that is not the issuer itself. */
  | ({ readonly from: 'discovery'; readonly issuer: string; readonly base?: string } & OriginNetwork)
  | ({ readonly from: 'url'; readonly url: string } & OriginNetwork)
  | { readonly from: 'file'; readonly file: string }
  /** No keys at all: somebody else is asked about every token (TokenReview). */
  | { readonly from: 'none' }
  /** Our own signing keys. */
  | { readonly from: 'own' }
  | BundleOrigin;

interface OriginNetwork {
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly privateNetwork: boolean;
}

/** Where the bundle of a SPIFFE trust domain comes from. It holds the keys of JWT-SVIDs and the authorities of X.509-SVIDs. */
export type BundleOrigin =
  | { readonly from: 'bundle'; readonly trustDomain: string; readonly file: string }
  | ({
      readonly from: 'bundle_endpoint';
      readonly trustDomain: string;
      readonly url: string;
      readonly profile:
        | { readonly name: 'https_web' }
        /** `bootstrap`: the file that vouches for the endpoint's first SVID, where the endpoint is of the trust domain it serves. */
        | { readonly name: 'https_spiffe'; readonly endpointId: string; readonly bootstrap?: string };
      /** Older bundles are not used any more; undefined: the last good one is kept until it is replaced. */
      readonly staleSecondsMax?: number;
    } & Pick<OriginNetwork, 'ca' | 'privateNetwork'>)
  | { readonly from: 'workload_api'; readonly trustDomain: string; readonly socket: string };

/** The keys of one origin, for verifiers. */
export interface KeySource {
  /**
   * The keys that may have signed under this header, at most KEYS_TRIED_MAX. An unknown `kid` may cause one refetch, within the
   * origin's cooldown, and waits for it at most KEYS_WAIT_MS. Never throws. Calls may overlap and share one fetch.
   */
  find(header: { readonly alg: SignatureAlgorithm; readonly kid: string | undefined }): Promise<KeysFound>;
}

export type KeysFound =
  | { readonly found: readonly VerificationKey[] }
  /** The origin's current keys are known, and none of them fits; `file`, with the `kid`s in it, where a file holds them. */
  | { readonly found: 'none'; readonly file?: { readonly path: string; readonly kids: readonly string[] } }
  /** The origin's keys are not known. */
  | { readonly found: 'unavailable'; readonly retryAfterSeconds: number };

/** One public key, bound to one algorithm. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly alg: SignatureAlgorithm;
  readonly key: CryptoKey;
}

export type SignatureAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'PS256'
  | 'PS384'
  | 'PS512';

/** The only way outward. Bounded in time and bytes; https only; never follows a redirect to another origin. Never throws. */
export interface Outbound {
  /** A GET, or a POST where the request has a body. A redirect of a POST, or of a request with a bearer, is not followed. */
  request(request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundRequest {
  readonly url: string;
  readonly bytesMax: number;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
  /** Permits private addresses for this origin; never link-local. */
  readonly privateNetwork?: boolean;
  readonly accept: string;
  /** Sent as `Authorization: Bearer`, to the URL's own origin alone. */
  readonly bearer?: string;
  /**
   * Sent as `x-exchequer-audience`: whoever presigned the request signed this header with our own value. No redirect of such a
   * request is followed.
   */
  readonly signedAudience?: string;
  /** Makes the request a POST; answers 200 and 201 are taken. */
  readonly body?: { readonly mediaType: string; readonly text: string };
  /** All of the request, redirects included; OUTBOUND_MS where absent. */
  readonly deadlineMs?: number;
  /**
   * Judges the server by its certificates (DER, leaf first, as presented) instead of by name and authority: the profile
   * `https_spiffe` (SPIFFE Federation §5.2.2). Gives what is wrong, or undefined. Asked before anything is sent.
   */
  readonly serverProblem?: (chain: readonly Uint8Array[]) => string | undefined;
  /** Our own certificate for the server, where it asks for one. */
  readonly identity?: TlsIdentity;
  /** An answer of 400 or above is given with its body, marked as `refused`, instead of as a problem. */
  readonly refusals?: true;
  /** The answer tells what its server's clock says. */
  readonly dated?: true;
}

/** PEM texts. The key is secret: never printed, logged or put into a message. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

export type OutboundAnswer =
  /** `refused`: the server said no, and the body is its reason; only where the request takes `refusals`. */
  | {
      readonly ok: true;
      readonly body: Uint8Array;
      readonly refused?: OutboundRefused;
      /** Of its `Date`, in seconds since the epoch; only where the request is `dated`, and it has one. */
      readonly sentAtSeconds?: number;
    }
  | { readonly ok: false; readonly problem: OutboundProblem; readonly detail: string };

export interface OutboundRefused {
  readonly status: number;
  /** Whole seconds of `Retry-After`, where it says them. */
  readonly retryAfterSeconds: number | undefined;
}

export type OutboundProblem =
  | 'url'
  | 'address'
  | 'timeout'
  | 'too_large'
  | 'redirect'
  | 'tls'
  | 'network'
  | 'status'
  | 'encoding';

/**
 * One SPIFFE Workload API (SPIFFE Workload API §5 and §6), as its streams said last. Each message is the whole state: what is
 * absent has been taken back (SA-03). Reconnects by itself, and keeps what it has while the agent is away. Never throws.
 */
export interface WorkloadApi {
  /** The broker's own X.509-SVID, the first that is given; undefined before there is one, once it was taken back, and once expired. */
  identity(): WorkloadIdentity | undefined;
  /** By trust domain; undefined before the first message of that stream. A domain without an entry has none. */
  x509Bundles(): ReadonlyMap<string, readonly Uint8Array[]> | undefined;
  /** The JWK Set of each trust domain, as text; undefined before the first message of that stream. */
  jwtBundles(): ReadonlyMap<string, string> | undefined;
  /** Calls back after every message that changed anything. Gives the function that ends it. */
  onChange(listener: () => void): () => void;
  status(): WorkloadApiStatus;
}

export interface WorkloadIdentity {
  readonly spiffeId: string;
  /** PEM, leaf first, with its private key. */
  readonly tls: TlsIdentity;
  readonly expiresAtSeconds: number;
}

export interface WorkloadApiStatus {
  /** `connected`: every stream has delivered since it was opened last. */
  readonly state: 'connecting' | 'connected' | 'down';
  /** Wall time of the last message of any stream. */
  readonly updatedAtSeconds: number | undefined;
  /** Attempts that failed since the last message. */
  readonly failures: number;
  /** Without a byte of what the agent said. */
  readonly lastProblem: string | undefined;
}
