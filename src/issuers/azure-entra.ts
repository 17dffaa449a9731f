// Entra's token endpoint (CZ-01): client credentials, with our assertion where a secret would stand. One attempt: how often, and how long
// in all, is ask-cloud.ts's business.

import type { CloudAttempt } from '../core/cloud-ports.ts';
import type { AzureTrust } from '../core/cloud-trust.ts';
import type { JsonObject } from '../core/json.ts';
import type { IssueOrder } from '../core/ports.ts';
import type { GivenToken } from './cloud-issuer.ts';
import { askForJson, type CloudPlace, INCOMPLETE, type Refusing, readBearer } from './cloud-json.ts';

/** RFC 7523 §2.2. */
const JWT_BEARER_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface EntraPlace extends CloudPlace {
  /** Without a slash at its end. */
  readonly authority: string;
}

/** Entra's own number tells more than the OAuth code beside it; its message quotes subject, audience and issuer, and goes nowhere. */
const REFUSING: Refusing = {
  codeOf({ error, error_codes: codes }: JsonObject) {
    if (error === undefined) return undefined;
    const [code] = Array.isArray(codes) ? codes : [];
    if (typeof code === 'number') return `AADSTS${code}`;
    return typeof error === 'string' ? error : '';
  },
  // 50196: too many of the same questions in a row.
  busy: ['AADSTS90033', 'AADSTS50196', 'temporarily_unavailable'],
  // A federated credential takes a while to be known everywhere (CZ-04).
  again: ['AADSTS70021', 'AADSTS700213', 'server_error'],
};

export const askingEntra =
  (
    place: EntraPlace,
    { tenant, clientId, resource }: Pick<AzureTrust, 'tenant' | 'clientId' | 'resource'>,
    assertion: string,
    { issuedAt }: Pick<IssueOrder, 'issuedAt'>,
  ) =>
  async (deadlineMs: number): Promise<CloudAttempt<GivenToken>> => {
    const form = new URLSearchParams({
      client_id: clientId,
      scope: `${resource}/.default`,
      grant_type: 'client_credentials',
      client_assertion_type: JWT_BEARER_ASSERTION,
      client_assertion: assertion,
    });
    const url = `${place.authority}/${tenant}/oauth2/v2.0/token`;
    const body = { mediaType: 'application/x-www-form-urlencoded', text: form.toString() };
    const answer = await askForJson(place, { url, body, deadlineMs }, REFUSING);
    if (!answer.ok) return answer;
    const given = readBearer(answer.value);
    return given
      ? { ok: true, value: { accessToken: given.accessToken, expiresAt: issuedAt + given.seconds } }
      : INCOMPLETE;
  };
