// What issuers of every cloud do alike: an assertion of ours for one order, which leaves itself where the target says `deliver: assertion`, or
// is given to the cloud for its credential; and who that is in the cloud, read back from what came and compared with the order.

import type { Cloud, CloudCredential, CloudSession } from '../core/cloud.ts';
import type { JsonObject } from '../core/json.ts';
import type { IssueOrder, Issuer, Signer } from '../core/ports.ts';
import { type CloudRefusal, ok, type Result, refuse, type UnavailableRefusal } from '../core/refusal.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { assertionEnd, signAssertion } from './assertion.ts';

/** Who a session is for, and what the assertion says beside that. */
export interface CloudIdentity extends Pick<CloudSession, 'principal' | 'audience' | 'subject'> {
  readonly more?: JsonObject;
}

/** An access token as a cloud gave it, with its end in seconds since the epoch. */
export interface GivenToken {
  readonly accessToken: string;
  readonly expiresAt: number;
}

export interface TokenCloud<Identity extends CloudIdentity> {
  readonly cloud: Exclude<Cloud, 'aws'>;
  readonly delivers: boolean;
  /** Pure: the same for the same order. */
  identityOf(order: IssueOrder): Identity;
  /** Asks the cloud. */
  obtain(
    order: IssueOrder,
    identity: Identity,
    assertion: string,
  ): Promise<Result<GivenToken, CloudRefusal | UnavailableRefusal>>;
}

/** For a cloud whose credentials are bearer tokens. */
export function createTokenCloudIssuer<Identity extends CloudIdentity>(
  signing: { readonly issuer: string; readonly signer: Signer },
  { cloud, delivers, identityOf, obtain }: TokenCloud<Identity>,
): Issuer {
  const issuedTokenType = delivers ? JWT_TOKEN_TYPE : ACCESS_TOKEN_TYPE;
  const issuer: Issuer = {
    typeFor({ requestedTokenType = issuedTokenType, ask }) {
      if (ask.session) return refuse({ reason: 'parameter_unsupported', parameter: 'Policy' });
      return requestedTokenType === issuedTokenType
        ? ok(issuedTokenType)
        : refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' });
    },
    async issue(order) {
      const identity = identityOf(order);
      const assertion = await signAssertion(signing, order, identity);
      const session = sessionOf(identity);
      if (delivers) {
        const delivered: CloudCredential = { cloud, assertion, session };
        const expiresAt = assertionEnd(order);
        return ok({ token: assertion, tokenType: 'N_A', issuedTokenType, expiresAt, cloud: delivered });
      }
      const given = await obtain(order, identity, assertion);
      if (!given.ok) return given;
      const { accessToken, expiresAt } = given.value;
      const credential: CloudCredential = { cloud, accessToken, session };
      return ok({ token: accessToken, tokenType: 'Bearer', issuedTokenType, expiresAt, cloud: credential });
    },
    read({ cloud: credential }) {
      if (credential?.cloud !== cloud) throw new Error('a credential of another cloud');
      return sessionOf(credential.session);
    },
    expect: (order) => sessionOf(identityOf(order)),
  };
  return Object.freeze(issuer);
}

const sessionOf = ({ principal, audience, subject }: CloudIdentity): CloudIdentity => ({
  principal,
  audience,
  subject,
});
