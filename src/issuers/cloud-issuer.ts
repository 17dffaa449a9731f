// The issuer of access tokens that a cloud gives for an assertion of ours, whatever the cloud: it signs, asks within bounds, and takes of the
// answer only what was asked for. With `deliver: assertion` the assertion itself leaves, and the cloud is not asked.

import type { CloudCredential, CloudSession } from '../core/cloud.ts';
import type { CloudAttempt } from '../core/cloud-ports.ts';
import type { JsonObject } from '../core/json.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import type { IssueOrder, Issuer } from '../core/ports.ts';
import { type CloudRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { assertionClaims, assertionEnd, readAssertion, signAssertion } from './assertion.ts';
import type { IssuerParts } from './kind.ts';

/** What an assertion says, and whom the cloud takes its holder for. */
export interface Asserted {
  readonly principal: string;
  readonly audience: string;
  readonly subject: string;
  /** Claims that this cloud alone reads. */
  readonly more: JsonObject;
  /** Whose bulkhead it is asked in. */
  readonly account: string;
}

/** An access token of a cloud's. */
export interface GivenToken {
  readonly accessToken: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export interface TokenCloud<Session extends Asserted> {
  readonly cloud: 'gcp' | 'azure';
  readonly delivers: boolean;
  /** Where it is asked, and for what, beside the session. */
  readonly asked: object;
  sessionOf(order: IssueOrder): Result<Session, CloudRefusal>;
  /** Makes the attempts at one token. */
  asking(
    session: Session,
    assertion: string,
    order: IssueOrder,
  ): (deadlineMs: number) => Promise<CloudAttempt<GivenToken>>;
  /** Told of every token that leaves. */
  given?(session: CloudSession, token: GivenToken): Promise<void>;
}

export function createTokenCloudIssuer<Session extends Asserted>(
  parts: IssuerParts,
  { cloud, delivers, asked, sessionOf, asking, given }: TokenCloud<Session>,
): Issuer {
  const { clouds, target } = parts;
  const issuedTokenType = delivers ? JWT_TOKEN_TYPE : ACCESS_TOKEN_TYPE;

  return Object.freeze({
    typeFor({ requestedTokenType = issuedTokenType, ask }) {
      if (ask.session) return refuse({ reason: 'parameter_unsupported', parameter: 'Policy' });
      return requestedTokenType === issuedTokenType
        ? ok(issuedTokenType)
        : refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' });
    },
    async issue(order) {
      const found = sessionOf(order);
      if (!found.ok) return found;
      const assertion = await signAssertion(parts, order, found.value);
      const session = recorded(found.value);
      if (delivers) {
        const credential: CloudCredential = { cloud, assertion, session };
        return ok({
          token: assertion,
          tokenType: 'N_A',
          issuedTokenType,
          expiresAt: assertionEnd(order),
          cloud: credential,
        });
      }
      const { account } = found.value;
      const answer = await clouds.ask({ cloud, account, target }, asking(found.value, assertion, order));
      if (!answer.ok) return answer;
      const { accessToken, expiresAt } = answer.value;
      const problem = endProblem(expiresAt, order);
      if (problem) return refuse({ reason: 'cloud_refused', target, cloud, problem });
      await given?.(session, answer.value);
      const credential: CloudCredential = { cloud, accessToken, session };
      return ok({ token: accessToken, tokenType: 'Bearer', issuedTokenType, expiresAt, cloud: credential });
    },
    read({ token, cloud: credential }) {
      if (credential?.cloud !== cloud) throw new Error(`no credential of ${cloud}`);
      if ('assertion' in credential) return readAssertion(token);
      if (!('accessToken' in credential) || token !== credential.accessToken)
        throw new Error('the token is not written as it was given');
      return recorded(credential.session);
    },
    expect(order) {
      const session = fitting(sessionOf(order));
      return delivers ? assertionClaims(parts.issuer, order, session) : recorded(session);
    },
    terms(order) {
      const session = sessionOf(order);
      return session.ok ? ok({ delivers, asked, session: session.value }) : session;
    },
  } satisfies Issuer);
}

/** Of an order whose terms were good: nobody asks what is expected of another. */
export const fitting = <Session>(session: Result<Session, CloudRefusal>): Session => {
  if (!session.ok) throw new Error('an order that the cloud would not take');
  return session.value;
};

const recorded = ({ principal, audience, subject }: CloudSession): CloudSession => ({ principal, audience, subject });

/** A cloud's clock may be a little ahead of ours; what ends later than it may nobody gets. */
const endProblem = (
  expiresAt: number,
  order: Pick<IssueOrder, 'issuedAt' | 'expiresAt'>,
): 'ends_late' | 'ended' | undefined => {
  if (expiresAt > order.expiresAt + LEEWAY_SECONDS) return 'ends_late';
  return expiresAt <= order.issuedAt ? 'ended' : undefined;
};
