// The numbers that bound delegation, what holds a token to a key, and what withdraws it. As in limits.ts a name ends in its unit, and the
// comment behind each gives the evidence.

// Delegation.

/** Actors in one chain: drafts ask for four or more, agents in the field have two to three (A-147, OB-04). */
export const ACTORS_MAX = 8;
/** The claim `act`: eight actors with the longest names in use. */
export const ACT_BYTES_MAX = 8_192;
/** Handles in `lineage`: each exchange of an own token adds one or two. */
export const LINEAGE_MAX = 16;
/** Bytes of SHA-256 that a handle keeps: nobody finds a second text with the same 128 bits. */
export const HANDLE_BYTES = 16;

// Withdrawals.

/** A feed of blocks and revocations that has been silent for this long is lost: nothing is issued (docs/operating.md). */
export const FEED_SILENT_MS = 1_000;
/** A block or revocation is answered after this at the latest, with the replicas that have not said by then that they have it. */
export const WITHDRAWAL_CONFIRM_MS = 12_000;
/** Blocks and revocations in force at once. */
export const WITHDRAWALS_MAX = 100_000;
/**
 * With so many in force, clients end no tokens of theirs any more (RFC 7009): the last tenth is for operators' commands alone, or one
 * client that has tokens issued and revokes them could keep everybody from being blocked.
 */
export const WITHDRAWALS_BY_CLIENTS_MAX = 90_000;
/** The name that one is about: 2,048 bytes of `sub` percent-encoded, with its source. */
export const WITHDRAWAL_NAME_BYTES_MAX = 8_192;
/** The reason that an operator gives: a sentence or two, and a link. */
export const WITHDRAWAL_WHY_CHARACTERS_MAX = 1_000;
/** How long a revoked token or chain counts as revoked: no token that is taken lives longer (25 hours), with both leeways. */
export const REVOKED_TOKEN_SECONDS = 90_060;
/**
 * How long a revoked subject or actor counts: its credential may be a certificate, and no authority in use signs one for more than 398 days.
 * A revoked signing key too: whoever puts back a copy of the directory within that time brings none back.
 */
export const REVOKED_IDENTITY_SECONDS = 34_560_000;
/** A record of a block or revocation that could not be written is tried again this often. */
export const INCIDENT_RECORD_RETRY_MS = 1_000;
/** Such records at once: operators' commands, by hand or by a script. */
export const INCIDENT_RECORDS_WAITING_MAX = 10_000;
/** An ended one is kept for this long: a clock that steps back by an hour revives nothing. */
export const WITHDRAWN_KEPT_SECONDS = 3_600;

/** Identities that `audit query` learns of one name, and issuers that it makes handles for: more than one name ever has. */
export const QUERY_ALIASES_MAX = 65_536;

// DPoP (RFC 9449).

/** One proof: a JWT with a public key in its header; RSA keys of 4,096 bits take 1.3 KiB. */
export const DPOP_PROOF_BYTES_MAX = 8_192;
/** The RSA key in a proof, which anybody may choose: what clients make, and a sixteenth of the cost of 16,384 bits. */
export const DPOP_RSA_BITS_MAX = 4_096;
/** How old, or how early, `iat` of a proof may be: the nonce says more exactly when it was made (RFC 9449 §11.1). */
export const DPOP_WINDOW_SECONDS = 300;
/** How long a nonce is taken after a newer one was given. */
export const DPOP_NONCE_SECONDS = 300;
/** How long one nonce is the newest. Callers keep one until they are given another: short enough that they are, long enough for a burst. */
export const DPOP_NONCE_SLOT_SECONDS = 60;
/** The secret that nonces are made of: as long as its hash (RFC 2104 §3). */
export const DPOP_NONCE_SECRET_BYTES = 32;
