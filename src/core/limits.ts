// Every number that bounds hostile input, waiting or memory, in one place; those about what comes from elsewhere than a request, about
// delegation and about a shared store are in limits-outside.ts, -delegation.ts and -store.ts. A name ends in its unit. The comment behind
// each gives the evidence: attacks (A-n, test/attacks/README.md), faults (F-n, test/faults.md), requirements (TX-15, SI-04, ...,
// test/conformance/README.md). Section signs are RFC sections.

// What a caller may send.

/** One request body: a 64 KiB subject token, percent-encoded, with its other parameters (TX-15). */
export const BODY_BYTES_MAX = 131_072;
/** The part of each body that is always read, however many are on their way: real requests have two to eight KiB. */
export const BODY_SMALL_BYTES = 16_384;
/** What all bodies on their way hold beyond that. Ten thousand slow uploads would else hold over a GiB (F-42, F-48). */
export const BODIES_LARGE_BYTES_MAX = 67_108_864;
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
/** Of a `kid`, this much is shown to operators: all of any honest one. */
export const KID_SHOWN_CHARACTERS_MAX = 64;
/** Of the `kid`s in a file, so many are shown: a cluster has two while it rotates. */
export const KIDS_SHOWN_MAX = 8;
/** `jti` values seen in the field are UUIDs or digests. */
export const JTI_BYTES_MAX = 256;
/** `sub`: a SPIFFE ID may have 2,048 bytes (SI-04), everything else is far below. */
export const SUB_BYTES_MAX = 2_048;
/** One SPIFFE ID (SI-04). */
export const SPIFFE_ID_BYTES_MAX = 2_048;
/** The name of one trust domain (SI-04). */
export const TRUST_DOMAIN_BYTES_MAX = 255;
/** An issuer in configuration: the longest in the field are under 200 characters. */
export const ISSUER_BYTES_MAX = 1_024;
/** Further issuers of one source: a cluster that migrates has one, for a while. */
export const OTHER_ISSUERS_MAX = 8;
/** Levels of nesting in any JSON read from outside: Kubernetes has three. */
export const JSON_DEPTH_MAX = 32;
/** Values in one JSON text: a people token with 2,000 groups passes, a flood of commas does not. */
export const JSON_VALUES_MAX = 20_000;
/** Scopes in one request. */
export const SCOPES_MAX = 64;
/** `audience` and `resource` values in one request; all must name one target (TX-08). */
export const TARGET_VALUES_MAX = 8;

// Time.

/** Clock leeway in either direction, the same for every credential kind (JB-10). */
export const LEEWAY_SECONDS = 30;
/** The latest instant taken from a NumericDate: 9999-12-31. Larger values are not dates. */
export const NUMERIC_DATE_MAX = 253_402_300_799;
/** How long one request may wait for keys it does not have (F-3). */
export const KEYS_WAIT_MS = 1_000;
/** Requests that may wait for one source's keys: half of REQUESTS_IN_FLIGHT_MAX, so that others are served while an origin hangs (F-10). */
export const KEYS_WAITERS_MAX = 256;
/** A record must be on disk, or taken by the pipe, within this time, or nothing is issued (F-47). */
export const RECORD_WRITE_MS = 100;
/** At a start, the first record is tried for this long; a disk that cannot take one line by then is not fit to serve on. */
export const START_RECORD_MS = 10_000;
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
/** All headers of one request. Node's own default, which long cookies of browsers never need here. */
export const HEADER_BYTES_MAX = 16_384;
/** While stopping, how long an idle connection may still bring a request that was already on its way (F-37). */
export const DRAIN_MS = 1_000;
/** At shutdown, requests in work get this long to be answered (F-37). */
export const SHUTDOWN_MS = 15_000;
/** Connections on the public listener (A-174, F-43). */
export const CONNECTIONS_MAX = 10_000;
/** Requests in work at once; the next one is answered 503 at once (F-46). */
export const REQUESTS_IN_FLIGHT_MAX = 512;
/** Standard input is read by so much at a time: what a pipe holds. */
export const INPUT_CHUNK_BYTES = 65_536;
/** A socket as standard input that is empty is asked again after this. */
export const INPUT_RETRY_MS = 5;
/** What a caller is told to wait where a store or the records could not answer: both are back within a second, or for long. */
export const UNAVAILABLE_RETRY_SECONDS = 1;
/** What a caller is told to wait after an overload, in seconds. */
export const OVERLOAD_RETRY_SECONDS = 1;

