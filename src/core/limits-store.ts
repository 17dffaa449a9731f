// Numbers that bound what the broker asks of a shared store, and how replicas tell each other that they live: a part of limits.ts, by the
// same rules. What one of them means for an outage stands in docs/operating.md.

// One question to Redis.

/** An answer that has not come by now is none: with the rest of a request it is refused within 250 ms (F-20, F-21). */
export const REDIS_ANSWER_MS = 200;
/** How long Redis waits for its replicas to have a write: half of that, so that it can say that they have not. */
export const REDIS_COPIES_MS = 100;
/** The client's own bound on one command, for what it asks by itself. Longer than ours, which waits for what has arrived already. */
export const REDIS_COMMAND_MS = 1_000;
/** One connection, with TLS and its authentication: across a continent it takes 200 ms. */
export const REDIS_CONNECT_MS = 1_000;
/** A client that is not ready by then, whatever it waits for, is given up. Three Sentinels that hang are asked within it. */
export const REDIS_READY_MS = 5_000;
/** The pause before the first attempt to connect again; doubled for each further one. */
export const REDIS_RECONNECT_MS_MIN = 100;
/** The longest pause: a Redis that returns is found again within a second (F-20). */
export const REDIS_RECONNECT_MS_MAX = 1_000;
/** A claim that Redis reads later than this after it was sent is not made: its request has been refused (F-21). */
export const REDIS_LATE_MS = 1_000;
/** The same for a Cluster, whose nodes have a clock each. */
export const REDIS_LATE_CLUSTER_MS = 30_000;
/** How often Redis is asked whether it would evict what it must keep. */
export const REDIS_INSPECT_MS = 30_000;
/** The file of a password: ACL passwords are generated, with 64 characters. */
export const REDIS_PASSWORD_BYTES_MAX = 4_096;
/** Addresses of one deployment: Sentinels and seeds of a Cluster are three to seven. */
export const REDIS_ADDRESSES_MAX = 32;
/** Replicas of Redis that a write may have to wait for. */
export const REDIS_REPLICAS_MAX = 8;
/** Different reasons that are logged in one outage. */
export const REDIS_PROBLEMS_MAX = 16;
/** The beginning of every key. */
export const REDIS_PREFIX_CHARACTERS_MAX = 64;

// The feed of blocks and revocations.

/** How often a replica asks for news, and says that it lives. Four of five questions may fail before FEED_SILENT_MS. */
export const FEED_POLL_MS = 200;
/** How often, while somebody waits for the others. */
export const FEED_HASTE_MS = 25;
/** A connection that is ready and has given no good answer for this long is given up: its answers may be those of other questions. */
export const FEED_RENEW_MS = 2_000;
/** Entries in one answer: a tenth of a MiB, read in a millisecond or two. */
export const FEED_PAGE_ENTRIES = 500;
/** Entries that are written back at once after a loss. */
export const FEED_RESTORED_ENTRIES = 200;
/** Changes whose marks Redis keeps: a replica that was away for more of them reads everything anew. */
export const FEED_MARKS_KEPT = 10_000;
/**
 * A replica that has not said for this long that it lives has stopped issuing by itself: after FEED_SILENT_MS, and what had passed the last
 * check by then has left long before (RECORD_WRITE_MS). So that much a block waits for a replica that is cut off.
 */
export const REPLICA_LEASE_MS = 5_000;
/** One that has been silent for this long is taken off the list. */
export const REPLICA_FORGOTTEN_MS = 30_000;
/** After a store was begun anew, a process that remembers nothing waits for those that do to write back what was lost. */
export const GENERATION_SETTLE_MS = 2_000;

// Secrets of clouds.

/** Credentials of clouds that one broker remembers at once, and their bytes: one has up to 12 KiB, most 4. */
export const SECRETS_MAX = 50_000;
export const SECRETS_BYTES_MAX = 134_217_728;
/** One of them: a cloud's longest answer. */
export const SECRET_BYTES_MAX = 65_536;
/** What they are sealed with: AES-256. */
export const SEALING_KEY_BYTES = 32;
/** Its file: 43 characters of base64url and a line end. */
export const SEALING_KEY_FILE_BYTES_MAX = 64;
