// What a cloud must be told so that it trusts our assertions for one target and nothing else: the other side of an issuer, made by the same
// code that signs (issuers/*.ts), so that the pins cannot differ from the tokens. Nothing in it is secret.

/** What every assertion for a target says. */
interface Pins {
  /** `iss`, byte for byte. */
  readonly issuer: string;
  /** `aud`: one value. */
  readonly audience: string;
  /** What is pinned: `target:<name>[:<parameter>...]`; in `sub`, or for Google in `target`. */
  readonly subject: string;
}

/** A role that assertions are exchanged for by AssumeRoleWithWebIdentity. */
export interface AwsTrust extends Pins {
  readonly cloud: 'aws';
  /** Its ARN. */
  readonly role: string;
  /** The keys of session tags that assertions may have; empty where they have none. */
  readonly tags: readonly string[];
  readonly sourceIdentity: boolean;
  /** The longest session that is asked for. */
  readonly secondsMax: number;
}

/** A provider of a workload identity pool, and the service account that whoever comes through it takes on. */
export interface GcpTrust extends Pins {
  readonly cloud: 'gcp';
  /** The provider's resource name, `//iam.googleapis.com/projects/<number>/...`. */
  readonly provider: string;
  /** Its e-mail address; undefined where callers have access of their own, as `principal://...`. */
  readonly serviceAccount: string | undefined;
  /** The longest token of the service account that is asked for. */
  readonly secondsMax: number;
}

/** A federated credential of an application, or of a managed identity. */
export interface AzureTrust extends Pins {
  readonly cloud: 'azure';
  /** A GUID, or a domain. */
  readonly tenant: string;
  readonly clientId: string;
  /** What its tokens are for; undefined where an SDK asks for them itself. */
  readonly resource: string | undefined;
}

export type CloudTrust = AwsTrust | GcpTrust | AzureTrust;

/** How a cloud is reached from here: what `doctor` tries. */
export interface CloudEndpoint {
  readonly url: string;
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly privateNetwork: boolean;
}