// Policy.

/** On a reload, reading and compiling policies may take this long in its own thread; ten thousand rules take two seconds. */
export const POLICY_COMPILE_MS = 60_000;

/** The name of a rule or its owner: it stands in every record, metric and refusal. */
export const RULE_NAME_CHARACTERS_MAX = 128;
/** A rule's `why`: half of SENTENCE_CHARACTERS_MAX, so that the sentence around it still fits. */
export const WHY_CHARACTERS_MAX = 300;
/** A parameter that is captured from a claim: a DNS label has 63 characters, a GitHub repository's name 100. */
export const CAPTURE_CHARACTERS_MAX = 64;
/** A value that a table or `with` binds to a parameter: ARNs have at most 2,048 bytes, and what is bound is a part of one. */
export const PARAMETER_VALUE_CHARACTERS_MAX = 512;
/** Rules that one rule may become by `each`: two tables of a hundred rows, or ten thousand rows of one. */
export const RULE_ROWS_MAX = 10_000;
/** Rules of one identifier that another of them is compared with by the linter, the widest first: a repository has a dozen rules. */
export const LINT_RIVALS_MAX = 64;
/** A rule that ends within this time is warned of: two weeks, so that whoever is away for one still sees it. */
export const ENDS_SOON_SECONDS = 14 * 86_400;
/** Single values that `diff` takes a rule apart into to name the new ones, 32 of each of two claims; past it the whole rule is named. */
export const DIFF_PIECES_MAX = 1_024;
/** Index keys that one rule may stand under; past this its longest list is not indexed, or lists would multiply. */
export const RULE_KEYS_MAX = 64;
/** Rules listed in one trace. */
export const TRACE_RULES_MAX = 32;
/** Rules that `explain` lists unless told otherwise: what a terminal shows at once. */
export const EXPLAINED_RULES_MAX = 10;
/** A presented value in a trace or record is cut here; its SHA-256 stands beside it. */
export const RECORDED_VALUE_BYTES_MAX = 256;
/** `error_description`, the caller's one sentence. */
export const SENTENCE_CHARACTERS_MAX = 600;
/** A name in that sentence, which is cut here: a third of it, so that the rule that came nearest is still said. */
export const SENTENCE_NAME_CHARACTERS_MAX = 200;

// Configuration.

/** One YAML file: 10,000 rules take 2.6 MB, and ten times that much would block the loop for ten seconds. */
export const YAML_BYTES_MAX = 16_777_216;
/** Any file that configuration names: YAML, keys, certificates. A bundle of every public root is 220 KiB. */
export const CONFIG_FILE_BYTES_MAX = 16_777_216;
/** Files below one policy folder: one for each of ten thousand rules is still read. */
export const POLICY_FILES_MAX = 20_000;
/** How long files must be still before a change counts: an editor or `kubectl` writes several in a row. */
export const RELOAD_STILL_MS = 1_000;
/** How often watched files are looked at where the system sends no event: network file systems, swapped mounts. */
export const RELOAD_POLL_MS = 5_000;
/** One change sends several events: looking at the files waits this long for the rest of them. */
export const RELOAD_EVENTS_MS = 20;
/** A word that "did you mean" is asked for; the distance takes quadratic time, and no name of ours is longer. */
export const SUGGESTED_WORD_CHARACTERS_MAX = 64;
/** Levels of nesting in YAML: a rule that names a nested claim has eight. */
export const YAML_DEPTH_MAX = 32;

