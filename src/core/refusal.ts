// Every way to say no. A refusal is an expected answer: typed, returned, recorded and explained; it carries its evidence as
// plain fields and never a credential, a key, or a claim value that nobody proved. A fault, by contrast, is thrown.
// adapters/http/wire.ts maps each reason to its OAuth error (RFC 6749 §5.2, RFC 8693 §2.2.2) in one exhaustive switch.

import type { CertificateProblem } from './certificate-problem.ts';
import type { Cloud } from './cloud.ts';
import type { Role } from './principal.ts';

/** The request itself is not well formed, or asks for something that is not built. */
export type SyntaxRefusal =
  | { readonly reason: 'method_not_allowed' }
  | { readonly reason: 'media_type_unsupported' }
  | { readonly reason: 'query_forbidden' }
  | { readonly reason: 'body_malformed'; readonly problem: BodyProblem }
  | { readonly reason: 'body_too_large'; readonly bytesMax: number }
  | { readonly reason: 'parameter_missing'; readonly parameter: string }
  | { readonly reason: 'parameter_repeated'; readonly parameter: string }
  | { readonly reason: 'parameter_too_large'; readonly parameter: string; readonly bytesMax: number }
  | { readonly reason: 'parameter_malformed'; readonly parameter: string }
  | { readonly reason: 'parameter_unsupported'; readonly parameter: string }
  | { readonly reason: 'grant_type_unsupported' }
  | { readonly reason: 'token_type_unsupported'; readonly parameter: string }
  | { readonly reason: 'scope_malformed' }
  | { readonly reason: 'resource_malformed' };

export type BodyProblem =
  | 'not_utf8'
  | 'bad_percent_encoding'
  | 'too_many_parameters'
  | 'bad_parameter_name'
  | 'incomplete'
  | 'encoded'
  /** Where JSON is taken: it is none, is no object, or has a member twice. */
  | 'not_json';

/** The caller did not authenticate as it must. What is wrong inside an assertion or a certificate is a `CredentialRefusal`. */
export type ClientRefusal =
  | {
      readonly reason: 'client_credential_refused';
      readonly method: 'basic' | 'post' | 'assertion' | 'attestation' | 'certificate' | 'none';
      readonly problem: ClientProblem;
    }
  /** The subject's credential is presented by clients only, and there is none. */
  | { readonly reason: 'client_required'; readonly source: string }
  /** The client is not registered for the `aud` of the subject's credential. */
  | { readonly reason: 'client_not_presenter'; readonly source: string };

export type ClientProblem =
  /** More than one credential (RFC 7521 §4.2.1). */
  | 'several_methods'
  | 'malformed'
  | 'unsupported'
  | 'client_id_missing'
  /** `client_id` is another than the credential's own. */
  | 'client_id_differs'
  | 'unregistered'
  /** A registered client has exactly one method, and this is not it. */
  | 'other_method'
  | 'credential_missing'
  | 'secret_wrong'
  | 'secret_expired'
  /** The certificate or SVID is a valid one, of somebody else. */
  | 'other_identity';

/** A subject, actor or client credential does not prove what it claims. */
export type CredentialRefusal = { readonly role: Role; readonly source?: string } & (
  | { readonly reason: 'credential_malformed'; readonly problem: CredentialProblem }
  | { readonly reason: 'issuer_unknown' }
  | { readonly reason: 'subject_reserved' }
  | { readonly reason: 'token_type_refused' }
  | { readonly reason: 'typ_refused' }
  | { readonly reason: 'header_refused'; readonly member: string }
  | { readonly reason: 'algorithm_refused' }
  | { readonly reason: 'key_unknown'; readonly lacking?: LackingFile }
  | { readonly reason: 'signature_invalid' }
  | { readonly reason: 'claim_missing'; readonly claim: string }
  | { readonly reason: 'claim_invalid'; readonly claim: string }
  | { readonly reason: 'claim_forbidden'; readonly claim: string }
  | { readonly reason: 'claim_unsupported'; readonly claim: string }
  | { readonly reason: 'audience_mismatch' }
  | { readonly reason: 'expired' }
  | { readonly reason: 'not_yet_valid' }
  | { readonly reason: 'lifetime_too_long'; readonly secondsMax: number }
  | { readonly reason: 'too_old'; readonly secondsMax: number }
  | { readonly reason: 'requirement_unmet'; readonly claim: string }
  | { readonly reason: 'replayed'; readonly spentBy: string }
  | { readonly reason: 'certificate_refused'; readonly problem: CertificateProblem }
  | { readonly reason: 'review_refused'; readonly problem: ReviewProblem }
  /** The credential is bound to a key that the caller did not prove to have (RFC 8705 §3, RFC 9449 §5). */
  | { readonly reason: 'binding_mismatch' }
  /** It is blocked, or was revoked: `withdrawal` is the id of the block or revocation, which says why. */
  | { readonly reason: 'withdrawn'; readonly withdrawal: string }
  /** Who acts is the subject itself, or the actor token is the subject token (TX-50). */
  | { readonly reason: 'actor_is_subject' }
  /** Who acts has acted before, and others since: the chain would be a loop. */
  | { readonly reason: 'actor_repeated' }
  /** The chain of actors, or of tokens, would be longer than may be issued (OB-04). */
  | { readonly reason: 'chain_too_long' }
  /** `may_act` of the subject's credential means somebody else, or nobody acts (TX-45). */
  | { readonly reason: 'may_act_unmet' }
);

