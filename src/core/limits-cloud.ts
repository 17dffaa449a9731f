// The numbers that bound what clouds are asked and what they give. As in limits.ts a name ends in its unit, and the comment behind each gives
// the evidence (CA-n, CG-n, CZ-n: test/conformance/README.md; F-n: test/faults.md).

/** All that one credential may take of a cloud's time, retries included (F-50). */
export const CLOUD_MS = 5_000;
/** One attempt: a regional STS answers in 20 to 300 ms; a second attempt must fit behind one that hangs (F-51). */
export const CLOUD_ATTEMPT_MS = 2_000;
/** Attempts at one credential. */
export const CLOUD_ATTEMPTS_MAX = 3;
/** Questions to one account of one cloud on their way at once, and those that wait behind them (F-50). */
export const CLOUD_AT_ONCE_MAX = 32;
export const CLOUD_WAITING_MAX = 128;
/** What a caller is told to wait where the cloud does not say. */
export const CLOUD_RETRY_SECONDS = 2;
/** Any answer of a cloud: an AWS session token has up to 4 KiB, one of Google or Entra up to 8. */
export const CLOUD_ANSWER_BYTES_MAX = 65_536;

/** An assertion for a cloud: fresh for each question (CG-05), and long enough for a slow one (CX-01). */
export const ASSERTION_SECONDS = 300;
/** Our next key is published this long before it signs: clouds keep a key set for up to a day (CX-03). */
export const CLOUD_PUBLISH_AHEAD_SECONDS_MIN = 86_400;
/** A session of AWS: DurationSeconds (CA-05). */
export const AWS_SESSION_SECONDS_MIN = 900;
export const AWS_SESSION_SECONDS_MAX = 43_200;
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
/** `sub` of an assertion for AWS (CA-04), and for Azure (CZ-02). */
export const AWS_SUBJECT_CHARACTERS_MIN = 6;
export const AWS_SUBJECT_CHARACTERS_MAX = 255;
export const AZURE_SUBJECT_CHARACTERS_MAX = 600;
/** `google.subject` (CG-04). */
export const GOOGLE_SUBJECT_BYTES_MAX = 127;
/** What Google's own STS gives, whatever is asked; a service account's token may live shorter (CG-06). */
export const GOOGLE_TOKEN_SECONDS = 3_600;
/** The longest that Entra gives a token unless a policy of the tenant says otherwise: 60 to 90 minutes, at random. */
export const AZURE_TOKEN_SECONDS_MAX = 5_400;
/** Trusts that `setup` prints at once: more are a fleet of roles, which a module of the operator's own makes from `--json`. */
export const SETUP_TRUSTS_MAX = 100;