// Our own tokens and keys.

/** Random bytes are drawn from the system this many at a time; one request needs sixteen. */
export const RANDOM_PAGE_BYTES = 4_096;
/** The lifetime of a `token` target that does not say one. */
export const TOKEN_LIFETIME_SECONDS_DEFAULT = 300;
/** The longest lifetime a target or rule may say. */
export const TOKEN_LIFETIME_SECONDS_MAX = 43_200;
/** How long others may keep our JWK Set and metadata: far shorter than any `publishAhead` (MD-09). */
export const METADATA_AGE_SECONDS = 300;
/** A retired signing key stays published this long after the longest token it signed (MD-09). */
export const SIGNING_KEY_RETIRED_SECONDS = 86_400;
/** The file of one signing key, or of the audit key: an RSA key of 2,048 bits takes 2 KiB. */
export const SIGNING_KEY_FILE_BYTES_MAX = 16_384;
/** How often the rings and their directory are looked at: so soon a change of one broker is one of all (F-33). A look lists some files. */
export const SIGNING_KEY_TICK_MS = 1_000;
/** How long rotation pauses after a failed step; the keys it has go on signing. */
export const SIGNING_KEY_RETRY_MS = 60_000;
/**
 * Keys that could not be read again for half of \`publishAhead\`, and for this long at most, sign no more: others may sign by then with a
 * key that is missing here, and would forget the one that signs here SIGNING_KEY_RETIRED_SECONDS after they replaced it.
 */
export const SIGNING_KEY_UNREAD_SECONDS_MAX = 43_200;
/** And for this long at least, however short \`publishAhead\` is. */
export const SIGNING_KEY_UNREAD_SECONDS_MIN = 60;
/** How long a change to a shared directory waits for those of others: the first keys, two of them RSA, take a slow machine some seconds. */
export const TURN_WAIT_MS = 20_000;
/** Between two attempts. */
export const TURN_PAUSE_MS = 20;

// Records.

/** Refusals in which nothing was proved, per address and second, before they are coalesced. */
export const UNPROVED_RECORDS_PER_SECOND = 100;
/** A checkpoint is signed after this many records, or this much time. */
export const CHECKPOINT_RECORDS = 1_000;
export const CHECKPOINT_SECONDS = 10;
/** Decisions kept in memory for `explain --decision`. */
export const DECISIONS_REMEMBERED_MAX = 10_000;
/** Memory for them: an ordinary record has 1.5 KB; long claims must not turn ten thousand of them into a gigabyte (F-40). */
export const DECISIONS_REMEMBERED_BYTES_MAX = 67_108_864;
/** One rendered record; past this its trace, then its claims, are left out and named. */
export const RECORD_BYTES_MAX = 65_536;
/** Claims recorded with their values: the longest platform table has 27. */
export const RECORDED_CLAIMS_MAX = 128;
/** Names listed in one record: claims without values, rules that a reload changed. */
export const RECORDED_NAMES_MAX = 128;
/** Records in one write, so that hashing a burst never holds the loop for more than some milliseconds. */
export const RECORD_GROUP_MAX = 1_024;
/** Records that wait for the sink; the next one is refused (F-40, F-47). Far above REQUESTS_IN_FLIGHT_MAX. */
export const RECORD_QUEUE_MAX = 16_384;
/** Bytes that wait for the sink. */
export const RECORD_QUEUE_BYTES_MAX = 67_108_864;
/** How long closing the trail waits for its last write (F-37: all of shutdown has 30 s). */
export const RECORD_CLOSE_MS = 1_000;
/** Addresses whose unproved refusals are counted at once; one dropped early writes its count and starts again. */
export const UNPROVED_ADDRESSES_MAX = 10_000;
/** One line of a trail as `audit verify` reads it: a record with its chain members; a longer one is no line of ours. */
export const TRAIL_LINE_BYTES_MAX = 131_072;
/** How often `audit tail --follow` looks for more: a person does not notice, and neither does the disk. */
export const TRAIL_POLL_MS = 200;
/** Chains followed at once in one trail: replicas and restarts whose output was collected together. */
export const TRAIL_CHAINS_MAX = 10_000;
/** Problems listed by `audit verify`; the rest are counted. */
export const TRAIL_PROBLEMS_MAX = 100;
/** Groups of flips that `diff --against` keeps, and prints; requests beyond them are counted. A change of policy has some tens. */
export const FLIP_GROUPS_MAX = 10_000;
export const FLIP_GROUPS_SHOWN_MAX = 100;
/** Decisions that it prints of each group: enough to look one up with `explain`. */
export const FLIP_EXAMPLES_MAX = 3;
/** Rules that `suggest` writes at most: what nobody would review. The requests of others are counted. */
export const SUGGESTED_RULES_MAX = 10_000;
/** Reasons, by source, for which `suggest` leaves requests out, and those that it prints: some ten for each of some ten sources. */
export const LEFT_OUT_MAX = 1_000;
export const LEFT_OUT_SHOWN_MAX = 100;
/** Rules in preview or to be retired that `audit breaks` follows. */
export const BREAKS_RULES_MAX = 10_000;
/** Distinct subjects that it counts for each; above that it says so. */
export const BREAKS_SUBJECTS_MAX = 10_000;