/** A DPoP proof proves nothing (RFC 9449 §4.3), or a nonce is wanted in it. */
export type ProofRefusal =
  | { readonly reason: 'dpop_proof_refused'; readonly problem: ProofProblem }
  /** `nonce` is the one to use (RFC 9449 §8). */
  | { readonly reason: 'dpop_nonce_wanted'; readonly nonce: string }
  | { readonly reason: 'dpop_proof_replayed'; readonly spentBy: string };

export type ProofProblem =
  | 'repeated'
  | 'malformed'
  | 'too_large'
  | 'typ'
  | 'algorithm'
  | 'header'
  | 'key'
  | 'signature'
  | 'claims'
  | 'htm'
  | 'htu'
  | 'time';

/** A file of keys that has none for a token: what the operator compares. */
export interface LackingFile {
  readonly file: string;
  /** `kid` of its keys, as many and as much of each as a record may hold. */
  readonly held: readonly string[];
  readonly alg: string;
  /**
   * What the token's header says, printable and cut at KID_SHOWN_CHARACTERS_MAX. Nobody proved it; it is no claim but the public
   * name of a public key, and without it the file cannot be mended.
   */
  readonly kid?: string;
}

export type CredentialProblem =
  | 'not_compact'
  | 'encrypted'
  | 'too_large'
  | 'base64url'
  | 'header_too_large'
  | 'header_json'
  | 'header_member'
  | 'payload_json'
  | 'payload_not_object'
  // A presigned request.
  | 'request_url'
  | 'request_host'
  | 'request_parameter'
  | 'request_action'
  | 'request_algorithm'
  | 'request_credential'
  | 'request_signed_headers'
  | 'request_time'
  | 'request_body';

/** Why the API server does not vouch for a token (TokenReview), or AWS STS for a request. */
export type ReviewProblem = 'not_authenticated' | 'audience' | 'user';

/** The rule that came nearest to granting, and the first of its conditions that failed. */
export interface Nearest {
  readonly rule: string;
  /** `file:line` of the rule. */
  readonly at: string;
  /** Which part failed, in the order of evaluation. */
  readonly part: RulePart;
  /** The claim or field that failed, as written in the rule. */
  readonly what: string;
  /** What the proved principal presented, cut at RECORDED_VALUE_BYTES_MAX; undefined where it was absent. */
  readonly presented: string | undefined;
  readonly expected: string;
  /** The rule's `why`: whom to ask. */
  readonly why: string | undefined;
}

export type RulePart = 'source' | 'pin' | 'claims' | 'actor' | 'client' | 'target' | 'scope' | 'confirm';

/** Policy does not grant it. `nearest` is for the records; the caller sees it only where its source says `tell: caller`. */
export type PolicyRefusal =
  | { readonly reason: 'no_rule'; readonly nearest?: Nearest }
  | { readonly reason: 'target_unknown' }
  | { readonly reason: 'targets_differ' }
  /** Asked for by name, and rules grant it with different parameters: its address says which is meant. */
  | { readonly reason: 'target_ambiguous'; readonly rules: readonly string[] }
  | { readonly reason: 'target_not_allowed'; readonly nearest?: Nearest }
  | { readonly reason: 'target_denied'; readonly rule: string }
  | { readonly reason: 'target_requirement_unmet'; readonly requirement: string }
  | { readonly reason: 'scope_not_allowed'; readonly nearest?: Nearest }
  /** A person must confirm anew, or more strongly (RFC 9470 §3). */
  | {
      readonly reason: 'confirmation_wanted';
      /** Authentication contexts, any of which will do; empty where any will. */
      readonly acrValues: readonly string[];
      readonly maxAgeSeconds: number | undefined;
      readonly nearest?: Nearest;
    };

/** The cloud that should have given a credential says no, and would say it again; or it cannot be had without outliving what it is made from. */
export type CloudRefusal =
  /** `problem` is the cloud's own code, or ours for an answer that cannot be taken. */
  | { readonly reason: 'cloud_refused'; readonly target: string; readonly cloud: Cloud; readonly problem: string }
  /** `outlive: false`, and the cloud gives nothing shorter. Seconds since the epoch: the end of what it is made from, and the earliest one. */
  | {
      readonly reason: 'would_outlive';
      readonly target: string;
      readonly credentialEndsAt: number;
      readonly earliestEndAt: number;
    };

/** Something we depend on cannot serve now; the same request may pass later. */
export type UnavailableRefusal =
  | { readonly reason: 'keys_unavailable'; readonly source: string; readonly retryAfterSeconds: number }
  | {
      readonly reason: 'review_unavailable';
      readonly source: string;
      /** Why, without a byte of what was answered. */
      readonly problem: string;
      readonly retryAfterSeconds: number;
    }
  | {
      readonly reason: 'cloud_unavailable';
      readonly target: string;
      readonly cloud: Cloud;
      /** Why, without a byte of what was answered. */
      readonly problem: string;
      readonly retryAfterSeconds: number;
    }
  | { readonly reason: 'store_unavailable'; readonly retryAfterSeconds: number }
  | { readonly reason: 'audit_unavailable'; readonly retryAfterSeconds: number }
  | { readonly reason: 'overloaded'; readonly retryAfterSeconds: number };

export type Refusal =
  | SyntaxRefusal
  | ClientRefusal
  | ProofRefusal
  | CredentialRefusal
  | PolicyRefusal
  | CloudRefusal
  | UnavailableRefusal;

export type Reason = Refusal['reason'];

/** The outcome of a phase: a value, or the refusal that ends the request. */
export type Result<Value, No extends Refusal = Refusal> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: No };

export const ok = <Value>(value: Value): { readonly ok: true; readonly value: Value } => ({ ok: true, value });

export const refuse = <No extends Refusal>(refusal: No): { readonly ok: false; readonly refusal: No } => ({
  ok: false,
  refusal,
});
