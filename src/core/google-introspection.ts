// POST /gcp/introspect: whose a token of Google's is that was given here, for whoever holds it. It is found among what is remembered of what was
// given, and Google is not asked. It tells an identity and gives nothing: whoever is blocked since is told too, as Google would tell it, since
// the token lives until it ends. Nobody needs to be a client; whoever says to be one that is registered must prove it.

import { type CallerParts, proveCaller, spendProof } from './caller.ts';
import {
  type CallerIdentityRecord,
  noteIdentity,
  noteNobody,
  openCallerIdentityRecord,
} from './caller-identity-record.ts';
import type { CloudSession } from './cloud.ts';
import type { Operate, Operation } from './operation.ts';
import type { OwnTokenRequest } from './own-token-request.ts';
import type { Snapshot } from './ports.ts';
import { notePolicy } from './record.ts';
import { ok, type Result } from './refusal.ts';
import type { Received } from './request.ts';
import { refuseUnavailable } from './unavailable.ts';

/** A token that Google gave through us, without the token. */
export interface GoogleSession {
  readonly session: CloudSession;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * The tokens that are remembered, here or in the store that replicas share. Undefined for what is not; throws StoreUnavailable where nobody
 * can know. Calls may overlap.
 */
export interface GoogleSessions {
  find(token: string): Promise<GoogleSession | undefined>;
}

export interface GoogleIntrospectionParts extends CallerParts {
  readonly sessions: GoogleSessions;
  readonly snapshot: () => Snapshot;
  readonly operate: Operate;
}

/** What a question comes to. */
export interface Told {
  readonly kind: 'told';
  /** Undefined for whatever was not given here, or has ended: no two of its reasons can be told apart. */
  readonly token: GoogleSession | undefined;
}

export const createGoogleIntrospection = (parts: GoogleIntrospectionParts): Operation<OwnTokenRequest, Told> =>
  parts.operate({
    open: openCallerIdentityRecord,
    async path({ request }: Received<OwnTokenRequest>, record: CallerIdentityRecord): Promise<Result<Told>> {
      const snapshot = parts.snapshot();
      notePolicy(record, snapshot);
      if (!request.ok) return request;
      const caller = await proveCaller(
        parts,
        snapshot.clients,
        { ...request.value, purpose: 'cloud_identity' },
        record,
      );
      if (!caller.ok) return caller;
      const fresh = await spendProof({ store: parts.spent, decision: record.decision }, caller.value.keys);
      if (!fresh.ok) return fresh;

      const found = await parts.sessions
        .find(request.value.token)
        .then(ok<GoogleSession | undefined>, refuseUnavailable);
      if (!found.ok) return found;
      const token = found.value;
      if (token) noteIdentity(record, token.session);
      // The store was waited for, so the clock is read again.
      const isActive = token !== undefined && parts.clock.nowSeconds() < token.expiresAt;
      if (!isActive) noteNobody(record, token ? 'expired' : 'key_unknown');
      return ok({ kind: 'told', token: isActive ? token : undefined });
    },
  });
