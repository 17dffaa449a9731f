// The numbers of the local helper (`run`, `sidecar`), which serves the SDKs of one workload on loopback. As in limits.ts a name ends in its
// unit, and the comment behind each gives the evidence.

/** A secret that a workload shows: 256 bits, as everything that nobody may guess. */
export const LOCAL_SECRET_BYTES = 32;
/** How long a question waits for a credential on its way: the AWS SDK for JavaScript gives up after 1,000 ms. */
export const LOCAL_ANSWER_MS = 800;
/** How much of a credential's life must be left where it is handed out: Google's answer counts it in whole seconds, and 0 is none. */
export const LOCAL_LEFT_SECONDS_MIN = 1;
/** A credential is replaced when this share of its life is over, and a part of the next share at random: at half of it. */
export const LOCAL_REFRESH_SHARE = 0.45;
export const LOCAL_REFRESH_JITTER = 0.1;
/** No credential is replaced sooner than this after it came, however short it lives. */
export const LOCAL_REFRESH_SECONDS_MIN = 1;
/** The first pause after a broker that did not answer, doubled for each further one, and the longest. */
export const LOCAL_RETRY_SECONDS_MIN = 1;
export const LOCAL_RETRY_SECONDS_MAX = 30;
/** The same after a refusal: a policy is mended by people, so that asking every minute finds it soon enough. */
export const LOCAL_REFUSED_SECONDS_MIN = 5;
export const LOCAL_REFUSED_SECONDS_MAX = 60;
/** Connections at once: one workload's SDKs open some few. */
export const LOCAL_CONNECTIONS_MAX = 128;
/** A request's target: `resource` and `audience` are URLs, and the longest of them have some hundred characters. */
export const LOCAL_TARGET_BYTES_MAX = 4_096;
/** Headers of a request: SDKs send under 1 KiB. */
export const LOCAL_HEADER_BYTES_MAX = 8_192;
/** A whole request, which has no body. */
export const LOCAL_REQUEST_MS = 5_000;
/** How long an idle connection is kept: longer than SDKs pause between the questions of one start. */
export const LOCAL_KEEP_ALIVE_MS = 5_000;
/** Audiences that identity tokens are kept for: a service calls some few others. */
export const LOCAL_AUDIENCES_MAX = 32;
/** What a sidecar has written before it was started again: twenty variables at most. */
export const LOCAL_ENV_FILE_BYTES_MAX = 16_384;
/** Identity tokens that are asked for at once: whoever reaches the metadata server may name any audience. */
export const LOCAL_IDENTITIES_AT_ONCE_MAX = 4;
