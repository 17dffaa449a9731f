// The numbers that bound what clouds are asked and what they give. As in limits.ts a name ends in its unit, and the comment behind each gives
// the evidence (CA-n, CG-n, CZ-n: test/conformance/README.md; F-n: test/faults.md).

/** All that one credential may take of a cloud's time, retries included (F-50). */
export const CLOUD_MS = 5_000;
/** One attempt: a regional STS answers in 20 to 300 ms; a second attempt must fit behind one that hangs (F-51). */
export const CLOUD_ATTEMPT_MS = 2_000;
/** An attempt that has not ended by itself so long after its deadline is given up. */
export const CLOUD_GRACE_MS = 100;
/** Where less is left for an attempt, it is not made: a regional STS answers within it. */
export const CLOUD_ATTEMPT_MS_MIN = 300;
/** Attempts at one credential, as many as AWS's own SDKs make. */
export const CLOUD_ATTEMPTS_MAX = 3;
/** The pause before a further attempt: about so much for the first one, more for the next, at random, and never more than the last one. */
export const CLOUD_PAUSE_MS = 100;
export const CLOUD_PAUSE_MS_MAX = 1_000;
/** Questions to one account of one cloud on their way at once, and those that wait behind them (F-50). */
export const CLOUD_AT_ONCE_MAX = 32;
export const CLOUD_WAITING_MAX = 128;
/** What a caller is told to wait where the cloud does not say. */
export const CLOUD_RETRY_SECONDS = 2;
/** And never longer, whatever the cloud says: clients that obey would be away for as long. */
export const CLOUD_RETRY_SECONDS_MAX = 60;
/** Any answer of a cloud: an AWS session token has up to 4 KiB, one of Google or Entra up to 8. */
export const CLOUD_ANSWER_BYTES_MAX = 65_536;

/**
 * A credential of the cache is given away while half of its life is left, and more than eleven minutes: botocore asks for another at fifteen
 * minutes before the end and insists at ten, the SDK for JavaScript asks at five, and what comes must not be the same again.
 */
export const CACHED_LIFE_SHARE_MIN = 0.5;
export const CACHED_LIFE_SECONDS_MIN = 660;
/** In the last fifth of the time in which it is given away, the next one is asked for: of a credential of an hour, six minutes. */
export const CACHED_AHEAD_SHARE = 0.2;
/** Where that fails, so long nobody tries again; and so many such failures are remembered. */
export const CACHED_REST_MS = 10_000;
export const CACHED_RESTING_MAX = 1_000;

/** An assertion for a cloud: fresh for each question (CG-05), and long enough for a slow one (CX-01). */
export const ASSERTION_SECONDS = 300;
/** Our next key is published this long before it signs: clouds keep a key set for up to a day (CX-03). */
export const CLOUD_PUBLISH_AHEAD_SECONDS_MIN = 86_400;
/** A session of AWS: DurationSeconds (CA-05). */
export const AWS_SESSION_SECONDS_MIN = 900;
export const AWS_SESSION_SECONDS_MAX = 43_200;
/** What STS gives where nothing is asked. */
export const AWS_SESSION_SECONDS_USUAL = 3_600;
/** The shortest `MaxSessionDuration` that a role may have. */
export const AWS_ROLE_SECONDS_MIN = 3_600;
/** RoleSessionName and source identity (CA-05, CA-07). */
export const AWS_SESSION_NAME_CHARACTERS_MIN = 2;
export const AWS_SESSION_NAME_CHARACTERS_MAX = 64;
/** The name of a role, without its path; its ARN in all. */
export const AWS_ROLE_NAME_CHARACTERS_MAX = 64;
/** `aud` of an assertion for AWS: a client id of its identity provider. */
export const AWS_AUDIENCE_CHARACTERS_MAX = 255;
/** Session tags (CA-06). */
export const AWS_TAGS_MAX = 50;
export const AWS_TAG_KEY_CHARACTERS_MAX = 128;
export const AWS_TAG_VALUE_CHARACTERS_MAX = 256;
/** Session policies (CA-05). */
export const AWS_POLICY_CHARACTERS_MAX = 2_048;
export const AWS_POLICY_ARNS_MAX = 10;
/** `sub` of an assertion for AWS (CA-04); `iss`, `sub` and `aud` of one for Azure (CZ-02). */
export const AWS_SUBJECT_CHARACTERS_MIN = 6;
export const AWS_SUBJECT_CHARACTERS_MAX = 255;
export const AZURE_PIN_CHARACTERS_MAX = 600;
/** Allowed audiences of a provider, and the length of each (CG-02); its attribute condition (CG-04). */
export const GOOGLE_AUDIENCES_MAX = 10;
export const GOOGLE_AUDIENCE_CHARACTERS_MAX = 256;
export const GOOGLE_CONDITION_CHARACTERS_MAX = 4_096;
/** `google.subject` (CG-04). */
export const GOOGLE_SUBJECT_BYTES_MAX = 127;
/** What Google's own STS gives, whatever is asked; a service account's token may live shorter (CG-06). */
export const GOOGLE_TOKEN_SECONDS = 3_600;
/** Of a token of a service account: longer than an hour an organisation policy must allow (CG-06). */
export const GOOGLE_LIFETIME_SECONDS_MAX = 43_200;
/** Google gives no shorter one any sense: its own clocks are some seconds apart. */
export const GOOGLE_LIFETIME_SECONDS_MIN = 60;
/** The longest that Entra gives a token unless a policy of the tenant says otherwise: 60 to 90 minutes, at random. */
export const AZURE_TOKEN_SECONDS_MAX = 5_400;
/** The longest that a policy of the tenant can say. */
export const AZURE_POLICY_SECONDS_MAX = 86_400;

/** How far `x-amz-date` may be from our clock: AWS's SDKs mend a clock that is off by 300 s or more, and none that is off by less. */
export const AWS_SIGNED_WINDOW_SECONDS = 300;
/** How long after its end a session is told to have ended, and not to be unknown: SDKs then fetch another. */
export const AWS_SESSION_TOLD_SECONDS = 900;
/** Headers that a signature covers: the SDK for JavaScript signs nine. */
export const AWS_SIGNED_HEADERS_MAX = 32;
/** The header `Authorization` of a signed request: under 400 bytes with ten headers. */
export const AWS_AUTHORIZATION_BYTES_MAX = 2_048;
/** RoleArn, and the ARN of a session policy (CA-05). */
export const AWS_ARN_CHARACTERS_MAX = 2_048;
/** Keys of one type in our set: AWS takes no more than a hundred RSA and a hundred EC keys (CA-01). */
export const CLOUD_KEYS_MAX = 100;
/** Trusts that `setup` prints at once: more are a fleet of roles, which a module of the operator's own makes from `--json`. */
export const SETUP_TRUSTS_MAX = 100;
