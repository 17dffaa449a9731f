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

export type CloudTrust = AwsTrust;

/** How a cloud is reached from here: what `doctor` tries. */
export interface CloudEndpoint {
  readonly url: string;
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly privateNetwork: boolean;
}
