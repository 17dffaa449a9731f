// The words of cloud credentials: what a cloud gave for a grant, what is remembered of it, and why a cloud gave nothing. The clouds are reached
// by issuers (issuers/aws.ts, ...); transports render what stands here, each in its own cloud's form. Nothing here is ever recorded or
// logged but `CloudSession`, which holds no secret.

import type { CloudRefusal, Result, UnavailableRefusal } from './refusal.ts';

export type Cloud = 'aws' | 'gcp' | 'azure';

/** Who somebody is in the cloud by a credential, as the cloud's own log says it. No secret is in it. */
export interface CloudSession {
  /** AWS: the ARN of the assumed role with its session name; Google Cloud: the service account, or the federated principal; Azure: the client id. */
  readonly principal: string;
  /** AWS: the access key id. */
  readonly id?: string;
  /** The `aud` and `sub` of the assertion that the cloud took. */
  readonly audience: string;
  readonly subject: string;
}

/** What a cloud gave. Secret, but for `session`. */
export type CloudCredential = { readonly session: CloudSession } & (
  | {
      readonly cloud: 'aws';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken: string;
      /** `AssumedRoleUser.AssumedRoleId`, with the session name behind it. */
      readonly assumedRoleId: string;
    }
  | { readonly cloud: 'gcp' | 'azure'; readonly accessToken: string }
  /** The assertion itself leaves, for targets that say `deliver: assertion`. */
  | { readonly cloud: Cloud; readonly assertion: string }
);

/** What a session policy of the caller's own narrows a session to. */
export interface SessionPolicies {
  /** JSON. */
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
}

/**
 * Keeps secret texts until an instant, in this process alone or sealed in the store that replicas share. `get` gives undefined for what is
 * not there, and throws StoreUnavailable where nobody can know. `set` never rejects: what cannot be kept is not kept. Calls may overlap.
 */
export interface SecretMemory {
  get(key: string): Promise<string | undefined>;
  set(key: string, secret: string, untilSeconds: number): Promise<void>;
}

/** What one attempt at a cloud came to. */
export type CloudAttempt<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `problem`: the cloud's own code, or ours for what it did; never a text of its answer. */
  | {
      readonly ok: false;
      readonly problem: string;
      /** `never`: the same would be said again. `busy`: the cloud says that it has too much to do. `failed`: nobody knows what became of it. */
      readonly again: 'never' | 'busy' | 'failed';
      readonly retryAfterSeconds?: number | undefined;
    };

/**
 * Asks a cloud, within CLOUD_MS in all, with retries where they can help, and apart from those that ask for other accounts: `account` names
 * the bulkhead. Never throws.
 */
export type AskCloud = <Value>(
  asked: { readonly cloud: Cloud; readonly account: string; readonly target: string },
  attempt: (deadlineMs: number) => Promise<CloudAttempt<Value>>,
) => Promise<Result<Value, CloudRefusal | UnavailableRefusal>>;
