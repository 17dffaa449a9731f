// The words of client authentication (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2, draft-ietf-oauth-spiffe-client-auth §3): what a
// caller presents as a client, and what is known of it once it has been proved. Nothing here proves anything.

import type { ProvedPrincipal } from './principal.ts';

/** Names of RFC 8414's registry, and those of the SPIFFE draft. */
export type ClientMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'spiffe_jwt'
  | 'spiffe_x509';

/**
 * The certificates that the peer of a connection presented, and proved to have the key of the first by the handshake. One object
 * for each connection, so that what was found out about them may be kept by it.
 */
export interface PresentedCertificates {
  /** DER, in the order of the wire. */
  readonly ders: readonly [Uint8Array, ...Uint8Array[]];
  /** SHA-256 of the first, base64url: the confirmation `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string;
  /** The end of the first's validity, in seconds since the epoch. */
  readonly notAfterSeconds: number;
}

/** What a request says about its client. Nobody has proved any of it but the possession of the certificate's key. */
export interface PresentedClient {
  readonly id: string | undefined;
  /** The whole `Authorization` header. */
  readonly authorization: string | undefined;
  readonly secret: string | undefined;
  readonly assertion: string | undefined;
  readonly assertionType: string | undefined;
  /** Whether the headers of attestation-based client authentication are there. */
  readonly attested: boolean;
  readonly certificates: PresentedCertificates | undefined;
  /** Where `ignored`, an id that nobody registered counts as sent without credential: tools of clouds send ids of their own. */
  readonly strangers?: 'ignored';
}

/** A client whose one method of authentication has passed. */
export interface ProvedClient {
  readonly id: string;
  readonly method: ClientMethod;
  /** A SPIFFE workload keeps its own identity; every other client is one of the source `clients`. */
  readonly principal: ProvedPrincipal;
  /** Values of `aud` whose tokens it may present, beside those of workloads that present themselves. */
  readonly presents: readonly string[];
  /** Names of the targets whose tokens it may introspect. */
  readonly introspects: readonly string[];
  /** Whether everything issued through it must be bound to a key. */
  readonly proofRequired: boolean;
  /** The assertion, where it may be used once only. */
  readonly spends: { readonly jti: string; readonly untilSeconds: number } | undefined;
}

/** The source of registered clients as principals. */
export const CLIENTS_SOURCE = 'clients';

/** What a caller presents that does not say that it is a client. */
export const NO_CLIENT: PresentedClient = Object.freeze({
  id: undefined,
  authorization: undefined,
  secret: undefined,
  assertion: undefined,
  assertionType: undefined,
  attested: false,
  certificates: undefined,
});
