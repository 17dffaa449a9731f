// The numbers that bound what comes from elsewhere than a request: other parties' keys, certificates, the Workload API, API servers, and
// the broker as the command line's own peer. As in limits.ts a name ends in its unit, and the comment behind each gives the evidence.

// Keys of others.

/** A JWK Set or SPIFFE bundle: GitHub's is 6 KiB, a bundle of 20 roots 40 KiB (F-6). */
export const KEY_SET_BYTES_MAX = 524_288;
/** Keys in one set (F-6). */
export const KEY_SET_KEYS_MAX = 256;
/** A discovery document. */
export const DISCOVERY_BYTES_MAX = 65_536;
/** Keys that are imported before others get a turn: importing blocks, and no honest set has more (F-6). */
export const KEYS_IMPORTED_AT_ONCE_MAX = 16;
/** All headers of an answer from outside: Node's own default, written down so that no flag of the process moves it. */
export const OUTBOUND_HEADER_BYTES_MAX = 16_384;
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
/** The largest RSA public exponent; Go's crypto/rsa draws the same line, so no key in the field is beyond it. */
export const RSA_EXPONENT_MAX = 2_147_483_647;
/** A SPIFFE bundle's own refresh hint is obeyed between these (F-16, SB-02). */
export const BUNDLE_REFRESH_SECONDS_MIN = 30;
export const BUNDLE_REFRESH_SECONDS_MAX = 3_600;
/** The first pause after a failed fetch of keys; doubled for each further failure, up to the cooldown (F-2). */
export const KEYS_RETRY_SECONDS_MIN = 1;
/** Name look-ups at once: libuv lets getaddrinfo have half of its four threads, and a third would only queue there (F-14). */
export const LOOKUPS_AT_ONCE_MAX = 2;

// Certificates.

/** One certificate: a leaf has 1 KiB; a thousand host names push one to 40 KiB. */
export const CERTIFICATE_BYTES_MAX = 65_536;
/** Certificates presented at once, the leaf included: real chains have two to five, cross-signed ones eight. */
export const CHAIN_CERTIFICATES_MAX = 16;
/** All of them: OpenSSL takes about 100 KiB in a handshake. */
export const CHAIN_BYTES_MAX = 131_072;
/** Alternative names, or name constraints of one list, in one certificate. */
export const CERTIFICATE_NAMES_MAX = 1_024;
/** One distinguished name: real ones stay under 300. Folding one with 30,000 combining marks takes a third of a second. */
export const DISTINGUISHED_NAME_BYTES_MAX = 1_024;
/** A serial number (RFC 5280 §4.1.2.2). */
export const CERTIFICATE_SERIAL_BYTES_MAX = 20;
/** Certificates in one PEM file: a bundle of every public root has 150. */
export const PEM_CERTIFICATES_MAX = 1_024;
/** Certificates on one path, leaf and anchor included. */
export const PATH_CERTIFICATES_MAX = 12;
/** Checking signatures for one verdict, whatever was presented, by the cost of each; the longest path on P-521 takes 18 ms. */
export const PATH_SIGNATURES_MICROSECONDS_MAX = 20_000;
/** Names compared with constraints for one verdict: some 5 ms. */
export const NAME_COMPARISONS_MAX = 100_000;

// The Workload API.

/** The path of a Unix socket: what `sun_path` holds on Linux, without its final NUL. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** One message: gRPC's own default, which every other client keeps, so no honest agent sends more (F-6). */
export const WORKLOAD_MESSAGE_BYTES_MAX = 4_194_304;
/** Outermost fields of one message, which are the elements of its lists: twice the bundles that it may have. */
export const WORKLOAD_FIELDS_MAX = 2_048;
/** X.509-SVIDs in one message: a workload has one to three; the first counts. */
export const WORKLOAD_SVIDS_MAX = 64;
/** Certificates in the chain of one X.509-SVID: nested SPIRE servers make three or four. */
export const WORKLOAD_CHAIN_MAX = 16;
/** Trust domains in one message: a federation of some dozens is large. */
export const WORKLOAD_BUNDLES_MAX = 1_024;
/** Certificates in one message: reading one takes 0.05 ms, so that reading all of them never holds the loop for long. */
export const WORKLOAD_CERTIFICATES_MAX = 2_048;
/** The first pause after a stream failed; doubled for each further failure. Three streams open twelve times in the first second (F-17). */
export const WORKLOAD_RETRY_MS_MIN = 200;
/** The longest pause: an agent that was away for long is found again within two seconds of its return (F-17). */
export const WORKLOAD_RETRY_MS_MAX = 1_500;
/** A stream that lived this long begins again with the first pause; an agent that delivers and hangs up earns ever longer ones. */
export const WORKLOAD_STABLE_MS = 5_000;
/** A stream that has said nothing yet is given up: SPIRE's Kubernetes attestor may take 30 s, and no agent takes longer. */
export const WORKLOAD_FIRST_MESSAGE_MS = 60_000;
/** A connection without traffic is asked for a sign of life. gRPC servers in Go hang up on who asks more than every 5 minutes. */
export const WORKLOAD_KEEPALIVE_MS = 330_000;

