// What an endpoint is, that requests are recorded on: one of OAuth that takes a form, or a facade that speaks a cloud's own protocol. It hands
// what it received to an operation, and renders what that comes to; it decides nothing.

import type { IncomingMessage } from 'node:http';
import type { Identified } from '../../core/caller-identity.ts';
import type { CallerIdentityRequest } from '../../core/caller-identity-request.ts';
import type { Told } from '../../core/google-introspection.ts';
import type { Introspected } from '../../core/introspect.ts';
import type { Operation } from '../../core/operation.ts';
import type { OwnTokenRequest } from '../../core/own-token-request.ts';
import type { Revoked } from '../../core/revoke.ts';
import type { Arrived } from './form-request.ts';
import type { Answer, RefusedOutcome } from './wire.ts';

/** What endpoints are made of. */
export interface EndpointParts {
  readonly issuer: string;
  /** POST /token, and what the facades ask for. */
  readonly exchange: Operation;
  /** POST /decide. */
  readonly dryRun: Operation;
  /** POST /introspect. */
  readonly introspect: Operation<OwnTokenRequest, Introspected>;
  /** POST /revoke. */
  readonly revoke: Operation<OwnTokenRequest, Revoked>;
  /** GetCallerIdentity at POST /aws/sts. */
  readonly callerIdentity: Operation<CallerIdentityRequest, Identified>;
  /** POST /gcp/introspect. */
  readonly googleIntrospect: Operation<OwnTokenRequest, Told>;
  /** The one sentence for a caller who may know why (`tell: caller`), or undefined for the fixed one of its code. */
  readonly sentence: (outcome: RefusedOutcome) => string | undefined;
  /** The newest nonce for DPoP proofs. Never throws. */
  readonly nonce: () => string;
  readonly nowSeconds: () => number;
}

/** One request to an endpoint. */
export interface Arrival {
  readonly message: IncomingMessage;
  readonly arrived: Arrived;
  /** The target's name in the path of a facade. */
  readonly target: string | undefined;
}

export interface Endpoint {
  readonly method: 'POST' | 'GET';
  readonly path: string;
  /** What may follow in the path, after a slash: nothing, a target's name, or either; and then one slash more, which SDKs add. */
  readonly targets: 'none' | 'optional' | 'required';
  /** Rejects only if `answer` throws. */
  serve(arrival: Arrival, answer: (answer: Answer) => void): Promise<void>;
}
