// The words of cloud credentials: what a cloud gave for a grant, and what a caller may narrow. The clouds are reached by issuers (issuers/aws.ts, ...); transports render what stands here, each in its own cloud's form. Nothing here is ever recorded or
// logged but `CloudSession`, which holds no secret.

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
      /** The role's own ARN, path and all, as it was asked for. */
      readonly role: string;
      /** `PackedPolicySize`, where AWS says it: percent of what session policies and tags may take. */
      readonly packedPolicySize?: number;
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

/** The text that STS takes as a session policy (CA-05): whatever is beyond ISO 8859-1 may stand in it as a JSON escape alone. */
export const SESSION_POLICY_TEXT = /^[\t\n\r\x20-\xff]*$/;

/** What a cloud gave, or may trust, that no command of ours reaches. */
export interface CloudReach {
  readonly cloud: Cloud;
  /** Whose sessions: roles, service accounts, client ids, with parameters as written. */
  readonly principals: readonly string[];
  /** When the last of them ends, in seconds since the epoch; undefined where SDKs ask the cloud themselves. */
  readonly untilSeconds: number | undefined;
}