// The command line as a caller.

/** The broker's answer, or that of a platform which hands out tokens: one token, and little beside it. */
export const TOKEN_ANSWER_BYTES_MAX = 131_072;
/** Attempts at a platform's token endpoint: GitHub's own toolkit makes ten, and its hiccups last a second or two. */
export const TOKEN_ATTEMPTS_MAX = 4;
/** The pause before the second attempt; doubled for each further one. */
export const TOKEN_RETRY_MS = 250;
/** Exchanges that are tried again because the broker said 503: a CI token lives five minutes, a person less long. */
export const EXCHANGE_RETRIES_MAX = 2;
/** The longest `Retry-After` that is waited for; a broker that asks for more is reported instead. */
export const EXCHANGE_RETRY_SECONDS_MAX = 10;
/**
 * When `token --watch` renews, as shares of a token's life: about half, so that a broker may be away for as long again, and at random, so that
 * pods that started at once do not ask at once for ever.
 */
export const WATCH_RENEWAL_SHARE_MIN = 0.4;
export const WATCH_RENEWAL_SHARE_MAX = 0.5;
/** What is taken for a token's life where the broker does not say it (RFC 6749 §5.1 only recommends `expires_in`). */
export const WATCH_LIFE_SECONDS = 120;
/** The first pause while the broker is away, doubled for each further one; F-54 wants nothing stale for more than a minute. */
export const WATCH_RETRY_MS_MIN = 1_000;
export const WATCH_RETRY_MS_MAX = 30_000;
/** The pause after a refusal: policies change by hand, and every question is a record. */
export const WATCH_REFUSED_MS = 60_000;
/** The clock is looked at this often: a machine that slept renews as it wakes, though its timers stood still. */
export const WATCH_LOOK_MS = 15_000;
/** What a program says to a credential helper on stdin: git lists every challenge of a server, docker a host. */
export const HELPER_INPUT_BYTES_MAX = 65_536;
/** The file of `--ca`: a bundle of every public root is 220 KiB. */
export const CA_FILE_BYTES_MAX = 1_048_576;
/** A client secret of letters and digits: 62^43 is the first power beyond 2^256. */
export const SECRET_CHARACTERS = 43;
/** An agent that has something for us says it at once; SPIRE attests a process in some hundred milliseconds. */
export const INSPECT_AGENT_MS = 5_000;
/** A file with a chain and its private key: CHAIN_BYTES_MAX in base64, and an RSA key. */
export const CREDENTIAL_BUNDLE_BYTES_MAX = 262_144;

// TokenReview.

/** One review, whole; an API server answers in some ten milliseconds (F-18). */
export const TOKEN_REVIEW_MS = 1_000;
/** The answer: it repeats the token that it was asked about, and adds under 4 KiB. */
export const TOKEN_REVIEW_BYTES_MAX = 131_072;
/** Reviews of one source on their way at once: a server that answers in 100 ms then does 320 a second (F-18). */
export const TOKEN_REVIEWS_AT_ONCE_MAX = 32;
/** Reviews of one source in a second. An API server shares some hundred requests at once among all of a cluster. */
export const TOKEN_REVIEWS_PER_SECOND_MAX = 100;
/** What a caller is told to wait where the API server could not be asked, in seconds. */
export const TOKEN_REVIEW_RETRY_SECONDS = 1;

// Signed requests to AWS STS.

/** A presigned request: session tokens take 1 to 2 KiB, and more where they are percent-encoded (aws-iam-authenticator takes as much). */
export const AWS_REQUEST_BYTES_MAX = 4_096;
/** `X-Amz-Expires`: the longest that STS takes, and what presigners ask for. */
export const AWS_REQUEST_SECONDS_MAX = 900;
/** `X-Amz-Expires` of what `token` signs: long enough for a slow exchange, and no longer. */
export const AWS_PRESIGNED_SECONDS = 120;
/** One question to STS, whole: a regional endpoint answers in some ten milliseconds, one across an ocean in 300. */
export const AWS_IDENTITY_MS = 2_000;
/** The answer: an ARN, an id and an account, or an error with its message. */
export const AWS_IDENTITY_BYTES_MAX = 16_384;
/** Questions of one source on their way at once (F-18). */
export const AWS_IDENTITIES_AT_ONCE_MAX = 32;
/** Questions of one source in a second. STS shares some hundred a second among all of an account and region. */
export const AWS_IDENTITIES_PER_SECOND_MAX = 50;
/** What a caller is told to wait where STS could not be asked, in seconds. */
export const AWS_IDENTITY_RETRY_SECONDS = 1;
/** Regions of one source; AWS has under fifty. */
export const AWS_REGIONS_MAX = 64;

// What `doctor` looks at.

/** Files of one directory: a directory of keys has some ten. */
export const DOCTOR_FILES_MAX = 1_000;
/** An issuer that takes longer is near the five seconds that AWS waits (CA-01). */
export const ISSUER_SLOW_MS = 1_500;
/** Until the listener's certificate ends: what renews it should have done so. */
export const CERTIFICATE_ENDS_SECONDS = 604_800;
