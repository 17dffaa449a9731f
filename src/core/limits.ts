// Every number that bounds hostile input, waiting or memory, in one place.
// A name ends in its unit. The comment behind each gives the evidence, or the attack or fault that it answers
// A name ends in its unit. The comment behind each gives the evidence; attacks (A-n), faults (F-n) and requirement rows
// (TX-15, SI-04, ...) are the identifiers of test/conformance/README.md; section signs are RFC sections.
// What a caller may send.

/** One request body: a 64 KiB subject token, percent-encoded, with its other parameters (TX-15). */
export const BODY_BYTES_MAX = 131_072;
/** Parameters in one form: the longest real request has 14. */
export const FORM_PARAMETERS_MAX = 64;
/** The name of one parameter: the longest in use has 24. */
export const FORM_NAME_BYTES_MAX = 64;
/** One parameter that is not a token. A SPIFFE ID is at most 2,048 bytes. */
export const PARAMETER_BYTES_MAX = 4_096;
/** One credential: Kubernetes and Entra tokens stay under 8 KiB, group claims push people's to 30 KiB (TX-15, A-129). */
export const CREDENTIAL_BYTES_MAX = 65_536;
/** A JOSE header, decoded. Real ones are under 200 bytes; x5c chains are not taken. */
export const JOSE_HEADER_BYTES_MAX = 2_048;
/** `kid` values seen in the field are at most 64 characters. */
export const KID_BYTES_MAX = 256;
/** `jti` values seen in the field are UUIDs or digests. */
export const JTI_BYTES_MAX = 256;
/** `sub`: a SPIFFE ID may have 2,048 bytes (SI-04), everything else is far below. */
export const SUB_BYTES_MAX = 2_048;
/** Levels of nesting in any JSON read from outside: Kubernetes has three. */
export const JSON_DEPTH_MAX = 32;
/** Values in one JSON text: a people token with 2,000 groups passes, a flood of commas does not. */
export const JSON_VALUES_MAX = 20_000;
/** Scopes in one request. */
export const SCOPES_MAX = 64;
/** `audience` and `resource` values in one request; all must name one target (TX-08). */
export const TARGET_VALUES_MAX = 8;

// Time.

/** Clock leeway in either direction, the same for every credential kind (DESIGN: identity). */
export const LEEWAY_SECONDS = 30;
/** The latest instant taken from a NumericDate: 9999-12-31. Larger values are not dates. */
export const NUMERIC_DATE_MAX = 253_402_300_799;
/** How long one request may wait for keys it does not have (F-3). */
export const KEYS_WAIT_MS = 1_000;
/** A record must be on disk, or taken by the pipe, within this time, or nothing is issued (F-47). */
export const RECORD_WRITE_MS = 100;
/** A whole request, from its first byte to its answer. A reload waits no longer than this for old requests. */
export const REQUEST_DEADLINE_MS = 10_000;
/** Headers must be complete within this time. */
export const HEADERS_MS = 5_000;
/** A TLS handshake must be complete within this time. */
export const HANDSHAKE_MS = 5_000;
/** An idle keep-alive connection is closed after this time. */
export const KEEP_ALIVE_MS = 65_000;
/** How often Node looks for connections past their limits; its default of 30 s is too slow to bound anything. */
export const CONNECTION_SWEEP_MS = 1_000;
/** Connections on the public listener (A-174, F-43). */
export const CONNECTIONS_MAX = 10_000;
/** Requests in work at once; the next one is answered 503 at once (F-46). */
export const REQUESTS_IN_FLIGHT_MAX = 512;
/** What a caller is told to wait after an overload, in seconds. */
export const OVERLOAD_RETRY_SECONDS = 1;

// Keys of others.

/** A JWK Set or SPIFFE bundle: GitHub's is 6 KiB, a bundle of 20 roots 40 KiB (F-6). */
export const KEY_SET_BYTES_MAX = 524_288;
/** Keys in one set (F-6). */
export const KEY_SET_KEYS_MAX = 256;
/** A discovery document. */
export const DISCOVERY_BYTES_MAX = 65_536;
/** Total time for one outward request, not idle time (F-4). */
export const OUTBOUND_MS = 5_000;
/** Redirects followed, same origin only. */
export const OUTBOUND_REDIRECTS_MAX = 2;
/** No second fetch of one key set within this time, failures counted too (F-9, F-10). */
export const KEYS_COOLDOWN_SECONDS = 10;
/** How old a key set may get before it is fetched again in the background. */
export const KEYS_REFRESH_SECONDS = 300;
/** How long the last good keys serve while their origin is down (F-1). */
export const KEYS_STALE_SECONDS_MAX = 86_400;
/** Keys tried for a token without `kid` (A-9, SJ-04). */
export const KEYS_TRIED_MAX = 8;
/** The smallest RSA modulus (RFC 7518 §3.3). */
export const RSA_BITS_MIN = 2_048;
/** The largest: verification cost grows with the square. */
export const RSA_BITS_MAX = 8_192;

// Policy.

/** Rules listed in one trace. */
export const TRACE_RULES_MAX = 32;
/** A presented value in a trace or record is cut here; its SHA-256 stands beside it. */
export const RECORDED_VALUE_BYTES_MAX = 256;
/** `error_description`, the caller's one sentence. */
export const SENTENCE_CHARACTERS_MAX = 600;

// Configuration.

/** One YAML file: 10,000 rules take 2.6 MB, and ten times that much would block the loop for ten seconds. */
export const YAML_BYTES_MAX = 16_777_216;
/** Levels of nesting in YAML: a rule that names a nested claim has eight. */
export const YAML_DEPTH_MAX = 32;

// Our own tokens and keys.

/** The lifetime of a `token` target that does not say one. */
export const TOKEN_LIFETIME_SECONDS_DEFAULT = 300;
/** The longest lifetime a target or rule may say. */
export const TOKEN_LIFETIME_SECONDS_MAX = 43_200;
/** A retired signing key stays published this long after the longest token it signed (MD-09). */
export const SIGNING_KEY_RETIRED_SECONDS = 86_400;

// Records.

/** Refusals in which nothing was proved, per address and second, before they are coalesced (FORMATS §5). */
export const UNPROVED_RECORDS_PER_SECOND = 100;
/** A checkpoint is signed after this many records, or this much time. */
export const CHECKPOINT_RECORDS = 1_000;
export const CHECKPOINT_SECONDS = 10;
/** Decisions kept in memory for `explain --decision`. */
export const DECISIONS_REMEMBERED_MAX = 10_000;

// Spent credentials.

/** Claims held at once; past this, single-use credentials are refused rather than forgotten. */
export const SPENT_CLAIMS_MAX = 2_000_000;
