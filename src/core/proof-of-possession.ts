// The words of DPoP (RFC 9449): what a caller presents to prove that it has a key, and what is known once it has. Nothing here proves
// anything.

/** A DPoP proof as it came in. */
export interface PresentedProof {
  /** Every value of the header `DPoP`; more than one is refused (DP-01). */
  readonly texts: readonly string[];
  /** What it must have been made for: the method, and the address as configured, whatever the request said (DP-03, A-152). */
  readonly htm: string;
  readonly htu: string;
}

/** A key that the caller has. */
export interface ProvedKey {
  /** SHA-256 thumbprint of the JWK (RFC 7638), base64url. */
  readonly jkt: string;
  /** Spent together with the key: a proof is good for one request (DP-05). */
  readonly jti: string;
  readonly expiresAtSeconds: number;
}