// Spent credentials.

/** Claims held at once; past this, single-use credentials are refused rather than forgotten. */
export const SPENT_CLAIMS_MAX = 2_000_000;
/** Changes in one line of the journal: some 100 KiB, so that a line is written and read in one piece. */
export const JOURNAL_CHANGES_MAX = 1_000;
/** A longer line of the journal is no line of ours. */
export const JOURNAL_LINE_BYTES_MAX = 262_144;
/** The journal is rewritten once it holds this many changes more than twice what is still claimed. */
export const JOURNAL_SLACK_CHANGES = 10_000;
/** How often expired claims are looked for, and a failed journal is tried again. */
export const JOURNAL_TICK_MS = 1_000;
/** Claims looked at for their end with each new claim, so that memory shrinks as fast as it grows; and in each tick. */
export const SWEPT_PER_CLAIM = 4;
export const SWEPT_PER_TICK = 20_000;

// Local listeners: the observe port and the control socket.

/** Connections on the observe listener: scrapers and probes. */
export const OBSERVE_CONNECTIONS_MAX = 256;
/** Connections on the control socket: people and their scripts. */
export const CONTROL_CONNECTIONS_MAX = 64;
/** One command's body. */
export const CONTROL_BODY_BYTES_MAX = 16_384;
/** One answer, as the client takes it: a thousand records of some 8 KiB. */
export const CONTROL_ANSWER_BYTES_MAX = 33_554_432;
/** Decisions in one answer. */
export const CONTROL_DECISIONS_MAX = 1_000;
/** One command, from connecting to its whole answer: a reload waits for running requests (REQUEST_DEADLINE_MS). */
export const CONTROL_MS = 20_000;
/** Whether another process answers on the socket is known after this time. */
export const CONTROL_PROBE_MS = 1_000;
/** A warning that requests cause is not repeated within this time, for each source. */
export const NOTICE_SECONDS = 60;
/** Time series of one metric; past this, names from the configuration are counted as `other` (A-185, F-40). */
export const METRIC_SERIES_MAX = 20_000;

// `exchequer dev`.

/** What `token --as` signs, a request to AWS too, lives as long as GitHub's tokens do. */
export const DEV_TOKEN_SECONDS = 300;
/** The throw-away secret of clients, and each `jti`: 128 bits outlast a day on a laptop. */
export const DEV_SECRET_BYTES = 16;
